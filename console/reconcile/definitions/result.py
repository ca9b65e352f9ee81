"""What was read of definitions: objects, and what is to be said of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from console.kinds.common.kind import Ref
from console.kinds.common.rows import Level


@dataclass(frozen=True, slots=True)
class Finding:
    """`index` counts the section's rows from 0; None where it is about the whole section or file."""

    level: Level
    section: str
    index: int | None
    field: str
    sentence: str
    ref: Ref | None = None

    def __str__(self) -> str:
        where = self.section if self.index is None else f"{self.section}[{self.index}]"
        where = f"{where}.{self.field}" if self.field and where else where or self.field
        return f"{where}: {self.sentence}" if where else self.sentence


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Something of a broker that cannot be read or compared. `vhost` None: it belongs to the whole
    broker, or where it belongs cannot be told. `sentence` names it, printably."""

    vhost: str | None
    sentence: str

    def __str__(self) -> str:
        return self.sentence


@dataclass(frozen=True, slots=True)
class Carried:
    """An object that the console can't address, so that it is kept in files and nothing else is done with
    it. `skipped`: not for its name, but because an import would pass it over."""

    spec: dict[str, Any] = field(repr=False)
    why: str
    skipped: bool = False


@dataclass(frozen=True, slots=True)
class Definitions:
    """`objects` hold only the fields that the file tells; `sections` are the kinds it speaks of at
    all. Specs hold secrets (password hashes, URIs with passwords): never show them as they are."""

    objects: Mapping[Ref, dict[str, Any]] = field(repr=False)
    sections: frozenset[str]
    findings: tuple[Finding, ...] = ()
    version: str = ""
    #: The virtual host that a file of a single one is of, as it was called there; "" where not told.
    single_vhost: str | None = None
    #: Virtual hosts that are not among the file's own: of these it tells nothing but limits.
    implied: frozenset[Ref] = frozenset()
    #: Limits that it gives as negative, which is to have none: by virtual host or user.
    removed_limits: Mapping[Ref, frozenset[str]] = field(default_factory=dict)
    #: Of a broker's own definitions, one for each of `errors`.
    left_out: tuple[LeftOut, ...] = ()
    carried: Mapping[Ref, Carried] = field(default_factory=dict, repr=False)

    @property
    def errors(self) -> list[Finding]:
        return [finding for finding in self.findings if finding.level is Level.ERROR]
