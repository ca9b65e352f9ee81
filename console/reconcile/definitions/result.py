"""The result of reading definitions: objects and findings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from console.kinds.common.kind import Ref
from console.kinds.common.rows import Level


@dataclass(frozen=True, slots=True)
class Finding:
    """Something to report about a file. `index` counts the section's rows from 0; None if it is
    about the whole section or file."""

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
    """Something on a broker that can't be read or compared. `vhost` None: it belongs to the whole
    broker, or its place is unknown. `sentence` names it in printable form."""

    vhost: str | None
    sentence: str

    def __str__(self) -> str:
        return self.sentence


@dataclass(frozen=True, slots=True)
class Carried:
    """An object that the console can't address, so it is only copied into files. `skipped`: not
    because of its name, but because an import would skip it."""

    spec: dict[str, Any] = field(repr=False)
    why: str
    skipped: bool = False


@dataclass(frozen=True, slots=True)
class Definitions:
    """The content of a file. `objects` hold only the fields that the file has; `sections` are the
    kinds that the file contains. Specs hold secrets (password hashes, URIs with passwords): never
    show them as they are.
    """

    objects: Mapping[Ref, dict[str, Any]] = field(repr=False)
    sections: frozenset[str]
    findings: tuple[Finding, ...] = ()
    version: str = ""
    #: The original name of the virtual host in a file of a single one; "" if the file doesn't give
    #: it; None for a file of a cluster.
    single_vhost: str | None = None
    #: Virtual hosts that the file doesn't list: it has only limits for them.
    implied: frozenset[Ref] = frozenset()
    #: Limits that the file gives as negative, which removes them, by virtual host or user.
    removed_limits: Mapping[Ref, frozenset[str]] = field(default_factory=dict)
    #: For a broker's own definitions: one entry per error.
    left_out: tuple[LeftOut, ...] = ()
    carried: Mapping[Ref, Carried] = field(default_factory=dict, repr=False)

    @property
    def errors(self) -> list[Finding]:
        return [finding for finding in self.findings if finding.level is Level.ERROR]
