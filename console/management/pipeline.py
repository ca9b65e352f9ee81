"""Shared by the pipeline commands: the acting account, the broker, the file and the exit code.

Exit codes: 0 in sync, 2 changes pending, 1 error.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, NoReturn

from django.contrib.auth.models import User
from django.core.management.base import CommandError, CommandParser

from console.errors import ConsoleError
from console.faces.pages.words import counted
from console.kinds.registry import phrase
from console.models import Broker
from console.reconcile.definitions.text import MOST_BYTES
from vhosts.definitions.import_file import ImportOptions, ImportPlan
from vhosts.definitions.import_losses import Row

IN_SYNC, FAILED, PENDING = 0, 1, 2
_SIGNS = {"create": "+", "update": "~", "replace": "!", "delete": "-"}


def add_place(parser: CommandParser) -> None:
    parser.add_argument("--broker", help="the name of the broker; optional if there is only one")
    parser.add_argument("--vhost", help="only this virtual host")
    parser.add_argument(
        "--as", dest="acting", metavar="ACCOUNT",
        help="the console account whose rights apply; optional if there is only one superuser",
    )  # fmt: skip


def add_file(parser: CommandParser) -> None:
    parser.add_argument(
        "file",
        help="a folder of definitions (docs/git.md), or one file of RabbitMQ definitions as JSON; "
        "- reads standard input",
    )
    add_place(parser)
    parser.add_argument(
        "--source-vhost", help="with --vhost: the virtual host to take from the file"
    )
    parser.add_argument(
        "--prune", nargs="?", const="owned", choices=["owned", "all"], default="",
        help="delete objects that aren't in the file (same kinds only); of a folder: that it owns "
        "and no longer has, with --prune=all also what it never had",
    )  # fmt: skip
    parser.add_argument(
        "--replace", action="store_true",
        help="delete and declare again objects whose fixed properties differ",
    )  # fmt: skip
    parser.add_argument(
        "--force", action="store_true", help="also delete queues that hold messages"
    )
    parser.add_argument(
        "--valid-part",
        action="store_true",
        help="skip objects that can't be imported and import the rest",
    )
    parser.add_argument(
        "--transform",
        action="append",
        default=[],
        metavar="NAME",
        help="named as in rabbitmqadmin v2",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument(
        "--source", default="", metavar="NAME",
        help="what a folder is called as the owner of objects (default: repository and path)",
    )  # fmt: skip
    parser.add_argument("--revision", default="", help="the folder's commit (default: Git's HEAD)")
    parser.add_argument(
        "--take-over", action="store_true", help="also own objects that another folder owns"
    )


def options_of(given: dict[str, Any]) -> ImportOptions:
    return ImportOptions(
        vhost=given["vhost"],
        source_vhost=given["source_vhost"],
        prune=bool(given["prune"]),
        replace=given["replace"],
        force=given["force"],
        valid_part=given["valid_part"],
        transformations=tuple(given["transform"]),
    )


def actor(name: str | None) -> User:
    """Return the account whose rights apply; without a name, the only superuser. Raises
    CommandError."""
    active = User.objects.filter(is_active=True)
    if name is not None:
        found = active.filter(username=name).first()
        if found is None:
            raise CommandError(f"Console account {name} not found or disabled.")
        return found
    superusers = list(active.filter(is_superuser=True)[:2])
    if len(superusers) != 1:
        raise CommandError("Name the console account with --as.")
    return superusers[0]


def broker_named(name: str | None, user: User) -> Broker:
    """Return the broker that the user can see; without a name, the only one. Raises CommandError."""
    visible = Broker.objects.visible_to(user)
    if name is not None:
        found: Broker | None = visible.filter(name=name).first()
        if found is None:
            raise CommandError(f"Broker {name} not found.")
        return found
    brokers = list(visible[:2])
    if len(brokers) != 1:
        raise CommandError("Name the broker with --broker.")
    return brokers[0]


def read_input(name: str) -> bytes:
    """Return the content of a file, or of standard input for "-". Raises CommandError."""
    try:
        if name == "-":
            return sys.stdin.buffer.read(MOST_BYTES + 1)
        with Path(name).open("rb") as file:
            return file.read(MOST_BYTES + 1)
    except OSError as error:
        raise CommandError(f"Can't read {name}: {error.strerror}.") from None


def failed(error: ConsoleError) -> NoReturn:
    raise CommandError(error.message, returncode=FAILED) from None


def plan_lines(plan: ImportPlan) -> list[str]:
    """Return the plan as lines for people."""
    lines = [_row_line(row) for row in plan.rows]
    lines += [f"{finding.level}: {finding}" for finding in plan.findings]
    lines += [f"Note: {sentence}" for sentence in plan.objections]
    if remedies := plan.remedies():
        lines.append(f"These transformations help: --transform {' --transform '.join(remedies)}")
    if plan.claims:
        lines.append(
            f"Note: {counted(len(plan.claims), 'object')} as in the folder get it as owner."
        )
    counts = {name: number for name, number in plan.counts().items() if number}
    told = ", ".join(f"{number} {name}" for name, number in counts.items()) or "nothing to do"
    return [*lines, f"{plan.broker.name}: {told}."]


def _row_line(row: Row) -> str:
    sign = _SIGNS[row.op] if row.state == "planned" else "x"
    line = f"{sign} {_shown(phrase(row.ref))}"
    if row.op == "update" or row.op == "replace":
        for field in row.fields:
            told = "(changed)" if field["secret"] else f"{field['before']!r} -> {field['after']!r}"
            line += f"\n    {field['name']}: {told}"
    if row.why:
        line += f"\n    {_shown(row.why)}"
    return line


def _shown(text: str) -> str:
    """Escape unprintable characters: text from a broker or a file must not control a terminal."""
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text)


def plan_json(plan: ImportPlan) -> dict[str, Any]:
    return {
        "broker": plan.broker.name,
        "vhost": plan.options.vhost,
        "in_sync": plan.in_sync,
        "sound": plan.sound,
        "counts": plan.counts(),
        "claims": len(plan.claims),
        "rows": [row.as_json() for row in plan.rows],
        "findings": [str(finding) for finding in plan.findings],
        "objections": list(plan.objections),
        "remedies": plan.remedies(),
        "fingerprint": plan.fingerprint,
    }
