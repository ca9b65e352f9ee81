"""Warn about risks of a permission's patterns before it is set, as sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from accessctl.patterns.check import check, dialect_of
from console.engine.proposal import DesiredObject
from console.kinds.common.kind import Ref

#: A plan doesn't show more than these, so no more are checked: each may take some hundredths of a
#: second.
_MOST_PATTERNS = 50


def pattern_notes(
    desired_objects: Sequence[DesiredObject], *, topic: bool
) -> Mapping[Ref, Sequence[str]]:
    """Return warnings by object, for permissions or topic permissions. Only the first patterns
    that differ are checked."""
    found: dict[Ref, list[str]] = {}
    known: dict[tuple[str, int], list[str]] = {}
    for desired in desired_objects:
        for field, pattern in (desired.spec or {}).items():
            asked = (pattern, desired.broker.pk)
            if asked not in known:
                if len(known) >= _MOST_PATTERNS:
                    return found
                dialect = dialect_of(desired.broker.status.erlang_version)
                checked = check(pattern, dialect=dialect, topic=topic)
                # The plan itself reports slips of every kind.
                said = [note.sentence for note in checked.notes if note.code != "slip"]
                known[asked] = [checked.error, *said] if checked.error else said
            notes = [f"{field.capitalize()} {pattern}: {sentence}" for sentence in known[asked]]
            found.setdefault(desired.ref, []).extend(notes)
    return found
