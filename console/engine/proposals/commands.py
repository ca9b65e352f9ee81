"""Command lines of RabbitMQ's own tools that do the same as a step, to copy into a shell.

They never contain a password: rabbitmqctl prompts for it. A line shows what to type; the console
doesn't run it.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable

from console.kinds.common.acts import Act, Parameters
from console.kinds.common.kind import Key, Op, Ref, Spec
from console.kinds.common.kind import Step as Wanted
from console.kinds.common.shell import shell_word
from console.kinds.refusals.versions import version_of
from console.kinds.registry import KINDS
from console.rabbitmq.errors import BrokerError, UnaddressableName
from console.rabbitmq.management.calls import Call
from console.rabbitmq.management.paths import path
from console.reconcile.diff import Difference


def step_commands(
    ref: Ref,
    op: Op,
    spec: Spec | None,
    changed: Iterable[str],
    *,
    secret: bool = False,
    version: str = "",
) -> list[str]:
    """Return the rabbitmqctl lines for one step.

    `spec` is the desired spec, `changed` the names of the fields that differ. `secret`: a user gets
    a new password. `version` is the broker's; "" if unknown. Empty if rabbitmqctl of that version
    has no command for it.
    """
    if op is Op.UNCHANGED:
        return []
    kind = KINDS[ref.kind]
    whole = kind.canonical(spec) if spec is not None else None
    step = Wanted(ref.key, op, whole, frozenset(changed), secret, version_of(version))
    return [
        *(" ".join(["rabbitmqctl", *line]) for line in kind.rabbitmqctl(step)),
        *(" ".join(["rabbitmqadmin", *line]) for line in kind.rabbitmqadmin(step)),
    ]


def difference_commands(difference: Difference, spec: Spec | None, version: str = "") -> list[str]:
    """Do the same as `step_commands`, for a difference of a plan and the desired spec."""
    known = {field.name for field in KINDS[difference.ref.kind].fields}
    whole = None if spec is None else {k: v for k, v in spec.items() if k in known}
    return step_commands(
        difference.ref,
        difference.op,
        whole,
        [change.name for change in difference.fields],
        secret=any(change.secret for change in difference.fields),
        version=version,
    )


def act_commands(act: Act, key: Key, parameters: Parameters) -> list[str]:
    """Return the rabbitmqctl lines that do the same as an act; empty if there are none."""
    return [" ".join(["rabbitmqctl", *line]) for line in act.rabbitmqctl(key, parameters)]


def curl_command(
    url: str, username: str, ref: Ref, op: Op, spec: Spec | None, changed: Collection[str] = ()
) -> str:
    """Return a curl command with the management API call that does the same as a step. "" if that
    takes more than one call, or a password. `changed` are the fields that differ. curl prompts for
    the password of the login.
    """
    call = _only_call(ref, op, spec, changed)
    if call is None:
        return ""
    return curl_of(url, username, call)


def curl_of(url: str, username: str, call: Call) -> str:
    """Return a curl command for one call; "" if its path can't be sent."""
    try:
        target = f"{url.rstrip('/')}{path(*call.segments, query=call.query)}"
    except UnaddressableName:
        return ""
    login = f"curl -u {shell_word(username)} -X {call.method}"
    for name, value in (call.headers or {}).items():
        login += f" -H {shell_word(f'{name}: {value}')}"
    if call.body is None:
        return f"{login} {shell_word(target)}"
    body = json.dumps(call.body, ensure_ascii=False)
    return f"{login} -H 'Content-Type: application/json' -d {shell_word(body)} {shell_word(target)}"


def _only_call(ref: Ref, op: Op, spec: Spec | None, changed: Collection[str]) -> Call | None:
    kind = KINDS[ref.kind]
    if op in (Op.UNCHANGED, Op.REPLACE):
        return None
    if op is Op.DELETE:
        if kind.wire.reads_before_delete:
            return None
        return kind.wire.delete(ref.key, (), if_empty=False)
    if kind.secrets is not None or any(kind.field(name).apart for name in changed):
        return None
    # Fields that are set by separate calls are already as they should be.
    whole = kind.canonical(spec or {})
    try:
        calls = list(kind.wire.writes(ref.key, whole, whole))
    except BrokerError:
        return None
    return calls[0] if len(calls) == 1 else None
