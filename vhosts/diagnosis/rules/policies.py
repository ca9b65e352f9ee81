"""Rules on policies and limits."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

from django.db.models import Count, Exists, OuterRef

from accessctl.rights import Permission
from console.kinds.effective.select import EXCHANGE, Target
from console.kinds.refusals.policy_keys import MIRRORING
from console.kinds.vhost import VHOST
from console.models import Broker
from vhosts.diagnosis.finding import FEW, Finding, Fix, Harm, Rule, Subject
from vhosts.diagnosis.ground import Ground, folded, link
from vhosts.limits.find import limited, limits_of
from vhosts.models import Exchange, OperatorPolicy, Policy, Queue
from vhosts.policies.read import seen_in_all

#: The most names that policies with equal priorities are matched against.
_MOST_NAMES = 10_000


def _named(model: Any, column: str) -> Exists:
    rows = model.objects.filter(
        broker=OuterRef("broker"), vhost=OuterRef("vhost"), **{column: OuterRef("name")}
    )
    return Exists(rows.present() if model is Queue else rows)


def _idle(ground: Ground, rule: Rule, brokers: Sequence[Broker]) -> Iterator[Finding]:
    rows = ground.rows(Policy, brokers).filter(
        ~_named(Queue, "policy"), ~_named(Exchange, "policy")
    )
    yield from folded(
        ground, rule, rows, route="policy", columns=["pattern", "priority"],
        evidence=lambda row: f"pattern {row['pattern'][:120]}, priority {row['priority']}",
        sentence=lambda number, name: f"{number:,} {'policy applies' if number == 1 else 'policies apply'} to "
        "no queue and no exchange.",
        fixes=lambda broker, vhost, found, number: [
            Fix("Delete policy", link("policy_delete", found[0]["pk"]), Permission.POLICIES_EDIT)
        ] if number == 1 else [],
    )  # fmt: skip


def _idle_operator(ground: Ground, rule: Rule, brokers: Sequence[Broker]) -> Iterator[Finding]:
    rows = ground.rows(OperatorPolicy, brokers).filter(~_named(Queue, "operator_policy"))
    yield from folded(
        ground, rule, rows, route="operator_policy", columns=["pattern"],
        evidence=lambda row: f"pattern {row['pattern'][:120]}",
        sentence=lambda number, name: f"{number:,} operator "
        f"{'policy applies' if number == 1 else 'policies apply'} to no queue.",
    )  # fmt: skip


def _mirrored(ground: Ground, rule: Rule, brokers: Sequence[Broker]) -> Iterator[Finding]:
    rows = ground.rows(Policy, brokers).filter(definition__has_any_keys=list(MIRRORING))
    yield from folded(
        ground, rule, rows, route="policy", columns=["pattern"],
        evidence=lambda row: f"pattern {row['pattern'][:120]}",
        sentence=lambda number, name: f"{number:,} {'policy mirrors' if number == 1 else 'policies mirror'} "
        "classic queues.",
        fixes=lambda broker, vhost, found, number: [
            Fix("Edit policy", link("policy_edit", found[0]["pk"]), Permission.POLICIES_EDIT)
        ] if number == 1 else [],
    )  # fmt: skip


def _ties(ground: Ground, rule: Rule, brokers: Sequence[Broker]) -> Iterator[Finding]:
    """Match the names of those virtual hosts in which policies share a priority."""
    equal = (
        ground.rows(Policy, brokers)
        .values("broker_id", "vhost", "priority")
        .annotate(number=Count("pk"))
        .filter(number__gt=1)
    )
    places = sorted({(row["broker_id"], row["vhost"]) for row in equal})
    by_broker: dict[int, list[str]] = defaultdict(list)
    for broker_id, vhost in places:
        by_broker[broker_id].append(vhost)
    for broker_id, vhosts in by_broker.items():
        broker = ground.broker(broker_id)
        seen = {vhost: one.both[0] for vhost, one in seen_in_all(broker, vhosts).items()}
        queues = ground.rows(Queue, [broker]).filter(vhost__in=vhosts)
        exchanges = ground.rows(Exchange, [broker]).filter(vhost__in=vhosts).exclude(name="")
        found: dict[tuple[str, frozenset[str]], list[str]] = defaultdict(list)
        objects = chain(
            queues.values_list("vhost", "name", "type")[:_MOST_NAMES],
            ((*row, EXCHANGE) for row in exchanges.values_list("vhost", "name")[:_MOST_NAMES]),
        )
        for vhost, name, of_type in objects:
            choice = seen[vhost].quickly(Target(name, of_type))
            if choice.is_tied:
                found[vhost, frozenset(one.name for one in choice.first)].append(name)
        rows = ground.rows(Policy, [broker]).filter(vhost__in=vhosts)
        ids = {(row[0], row[1]): row[2] for row in rows.values_list("vhost", "name", "pk")}
        for (vhost, names), matched in found.items():
            if any((rule.name, broker.pk, vhost, name) in ground.ignored for name in names):
                continue
            yield Finding(
                rule=rule, broker=broker, vhost=vhost, at=broker.status.inventory_at,
                count=len(names), weight=len(matched),
                subjects=tuple(
                    Subject(name, link("policy", ids[vhost, name]) if (vhost, name) in ids else "")
                    for name in sorted(names)[:FEW]
                ),
                evidence=f"{len(matched):,} matched, such as {sorted(matched)[0]}",
                sentence=f"{len(names)} policies with the same priority match {len(matched):,} "
                f"object{'' if len(matched) == 1 else 's'}: RabbitMQ applies any one of them.",
                fixes=tuple(
                    Fix("Edit policy", link("policy_edit", ids[vhost, name]), Permission.POLICIES_EDIT)
                    for name in sorted(names)[:1] if (vhost, name) in ids
                ),
            )  # fmt: skip


def _near_limits(ground: Ground, rule: Rule, brokers: Sequence[Broker]) -> Iterator[Finding]:
    """Judge max-queues of virtual hosts; connections are counted on the page of limits."""
    owners = limited(VHOST.name, ground.viewer).filter(broker__in=[one.pk for one in brokers])
    if ground.vhost is not None:
        owners = owners.filter(name=ground.vhost)
    limits = [one for one in limits_of(VHOST.name, owners) if one.name == "max-queues"]
    counts = Queue.objects.present().filter(broker__in=[one.pk for one in brokers]).order_by()
    numbers = {
        (broker, vhost): number
        for broker, vhost, number in counts.values_list("broker", "vhost").annotate(n=Count("pk"))
    }
    for limit in limits:
        used = numbers.get((limit.broker_id, limit.owner_name), 0)
        if used < limit.value * 0.8:
            continue
        broker = ground.broker(limit.broker_id)
        yield Finding(
            rule=rule, broker=broker, vhost=limit.owner_name, at=broker.status.inventory_at,
            weight=used, subjects=(Subject(limit.owner_name, link("vhost", limit.owner.pk)),),
            evidence=f"{used:,} of {limit.value:,} queues",
            sentence=f"Virtual host {limit.owner_name} has {used:,} of {limit.value:,} queues allowed.",
            fixes=(Fix("Set limits", link("vhost_edit", limit.owner.pk), Permission.VHOSTS_LIMIT),),
        )  # fmt: skip


_POLICIES = (Permission.POLICIES_VIEW,)
_PARTS = ("policies", "queues", "exchanges")
RULES = (
    Rule(
        name="mirrored-policy", title="Policy mirrors classic queues", harm=Harm.RISK,
        why="Mirroring was removed in RabbitMQ 4.0. After an upgrade such queues have one replica and "
        "no warning says so.",
        needs=("policies",), rights=_POLICIES, judge=_mirrored,
    ),
    Rule(
        name="policy-tie", title="Policies of equal priority match the same objects", harm=Harm.RISK,
        why="Which one applies differs between versions, and can change when a policy is edited.",
        needs=_PARTS, rights=(*_POLICIES, Permission.QUEUES_VIEW), judge=_ties,
    ),
    Rule(
        name="near-queue-limit", title="Virtual host near its limit of queues", harm=Harm.RISK,
        why="RabbitMQ refuses to create a queue past the limit.",
        needs=("vhosts", "queues"), rights=(Permission.VHOSTS_VIEW,), judge=_near_limits,
    ),
    Rule(
        name="policy-idle", title="Policy that applies to nothing", harm=Harm.WASTE,
        why="Its pattern matches no name, or a policy with a higher priority applies instead. Somebody "
        "may rely on settings that aren't in force.",
        needs=_PARTS, rights=_POLICIES, judge=_idle,
    ),
    Rule(
        name="operator-policy-idle", title="Operator policy that applies to nothing", harm=Harm.WASTE,
        why="The limit that it stands for isn't in force on any queue.",
        needs=("operator_policies_in_force", "queues"), rights=_POLICIES, judge=_idle_operator,
    ),
)  # fmt: skip
