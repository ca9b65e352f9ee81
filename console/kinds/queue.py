"""Queues and streams as declared. All fields are fixed when a queue is declared.

Sources: `rabbit_mgmt_wm_queue.erl`, `rabbit_definitions.erl`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from console.kinds.cluster.members import ADD_MEMBER, REMOVE_MEMBER
from console.kinds.common.acts import Act, Facts, Get, Parameters
from console.kinds.common.kind import Field, Key, Kind, Line, Op, Ref, Spec, Step
from console.kinds.common.rows import Level, Row, Section, Taker, some
from console.kinds.common.shell import shell_word
from console.kinds.common.values import flag, table
from console.kinds.common.wire import Call, Named
from console.kinds.common.wire import Get as Request
from console.kinds.refusals import queue_arguments
from console.kinds.refusals.versions import BrokerFacts, Fault
from console.kinds.vhost import DEFAULT_TYPE
from console.rabbitmq.management.answers import must_name
from console.rabbitmq.text import printable

_FIELDS = ("durable", "auto_delete", "arguments")
_TYPE = "x-queue-type"


def server_named(name: Any) -> bool:
    """Return whether the server chose the name. Such a queue belongs to its client."""
    return isinstance(name, str) and (name == "" or name.startswith("amq."))


def _align(wanted: dict[str, Any], seen: dict[str, Any]) -> None:
    """Make queue types comparable. A queue declared without a type gets its virtual host's default,
    which 4.x shows among the arguments. A queue without a shown type is classic."""
    asked, shown = wanted["arguments"], seen["arguments"]
    if _TYPE not in asked and _TYPE in shown:
        wanted["arguments"] = table({**asked, _TYPE: shown[_TYPE]})
    elif asked.get(_TYPE) == "classic" and _TYPE not in shown:
        seen["arguments"] = table({**shown, _TYPE: "classic"})


def _read_row(reader: Taker, row: Row) -> None:
    vhost = reader.vhost_of(row)
    if server_named(row.get("name")):
        reader.skip(
            "name", "Skipped because a queue with a server-generated name belongs to its client."
        )
    if row.get("exclusive") is True:
        raise reader.left(
            Level.NOTE, "exclusive", "Skipped because an exclusive queue belongs to its connection."
        )
    spec = some(row, *_FIELDS)
    arguments, told = row.get("arguments") or {}, row.get("type")
    if told in queue_arguments.TYPES and isinstance(arguments, dict):
        if _TYPE in arguments and arguments[_TYPE] != told:
            reader.note(
                Level.WARNING,
                "type",
                f"RabbitMQ passes over type ({told}): the argument {_TYPE} says "
                f"{printable(str(arguments[_TYPE]), 40)}.",
            )
        elif _TYPE not in arguments and told != queue_arguments.CLASSIC:
            # RabbitMQ would declare it without a type, which isn't the queue of the row.
            spec["arguments"] = {**arguments, _TYPE: told}
            reader.note(
                Level.WARNING,
                "type",
                f"The row says type {told} without the argument {_TYPE}, which RabbitMQ goes by. The "
                f"queue is declared with {_TYPE} {told}.",
            )
    reader.take("queue", (vhost, reader.name("queue", row)), spec)


def _emit(key: Key, spec: Mapping[str, Any]) -> Iterator[tuple[str, Row]]:
    yield "queues", {"vhost": key[0], "name": key[1], **spec}


def _stands_on(key: Key) -> Iterable[Ref]:
    yield Ref("vhost", (key[0],))


def _listed_with(owner: Ref) -> Sequence[Request]:
    columns = ",".join(("vhost", "name", *_FIELDS, "exclusive"))
    return [Request(("queues", *owner.key), {"columns": columns})] if owner.kind == "vhost" else ()


def _why_lost(key: Key, row: Mapping[str, Any]) -> str | None:
    if row.get("exclusive") is True:
        return f"The queue {key[1]} was exclusive: it belonged to a client's connection."
    if server_named(key[1]):
        return f"The queue {key[1]} had a server-generated name: it belonged to its client."
    return ""


def _faults(key: Key, spec: Spec, facts: BrokerFacts) -> Iterable[Fault]:
    vhost = facts.other("vhost", (key[0],))
    defaults: tuple[str | None, ...] = (vhost.get(DEFAULT_TYPE),)
    if not facts.whole and DEFAULT_TYPE not in vhost:
        # The type it would get is unknown, so only what no type accepts is a fault.
        defaults = (None, queue_arguments.QUORUM, queue_arguments.STREAM)
    found = [
        list(
            queue_arguments.faults(
                arguments=spec["arguments"],
                durable=spec["durable"],
                auto_delete=spec["auto_delete"],
                default=default,
                facts=facts,
            )
        )
        for default in defaults
    ]
    return found[0] if all(found) else ()


def _counted(key: Key, parameters: Parameters, get: Get) -> Facts:
    """Read a queue's type and figures. RabbitMQ updates the figures about every 5 s."""
    row = get("queues", *key)
    must_name(row, vhost=key[0], name=key[1])
    return some(row, "type", "messages_ready", "messages_unacknowledged")


def _rabbitmqctl(step: Step) -> list[Line]:
    if step.op not in (Op.DELETE, Op.REPLACE):
        return []
    return [["-p", shell_word(step.key[0]), "delete_queue", shell_word(step.key[1])]]


def _rabbitmqadmin(step: Step) -> list[Line]:
    """Version 2 came with RabbitMQ 4.0; it takes --name, version 1 name=."""
    if step.spec is None:
        return []
    vhost, name = step.key
    options = {
        "name": name,
        "durable": json.dumps(step.spec["durable"]),
        "auto-delete": json.dumps(step.spec["auto_delete"]),
        "arguments": json.dumps(step.spec["arguments"], ensure_ascii=False),
    }
    of_type = step.spec["arguments"].get(_TYPE)
    line = [f"--vhost={shell_word(vhost)}", "declare", "queue"]
    if step.version is None or step.has((4, 0, 0)):
        options |= {"type": str(of_type)} if of_type else {}
        return [[*line, *(f"--{key}={shell_word(value)}" for key, value in options.items())]]
    options["auto_delete"] = options.pop("auto-delete")
    return [[*line, *(f"{key}={shell_word(value)}" for key, value in options.items())]]


def _contents(key: Key, get: Get) -> Mapping[str, int]:
    messages = get("queues", *key).get("messages")
    return {"messages": messages} if isinstance(messages, int) else {}


def _why_not_purged(before: Facts) -> str:
    if before.get("type") != queue_arguments.STREAM:
        return ""
    return (
        "RabbitMQ can't purge a stream: its messages stay until its retention (x-max-age, "
        "x-max-length-bytes) drops them. To lose them all at once, delete the stream."
    )


def _purged(before: Facts, after: Facts | None) -> str:
    ready, unacked = before.get("messages_ready"), before.get("messages_unacknowledged")
    if not isinstance(ready, int):
        deleted = "Deleted all ready messages; RabbitMQ hadn't counted them."
    else:
        deleted = (
            f"Deleted {ready:,} ready {'message' if ready == 1 else 'messages'}, as counted before."
        )
    if not unacked:
        return deleted
    stay = f"{unacked:,} unacked {'message stays' if unacked == 1 else 'messages stay'}"
    return f"{deleted} {stay} with the queue's consumers."


PURGE = Act(
    name="purge",
    verb="Purge",
    call=lambda key, _: Call("DELETE", ("queues", *key, "contents")),
    reads=_counted,
    refuses=_why_not_purged,
    result=_purged,
    rabbitmqctl=lambda key, _: [["-p", shell_word(key[0]), "purge_queue", shell_word(key[1])]],
    destructive=True,
    loses={"messages_ready": "ready messages"},
)


QUEUE = Kind(
    name="queue",
    noun="queue",
    identity=("vhost", "name"),
    fields=(
        Field("durable", True, flag, fixed=True),
        Field("auto_delete", False, flag, fixed=True),
        Field("arguments", {}, table, fixed=True),
    ),
    rank=80,
    vhost_at=0,
    wire=Named(
        "queues",
        ("vhost", "name"),
        spec=lambda row: some(row, *_FIELDS),
        body=lambda key, spec: dict(spec),
        # Only the compared fields: whole rows are large and expensive for the broker.
        columns=_FIELDS,
        on_one_node=True,
    ),
    section=Section(
        name="queues",
        order=80,
        keys=frozenset({"name", "vhost", *_FIELDS, "type", "exclusive"}),
        read=_read_row,
        emit=_emit,
    ),
    called="{1} in {0}",
    stands_on=_stands_on,
    listed_with=_listed_with,
    why_lost=_why_lost,
    align=_align,
    faults=_faults,
    deleted_if_empty=True,
    contents=_contents,
    rabbitmqctl=_rabbitmqctl,
    rabbitmqadmin=_rabbitmqadmin,
    acts={act.name: act for act in (PURGE, ADD_MEMBER, REMOVE_MEMBER)},
)
