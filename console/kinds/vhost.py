"""Virtual hosts. Limits and deletion protection have their own addresses.

Sources: `rabbit_mgmt_wm_vhost.erl`, `rabbit_vhost_limit.erl`, `rabbit_definitions.erl`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from console.kinds.common.kind import Field, Key, Kind, Line, Op, Ref, Spec, SpecError, Step
from console.kinds.common.names import check_name
from console.kinds.common.rows import Row, Section, Taker, some
from console.kinds.common.shell import limit_lines, shell_word
from console.kinds.common.values import (
    flag,
    limits,
    optional_text,
    tags,
    text_or_empty,
)
from console.kinds.common.wire import Call, Get, limit_calls, limits_by
from console.kinds.refusals.checks import either
from console.kinds.refusals.queue_arguments import TYPES
from console.kinds.refusals.versions import BrokerFacts, Fault
from console.rabbitmq.management.answers import rows_of

#: The field with the type of queues that are declared without one; None for the broker's default.
DEFAULT_TYPE = "default_queue_type"
_METADATA = {
    "description": "--description",
    "tags": "--tags",
    DEFAULT_TYPE: "--default-queue-type",
}
_LIMITS = "vhost-limits"
#: The first versions of rabbitmqctl with commands for metadata and for deletion protection.
_UPDATES, _PROTECTS = (3, 11, 0), (4, 0, 6)
_NO_PROTECTION = "This version of RabbitMQ has no deletion protection."


class _VhostWire:
    reads_before_delete = False

    def listing(self) -> Sequence[Get]:
        return [Get(("vhosts",)), Get((_LIMITS,))]

    def one(self, key: Key) -> Sequence[Get]:
        return [Get(("vhosts", *key)), Get((_LIMITS, *key))]

    def specs(self, *answers: Sequence[Row]) -> Iterator[tuple[Key, Row]]:
        limited = limits_by(answers[1], "vhost")
        for row in answers[0]:
            yield (row["name"],), {**_spec(row), "limits": limited.get(row["name"], {})}

    def writes(self, key: Key, spec: Spec, before: Spec | None) -> Iterable[Call]:
        (name,) = key
        # RabbitMQ takes longer vhost names, but no AMQP client can open one past a short string.
        check_name("vhost", name)
        yield Call("PUT", ("vhosts", name), _body(spec))
        yield from limit_calls(_LIMITS, name, spec["limits"], (before or {}).get("limits", {}))
        protect = spec["protected_from_deletion"]
        if protect != (before or {}).get("protected_from_deletion", False):
            # 3.10 has no such route and answers 405; 404 is from later versions without it.
            yield Call(
                "POST" if protect else "DELETE",
                ("vhosts", name, "deletion", "protection"),
                missing=_NO_PROTECTION,
            )

    def delete(self, key: Key, answers: Sequence[Row], *, if_empty: bool) -> Call:
        return Call("DELETE", ("vhosts", *key))

    def kept_while_down(self, key: Key) -> Get | None:
        return None

    def located(self, segments: Sequence[str], body: Mapping[str, Any]) -> Key | None:
        if len(segments) == 2 and segments[0] == "vhosts":
            return (segments[1],)
        if len(segments) == 3 and segments[0] == _LIMITS:
            return (segments[1],)
        if len(segments) == 4 and segments[0] == "vhosts" and segments[2] == "deletion":
            return (segments[1],)
        return None

    def spec_of_body(self, body: Mapping[str, Any]) -> Row:
        return _spec(dict(body))


def _spec(row: Row) -> Row:
    spec: Row = {
        "description": row.get("description") or "",
        "tags": row.get("tags") or [],
        "tracing": bool(row.get("tracing", False)),
    }
    if DEFAULT_TYPE in row:
        spec[DEFAULT_TYPE] = row[DEFAULT_TYPE]
    protected = row.get("protected_from_deletion")
    if protected is None:
        protected = (row.get("metadata") or {}).get("protected_from_deletion")
    if protected is not None:
        spec["protected_from_deletion"] = bool(protected)
    return spec


def _body(spec: Spec) -> dict[str, Any]:
    body: dict[str, Any] = {
        "description": spec["description"],
        "tags": ",".join(spec["tags"]),
        "tracing": spec["tracing"],
    }
    if spec[DEFAULT_TYPE] is not None:
        # 3.10 knows the key only without underscores, and only when the vhost is created.
        body[DEFAULT_TYPE] = body["defaultqueuetype"] = spec[DEFAULT_TYPE]
    return body


def _align(wanted: dict[str, Any], seen: dict[str, Any]) -> None:
    """4.x sets a default queue type if none is given, and it can't be removed again."""
    if wanted[DEFAULT_TYPE] is None:
        wanted[DEFAULT_TYPE] = seen[DEFAULT_TYPE]


def _rabbitmqctl(step: Step) -> Sequence[Line]:
    name, spec = shell_word(step.key[0]), step.spec
    if spec is None:
        return [["delete_vhost", name]]
    flags = [
        word
        for field, flag_name in _METADATA.items()
        if field in step.changed
        for word in (flag_name, shell_word(_written(spec[field])))
    ]
    lines: list[Line] = []
    if step.op is Op.CREATE:
        lines.append(["add_vhost", name, *flags])
    elif flags and step.has(_UPDATES):
        lines.append(["update_vhost_metadata", name, *flags])
    if "tracing" in step.changed:
        lines.append(["trace_on" if spec["tracing"] else "trace_off", "-p", name])
    if "limits" in step.changed:
        lines += limit_lines("vhost_limits", ["-p", name], spec["limits"], step.op)
    if "protected_from_deletion" in step.changed and step.has(_PROTECTS):
        act = "enable" if spec["protected_from_deletion"] else "disable"
        lines.append([f"{act}_vhost_deletion_protection", name])
    return lines


def _written(value: Any) -> str:
    if value is None:
        return ""
    return ",".join(value) if isinstance(value, list | tuple) else str(value)


def read_row(reader: Taker, row: Row) -> None:
    """Read a row of the section `vhosts`. Raises SpecError or Left."""
    name = reader.name("vhost", row)
    metadata = row.get("metadata")
    if metadata is not None and not isinstance(metadata, dict):
        raise SpecError("metadata", "metadata must be an object.")
    fields = ("description", "tags", DEFAULT_TYPE, "protected_from_deletion")
    spec = {**some(metadata or {}, *fields), **some(row, *fields, "tracing")}
    if "limits" in row:
        # Some versions give an empty object as a list.
        spec["limits"] = {} if row["limits"] in (None, []) else row["limits"]
    reader.take("vhost", (name,), spec)


def _read_limits(reader: Taker, vhost: str, name: str, value: Any) -> None:
    reader.lay_over("vhost", (vhost,), {"limits": value or {}})


def _emit(key: Key, spec: Mapping[str, Any]) -> Iterator[tuple[str, Row]]:
    metadata = {name: value for name, value in spec.items() if name in _METADATA}
    yield "vhosts", {"name": key[0], **spec, **({"metadata": metadata} if metadata else {})}
    if spec.get("limits"):
        yield (
            "parameters",
            {"component": _LIMITS, "vhost": key[0], "name": "limits", "value": spec["limits"]},
        )


def _faults(key: Key, spec: Spec, facts: BrokerFacts) -> Iterable[Fault]:
    default = spec[DEFAULT_TYPE]
    if default is None:
        return
    if default not in TYPES:
        yield Fault(
            DEFAULT_TYPE,
            f"{facts.called} has no queue type {default[:80]}. The default queue type must be "
            f"{either(TYPES)}.",
        )
    elif facts.changed is not None and not facts.at_least("3.12"):
        yield Fault(
            DEFAULT_TYPE,
            f"{facts.called} sets the default queue type only when a virtual host is created; 3.12 "
            "and later can change it.",
        )
    elif not facts.at_least("3.11"):
        yield Fault(
            DEFAULT_TYPE,
            f"{facts.called} stores the default queue type without using it: queues without a type "
            "are classic.",
            refuses=False,
        )


def _contents(key: Key, get: Callable[..., Any]) -> dict[str, int]:
    """Count the queues and their messages. A queue whose messages the broker doesn't report counts
    none."""
    query = {"disable_stats": "true", "enable_queue_totals": "true", "columns": "name,messages"}
    rows = rows_of(get("queues", *key, query=query))
    told = [row.get("messages") for row in rows]
    return {"queues": len(rows), "messages": sum(one for one in told if isinstance(one, int))}


VHOST = Kind(
    name="vhost",
    noun="virtual host",
    identity=("name",),
    fields=(
        Field("description", "", text_or_empty),
        Field("tags", [], tags),
        Field(DEFAULT_TYPE, None, optional_text),
        Field("tracing", False, flag),
        Field("limits", {}, limits, apart=True),
        Field(
            "protected_from_deletion", False, flag, apart=True, since="4.0.6",
            remedy="strip_deletion_protection",
        ),
    ),
    rank=10,
    vhost_at=0,
    wire=_VhostWire(),
    section=Section(
        name="vhosts",
        order=10,
        keys=frozenset({
            "name", "description", "tags", "metadata", DEFAULT_TYPE, "tracing", "limits",
            "protected_from_deletion", "cluster_state",
        }),
        read=read_row,
        emit=_emit,
        in_vhost_files=False,
        on_top=frozenset({"description", "metadata", DEFAULT_TYPE, "limits", "tags"}),
        component=_LIMITS,
        read_component=_read_limits,
    ),
    align=_align,
    rabbitmqctl=_rabbitmqctl,
    claimed=True,
    is_container=True,
    faults=_faults,
    counts={"max-queues": "queue"},
    connections_at=lambda key: ("vhosts", key[0], "connections"),
    contents=_contents,
    made_with=lambda key, login: [Ref("permission", (key[0], login))],
    never_empty=True,
    clears={"description": (), "tags": ()},
)  # fmt: skip
