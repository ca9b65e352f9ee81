"""Asks every source, folds what is alike, and groups by harm."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import structlog
from django.db import DatabaseError

from accessctl.authorize import AnyUser
from console.faces.attention import SOURCES, Act, AttentionItem, Harm, Many, Source
from console.models import Broker, Environment
from console.pages.attention.brokers import broker_conditions
from console.pages.attention.work import changes_and_drift

log = structlog.get_logger(__name__)

#: An app's source with the same name replaces one of these.
OWN: Mapping[str, Source] = {
    "brokers": broker_conditions,
    "work": changes_and_drift,
}
#: Up to this many items that are alike are shown one by one.
_ALIKE = 3
#: Most brokers named for folded items.
_NAMED = 3
_ENVIRONMENTS = {value: place for place, value in enumerate(Environment.values)}


@dataclass(frozen=True, slots=True)
class Look:
    title: str
    short: str
    icon: str
    tone: str


LOOKS: Mapping[Harm, Look] = {
    Harm.LOST: Look("Messages are lost", "losing messages", "x-circle", "bad"),
    Harm.STOPPED: Look("Delivery is stopped", "stopped", "no-symbol", "bad"),
    Harm.WILL_BREAK: Look("Will break", "will break", "exclamation-triangle", "warn"),
    Harm.NOT_KNOWN: Look("Unknown", "unknown", "signal-slash", "mute"),
}


@dataclass(frozen=True, slots=True)
class Group:
    """Items of one harm."""

    harm: Harm
    items: list[AttentionItem]
    #: How many items of this harm there are, shown or not.
    number: int

    @property
    def look(self) -> Look:
        return LOOKS[self.harm]


@dataclass(frozen=True, slots=True)
class Toll:
    """What needs attention on one broker."""

    harm: Harm | None = None
    count: int = 0
    #: The worst item, for one line of words.
    worst: AttentionItem | None = None


@dataclass(frozen=True, slots=True)
class Attention:
    """Everything that needs attention, worst first."""

    items: list[AttentionItem]
    tolls: Mapping[int, Toll] = field(default_factory=dict)
    #: Names of sources that failed: what they would have found isn't known.
    failed: Sequence[str] = ()

    def toll(self, broker: Broker) -> Toll:
        return self.tolls.get(broker.pk, Toll())

    def groups(self, start: int = 0, end: int | None = None) -> list[Group]:
        """Return the items from `start` to `end` in groups, worst first."""
        numbers = Counter(item.harm for item in self.items)
        part = self.items[start:end]
        return [
            Group(harm, found, numbers[harm])
            for harm in Harm
            if (found := [item for item in part if item.harm is harm])
        ]

    def rest(self, start: int) -> list[tuple[int, Look]]:
        """Return how many items of each harm come from `start` on."""
        numbers = Counter(item.harm for item in self.items[start:])
        return [(numbers[harm], LOOKS[harm]) for harm in Harm if numbers[harm]]


def collect(user: AnyUser, brokers: Sequence[Broker], now: datetime) -> Attention:
    """Return what needs attention on the brokers (see Source), as far as the user may see it."""
    found: list[AttentionItem] = []
    failed = []
    for name, source in {**OWN, **SOURCES}.items():
        try:
            found += source(user, brokers, now)
        except DatabaseError:
            raise
        except Exception:
            # A source is an app's own code: one with a bug must not take the page away from those
            # who are paged. The page names it, and the log has the traceback.
            log.exception("attention_source_failed", source=name)
            failed.append(name)
    return Attention(sorted(_folded(found), key=_place), _tolls(found), failed)


def _place(item: AttentionItem) -> tuple[int, int, float]:
    """Worst first, production before the others, newest first; unknown times last."""
    environment = _ENVIRONMENTS[item.broker.environment] if item.broker else 0
    return (
        item.harm,
        environment,
        -item.since.timestamp() if item.since else 0,
    )


def _tolls(items: Sequence[AttentionItem]) -> dict[int, Toll]:
    tolls: dict[int, Toll] = {}
    for item in sorted(items, key=_place):
        if item.broker is None:
            continue
        before = tolls.get(item.broker.pk, Toll(item.harm, 0, item))
        tolls[item.broker.pk] = replace(before, count=before.count + item.count)
    return tolls


def _folded(items: Sequence[AttentionItem]) -> list[AttentionItem]:
    """Return the items, with more than `_ALIKE` that are alike as one."""
    alike: dict[tuple[Harm, str], tuple[Many, list[AttentionItem]]] = {}
    result = []
    for item in items:
        if item.many is None:
            result.append(item)
        else:
            alike.setdefault((item.harm, item.many.key), (item.many, []))[1].append(item)
    for many, members in alike.values():
        result += members if len(members) <= _ALIKE else [_one_for(members, many)]
    return result


def _one_for(items: list[AttentionItem], many: Many) -> AttentionItem:
    count = sum(item.count for item in items)
    times = [item.since for item in items if item.since]
    return AttentionItem(
        harm=items[0].harm,
        subject=f"{count:,} {many.nouns}",
        url=many.url,
        sentence=many.sentence,
        cause=_where(items),
        since=min(times) if times else None,
        act=Act("Show all", many.url),
        count=count,
    )


def _where(items: list[AttentionItem]) -> str:
    """Return which brokers they are on, those with most of them first."""
    numbers: Counter[str] = Counter()
    for item in items:
        if item.broker is not None:
            numbers[item.broker.name] += item.count
    if not numbers:
        return ""
    named = [name for name, _ in numbers.most_common(_NAMED)]
    if all(count == 1 for count in numbers.values()):
        shown = ", ".join(named)
    else:
        shown = ", ".join(f"{name} ({numbers[name]:,})" for name in named)
    more = len(numbers) - len(named)
    return f"{shown} and {more} more." if more else f"{shown}."
