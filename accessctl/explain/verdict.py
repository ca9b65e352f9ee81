from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from console.rabbitmq.text import printable

Outcome = Literal["allows", "denies", "unknown", "note"]


@dataclass(frozen=True, slots=True)
class Reason:
    """One rule that the broker applies, and its outcome. A `note` has no effect on the verdict.

    `right`, `resource` and `pattern` say which of the permission's patterns was matched against
    which name; "" if the rule is about something else. `decided`: the verdict depends on it.
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
    """The answer. `allowed` None: unknown, and `missing` says why."""

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
    """Return a name or pattern for use in a sentence, with invisible characters escaped."""
    return f'"{printable(text, 160)}"'


def settle(reasons: Iterator[Reason]) -> Verdict:
    """Return the verdict. `reasons` are in the order in which the broker checks.

    The first reason that denies decides, even if others are unknown, because the broker stops
    there. Without one, any unknown reason makes the verdict unknown.
    """
    found = list(reasons)
    outcomes = [reason.outcome for reason in found]
    if "denies" in outcomes:
        at = outcomes.index("denies")
        found[at] = replace(found[at], decided=True)
        return Verdict(False, tuple(found))
    deciding = "unknown" if "unknown" in outcomes else "allows"
    found = [replace(r, decided=r.outcome == deciding) for r in found]
    return Verdict(None if deciding == "unknown" else True, tuple(found))
