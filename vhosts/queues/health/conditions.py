"""The conditions of a queue, by harm, as rules over what was read. Pure.

Each rule stands here once as Python and in `vhosts.queues.health.judge` once as SQL, because the
list sorts and filters 10,000 queues by the worst one. A test compares both with random queues.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

Harm = Literal["lost", "stopped", "will_break", "unknown", "none"]
#: Nothing is known to be wrong.
WELL = "well"
#: The depth or state isn't known, so neither is what is wrong.
UNKNOWN = ""
#: States in which the queue's process doesn't run.
NOT_RUNNING = ("down", "stopped", "crashed", "terminated")

#: Nothing delivered for this long, while messages wait and there are consumers: stuck. Consumers that
#: take longer for one message look the same.
STUCK_AFTER_S = 60
#: Publishing must exceed what leaves by this share, and by this many a second, to count as more.
SURPLUS_SHARE = 0.05
SURPLUS_LEAST = 0.1
#: At least this share of what is delivered was delivered before.
CHURN_SHARE = 0.5
CHURN_LEAST = 0.1
#: Slow consumers: within 5 minutes it grew by this share of what was published, and by this many.
SLOW_SHARE = 0.05
SLOW_LEAST = 10
#: Growing fast: within 5 minutes by this many, and by this share of what it had.
GROWTH_LEAST = 100
GROWTH_SHARE = 0.2
#: It reaches its limit within this time, if it grows on as in the last 5 minutes.
FILLING_WITHIN_S = 3600
GROWTH_S = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the rules read of a queue. None is unknown. Rates are messages per second.

    `growth` is the change over 5 minutes. `undelivered_s`: seconds since when messages wait and
    nothing is delivered or acknowledged; None: something is, or it is unknown. `overflow` is "" if
    it isn't known which limits apply; `max_length` None with an overflow means no limit.
    """

    type: str = "classic"
    state: str = ""
    has_leader: bool = True
    ready: int | None = None
    unacked: int | None = None
    total: int | None = None
    consumers: int | None = None
    publish: float | None = None
    deliver: float | None = None
    ack: float | None = None
    redeliver: float | None = None
    get: float | None = None
    growth: int | None = None
    undelivered_s: float | None = None
    members: int | None = None
    online: int | None = None
    max_length: int | None = None
    overflow: str = ""
    dead_letters: bool | None = None
    delays: bool | None = None

    @property
    def leaving(self) -> float | None:
        """Messages a second that leave the ready ones for good: a redelivery had left before. None: unknown."""
        if self.deliver is None:
            return None
        return max(0.0, self.deliver + (self.get or 0) - (self.redeliver or 0))

    @property
    def surplus(self) -> float | None:
        """How many messages a second more are published than leave. None: unknown."""
        leaving = self.leaving
        return None if self.publish is None or leaving is None else self.publish - leaving

    @property
    def handed_out(self) -> float:
        return (self.deliver or 0) + (self.get or 0)


def _is_queue(facts: Facts) -> bool:
    """A stream keeps its messages whoever reads them, and drops old segments by design."""
    return facts.type != "stream"


def is_full(facts: Facts) -> bool:
    return (
        _is_queue(facts)
        and facts.max_length is not None
        and facts.ready is not None
        and facts.ready >= facts.max_length
    )


def is_more(surplus: float | None, publish: float | None) -> bool:
    """Return whether clearly more is published than leaves."""
    return (
        surplus is not None and surplus > SURPLUS_LEAST and surplus > SURPLUS_SHARE * (publish or 0)
    )


def _overflows(facts: Facts) -> bool:
    return is_full(facts) and is_more(facts.surplus, facts.publish)


def _waits(facts: Facts) -> bool:
    return _is_queue(facts) and (facts.ready or 0) > 0


def _unattended(facts: Facts) -> bool:
    """Messages wait for nobody. The consumers were counted some time before the rates were read."""
    delays = facts.delays is True
    return _waits(facts) and facts.consumers == 0 and not facts.handed_out > 0 and not delays


def _losing(facts: Facts) -> bool:
    return _overflows(facts) and facts.overflow == "drop-head" and facts.dead_letters is False


def _rejecting(facts: Facts) -> bool:
    return _overflows(facts) and facts.overflow.startswith("reject-publish")


def _stuck(facts: Facts) -> bool:
    return (
        _waits(facts)
        and (facts.consumers or 0) > 0
        and facts.undelivered_s is not None
        and facts.undelivered_s >= STUCK_AFTER_S
    )


def _no_consumers(facts: Facts) -> bool:
    grows = (facts.publish or 0) > 0 if facts.growth is None else facts.growth > 0
    return _unattended(facts) and grows


def _filling(facts: Facts) -> bool:
    if not _is_queue(facts) or facts.max_length is None or facts.ready is None:
        return False
    growth, room = facts.growth or 0, facts.max_length - facts.ready
    return growth > 0 and room > 0 and room * GROWTH_S <= growth * FILLING_WITHIN_S


def _member_down(facts: Facts) -> bool:
    return facts.members is not None and facts.online is not None and facts.online < facts.members


def _redelivering(facts: Facts) -> bool:
    again = facts.redeliver or 0
    return again >= CHURN_LEAST and again >= CHURN_SHARE * facts.handed_out


def _slow(facts: Facts) -> bool:
    growth, publish = facts.growth or 0, facts.publish or 0
    return (
        _is_queue(facts)
        and (facts.consumers or 0) > 0
        and (facts.deliver or 0) > 0
        and growth >= SLOW_LEAST
        and growth >= SLOW_SHARE * publish * GROWTH_S
    )


def _growing(facts: Facts) -> bool:
    growth = facts.growth or 0
    return (
        _is_queue(facts)
        and facts.total is not None
        and growth >= GROWTH_LEAST
        and growth >= GROWTH_SHARE * (facts.total - growth)
    )


#: By harm, worst first.
RULES: Mapping[str, tuple[Harm, Callable[[Facts], bool]]] = {
    "losing": ("lost", _losing),
    "rejecting": ("lost", _rejecting),
    "down": ("stopped", lambda facts: facts.state in NOT_RUNNING),
    "minority": ("stopped", lambda facts: facts.state == "minority"),
    "no_leader": (
        "stopped",
        lambda facts: facts.type == "quorum" and bool(facts.state) and not facts.has_leader,
    ),
    "stuck": ("stopped", _stuck),
    "no_consumers": ("stopped", _no_consumers),
    "full": ("will_break", is_full),
    "filling": ("will_break", _filling),
    "member_down": ("will_break", _member_down),
    "redelivering": ("will_break", _redelivering),
    "slow_consumers": ("will_break", _slow),
    "growing": ("will_break", _growing),
    "flow": ("will_break", lambda facts: facts.state == "flow"),
    "unconsumed": ("will_break", _unattended),
}
#: Every value of Queue.condition, worst first.
CONDITIONS = (*RULES, UNKNOWN, WELL)


def conditions_of(facts: Facts) -> list[str]:
    """Return the conditions that hold, worst first. An empty list: none is known."""
    return [name for name, (_, holds) in RULES.items() if holds(facts)]


def worst(facts: Facts) -> str:
    """Return the worst condition, or WELL, or UNKNOWN if too little is known to say so."""
    found = conditions_of(facts)
    if found:
        return found[0]
    return WELL if facts.ready is not None and facts.state else UNKNOWN


def harm_of(condition: str) -> Harm:
    if condition in RULES:
        return RULES[condition][0]
    return "none" if condition == WELL else "unknown"
