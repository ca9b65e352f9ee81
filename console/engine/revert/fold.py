"""Fold what finished steps did into one inverse per object, and merge it with the present state.

Pure. A *field* here is a field of the spec, or a key of one that is a table, such as a policy's
definition: two people who changed different keys of it don't get in each other's way.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from console.kinds.common.kind import Ref, Spec
from console.kinds.registry import KINDS
from console.reconcile.diff import compare
from console.reconcile.disclose import beside_secrets

#: A field by name, or a key of a table by both names.
Path = tuple[str, ...]
_MISSING = object()


@dataclass(frozen=True, slots=True)
class Event:
    """What one step did to one object. None: it didn't exist."""

    ref: Ref
    before: Spec | None
    after: Spec | None


@dataclass(frozen=True, slots=True)
class Folded:
    """What a series of events did to an object: `before` is what to go back to, `after` what they
    left. `between`: fields that somebody else changed in the meantime; they aren't undone."""

    ref: Ref
    before: Spec | None
    after: Spec | None
    between: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class Inverse:
    """The way back for one object.

    `spec` is the desired spec, None to delete it. `changes`: whether there is anything to do.
    `conflicts` are fields that were changed again since. `moved`: the object as a whole was
    "deleted" or "created again" since, or "edited" although the way back is to delete it.
    """

    ref: Ref
    spec: Spec | None
    changes: bool
    conflicts: tuple[Path, ...] = ()
    moved: str = ""
    between: tuple[Path, ...] = field(default=())


def fold(events: Iterable[Event]) -> dict[Ref, Folded]:
    """Return the effect of the events, in the order in which they happened, by object. An object
    that they created and deleted again is left out."""
    by_ref: dict[Ref, list[Event]] = {}
    for event in events:
        told = Event(event.ref, _told(event.ref, event.before), _told(event.ref, event.after))
        if _has_effect(told):
            by_ref.setdefault(event.ref, []).append(told)
    found = {ref: _folded(ref, of_ref) for ref, of_ref in by_ref.items()}
    return {
        ref: one for ref, one in found.items() if one.before is not None or one.after is not None
    }


def _has_effect(event: Event) -> bool:
    if event.before is None or event.after is None:
        return event.before is not event.after
    return bool(_changed(event.ref, event.before, event.after))


def _folded(ref: Ref, events: list[Event]) -> Folded:
    """Go through the events backwards. What a step didn't change is as the next one found it."""
    last = events[-1]
    target = last.before
    between: dict[Path, None] = {}
    for event, later in zip(reversed(events[:-1]), reversed(events[1:]), strict=True):
        if event.before is not None and event.after is not None and target is not None:
            paths = _changed(ref, event.before, event.after)
            target = _with(target, {path: _at(event.before, path) for path in paths})
        else:
            target = event.before
        if event.after is not None and later.before is not None:
            between |= dict.fromkeys(_changed(ref, event.after, later.before))
    return Folded(ref, target, last.after, tuple(between))


def invert(folded: Folded, now: Spec | None, *, overwrite: bool) -> Inverse:
    """Return the way back from `now`, the object's present spec (None: it doesn't exist).

    Only fields that the events changed are set back. A field that was changed again since keeps its
    value, or is set back too with `overwrite`.
    """
    ref, before, after = folded.ref, folded.before, folded.after
    now = _told(ref, now)
    if before is None or after is None or now is None:
        return _whole(folded, now, overwrite)
    values: dict[Path, Any] = {}
    conflicts: list[Path] = []
    for path in _changed(ref, before, after):
        present, target = _at(now, path), _at(before, path)
        if present == target:
            continue
        if present != _at(after, path):
            conflicts.append(path)
            if not overwrite:
                continue
        values[path] = target
    return Inverse(ref, _with(now, values), bool(values), tuple(conflicts), between=folded.between)


def _whole(folded: Folded, now: Spec | None, overwrite: bool) -> Inverse:
    ref, before, after = folded.ref, folded.before, folded.after
    if (before is None) == (now is None) and (
        before is None or not _changed(ref, now or {}, before)
    ):
        return Inverse(ref, before, False, between=folded.between)
    if after is None and now is None:
        return Inverse(ref, before, True, between=folded.between)
    if after is not None and now is not None:  # created by the events, so it is to be deleted
        differs = tuple(_changed(ref, after, now))
        deletes = overwrite or not differs
        moved = "edited" if differs else ""
        return Inverse(ref, None if deletes else now, deletes, differs, moved, folded.between)
    moved = "deleted" if now is None else "created again"
    return Inverse(ref, before if overwrite else now, overwrite, (), moved, folded.between)


def _told(ref: Ref, spec: Spec | None) -> Spec | None:
    """Return the spec in canonical form, without what belongs to a secret and without fields that
    it doesn't have. Raises SpecError."""
    if spec is None:
        return None
    kind, beside = KINDS[ref.kind], beside_secrets(ref.kind)
    names = {one.name for one in kind.fields if one.name in spec and one.name not in beside}
    whole = kind.canonical({name: spec[name] for name in names})
    return {name: value for name, value in whole.items() if name in names}


def _changed(ref: Ref, before: Spec, after: Spec) -> list[Path]:
    """Return the fields that differ. One that `before` lacks is unknown, so it doesn't count."""
    found: list[Path] = []
    for change in compare(ref, after, before).fields:
        if isinstance(change.before, Mapping) and isinstance(change.after, Mapping):
            names = [*change.before, *(n for n in change.after if n not in change.before)]
            found += [
                (change.name, name)
                for name in names
                if change.before.get(name, _MISSING) != change.after.get(name, _MISSING)
                or type(change.before.get(name)) is not type(change.after.get(name))
            ]
        else:
            found.append((change.name,))
    return found


def _at(spec: Spec, path: Path) -> Any:
    value: Any = spec.get(path[0], _MISSING)
    if len(path) == 1 or value is _MISSING:
        return value
    return value.get(path[1], _MISSING) if isinstance(value, Mapping) else _MISSING


def _with(spec: Spec, values: Mapping[Path, Any]) -> dict[str, Any]:
    """Return the spec with these values; `_MISSING` removes a key."""
    found = dict(spec)
    for path, value in values.items():
        if len(path) == 1:
            if value is not _MISSING:
                found[path[0]] = value
            continue
        table = found.get(path[0])
        table = dict(table) if isinstance(table, Mapping) else {}
        table.pop(path[1], None)
        if value is not _MISSING:
            table[path[1]] = value
        found[path[0]] = table
    return found
