"""What a revert says: what was changed again since, what can't come back, what is lost."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from console.engine.proposals.lines import shown_value
from console.engine.revert.fold import Inverse, Path
from console.faces.face import FACES
from console.kinds.common.kind import Op, Ref, Spec
from console.kinds.registry import KINDS, phrase
from console.models import Broker
from console.reconcile.diff import compare
from console.reconcile.disclose import beside_secrets, reaches_elsewhere

#: Most objects of which a sentence names each.
MOST_NAMED = 20


def about_inverse(
    inverse: Inverse, now: Spec | None, owner: Ref | None, *, overwrite: bool
) -> Iterator[str]:
    """Yield what was changed again since the change, and what happens with it. `owner`: the virtual
    host or user that is deleted, and the object with it; None if it stays."""
    if owner is not None:
        if now is not None and (inverse.moved or inverse.conflicts):
            was = inverse.moved or "edited"
            yield (
                f"The {phrase(inverse.ref)} was {was} since then. It is deleted with the "
                f"{phrase(owner)}."
            )
    elif inverse.moved:
        fields = f" ({_paths(inverse.conflicts)})" if inverse.conflicts else ""
        again = "is left as it is"
        if overwrite:
            again = (
                "is deleted all the same" if inverse.spec is None else "is set back all the same"
            )
        yield f"The {phrase(inverse.ref)} was {inverse.moved} since then{fields}. It {again}."
    else:
        for path in inverse.conflicts:
            again = "It is set back too." if overwrite else "It keeps that value."
            yield (
                f"{_path(path)} of the {phrase(inverse.ref)} was changed again since then, to "
                f"{_value(now, path)}. {again}"
            )


def lost_with(broker: Broker, ref: Ref, now: Spec | None, spec: Spec | None) -> Iterator[str]:
    """Yield what can't come back with the object, and what is lost when it is deleted."""
    kind, face = KINDS[ref.kind], FACES.get(ref.kind)
    if spec is None:
        if face is not None:
            yield from face.rules.dies(broker, ref.key, now)
        return
    if now is None:
        if beside_secrets(kind.name):
            secret = kind.field(beside_secrets(kind.name)[0]).title
            yield f"It comes back without a {secret}, so it can't connect until you set one."
        if kind.is_container:
            yield "Messages, open connections and traces that ran in it don't come back."
        elif face is not None and face.rules.messages is not None:
            yield "It comes back empty: messages don't come back."
    if reaches_elsewhere(ref, spec) and (now is None or compare(ref, spec, now).fields):
        yield (
            "The console doesn't store the credentials in its URIs. If it needs any, edit it "
            "afterwards and enter them."
        )


def messages_lost(broker: Broker, doomed: Iterable[tuple[Ref, Op]]) -> Iterator[tuple[Ref, str]]:
    """Yield what is lost with objects that hold messages; one query per kind."""
    by_kind: dict[str, list[tuple[Ref, Op]]] = {}
    for ref, op in doomed:
        by_kind.setdefault(ref.kind, []).append((ref, op))
    for kind, those in by_kind.items():
        face = FACES.get(kind)
        if face is None or face.rules.messages is None:
            continue
        counts = face.rules.messages(broker, [ref.key for ref, _ in those], None)
        for ref, _ in those:
            count = counts.get(ref.key)
            if count is None:
                yield ref, "How many messages are lost with it isn't known."
            elif count:
                yield ref, f"{count:,} messages in it are lost, as last polled."


def secret_stays(ref: Ref) -> str:
    """Return the sentence about a password or other secret that the change set."""
    beside = beside_secrets(ref.kind)
    if beside:
        what = f"The {KINDS[ref.kind].field(beside[0]).title} of the {phrase(ref)} stays"
    else:
        what = f"The credentials in the {phrase(ref)} stay"
    return f"{what} as now: the console doesn't store earlier ones."


def named(refs: Iterable[Ref]) -> str:
    """Return the objects for a sentence, at most MOST_NAMED."""
    listed = sorted(set(refs))
    more = len(listed) - MOST_NAMED
    text = ", ".join(phrase(ref) for ref in listed[:MOST_NAMED])
    return f"{text} and {more} more" if more > 0 else text


def _paths(paths: Iterable[Path]) -> str:
    return ", ".join(_path(path) for path in paths)


def _path(path: Path) -> str:
    return path[-1].replace("_", " ") if len(path) == 1 else path[-1]


def _value(spec: Spec | None, path: Path) -> str:
    value = (spec or {}).get(path[0])
    if len(path) == 2:
        if not isinstance(value, dict) or path[1] not in value:
            return "nothing"
        value = value[path[1]]
    return shown_value(value)
