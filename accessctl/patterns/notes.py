"""What to think of before a permission is set: risks of its patterns, as sentences."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from accessctl.patterns.check import check, dialect_of
from console.engine.accept import Wish
from console.kinds.common.kind import Ref
from console.kinds.permission import PERMISSION
from console.kinds.topic_permission import TOPIC_PERMISSION

#: More than are shown of one plan are not looked at: each may take some hundredths of a second.
_MOST_PATTERNS = 50
_SAID_OF = {PERMISSION.name: False, TOPIC_PERMISSION.name: True}


def pattern_notes(wishes: Iterable[Wish]) -> Mapping[Ref, Sequence[str]]:
    """By object; only what deserves a second look, of the first patterns that differ."""
    found: dict[Ref, list[str]] = {}
    known: dict[tuple[str, bool, int], list[str]] = {}
    for wish in wishes:
        topic = _SAID_OF.get(wish.ref.kind)
        if topic is None or wish.spec is None:
            continue
        for field, pattern in wish.spec.items():
            asked = (pattern, topic, wish.broker.pk)
            if asked not in known:
                if len(known) >= _MOST_PATTERNS:
                    return found
                dialect = dialect_of(wish.broker.status.erlang_version)
                checked = check(pattern, dialect=dialect, topic=topic)
                said = [note.sentence for note in checked.notes]
                known[asked] = [checked.error, *said] if checked.error else said
            notes = [f"{field.capitalize()} {pattern}: {sentence}" for sentence in known[asked]]
            found.setdefault(wish.ref, []).extend(notes)
    return found
