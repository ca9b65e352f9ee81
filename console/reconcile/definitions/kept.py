"""Decide what happens to values that the broker has and the file leaves out or empty.

An empty value isn't a request to clear, unless the file is the whole truth; then the plan shows
what is cleared. Exports of RabbitMQ are full of such values (`"limits": []` and `"description": ""`
of every virtual host). RabbitMQ's own import clears some of them (tags, passwords, limits among the
parameters) and not others (limits in the row of a virtual host). An empty value counts if it has a
meaning: an empty pattern of a permission matches nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from console.kinds.common.kind import Ref, Spec
from console.kinds.common.rows import Level
from console.kinds.registry import KINDS
from console.reconcile.definitions.read import Definitions, Finding
from console.reconcile.disclose import whole_spec

Objects = dict[Ref, dict[str, Any]]


def complete(
    definitions: Definitions,
    allowed: Mapping[Ref, Spec],
    observed: Mapping[Ref, Spec],
    *,
    whole_truth: bool,
) -> tuple[Objects, list[Finding]]:
    """Return the whole specs of the `allowed` objects of the file, and a finding for what is kept
    on the broker although the file has it empty or not at all. `whole_truth`: clear what is empty
    in the file.
    """
    whole: Objects = {}
    kept: list[Finding] = []
    for ref, spec in allowed.items():
        seen = observed.get(ref)
        if seen is None:
            whole[ref] = whole_spec(ref.kind, spec, None, None)
        elif KINDS[ref.kind].clears:
            whole[ref], named = _laid_over(definitions, ref, spec, seen, whole_truth)
            if named and not whole_truth:
                kept.append(_kept(ref, named))
        else:
            # A URI that was exported without its password gets the password that the broker has.
            told = whole_spec(ref.kind, spec, None, seen)
            whole[ref] = told if whole_truth else {**seen, **told}
    return whole, kept


def cleared(ref: Ref, before: Spec, after: Spec) -> list[str]:
    """Return what an object has before and not after, in words: ["limit max-queues (5)",
    "tags"]."""
    found = [
        f"limit {name} ({value})"
        for name, value in sorted(before.get("limits", {}).items())
        if name not in after.get("limits", {})
    ]
    for name in KINDS[ref.kind].clears:
        if before.get(name) and not after.get(name):
            found.append(KINDS[ref.kind].field(name).title)
    return found


def _laid_over(
    definitions: Definitions, ref: Ref, spec: Spec, seen: Spec, whole_truth: bool
) -> tuple[dict[str, Any], list[str]]:
    """Return the whole spec, and the names of what is in `seen` and not in the file."""
    told = dict(spec)
    named: list[str] = []
    for name, more in KINDS[ref.kind].clears.items():
        if name in told and not told[name] and seen.get(name):
            named.append(KINDS[ref.kind].field(name).title)
            if not whole_truth:
                for one in (name, *more):
                    told.pop(one, None)
    limits = dict(told.get("limits", {}))
    if not whole_truth:
        removed = definitions.removed_limits.get(ref, frozenset())
        left = {
            name: value
            for name, value in seen.get("limits", {}).items()
            if name not in removed and name not in limits
        }
        if "limits" in told or removed:
            named += [f"limit {name} ({value})" for name, value in sorted(left.items())]
            told["limits"] = {**left, **limits}
    elif KINDS[ref.kind].section.component and "parameter" in definitions.sections:
        # Limits of virtual hosts are parameters, and the file lists all of them.
        told["limits"] = limits
    return {**seen, **told}, named


def _kept(ref: Ref, named: list[str]) -> Finding:
    return Finding(
        Level.NOTE,
        "",
        None,
        "",
        f"The {KINDS[ref.kind].phrase(ref.key)} keeps its {', '.join(named)}, which "
        "the file leaves empty or out. To clear that too, choose to delete objects "
        "that aren't in the file.",
        ref,
    )
