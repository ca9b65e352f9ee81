"""Options of an import, in addition to the file."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class ImportOptions:
    """Options of an import.

    `prune` deletes objects that aren't in the file (same kinds only), and clears what is empty in
    the file: limits, tags, descriptions, passwords. `replace` deletes and declares again objects
    whose fixed properties differ; a queue only while it is empty, unless `force`. `valid_part`
    skips what can't be imported.
    """

    vhost: str | None = None
    source_vhost: str | None = None
    prune: bool = False
    replace: bool = False
    force: bool = False
    valid_part: bool = False
    transformations: tuple[str, ...] = ()
