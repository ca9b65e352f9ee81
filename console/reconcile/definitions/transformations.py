"""Transformations of definitions, by the names of rabbitmqadmin v2, plus one that it doesn't have
(`strip_deletion_protection`). Each is about particular kinds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from console.kinds.common.kind import Ref
from console.kinds.refusals.policy_keys import MIRRORING as _MIRRORING
from console.kinds.registry import KINDS
from console.reconcile.definitions.read import Definitions
from console.reconcile.disclose import beside_secrets

Objects = dict[Ref, dict[str, Any]]
_OF_MIRRORED = ("queue-mode", "queue-master-locator")


def transform(definitions: Definitions, names: list[str]) -> Definitions:
    """Return the definitions after each transformation, in order. Raises KeyError for an unknown
    name."""
    objects: Objects = dict(definitions.objects)
    for name in names:
        objects = TRANSFORMATIONS[name](objects)
    carried = dict(definitions.carried)
    for name in names:
        changed = TRANSFORMATIONS[name]({ref: one.spec for ref, one in carried.items()})
        carried = {
            ref: replace(carried[ref], spec=spec) for ref, spec in changed.items() if ref in carried
        }
    sections = definitions.sections - {
        kind for name in names for kind in _EXCLUDED.get(name, ())
    }  # what is left out isn't pruned either
    return replace(definitions, objects=objects, sections=sections, carried=carried)


def _without(*kinds: str) -> Callable[[Objects], Objects]:
    def left(objects: Objects) -> Objects:
        return {ref: spec for ref, spec in objects.items() if ref.kind not in kinds}

    return left


def _strip_mirroring(objects: Objects) -> Objects:
    return _policies(objects, _MIRRORING)


def _policies(objects: Objects, keys: tuple[str, ...]) -> Objects:
    return {
        ref: {**spec, "definition": {k: v for k, v in spec["definition"].items() if k not in keys}}
        if ref.kind in ("policy", "operator_policy")
        else spec
        for ref, spec in objects.items()
    }


def _for_quorum_queues(objects: Objects) -> Objects:
    """Remove mirroring keys and others that quorum queues refuse from policies and arguments. For
    overflow, reject-publish-dlx becomes reject-publish."""
    stripped = _policies(objects, _MIRRORING + _OF_MIRRORED)
    for ref, spec in stripped.items():
        name = {"queue": "arguments", "policy": "definition", "operator_policy": "definition"}.get(
            ref.kind
        )
        if name is None:
            continue
        given = {
            key: value
            for key, value in spec.get(name, {}).items()
            if key.removeprefix("x-") not in _MIRRORING + _OF_MIRRORED
        }
        for key in ("overflow", "x-overflow"):
            if given.get(key) == "reject-publish-dlx":
                given[key] = "reject-publish"
        stripped[ref] = {**spec, name: given}
    return stripped


def _unprotected(objects: Objects) -> Objects:
    name = "protected_from_deletion"
    return {
        ref: {key: value for key, value in spec.items() if key != name}
        if KINDS[ref.kind].is_container
        else spec
        for ref, spec in objects.items()
    }


def _drop_empty(objects: Objects) -> Objects:
    return {
        ref: spec
        for ref, spec in objects.items()
        if ref.kind not in ("policy", "operator_policy") or spec["definition"]
    }


def _obfuscate(objects: Objects) -> Objects:
    """Rename users, also in their permissions, and remove their passwords."""
    users = {user for ref in objects if (user := KINDS[ref.kind].user_of(ref.key)) is not None}
    new = {name: f"obfuscated-username-{number}" for number, name in enumerate(sorted(users), 1)}
    found: Objects = {}
    for ref, spec in objects.items():
        at = KINDS[ref.kind].user_at
        if at is None:
            found[ref] = spec
            continue
        hidden = beside_secrets(ref.kind)
        key = (*ref.key[:at], new[ref.key[at]], *ref.key[at + 1 :])
        found[Ref(ref.kind, key)] = {k: v for k, v in spec.items() if k not in hidden}
    return found


_EXCLUDED: Mapping[str, tuple[str, ...]] = {
    "exclude_users": ("user",),
    "exclude_permissions": tuple(
        kind.name for kind in KINDS.values() if kind.user_at is not None and not kind.is_account
    ),
    "exclude_runtime_parameters": tuple(
        kind.name
        for kind in KINDS.values()
        if kind.section.name in ("parameters", "global_parameters")
    ),
    "exclude_policies": ("policy", "operator_policy"),
}
TRANSFORMATIONS: Mapping[str, Callable[[Objects], Objects]] = {
    "prepare_for_quorum_queue_migration": _for_quorum_queues,
    "strip_cmq_keys_from_policies": _strip_mirroring,
    "drop_empty_policies": _drop_empty,
    "strip_deletion_protection": _unprotected,
    "obfuscate_usernames": _obfuscate,
    **{name: _without(*kinds) for name, kinds in _EXCLUDED.items()},
    "no_op": lambda objects: objects,
}
#: Transformations to apply together with one that is offered: without its keys, a policy may be
#: empty.
GO_WITH: Mapping[str, tuple[str, ...]] = {
    "prepare_for_quorum_queue_migration": ("drop_empty_policies",),
    "strip_cmq_keys_from_policies": ("drop_empty_policies",),
}
#: One sentence each, for pages.
ABOUT_TRANSFORMATIONS: Mapping[str, str] = {
    "prepare_for_quorum_queue_migration": (
        "Remove mirroring and other settings that quorum queues don't support from "
        "policies and arguments"
    ),
    "strip_cmq_keys_from_policies": "Remove mirroring keys from policies",
    "drop_empty_policies": "Remove policies without keys",
    "strip_deletion_protection": "Remove the deletion protection of virtual hosts",
    "obfuscate_usernames": "Replace usernames and remove passwords",
    "exclude_users": "Remove users",
    "exclude_permissions": "Remove permissions",
    "exclude_runtime_parameters": "Remove runtime parameters: shovels, federation, operator policies",
    "exclude_policies": "Remove policies",
}
