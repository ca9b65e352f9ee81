"""Rules on what queues are: type, replicas, limits, and whether anybody uses them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

from django.db.models import (
    Case,
    Count,
    F,
    FloatField,
    Func,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    TextField,
    Value,
    When,
)  # fmt: skip
from django.db.models.fields.json import KT, KeyTransform
from django.db.models.functions import Cast, Least

from accessctl.rights import Permission
from console.models import Broker
from vhosts.diagnosis.finding import Finding, Fix, Harm, Rule
from vhosts.diagnosis.ground import Ground, folded, link
from vhosts.diagnosis.rules.routing import many
from vhosts.models import OperatorPolicy, Policy, Queue

UNUSED_DAYS = 30
#: So many nodes make a classic queue on one of them a waste of the others.
_CLUSTER = 3
_NEAR = 0.8
SWARM = 20
_GROUP_SIZE = "x-quorum-initial-group-size"
_TROUBLED = ("down", "minority", "crashed", "stopped", "terminated")
#: What differs between the names of a swarm, in this order: known patterns, UUIDs, hexadecimal
#: numbers, numbers.
_ALIKE = (
    (r"^celery@.*\.pidbox$", "celery@*.pidbox"),
    (r"^celeryev\..*$", "celeryev.*"),
    (r"^amq\.gen-.*$", "amq.gen-*"),
    (r"^spring\.gen-.*$", "spring.gen-*"),
    (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}", "*"),
    (r"[0-9a-f]{12,}", "*"),
    (r"[0-9]+", "*"),
    (r"\*[-*]*\*", "*"),
)


def _down(ground: Ground, rule: Rule, brokers: Sequence[Broker]) -> Iterator[Finding]:
    yield from folded(
        ground, rule, ground.rows(Queue, brokers).filter(state__in=_TROUBLED),
        columns=["state", "node"],
        evidence=lambda row: f"{row['state']}, node {row['node'] or 'unknown'}",
        sentence=lambda number, name: f"{many(number, name, 'queue')} {'is' if number == 1 else 'are'} "
        "down or without a majority of members.",
    )  # fmt: skip


def _classic(ground: Ground, rule: Rule, brokers: Sequence[Broker]) -> Iterator[Finding]:
    clusters = [broker for broker in brokers if len(broker.status.nodes) >= _CLUSTER]
    rows = ground.rows(Queue, clusters).filter(type="classic", durable=True)
    rows = rows.exclude(exclusive=True).exclude(auto_delete=True)
    for one in ground.setting("ha-mode"):
        rows = rows.exclude(broker=one.broker_id, vhost=one.vhost, policy=one.name)
    yield from folded(
        ground, rule, rows, columns=["node"],
        evidence=lambda row: f"only on {row['node'] or 'an unknown node'}",
        sentence=lambda number, name: f"{many(number, name, 'durable classic queue')} "
        f"{'lives' if number == 1 else 'live'} on one node of a cluster, without a replica.",
        fixes=_recreate,
    )  # fmt: skip


def _recreate(
    broker: Broker, vhost: str, found: list[dict[str, Any]], number: int
) -> Iterator[Fix]:
    if number == 1:
        yield Fix("Recreate queue", link("queue_edit", found[0]["pk"]), Permission.QUEUES_EDIT)


def _members(ground: Ground, rule: Rule, brokers: Sequence[Broker]) -> Iterator[Finding]:
    pairs = [broker for broker in brokers if len(broker.status.nodes) == 2]
    wide = [broker for broker in brokers if len(broker.status.nodes) >= _CLUSTER]
    even = Q()
    for size in (1, 2, 4, 6):
        even |= Q(arguments__contains={_GROUP_SIZE: size})
    rows = ground.rows(Queue, [*pairs, *wide]).filter(type="quorum")
    rows = rows.filter(Q(broker__in=pairs) | even)
    yield from folded(
        ground, rule, rows, columns=["arguments"],
        evidence=lambda row: f"created with {row['arguments'][_GROUP_SIZE]} members"
        if _GROUP_SIZE in row["arguments"] else "at most 2 members: the cluster has 2 nodes",
        sentence=lambda number, name: f"{many(number, name, 'quorum queue')} "
        f"{'has' if number == 1 else 'have'} an even number of members, or a single one.",
        fixes=lambda broker, vhost, found, number: [
            Fix("Add a member", link("queue_members", found[0]["pk"]), Permission.REPLICAS_EDIT)
        ] if number == 1 and broker not in pairs else [],
    )  # fmt: skip


def _transient(ground: Ground, rule: Rule, brokers: Sequence[Broker]) -> Iterator[Finding]:
    rows = ground.rows(Queue, brokers).filter(durable=False, exclusive=False)
    yield from folded(
        ground, rule, rows, columns=["auto_delete"], fixes=_recreate,
        evidence=lambda row: "auto-delete" if row["auto_delete"] else "",
        sentence=lambda number, name: f"{many(number, name, 'queue')} "
        f"{'is' if number == 1 else 'are'} transient and not exclusive.",
    )  # fmt: skip


def _unused(ground: Ground, rule: Rule, brokers: Sequence[Broker]) -> Iterator[Finding]:
    since = ground.now - timedelta(days=UNUSED_DAYS)
    rows = ground.rows(Queue, brokers).filter(
        total=0, consumers=0, depth_changed_at__lt=since, first_seen_at__lt=since
    )
    rows = rows.exclude(publish_rate__gt=0).exclude(deliver_rate__gt=0).exclude(exclusive=True)
    yield from folded(
        ground, rule, rows, columns=["depth_changed_at"], worst="depth_changed_at",
        evidence=lambda row: f"empty since {row['depth_changed_at']:%Y-%m-%d}, no consumer",
        at=lambda broker: broker.status.depths_at,
        sentence=lambda number, name: f"{many(number, name, 'queue')} {'has' if number == 1 else 'have'} "
        f"been empty and without consumers for more than {UNUSED_DAYS} days.",
        fixes=lambda broker, vhost, found, number: [
            Fix("Delete queue", link("queue_delete", found[0]["pk"]), Permission.QUEUES_EDIT)
        ] if number == 1 else [],
    )  # fmt: skip


def _number(key: str, column: str) -> Case:
    """Return a number in a JSON column; NULL for any other value."""
    return Case(
        When(
            Q(_kind="number"),
            then=Cast(KT(f"{column}__{key}"), FloatField()),
        ),
        output_field=FloatField(),
    )


def _limit(model: Any, through: str) -> Subquery:
    rows = model.objects.filter(
        broker=OuterRef("broker"), vhost=OuterRef("vhost"), name=OuterRef(through)
    ).order_by()
    kind = Func(KeyTransform("max-length", "definition"), function="jsonb_typeof")
    rows = rows.annotate(_kind=Cast(kind, TextField())).annotate(
        found=_number("max-length", "definition")
    )
    return Subquery(rows.values("found")[:1])


def _near_length(ground: Ground, rule: Rule, brokers: Sequence[Broker]) -> Iterator[Finding]:
    has = Q(arguments__has_key="x-max-length") | ~Q(operator_policy="")
    for one in ground.setting("max-length"):
        has |= Q(broker=one.broker_id, vhost=one.vhost, policy=one.name)
    kind = Func(KeyTransform("x-max-length", "arguments"), function="jsonb_typeof")
    rows: QuerySet[Any] = ground.rows(Queue, brokers).filter(has, ready__gt=0)
    rows = rows.annotate(_kind=Cast(kind, TextField())).annotate(
        most=Least(
            _number("x-max-length", "arguments"),
            _limit(Policy, "policy"),
            _limit(OperatorPolicy, "operator_policy"),
        )
    )
    yield from folded(
        ground, rule, rows.filter(most__gt=0, ready__gte=F("most") * _NEAR),
        columns=["ready", "most"], worst="-ready", at=lambda broker: broker.status.depths_at,
        evidence=lambda row: f"{row['ready']:,} of {int(row['most']):,} messages, "
        f"{int(row['ready'] * 100 / row['most'])} %",
        sentence=lambda number, name: f"{many(number, name, 'queue')} "
        f"{'is' if number == 1 else 'are'} at 80 % of the maximum length or more.",
    )  # fmt: skip


def _swarms(ground: Ground, rule: Rule, brokers: Sequence[Broker]) -> Iterator[Finding]:
    alike: Any = F("name")
    for pattern, instead in _ALIKE:
        alike = Func(
            alike, Value(pattern), Value(instead), Value("g"), function="regexp_replace",
            output_field=TextField(),
        )  # fmt: skip
    short_lived = Q(auto_delete=True) | Q(exclusive=True) | Q(arguments__has_key="x-expires")
    rows = (
        ground.rows(Queue, brokers)
        .filter(short_lived, noise=False)
        .annotate(alike=alike)
        .values("broker_id", "vhost", "alike")
        .annotate(number=Count("pk"))
        .filter(number__gte=SWARM)
        .order_by("-number")[:200]
    )
    for row in rows:
        broker, pattern = ground.broker(row["broker_id"]), row["alike"]
        if "*" not in pattern or (rule.name, broker.pk, row["vhost"], pattern) in ground.ignored:
            continue
        yield Finding(
            rule=rule, broker=broker, vhost=row["vhost"], at=broker.status.inventory_at,
            count=row["number"], weight=row["number"], evidence=f"{row['number']:,} like {pattern}",
            sentence=f"{row['number']:,} short-lived queues have names like {pattern}.",
            fixes=(
                Fix("Count them as noise", link("noise", broker=broker.pk, pattern=pattern), Permission.BROKERS_EDIT),
            ),
        )  # fmt: skip


_SEEN = (Permission.QUEUES_VIEW,)
RULES = (
    Rule(
        name="queue-down", title="Queue is down", harm=Harm.STOPPED,
        why="Nobody can publish to it or consume from it until its node, or most of its members, are back.",
        needs=("queues",), rights=_SEEN, judge=_down,
    ),
    Rule(
        name="classic-on-cluster", title="Classic queue on a cluster", harm=Harm.RISK,
        why="A classic queue has no replica: while its node is down, so is the queue, and if the node's "
        "disk is lost, so are its messages. A quorum queue survives the loss of a node.",
        needs=("queues", "policies", "nodes"), rights=_SEEN, judge=_classic,
    ),
    Rule(
        name="quorum-members", title="Quorum queue with too few members", harm=Harm.RISK,
        why="A queue with 2 members stops when either fails: 2 members are less available than 1. "
        "Use 3 or 5. Judged by the number of nodes and the size at creation; members that were added "
        "or removed since are on the queue's page of members.",
        needs=("queues", "nodes"), rights=_SEEN, judge=_members,
    ),
    Rule(
        name="near-max-length", title="Queue near its maximum length", harm=Harm.RISK,
        why="At the limit, RabbitMQ drops the oldest messages or rejects new ones, depending on the "
        "overflow behaviour. Limits of operator policies count where RabbitMQ reports them (4.2.5 and later).",
        needs=("queues", "policies", "depths"), rights=_SEEN, judge=_near_length,
    ),
    Rule(
        name="transient-queue", title="Transient queue that isn't exclusive", harm=Harm.RISK,
        why="It is deleted when its node restarts. RabbitMQ 4.3 refuses such a declaration by default.",
        needs=("queues",), rights=_SEEN, judge=_transient,
    ),
    Rule(
        name="unused-queue", title="Queue that nobody uses", harm=Harm.WASTE,
        why="Each queue costs memory, metrics and attention. As seen by the polls: messages that came "
        "and went between two of them aren't counted.",
        needs=("queues", "depths", "consumers"), rights=_SEEN, judge=_unused,
    ),
    Rule(
        name="queue-swarm", title="Swarm of short-lived queues", harm=Harm.WASTE,
        why="Reply and control queues of clients, such as Celery's pidbox queues, crowd out the queues "
        "that carry work, and each creation writes to the cluster's metadata store.",
        needs=("queues",), rights=_SEEN, judge=_swarms,
    ),
)  # fmt: skip
