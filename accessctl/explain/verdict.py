from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from console.rabbitmq.text import printable

Outcome = Literal["allows", "denies", "unknown", "note"]


@dataclass(frozen=True, slots=True)
class Reason:
    """One rule that the broker applies, and what comes of it. A `note` decides nothing.

    `right`, `resource` and `pattern` tell which pattern of the permission was held against which
    name; they are "" where the rule is about something else. `decided`: the verdict rests on it.
    """

    rule: str
    outcome: Outcome
    sentence: str
    right: str = ""
    resource: str = ""
    pattern: str = ""
    decided: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """`allowed` None: it cannot be told, and `missing` says what for."""

    allowed: bool | None
    reasons: tuple[Reason, ...]

    @property
    def missing(self) -> tuple[str, ...]:
        return tuple(r.sentence for r in self.reasons if r.outcome == "unknown" and r.decided)

    @property
    def deciding(self) -> tuple[Reason, ...]:
        return tuple(reason for reason in self.reasons if reason.decided)

    @property
    def notes(self) -> tuple[Reason, ...]:
        return tuple(reason for reason in self.reasons if reason.outcome == "note")


def quoted(text: str) -> str:
    """A name or pattern inside a sentence: as it is, but for what cannot be seen."""
    return f'"{printable(text, 160)}"'


def settle(reasons: Iterator[Reason]) -> Verdict:
    """Reasons in the order in which the broker checks. One that denies settles it, whatever is not
    known: the broker stops at the first. Without one, what is not known leaves it open."""
    found = list(reasons)
    outcomes = [reason.outcome for reason in found]
    if "denies" in outcomes:
        at = outcomes.index("denies")
        found[at] = replace(found[at], decided=True)
        return Verdict(False, tuple(found))
    deciding = "unknown" if "unknown" in outcomes else "allows"
    found = [replace(r, decided=r.outcome == deciding) for r in found]
    return Verdict(None if deciding == "unknown" else True, tuple(found))
