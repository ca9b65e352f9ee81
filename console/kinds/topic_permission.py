"""What a user may do with the routing keys of one topic exchange. Only topic exchanges use them.

Source: `rabbit_mgmt_wm_topic_permission.erl`. The API writes one at an address without the
exchange, which is in the body, and deletes one at an address with the exchange.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from console.kinds.common.kind import Field, Key, Kind, Line, Ref, Spec, SpecError, Step
from console.kinds.common.rows import Row, Section, Taker, some
from console.kinds.common.shell import quoted_pattern, shell_word
from console.kinds.common.values import text
from console.kinds.common.wire import Call, Get
from console.kinds.exchange import PREDECLARED
from console.kinds.refusals.patterns import slips
from console.kinds.refusals.versions import BrokerFacts, Fault

_PATTERNS = ("write", "read")
_COLLECTION = "topic-permissions"


class _TopicWire:
    reads_before_delete = False

    def listing(self) -> Sequence[Get]:
        return [Get((_COLLECTION,))]

    def one(self, key: Key) -> Sequence[Get]:
        return [Get((_COLLECTION, key[0], key[1]))]

    def specs(self, *answers: Sequence[Row]) -> Iterator[tuple[Key, Row]]:
        for row in answers[0]:
            key = (row["vhost"], row["user"], row["exchange"])
            yield key, self.spec_of_body(row)

    def writes(self, key: Key, spec: Spec, before: Spec | None) -> Iterable[Call]:
        vhost, user, exchange = key
        body = {"exchange": exchange, **{name: spec[name] for name in _PATTERNS}}
        yield Call("PUT", (_COLLECTION, vhost, user), body)

    def delete(self, key: Key, answers: Sequence[Row], *, if_empty: bool) -> Call:
        return Call("DELETE", (_COLLECTION, *key))

    def kept_while_down(self, key: Key) -> Get | None:
        return None

    def located(self, segments: Sequence[str], body: Mapping[str, Any]) -> Key | None:
        if not segments or segments[0] != _COLLECTION:
            return None
        if len(segments) == 4:
            return tuple(segments[1:])
        if len(segments) == 3 and isinstance(body.get("exchange"), str):
            return (segments[1], segments[2], body["exchange"])
        return None

    def spec_of_body(self, body: Mapping[str, Any]) -> Row:
        return {name: body.get(name, "") for name in _PATTERNS}


def _rabbitmqctl(step: Step) -> Sequence[Line]:
    vhost, user, exchange = map(shell_word, step.key)
    if step.spec is None:
        return [["clear_topic_permissions", "-p", vhost, user, exchange]]
    patterns = [quoted_pattern(step.spec[name]) for name in _PATTERNS]
    return [["set_topic_permissions", "-p", vhost, user, exchange, *patterns]]


def _read_row(reader: Taker, row: Row) -> None:
    if row.get("exchange") == "":
        # No path of the HTTP API reaches it, but brokers export it.
        reader.skip(
            "exchange",
            "Skipped because the default exchange isn't a topic exchange, so RabbitMQ never uses its "
            "topic permissions.",
        )
    exchange = reader.name("topic_permission", row, "exchange")
    for name in _PATTERNS:
        if name not in row:
            raise SpecError(name, f"{name} is missing.")
    key = (reader.vhost_of(row), reader.name("user", row, "user"), exchange)
    reader.take("topic_permission", key, some(row, *_PATTERNS))


def _emit(key: Key, spec: Mapping[str, Any]) -> Iterator[tuple[str, Row]]:
    vhost, user, exchange = key
    yield "topic_permissions", {"vhost": vhost, "user": user, "exchange": exchange, **spec}


def _stands_on(key: Key) -> Iterable[Ref]:
    yield Ref("vhost", (key[0],))
    yield Ref("user", (key[1],))


def _makes_sense_with(key: Key) -> Iterable[Ref]:
    vhost, _, exchange = key
    if exchange not in PREDECLARED:
        yield Ref("exchange", (vhost, exchange))


def _listed_with(owner: Ref) -> Sequence[Get]:
    return [Get((f"{owner.kind}s", *owner.key, "topic-permissions"))]


def _faults(key: Key, spec: Spec, facts: BrokerFacts) -> Iterable[Fault]:
    vhost, _, exchange = key
    for name in _PATTERNS:
        for sentence in slips(spec[name]):
            yield Fault(name, f"{name.capitalize()}: {sentence}", refuses=False)
    if not facts.whole or exchange in PREDECLARED or not facts.at_least("4.3"):
        return
    if not facts.other("exchange", (vhost, exchange)):
        yield Fault(
            "exchange",
            f"{facts.called} refuses a topic permission on an exchange that doesn't exist: "
            f"{exchange[:80]} is neither in the file nor on the broker.",
        )


TOPIC_PERMISSION = Kind(
    name="topic_permission",
    noun="topic permission",
    identity=("vhost", "user", "exchange"),
    fields=tuple(Field(name, "", text) for name in _PATTERNS),
    # After exchanges: RabbitMQ doesn't require the exchange, but a reader expects this order.
    rank=50,
    vhost_at=0,
    user_at=1,
    wire=_TopicWire(),
    section=Section(
        name="topic_permissions",
        order=40,
        keys=frozenset({"vhost", "user", "exchange", *_PATTERNS}),
        read=_read_row,
        emit=_emit,
        in_vhost_files=False,
    ),
    called="{1} on {2} in {0}",
    stands_on=_stands_on,
    listed_with=_listed_with,
    makes_sense_with=_makes_sense_with,
    faults=_faults,
    rabbitmqctl=_rabbitmqctl,
)
