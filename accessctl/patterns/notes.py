"""What to think of before a permission is set: risks of its patterns, as sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from accessctl.patterns.check import check, dialect_of
from console.engine.proposal import DesiredObject
from console.kinds.common.kind import Ref

#: More than are shown of one plan are not looked at: each may take some hundredths of a second.
_MOST_PATTERNS = 50


def pattern_notes(
    desired_objects: Sequence[DesiredObject], *, topic: bool
) -> Mapping[Ref, Sequence[str]]:
    """By object, of permissions or of topic permissions; only what deserves a second look, of the first
    patterns that differ."""
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
                # A plan tells slips of every kind by itself.
                said = [note.sentence for note in checked.notes if note.code != "slip"]
                known[asked] = [checked.error, *said] if checked.error else said
            notes = [f"{field.capitalize()} {pattern}: {sentence}" for sentence in known[asked]]
            found.setdefault(desired.ref, []).extend(notes)
    return found
