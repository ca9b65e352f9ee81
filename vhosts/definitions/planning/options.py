"""What is asked of an import beside the file."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class ImportOptions:
    """`prune` deletes what the file lacks, of the kinds it speaks of, and clears what it has empty: limits,
    tags, descriptions, passwords. `replace` deletes and declares
    again what is there with other fixed properties; a queue only while it is empty, unless `force`.
    `valid_part` goes ahead without what cannot be done."""

    vhost: str | None = None
    source_vhost: str | None = None
    prune: bool = False
    replace: bool = False
    force: bool = False
    valid_part: bool = False
    transformations: tuple[str, ...] = ()
