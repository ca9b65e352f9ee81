"""What a rule is, and what it finds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from accessctl.rights import Permission
from console.models import Broker

if TYPE_CHECKING:
    from vhosts.diagnosis.ground import Ground
    from vhosts.models import IgnoredFinding

#: Objects named by a finding; the rest are counted.
FEW = 10


class Harm(StrEnum):
    """What a finding threatens, the worst first."""

    LOSS = "loss"
    STOPPED = "stopped"
    RISK = "risk"
    EXPOSED = "exposed"
    WASTE = "waste"


class Look(NamedTuple):
    """`state` is a key of the vocabulary of states."""

    label: str
    state: str


HARMS: dict[Harm, Look] = {
    Harm.LOSS: Look("Loses messages", "failed"),
    Harm.STOPPED: Look("Stopped", "failed"),
    Harm.RISK: Look("Will break", "warning"),
    Harm.EXPOSED: Look("Exposed", "warning"),
    Harm.WASTE: Look("Waste", "skipped"),
}


@dataclass(frozen=True, slots=True)
class Subject:
    """An object that a finding is about. `url` is "" if it has no page. `evidence` has its figures."""

    name: str
    url: str = ""
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class Fix:
    """A way to a form or preview that fixes it. Nothing is applied by opening it."""

    label: str
    url: str
    right: Permission


#: Yields the findings on brokers of which everything that the rule needs is known.
Judge = Callable[["Ground", "Rule", Sequence[Broker]], Iterator["Finding"]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """`needs` are facts without which a broker can't be judged (see `ground.why_unknown`).
    `rights` are all required to see its findings."""

    name: str
    title: str
    harm: Harm
    why: str
    needs: tuple[str, ...]
    rights: tuple[Permission, ...]
    judge: Judge


@dataclass(slots=True, kw_only=True)
class Finding:
    """`vhost` is "" for a finding about the whole broker. `count` is the number of objects, of which
    `subjects` are the first. `at`: when the evidence was read."""

    rule: Rule
    broker: Broker
    vhost: str = ""
    sentence: str
    at: datetime | None
    count: int = 1
    subjects: tuple[Subject, ...] = ()
    evidence: str = ""
    fixes: tuple[Fix, ...] = ()
    #: Sort key among findings of the same harm: more is worse.
    weight: float = 0
    ignored: IgnoredFinding | None = None
    #: Whether the viewer may ignore it; set by the page.
    ignorable: bool = False
    #: Objects that are left out because somebody ignored each of them.
    ignored_subjects: int = 0

    @property
    def id(self) -> str:
        return f"{self.rule.name}.{self.broker.pk}.{self.vhost}"

    @property
    def more(self) -> int:
        return self.count - len(self.subjects)

    @property
    def look(self) -> Look:
        return HARMS[self.rule.harm]


@dataclass(frozen=True, slots=True)
class Unjudged:
    """A rule that couldn't be applied to a broker, and why."""

    rule: Rule
    broker: Broker
    why: str


@dataclass(slots=True)
class Diagnosis:
    """`hidden` are rules that the viewer may not see, by the right that is missing."""

    findings: list[Finding] = field(default_factory=list)
    ignored: list[Finding] = field(default_factory=list)
    unjudged: list[Unjudged] = field(default_factory=list)
    hidden: dict[str, list[Rule]] = field(default_factory=dict)
    brokers: int = 0
    rules: int = 0
