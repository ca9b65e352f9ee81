"""What upgrade readiness says about a broker."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from console.models import Broker
from vhosts.diagnosis.finding import FEW, Fix, Subject

Sort = Literal["blocks", "changes", "unknown"]


@dataclass(slots=True)
class Item:
    """One thing to know before the upgrade. `count` objects are concerned, of which `subjects` are
    the first."""

    sort: Sort
    sentence: str
    advice: str = ""
    count: int = 0
    subjects: list[Subject] = field(default_factory=list)
    fix: Fix | None = None

    def add(self, subject: Subject, number: int = 1) -> None:
        self.count += number
        if len(self.subjects) < FEW:
            self.subjects.append(subject)

    @property
    def more(self) -> int:
        return self.count - len(self.subjects)


@dataclass(slots=True)
class Readiness:
    """`steps` are the series to upgrade to one after the other; None: there is no way in place, or
    the version is unknown. `at`: when the objects were read."""

    broker: Broker
    target: str
    version: str
    steps: list[str] | None
    at: datetime | None
    items: list[Item] = field(default_factory=list)

    def of(self, sort: Sort) -> list[Item]:
        return [one for one in self.items if one.sort == sort]

    @property
    def blocks(self) -> list[Item]:
        return self.of("blocks")

    @property
    def changes(self) -> list[Item]:
        return self.of("changes")

    @property
    def unknown(self) -> list[Item]:
        return self.of("unknown")

    @property
    def is_there(self) -> bool:
        """Whether the broker has the target series already."""
        return self.steps == []

    @property
    def verdict(self) -> str:
        """blocked, unknown, ready or there."""
        if self.is_there:
            return "there"
        if self.blocks:
            return "blocked"
        return "unknown" if self.unknown else "ready"
