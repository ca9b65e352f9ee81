"""Compare definitions with a broker or with other definitions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from console.kinds.common.kind import Ref
from console.kinds.common.rows import Level
from console.kinds.registry import KINDS, moved, phrase, vhost_of
from console.reconcile.definitions.read import Definitions, Finding

Objects = dict[Ref, dict[str, Any]]


def within(objects: Mapping[Ref, Any], vhost: str) -> dict[Ref, Any]:
    return {ref: spec for ref, spec in objects.items() if vhost_of(ref) == vhost}


def take_vhost(definitions: Definitions, source: str, target: str) -> Definitions:
    """Return the objects of virtual host `source`, moved to virtual host `target`. Users and other
    objects of the whole broker are left out, and so are other virtual hosts."""
    inside = within(definitions.objects, source)
    left = len(definitions.objects) - len(inside)
    findings = [
        replace(one, ref=moved(one.ref, target))
        if one.ref is not None and vhost_of(one.ref) == source
        else one
        for one in definitions.findings
    ]
    if left:
        findings.append(
            Finding(
                Level.NOTE, "", None, "",
                f"{left} objects of the file aren't in the virtual host {source} and were skipped.",
            )
        )  # fmt: skip
    return replace(
        definitions,
        objects={moved(ref, target): spec for ref, spec in inside.items()},
        findings=tuple(findings),
        carried={
            moved(ref, target): one for ref, one in within(definitions.carried, source).items()
        },
        implied=frozenset(moved(ref, target) for ref in definitions.implied),
        removed_limits={
            moved(ref, target): names for ref, names in definitions.removed_limits.items()
        },
    )


def check_references(definitions: Definitions, observed: Mapping[Ref, Any]) -> dict[Ref, str]:
    """Return, by object, a sentence why it can't be created: it depends on something that is
    neither in the file nor on the broker, or on another such object."""
    refused: dict[Ref, str] = {}
    known = set(observed) | (set(definitions.objects) - definitions.implied)
    for ref in sorted(definitions.objects, key=lambda one: (KINDS[one.kind].rank, one)):
        needed = next((need for need in needs(ref) if need not in known), None)
        if needed is None:
            continue
        refused[ref] = f"The {phrase(needed)} is neither in the file nor on the broker."
        if ref not in observed:
            known.discard(ref)
    return refused


def needs(ref: Ref) -> Iterator[Ref]:
    """Yield what must exist first. For a container, that includes the container itself: the file
    has to list it, not only its limits."""
    kind = KINDS[ref.kind]
    if kind.is_container:
        yield ref
    yield from kind.stands_on(ref.key)


def touched_by(replaced: set[Ref], observed: Mapping[Ref, Any]) -> list[Ref]:
    """Return the objects on the broker that are deleted together with these, such as the bindings
    of a queue."""
    return [ref for ref in observed if replaced & set(KINDS[ref.kind].stands_on(ref.key))]


def prunable(
    definitions: Definitions, observed: Mapping[Ref, Any], *, vhost: str | None, own_user: str
) -> list[Ref]:
    """Return the objects that the broker has and the file doesn't.

    Only of kinds that the file contains. Only in `vhost` if it is given; if the file lists no
    virtual hosts, only in those that it names. Never the cluster's own parameters, nor the user
    that the console signs in as, nor that user's permissions.
    """
    named = {vhost_of(ref) for ref in definitions.objects} - {None}
    whole = any(KINDS[name].is_container for name in definitions.sections)
    found = []
    for ref in observed:
        if ref in definitions.objects or ref.kind not in definitions.sections:
            continue
        inside = vhost_of(ref)
        kind = KINDS[ref.kind]
        if vhost is not None and (inside != vhost or kind.is_container):
            continue
        if inside is not None and not whole and inside not in named:
            continue
        if ref.key in kind.brokers_own or kind.user_of(ref.key) == own_user:
            continue
        found.append(ref)
    return found
