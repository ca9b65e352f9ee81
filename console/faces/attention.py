"""What Fleet shows under *Needs attention*: the items, and the register of what finds them.

An app gives a source when Django starts (`AppConfig.ready`):

    register_attention("queues", queue_conditions)

A source is called once for a page view, reads Postgres only, in a number of queries that doesn't
depend on how many brokers or items there are, and returns only what the person may see.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser

    from console.models import Broker


class Harm(IntEnum):
    """What is at stake, worst first."""

    LOST = 0
    STOPPED = 1
    WILL_BREAK = 2
    NOT_KNOWN = 3


@dataclass(frozen=True, slots=True)
class Act:
    """The one thing to do next: the label of a button (verb and noun) and the page that it opens."""

    label: str
    url: str


@dataclass(frozen=True, slots=True)
class Many:
    """How items that are alike are said in one line: "312 queues have no consumers." """

    #: Items with the same key are alike, whatever their source.
    key: str
    #: "queues"
    nouns: str
    #: "have messages and no consumers."
    sentence: str
    #: The list of all of them.
    url: str


@dataclass(frozen=True, slots=True)
class AttentionItem:
    """One thing that somebody should look at.

    `subject` is the object's name as the broker gave it; templates escape it and make control
    characters visible. It is the link to `url`. `sentence` goes on after it and after
    "on <broker>": "has 1,204 ready messages and no consumers." `cause` is a sentence, or "" if it
    isn't known. `since` is None if it isn't known.
    """

    harm: Harm
    subject: str
    url: str
    sentence: str
    cause: str = ""
    since: datetime | None = None
    act: Act | None = None
    #: None: it concerns the console or several brokers. If the subject is the broker itself, it is
    #: still named here, for the tile's count.
    broker: Broker | None = None
    many: Many | None = None
    #: How many objects the item stands for. A source that finds thousands returns a few of them
    #: and one item with `many` and the number of the others.
    count: int = 1


class Source(Protocol):
    """Return what needs attention on these brokers. They are those in the person's scope, with
    `status` and the annotations `shown` and `attention`."""

    def __call__(
        self, user: AbstractBaseUser | AnonymousUser, brokers: Sequence[Broker], now: datetime
    ) -> Iterable[AttentionItem]: ...


#: By name, in the order of registration.
SOURCES: dict[str, Source] = {}


def register_attention(name: str, source: Source) -> None:
    """Add the source. A second one with the same name replaces the first."""
    SOURCES[name] = source
