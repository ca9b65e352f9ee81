"""What a move, copy or deletion will do, from what polls and inventories stored. No broker is called."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from accessctl.authorize import AnyUser, may
from accessctl.rights import Permission
from console.errors import ConsoleError
from console.faces.pages.words import listed
from console.scope import Scope
from vhosts.messages.matching import Match
from vhosts.messages.moving.places import Mode, Selection, Target
from vhosts.messages.peeking.facts import stored_facts
from vhosts.messages.peeking.guard import counted_limit, spare_of
from vhosts.models import Exchange, Queue
from vhosts.routing.service import trace_message

_VERBS = {Mode.MOVE: "moved", Mode.COPY: "copied", Mode.DELETE: "deleted"}


@dataclass(slots=True)
class Plan:
    """`does` are sentences about what happens, `warnings` about what may go wrong; with `refusals`,
    it isn't possible. `typed`: the name to type as confirmation, "" for none. `count` is the number
    of messages now; None if unknown."""

    count: int | None
    does: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    typed: str = ""


def plan_move(
    user: AnyUser,
    source: Queue,
    target: Target | None,
    mode: str,
    selection: Selection,
    *,
    rate: int | None = None,
    keep_expiration: bool = True,
    now: datetime,
) -> Plan:
    plan = Plan(source.ready)
    plan.does.append(_what(source, mode, selection))
    if target is not None:
        plan.does.append(_where(user, target))
        plan.does += _on_the_way(mode, keep_expiration)
        _judge_target(plan, user, source, target, mode, now)
    else:
        plan.warnings.append("Deleted messages can't be recovered. Export them first.")
    _judge_source(plan, source, mode, selection)
    if rate:
        plan.does.append(f"At most {rate:,} messages a second.")
        if source.ready and source.ready / rate > 3600:
            plan.warnings.append(
                f"At this rate, the messages that are ready now take about {source.ready / rate / 3600:.0f} hours."
            )
    if mode == Mode.DELETE and Scope.at(source.broker).is_production:
        plan.typed = source.name
    return plan


def _what(source: Queue, mode: str, selection: Selection) -> str:
    verb = _VERBS[Mode(mode)]
    ready = "an unknown number" if source.ready is None else f"{source.ready:,}"
    if selection.kind == "first":
        return f"The first {selection.count:,} messages are {verb} ({ready} are ready now)."
    if selection.kind == "chosen":
        count = sum(selection.fingerprints.values())
        return f"{count:,} chosen messages are {verb}, where they are still in the queue."
    if selection.kind == "matching":
        return (
            f"Messages are {verb} whose {Match.of(selection.match)}. All that are ready when the job "
            f"begins are looked at ({ready} now)."
        )
    return f"All messages that are ready when the job begins are {verb} ({ready} now). Later ones stay."


def _where(user: AnyUser, target: Target) -> str:
    place = f"virtual host {target.vhost} of {target.broker.name}"
    if target.exchange == "":
        return f"They go to the queue {target.key} in {place}."
    exchange = (
        "the exchange that each was first published to"
        if target.exchange is None
        else f"the exchange {target.exchange}"
    )
    key = "the routing key of each" if target.key is None else f"the routing key {target.key}"
    return f"They are published to {exchange} in {place}, with {key}."


def _on_the_way(mode: str, keep_expiration: bool) -> list[str]:
    found = [
        "Every message stays at the source, too."
        if mode == Mode.COPY
        else "Each is acknowledged at the source only after the target has confirmed it. What isn't routed "
        "or is refused stays at the source."
    ]
    found.append(
        "Headers that RabbitMQ counts on (x-death, delivery counts, CC) are kept under names that begin "
        "with x-warren-."
    )
    if keep_expiration:
        found.append("A message's own time to live starts again at the target.")
    else:
        found.append("A message's own time to live is removed.")
    return found


def _judge_source(plan: Plan, source: Queue, mode: str, selection: Selection) -> None:
    if source.gone_at is not None:
        plan.refusals.append("The queue was deleted.")
    if source.type == "stream" and mode != Mode.COPY:
        plan.refusals.append("Messages can't be taken out of a stream. Copy them instead.")
    if source.exclusive:
        plan.refusals.append(
            "The queue is exclusive: only the connection that declared it reads it."
        )
    if source.consumers:
        word = "consumer is" if source.consumers == 1 else "consumers are"
        plan.warnings.append(
            f"{source.consumers:,} {word} reading the queue. They take messages at the same time, and "
            "get none of those that the job holds."
        )
    returns = mode == Mode.COPY or selection.passes_over
    if returns and source.type not in ("stream", ""):
        plan.warnings.append(
            "Messages that stay are held until the job ends, then returned. Consumers get them later, "
            "marked as redelivered."
        )
        _counted_returns(plan, source)


def _counted_returns(plan: Plan, source: Queue) -> None:
    """Say what a return costs in a quorum queue, by what the last inventory knew."""
    facts = stored_facts(source)
    limit = counted_limit(facts)
    if limit is not None:
        plan.warnings.append(
            f"In this quorum queue, each return counts as a failed delivery, and RabbitMQ dead-letters or "
            f"deletes a message after {limit}. The job ends when a message has only {spare_of(limit)} left."
        )
    if facts.type == "quorum" and facts.delayed_retry in ("all", "returned"):
        plan.warnings.append(
            "Delayed retry is on for returned messages: those that stay are withheld from consumers for the "
            "delay that is set."
        )


def _judge_target(
    plan: Plan, user: AnyUser, source: Queue, target: Target, mode: str, now: datetime
) -> None:
    queues = [target.key] if target.exchange == "" and target.key else []
    if target.exchange and target.key is not None:
        queues = _dry_run(plan, user, target, now)
    elif target.exchange:
        known = Exchange.objects.filter(
            broker=target.broker, vhost=target.vhost, name=target.exchange
        )
        if not known.exists():
            plan.warnings.append(
                f"No inventory has seen an exchange {target.exchange} there. If there is none, the job ends "
                "at once."
            )
    if not may(user, Permission.QUEUES_VIEW, target.broker, target.vhost):
        return
    rows = Queue.objects.present().filter(
        broker=target.broker, vhost=target.vhost, name__in=queues[:100]
    )
    found = {row.name: row for row in rows}
    if target.exchange == "" and target.key not in found:
        plan.warnings.append(
            f"No inventory has seen a queue {target.key} there. If there is none, every message is returned "
            "and stays."
        )
    for row in found.values():
        _judge_queue(plan, source, row, mode)


def _judge_queue(plan: Plan, source: Queue, row: Queue, mode: str) -> None:
    if row.pk == source.pk and mode != Mode.DELETE:
        plan.warnings.append(
            "The target leads back to the source: messages go to its end. The job ends all the same, each "
            "message is taken once."
        )
    most = row.arguments.get("x-max-length")
    if isinstance(most, int) and row.type != "stream":
        free = most - (row.total or 0)
        if source.ready is not None and source.ready > free:
            refuses = str(row.arguments.get("x-overflow", "")).startswith("reject-publish")
            plan.warnings.append(
                f"The queue {row.name} holds at most {most:,} messages. "
                + (
                    "It refuses more; those stay at the source."
                    if refuses
                    else "It drops its oldest for more."
                )
            )


def _dry_run(plan: Plan, user: AnyUser, target: Target, now: datetime) -> list[str]:
    """Add where the router sends a message; return those queues."""
    try:
        traced = trace_message(
            broker=target.broker, vhost=target.vhost, exchange=target.exchange or "",
            routing_key=target.key or "", acting_user=user, now=now,
        )  # fmt: skip
    except ConsoleError as error:
        plan.warnings.append(f"The route couldn't be previewed: {error.message}")
        return []
    queues = [str(name) for name in traced.trace.queues]
    if queues:
        plan.does.append(
            f"By the bindings of the last inventory, they reach {listed(queues[:10])}"
            f"{f' and {len(queues) - 10} more' if len(queues) > 10 else ''}."
        )
    elif traced.trace.possible:
        plan.warnings.append("Whether a message reaches a queue depends on its headers.")
    else:
        plan.warnings.append(
            "By the bindings of the last inventory, no queue gets them: every message is returned and stays."
        )
    return queues
