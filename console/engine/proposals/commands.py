"""The lines of RabbitMQ's own tools that do the same as a step, to copy into a shell.

No password is ever written into one: rabbitmqctl asks for it. A line says what would have to be typed;
it is not what the console runs.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from console.kinds.base import KINDS, Ref, Spec
from console.kinds.shell import shell_word
from console.rabbitmq.errors import UnaddressableName
from console.rabbitmq.management.paths import path
from console.reconcile.diff import Difference, Op

_PATHS = {
    "vhost": "vhosts",
    "user": "users",
    "permission": "permissions",
    "exchange": "exchanges",
    "queue": "queues",
    "policy": "policies",
    "operator_policy": "operator-policies",
}
#: Fields of a virtual host that the management API sets by calls of their own.
_APART = {"limits", "protected_from_deletion"}
#: What rabbitmqctl calls a field of a virtual host's metadata.
_METADATA = {
    "description": "--description",
    "tags": "--tags",
    "default_queue_type": "--default-queue-type",
}


def step_commands(
    ref: Ref, op: Op, spec: Spec | None, changed: Iterable[str], *, secret: bool = False
) -> list[str]:
    """rabbitmqctl lines for one step. `spec` is what the object is to be, `changed` the fields that
    differ; `secret` says that a user gets a new password. Empty where rabbitmqctl has no line for it."""
    make = _MAKERS.get(ref.kind)
    if make is None or op is Op.UNCHANGED:
        return []
    words = make(ref.key, op, KINDS[ref.kind].canonical(spec) if spec is not None else None,
                 set(changed), secret)  # fmt: skip
    return [" ".join(["rabbitmqctl", *line]) for line in words]


def difference_commands(difference: Difference, spec: Spec | None) -> list[str]:
    """As `step_commands`, of a plan's difference and the spec that is wished."""
    known = {field.name for field in KINDS[difference.ref.kind].fields}
    whole = None if spec is None else {k: v for k, v in spec.items() if k in known}
    return step_commands(
        difference.ref,
        difference.op,
        whole,
        [change.name for change in difference.fields],
        secret=any(change.secret for change in difference.fields),
    )


def curl_command(
    url: str, username: str, ref: Ref, op: Op, spec: Spec | None, changed: Collection[str] = ()
) -> str:
    """The call of the management API that does the same; "" where it takes more than one, or a
    password. `changed` are the fields that differ. curl asks for the login's password itself."""
    if ref.kind not in _PATHS or op in (Op.UNCHANGED, Op.REPLACE):
        return ""
    if ref.kind == "vhost" and _APART & set(changed):
        return ""
    if ref.kind == "user" and op is not Op.DELETE:
        return ""
    try:
        target = f"{url.rstrip('/')}{path(_PATHS[ref.kind], *ref.key)}"
    except UnaddressableName:
        return ""
    login = f"curl -u {shell_word(username)}"
    if op is Op.DELETE:
        return f"{login} -X DELETE {shell_word(target)}"
    body = json.dumps(_body(ref, spec or {}), ensure_ascii=False)
    return (
        f"{login} -X PUT -H 'Content-Type: application/json' "
        f"-d {shell_word(body)} {shell_word(target)}"
    )


def _body(ref: Ref, spec: Spec) -> dict[str, Any]:
    body = {name.replace("_", "-") if "policy" in ref.kind else name: value
            for name, value in KINDS[ref.kind].canonical(spec).items()}  # fmt: skip
    if ref.kind == "vhost":
        for name in _APART:
            body.pop(name)
        body["tags"] = ",".join(body["tags"])
        if body["default_queue_type"] is None:
            del body["default_queue_type"]
    return body


Line = list[str]


def _vhost(
    key: tuple[str, ...], op: Op, spec: Mapping[str, Any] | None, changed: set[str], secret: bool
) -> list[Line]:
    name = shell_word(key[0])
    if spec is None:
        return [["delete_vhost", name]]
    flags = [
        word
        for field, flag in _METADATA.items()
        if field in changed
        for word in (flag, shell_word(_text(spec[field])))
    ]
    lines: list[Line] = []
    if op is Op.CREATE:
        lines.append(["add_vhost", name, *flags])
    elif flags:
        lines.append(["update_vhost_metadata", name, *flags])
    if "tracing" in changed:
        lines.append(["trace_on" if spec["tracing"] else "trace_off", "-p", name])
    if "limits" in changed:
        lines += _limits("vhost_limits", ["-p", name], spec["limits"], op)
    if "protected_from_deletion" in changed:
        act = "enable" if spec["protected_from_deletion"] else "disable"
        lines.append([f"{act}_vhost_deletion_protection", name])
    return lines


def _user(
    key: tuple[str, ...], op: Op, spec: Mapping[str, Any] | None, changed: set[str], secret: bool
) -> list[Line]:
    name = shell_word(key[0])
    if spec is None:
        return [["delete_user", name]]
    lines: list[Line] = []
    if op is Op.CREATE:
        lines.append(["add_user", name])
        if not secret:
            lines.append(["clear_password", name])
    elif secret:
        lines.append(["change_password", name])
    if "tags" in changed:
        lines.append(["set_user_tags", name, *map(shell_word, spec["tags"])])
    if "limits" in changed:
        lines += _limits("user_limits", [name], spec["limits"], op, all_of="all")
    return lines


def _limits(
    what: str, whose: Line, limits: Mapping[str, int], op: Op, all_of: str = ""
) -> list[Line]:
    lines: list[Line] = []
    if op is not Op.CREATE:
        lines.append([f"clear_{what}", *whose, *([all_of] if all_of else [])])
    if limits:
        lines.append([f"set_{what}", *whose, shell_word(json.dumps(dict(limits)))])
    return lines


def _permission(
    key: tuple[str, ...], op: Op, spec: Mapping[str, Any] | None, changed: set[str], secret: bool
) -> list[Line]:
    vhost, user = map(shell_word, key)
    if spec is None:
        return [["clear_permissions", "-p", vhost, user]]
    patterns = [_quoted(spec[name]) for name in ("configure", "write", "read")]
    return [["set_permissions", "-p", vhost, user, *patterns]]


def _topic_permission(
    key: tuple[str, ...], op: Op, spec: Mapping[str, Any] | None, changed: set[str], secret: bool
) -> list[Line]:
    vhost, user, exchange = map(shell_word, key)
    if spec is None:
        return [["clear_topic_permissions", "-p", vhost, user, exchange]]
    patterns = [_quoted(spec[name]) for name in ("write", "read")]
    return [["set_topic_permissions", "-p", vhost, user, exchange, *patterns]]


def _policy(
    key: tuple[str, ...], op: Op, spec: Mapping[str, Any] | None, changed: set[str], secret: bool
) -> list[Line]:
    vhost, name = map(shell_word, key)
    if spec is None:
        return [["clear_policy", "-p", vhost, name]]
    definition = shell_word(json.dumps(spec["definition"], ensure_ascii=False))
    return [
        [
            "set_policy", "-p", vhost, "--priority", str(spec["priority"]),
            "--apply-to", shell_word(spec["apply_to"]), name, _quoted(spec["pattern"]), definition,
        ]
    ]  # fmt: skip


def _text(value: Any) -> str:
    if value is None:
        return ""
    return ",".join(value) if isinstance(value, list | tuple) else str(value)


def _quoted(pattern: str) -> str:
    """Patterns are always in quotes, as RabbitMQ's own documentation writes them."""
    plain = pattern.isprintable() and not set(pattern) & set('"$`\\!')
    return f'"{pattern}"' if plain else shell_word(pattern)


_MAKERS: Mapping[str, Callable[..., list[Line]]] = {
    "vhost": _vhost,
    "user": _user,
    "permission": _permission,
    "topic_permission": _topic_permission,
    "policy": _policy,
}
