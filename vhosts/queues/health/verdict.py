"""The sentence that a queue's page opens with: what, how much, where from, and what comes next. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from console.faces.templatetags._states import STATES
from console.faces.templatetags._text import lasted, sized
from vhosts.queues.health.conditions import (
    GROWTH_S,
    UNKNOWN,
    WELL,
    Facts,
    conditions_of,
    is_full,
    is_more,
    worst,
)
from vhosts.queues.health.figures import count, messages, per_s
from vhosts.queues.health.forecast import METHOD, Forecast, about
from vhosts.queues.health.sources import Sources, origin


@dataclass(frozen=True, slots=True, kw_only=True)
class Background:
    """What a verdict needs beside the facts.

    `outage`: why nodes that are down hide or stop it, "" if none does. `holding`: sum of the
    consumers' prefetch, None if unknown or one has no limit.
    """

    outage: str = ""
    last_known: str = ""
    unknown_reason: str = ""
    sources: Sources = field(default_factory=Sources)
    incoming: Mapping[str, float] = field(default_factory=dict)
    forecast: Forecast | None = None
    max_length_bytes: int | None = None
    holding: int | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """`lead` says what is worst, `facts` how much and what comes next, `cause` why, if it is known.
    `others`: conditions that hold as well. `since`: when the console first saw the condition."""

    condition: str
    tone: str
    icon: str
    lead: str
    facts: tuple[str, ...] = ()
    cause: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    since: datetime | None = None
    #: How the forecast was made; "" without one.
    method: str = ""


def verdict(facts: Facts, more: Background, *, since: datetime | None = None) -> Verdict:
    condition, found = worst(facts), conditions_of(facts)
    tone, icon, lead = _lead(condition, facts, more)
    return Verdict(
        condition,
        tone,
        icon,
        lead,
        tuple(_facts(condition, facts, more)),
        tuple(_causes(condition, facts, more)),
        tuple(name for name in found[1:] if name not in _IMPLIES.get(found[0], ())),
        since if found else None,
        METHOD if more.forecast is not None and more.forecast.state == "reaches" else "",
    )


#: What a condition says already.
_IMPLIES = {"losing": ("full",), "rejecting": ("full",), "no_consumers": ("unconsumed",)}
_AT_LIMIT = ("losing", "rejecting", "full")


def _lead(condition: str, facts: Facts, more: Background) -> tuple[str, str, str]:
    """Return tone, icon and the leading sentence."""
    if more.outage:
        return "bad", "x-circle", more.outage
    if condition in _LEADS:
        look = STATES[condition]
        return look.tone, look.icon, _LEADS[condition](facts)
    if condition == UNKNOWN:
        return "warn", "question-mark-circle", more.unknown_reason or "Its state isn’t known yet."
    return _well(facts)


def _well(facts: Facts) -> tuple[str, str, str]:
    depth = messages(facts.ready or 0)
    if facts.publish is None or facts.deliver is None:
        why = "Its rates aren’t known, so neither is whether it keeps up."
        return "ok", "check-circle", f"Nothing is known to be wrong: {depth} ready. {why}"
    busy = facts.publish > 0 or facts.handed_out > 0
    if facts.type == "stream":
        text = (
            f"{_in_out(facts)}, {messages(facts.total or 0)} kept." if busy else "No traffic now."
        )
        return ("ok", "check-circle", text) if busy else ("mute", "minus-circle", text)
    if not busy and not facts.total:
        return "mute", "minus-circle", "Idle: it is empty and has no traffic."
    if not busy:
        return "mute", "minus-circle", f"Quiet: {depth} ready, and no traffic now."
    if is_more(facts.surplus, facts.publish):
        return (
            "warn",
            "arrow-trending-up",
            f"More comes than leaves: {_in_out(facts)}, {depth} ready.",
        )
    if (facts.growth or 0) <= 0:
        return "ok", "check-circle", f"Keeps up: {_in_out(facts)}, {depth} ready."
    return "ok", "check-circle", f"Nothing is known to be wrong: {_in_out(facts)}, {depth} ready."


def _in_out(facts: Facts) -> str:
    return f"{per_s(facts.publish or 0)} in, {per_s(facts.handed_out)} out"


def _limit(facts: Facts) -> str:
    return f"its limit of {messages(facts.max_length or 0)}"


def _lost(facts: Facts) -> str:
    return f"≈{per_s(max(0.0, facts.surplus or 0))}"


def _not_running(facts: Facts) -> str:
    return f"The broker says that it is {facts.state}: nothing is accepted or delivered."


def _stuck(facts: Facts) -> str:
    for_s = lasted(int(facts.undelivered_s or 0))
    who = "its consumer" if facts.consumers == 1 else f"any of its {facts.consumers} consumers"
    return f"Stuck: nothing was delivered to {who}, or acknowledged, for {for_s}."


def _alone(facts: Facts) -> str:
    if facts.growth is not None and facts.growth > 0:
        return f"Grows by ≈{per_s(facts.growth / GROWTH_S)}, and nobody consumes."
    return f"{per_s(facts.publish or 0)} arrive, and nobody consumes."


def _filling(facts: Facts) -> str:
    growth = facts.growth or 1
    after = about(((facts.max_length or 0) - (facts.ready or 0)) * GROWTH_S / growth)
    return f"Reaches {_limit(facts)} in {after}, if it grows on as in the last 5 minutes."


def _members(facts: Facts) -> str:
    members, online = facts.members or 0, facts.online or 0
    spare = online - (members // 2 + 1)
    then = (
        "It stops if one more is lost." if spare == 0 else f"It stops if {spare + 1} more are lost."
    )
    return f"{online} of {members} members are online. {then}"


def _churn(facts: Facts) -> str:
    share = min(1.0, (facts.redeliver or 0) / facts.handed_out) if facts.handed_out else 1.0
    return (
        f"≈{round(100 * share)} % of its deliveries are repeated ones: "
        f"{per_s(facts.redeliver or 0)} of {per_s(facts.handed_out)}."
    )


def _grows(facts: Facts) -> str:
    return f"Grows by ≈{per_s((facts.growth or 0) / GROWTH_S)}, faster than its consumers work."


_LEADS: Mapping[str, Callable[[Facts], str]] = {
    "losing": lambda facts: f"Loses {_lost(facts)}: it is at {_limit(facts)} and drops its oldest.",
    "rejecting": lambda facts: f"Refuses {_lost(facts)}: it is at {_limit(facts)}.",
    "down": _not_running,
    "minority": lambda facts: "Too few of its members are online: it accepts and delivers nothing.",
    "no_leader": lambda facts: (
        "It has no leader: it accepts and delivers nothing until one is elected."
    ),
    "stuck": _stuck,
    "no_consumers": _alone,
    "full": lambda facts: f"It is at {_limit(facts)}.",
    "filling": _filling,
    "member_down": _members,
    "redelivering": _churn,
    "slow_consumers": _grows,
    "growing": lambda facts: f"Grows by ≈{per_s((facts.growth or 0) / GROWTH_S)}.",
    "flow": lambda facts: "RabbitMQ slows its publishers down: they send more than it can store.",
    "unconsumed": lambda facts: (
        f"{messages(facts.ready or 0).capitalize()} wait, and nobody consumes."
    ),
}


def _facts(condition: str, facts: Facts, more: Background) -> Iterator[str]:
    if more.outage:
        yield more.last_known or (
            "" if facts.ready is not None else "Its depth has never been read."
        )
        yield "Its figures return when the node is back."
    if more.outage or condition == UNKNOWN:
        return
    if condition != WELL:
        yield f"{_traffic(facts)}{count(facts.ready or 0)} ready, {_unacked(facts)}."
    if is_full(facts):
        if condition not in _AT_LIMIT:
            yield f"It is at {_limit(facts)}."
        yield _at_limit(facts)
    elif facts.type != "stream":
        yield from _until_limit(condition, facts, more)
    if more.max_length_bytes is not None and facts.type != "stream":
        yield (
            f"It is limited to {' '.join(sized(more.max_length_bytes))} of ready messages as well, which "
            "this doesn’t judge."
        )


def _traffic(facts: Facts) -> str:
    if facts.publish is None or facts.deliver is None:
        return "Its rates aren’t known. "
    acked = f", {per_s(facts.ack)} acknowledged" if facts.ack else ""
    return f"{_in_out(facts)}{acked}; "


def _unacked(facts: Facts) -> str:
    return "unacked unknown" if facts.unacked is None else f"{count(facts.unacked)} unacked"


def _at_limit(facts: Facts) -> str:
    if facts.overflow.startswith("reject-publish"):
        return (
            "New messages are refused: publishers that wait for confirms get a nack, "
            "others lose them without notice."
        )
    if facts.dead_letters:
        return "Each new message pushes the oldest one out, to its dead-letter exchange."
    if facts.dead_letters is False:
        return "Each new message pushes the oldest one out, which is lost."
    return "What happens to messages past the limit isn’t known."


def _until_limit(condition: str, facts: Facts, more: Background) -> Iterator[str]:
    if not facts.overflow:
        yield "Which length limit applies isn’t known yet."
    elif facts.max_length is None:
        if condition in ("no_consumers", "slow_consumers", "growing", "stuck"):
            yield "No limit on its number of messages is in force."
    elif more.forecast is not None:
        yield _forecast(facts, more.forecast)


def _forecast(facts: Facts, found: Forecast) -> str:
    limit = f"At {messages(facts.max_length or 0)} it {_does(facts)}"
    if found.state == "reaches" and found.after is not None:
        first, last = about(found.soonest or 0), about(found.latest or 0)
        band = f" ({first} to {last})".replace("≈", "") if first != last else ""
        return f"{limit}, in {about(found.after)}{band}."
    if found.state == "not_growing":
        return f"{limit}; it isn’t growing towards that."
    if found.state == "uneven":
        return f"{limit}; it grows too unevenly to say when."
    if found.state == "far":
        return f"{limit}; at this pace, that is more than a week away."
    return f"{limit}; there isn’t enough history to say when."


def _does(facts: Facts) -> str:
    if facts.overflow.startswith("reject-publish"):
        return "refuses new ones"
    if facts.dead_letters:
        return "dead-letters the oldest"
    return "drops the oldest"


def _causes(condition: str, facts: Facts, more: Background) -> Iterator[str]:
    if more.outage:
        return
    if facts.publish and condition not in ("stuck", "redelivering", "member_down"):
        yield origin(more.sources, facts.publish, more.incoming)
    waits_for_acks = condition in ("stuck", "losing", "full", "filling", "slow_consumers")
    if waits_for_acks and more.holding and (facts.unacked or 0) >= more.holding:
        yield (
            f"Its consumers hold {messages(facts.unacked or 0)} unacked, as many as their prefetch "
            "allows: they get no more until they acknowledge."
        )
    if condition == "redelivering":
        yield (
            "Consumers reject messages with requeue, or their channels close before they acknowledge."
        )
