"""Rules on dead letters and alternate exchanges that lead nowhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery
from django.db.models.fields.json import KT
from django.db.models.functions import Coalesce

from accessctl.rights import Permission
from console.models import Broker
from vhosts.diagnosis.finding import Finding, Fix, Harm, Rule
from vhosts.diagnosis.ground import Ground, folded, link
from vhosts.diagnosis.rules.routing import many
from vhosts.models import Binding, Exchange, Policy, Queue
from vhosts.topology.in_force import ALTERNATE, DEAD_LETTER, DEAD_LETTER_KEY

#: The most dead-letter exchanges of which the queues behind them are looked at.
_MOST = 2_000


def targeting(ground: Ground, rows: QuerySet[Any], key: str, argument: str) -> QuerySet[Any]:
    """Annotate the rows that have the setting, by argument or policy, with its value as `target`."""
    has = Q(arguments__has_key=argument)
    for one in ground.setting(key):
        has |= Q(broker=one.broker_id, vhost=one.vhost, policy=one.name)
    by_policy = Policy.objects.filter(
        broker=OuterRef("broker"), vhost=OuterRef("vhost"), name=OuterRef("policy")
    )
    value = Subquery(by_policy.order_by().values_list(KT(f"definition__{key}"))[:1])
    found: QuerySet[Any] = rows.filter(has).annotate(
        target=Coalesce(KT(f"arguments__{argument}"), value)
    )
    return found


def _there(model: Any, column: str) -> Exists:
    return Exists(
        model.objects.filter(
            broker=OuterRef("broker"), vhost=OuterRef("vhost"), **{column: OuterRef("target")}
        )
    )


def _queues(ground: Ground, brokers: Sequence[Broker]) -> QuerySet[Any]:
    rows = ground.rows(Queue, brokers).exclude(type="stream")
    rows = targeting(ground, rows, DEAD_LETTER, f"x-{DEAD_LETTER}")
    return rows.filter(target__isnull=False).exclude(target="")  # type: ignore[no-any-return]


def _create(broker: Broker, vhost: str, found: list[dict[str, Any]], number: int) -> list[Fix]:
    targets = {row["target"] for row in found}
    if len(targets) > 1 and number > 1:
        return []
    name = found[0]["target"]
    return [
        Fix(
            f"Create exchange {name[:60]}",
            link("exchange_create", broker=broker.pk, vhost=vhost, name=name),
            Permission.EXCHANGES_EDIT,
        )
    ]


def _missing(ground: Ground, rule: Rule, brokers: Sequence[Broker]) -> Iterator[Finding]:
    rows = _queues(ground, brokers).filter(~_there(Exchange, "name"))
    yield from folded(
        ground, rule, rows, columns=["target"], fixes=_create,
        evidence=lambda row: f"dead letters to {row['target']}, which doesn't exist",
        sentence=lambda number, name: f"{many(number, name, 'queue')} "
        f"{'sends' if number == 1 else 'send'} dead letters to an exchange that doesn't exist.",
    )  # fmt: skip


def _nowhere(ground: Ground, rule: Rule, brokers: Sequence[Broker]) -> Iterator[Finding]:
    alternate = Q(arguments__has_key=ALTERNATE)
    for one in ground.setting(ALTERNATE):
        alternate |= Q(broker=one.broker_id, vhost=one.vhost, policy=one.name)
    dead_end = Exists(
        Exchange.objects.filter(
            broker=OuterRef("broker"), vhost=OuterRef("vhost"), name=OuterRef("target")
        ).exclude(alternate)
    )
    rows = _queues(ground, brokers).filter(dead_end, ~_there(Binding, "source"))
    yield from folded(
        ground, rule, rows, columns=["target"],
        evidence=lambda row: f"dead letters to {row['target']}, which has no binding",
        sentence=lambda number, name: f"{many(number, name, 'queue')} "
        f"{'sends' if number == 1 else 'send'} dead letters to an exchange without bindings.",
        fixes=lambda broker, vhost, found, number: [
            Fix("Create binding", link("binding_create", broker=broker.pk, vhost=vhost, source=found[0]["target"]),
                Permission.BINDINGS_EDIT),
        ] if len({row["target"] for row in found}) == 1 else [],
    )  # fmt: skip


def _alternate(ground: Ground, rule: Rule, brokers: Sequence[Broker]) -> Iterator[Finding]:
    rows = targeting(ground, ground.rows(Exchange, brokers), ALTERNATE, ALTERNATE)
    rows = rows.filter(~_there(Exchange, "name"), target__isnull=False)
    yield from folded(
        ground, rule, rows, route="exchange", columns=["target"], fixes=_create,
        evidence=lambda row: f"alternate exchange {row['target']}, which doesn't exist",
        sentence=lambda number, name: f"{many(number, name, 'exchange')} "
        f"{'has' if number == 1 else 'have'} an alternate exchange that doesn't exist.",
    )  # fmt: skip


def _unread(ground: Ground, rule: Rule, brokers: Sequence[Broker]) -> Iterator[Finding]:
    """Judge the queues bound to an exchange that dead letters go to, and those that a dead-letter
    routing key names through the default exchange."""
    targets = {
        (one.broker_id, one.vhost, str(one.definition[DEAD_LETTER]))
        for one in ground.setting(DEAD_LETTER)
    }
    with_argument = ground.rows(Queue, brokers).filter(arguments__has_key=f"x-{DEAD_LETTER}")
    said = (KT(f"arguments__x-{DEAD_LETTER}"), KT(f"arguments__x-{DEAD_LETTER_KEY}"))
    places = with_argument.annotate(to=said[0], key=said[1]).values_list(
        "broker", "vhost", "to", "key"
    )
    direct = {
        (one.broker_id, one.vhost, str(one.definition[DEAD_LETTER_KEY]))
        for one in ground.setting(DEAD_LETTER)
        if one.definition[DEAD_LETTER] == "" and DEAD_LETTER_KEY in one.definition
    }
    for broker, vhost, to, key in places.distinct()[:_MOST]:
        if to == "" and key:
            direct.add((broker, vhost, key))
        elif to:
            targets.add((broker, vhost, to))
    sources = {name for _, _, name in targets if name}
    bound = ground.rows(Binding, brokers).filter(
        source__in=sorted(sources)[:_MOST], destination_type="queue"
    )
    for broker, vhost, source, queue in bound.values_list(
        "broker", "vhost", "source", "destination"
    )[: 10 * _MOST]:
        if (broker, vhost, source) in targets:
            direct.add((broker, vhost, queue))
    if not direct:
        return
    waiting = ground.rows(Queue, brokers).filter(consumers=0, ready__gt=0)
    waiting = waiting.filter(name__in={name for _, _, name in direct})
    ids = [
        pk
        for pk, *place in waiting.values_list("pk", "broker", "vhost", "name")
        if tuple(place) in direct
    ]
    yield from folded(
        ground, rule, waiting.filter(pk__in=ids), columns=["ready"], worst="-ready",
        evidence=lambda row: f"{row['ready']:,} ready, no consumer",
        at=lambda broker: broker.status.depths_at,
        sentence=lambda number, name: f"{many(number, name, 'queue')} "
        f"{'holds' if number == 1 else 'hold'} dead letters that nobody reads.",
    )  # fmt: skip


_SEEN = (Permission.QUEUES_VIEW,)
_PARTS = ("queues", "exchanges", "policies")
RULES = (
    Rule(
        name="dead-letter-exchange-missing", title="Dead-letter exchange doesn't exist", harm=Harm.LOSS,
        why="RabbitMQ drops dead letters silently while their exchange is missing.",
        needs=_PARTS, rights=_SEEN, judge=_missing,
    ),
    Rule(
        name="dead-letters-unroutable", title="Dead-letter exchange has no bindings", harm=Harm.LOSS,
        why="Dead letters that no binding matches are dropped.",
        needs=(*_PARTS, "bindings"), rights=_SEEN, judge=_nowhere,
    ),
    Rule(
        name="alternate-exchange-missing", title="Alternate exchange doesn't exist", harm=Harm.LOSS,
        why="Messages that can't be routed are dropped as if there were no alternate exchange.",
        needs=("exchanges", "policies"), rights=_SEEN, judge=_alternate,
    ),
    Rule(
        name="dead-letters-unread", title="Dead letters that nobody reads", harm=Harm.WASTE,
        why="Each one is a message that an application couldn't process. They fill the disk, and what "
        "they stand for isn't done.",
        needs=(*_PARTS, "bindings", "depths", "consumers"), rights=_SEEN, judge=_unread,
    ),
)  # fmt: skip
