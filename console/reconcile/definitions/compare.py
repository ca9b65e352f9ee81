"""Definitions compared with a broker, or with other definitions, and changed on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from console.kinds.base import KINDS, Ref
from console.reconcile.definitions.read import Definitions, Finding, word_of
from console.reconcile.definitions.rows import CLUSTERS_OWN, PREDECLARED, Level

Objects = dict[Ref, dict[str, Any]]
_MIRRORING = (
    "ha-mode", "ha-params", "ha-sync-mode", "ha-sync-batch-size", "ha-promote-on-shutdown",
    "ha-promote-on-failure",
)  # fmt: skip
_OF_MIRRORED = ("queue-mode", "queue-master-locator")


def vhost_of(ref: Ref) -> str | None:
    """None for what belongs to the whole broker."""
    at = KINDS[ref.kind].vhost_at
    return None if at is None else ref.key[at]


def within(objects: Mapping[Ref, Any], vhost: str) -> dict[Ref, Any]:
    return {ref: spec for ref, spec in objects.items() if vhost_of(ref) == vhost}


def moved(ref: Ref, vhost: str) -> Ref:
    """The same object in another virtual host."""
    at = KINDS[ref.kind].vhost_at
    if at is None:
        return ref
    return Ref(ref.kind, (*ref.key[:at], vhost, *ref.key[at + 1 :]))


def take_vhost(definitions: Definitions, source: str, target: str) -> Definitions:
    """The part in one virtual host, as it would be in another. Users and what else belongs to the
    whole broker stay behind, and so does what is about the other virtual hosts."""
    inside = within(definitions.objects, source)
    left = len(definitions.objects) - len(inside)
    findings = list(definitions.findings)
    if left:
        findings.append(
            Finding(
                Level.NOTE, "", None, "",
                f"{left} objects of the file are not in the virtual host {source}: left out.",
            )
        )  # fmt: skip
    return replace(
        definitions,
        objects={moved(ref, target): spec for ref, spec in inside.items()},
        findings=tuple(findings),
        implied=frozenset(moved(ref, target) for ref in definitions.implied),
        removed_limits={
            moved(ref, target): names for ref, names in definitions.removed_limits.items()
        },
    )


def check_references(definitions: Definitions, observed: Mapping[Ref, Any]) -> dict[Ref, str]:
    """Why objects cannot be made: they stand on something that is neither in the file nor on the
    broker. What stands on such an object cannot be made either."""
    refused: dict[Ref, str] = {}
    known = set(observed) | (set(definitions.objects) - definitions.implied)
    for ref in sorted(definitions.objects, key=lambda one: (KINDS[one.kind].rank, one)):
        needed = next((need for need in _stands_on(ref) if need not in known), None)
        if needed is None:
            continue
        refused[ref] = (
            f"There is no {word_of(needed.kind)} {' / '.join(needed.key)}, neither in the file "
            "nor on the broker."
        )
        if ref not in observed:
            known.discard(ref)
    return refused


def _stands_on(ref: Ref) -> Iterator[Ref]:
    vhost = vhost_of(ref)
    if vhost is not None:
        # Of itself a virtual host asks only that the file names it, not only its limits.
        yield Ref("vhost", (vhost,))
    if ref.kind in ("permission", "topic_permission"):
        yield Ref("user", (ref.key[1],))
    if ref.kind == "binding":
        inside, source, kind, destination = ref.key[:4]
        if source not in PREDECLARED:
            yield Ref("exchange", (inside, source))
        if destination not in PREDECLARED:
            yield Ref(kind, (inside, destination))


def touched_by(replaced: set[Ref], observed: Mapping[Ref, Any]) -> list[Ref]:
    """The bindings on the broker that go when these queues and exchanges are deleted."""
    return [
        ref
        for ref in observed
        if ref.kind == "binding"
        and replaced & {Ref("exchange", ref.key[:2]), Ref(ref.key[2], (ref.key[0], ref.key[3]))}
    ]


def prunable(
    definitions: Definitions, observed: Mapping[Ref, Any], *, vhost: str | None, own_user: str
) -> list[Ref]:
    """What the broker has and the file lacks. Only of the kinds that the file speaks of; only in
    `vhost` where one is given; in a file that lists no virtual hosts only in those it names. Never
    the cluster's own parameters, nor the user by which the console logs in with its permissions."""
    named = {vhost_of(ref) for ref in definitions.objects} - {None}
    found = []
    for ref in observed:
        if ref in definitions.objects or ref.kind not in definitions.sections:
            continue
        inside = vhost_of(ref)
        if vhost is not None and (inside != vhost or ref.kind == "vhost"):
            continue
        if inside is not None and "vhost" not in definitions.sections and inside not in named:
            continue
        if ref.kind == "global_parameter" and ref.key[0] in CLUSTERS_OWN | {"cluster_tags"}:
            continue
        is_own = ref.kind in ("user", "permission", "topic_permission") and own_user == (
            ref.key[0] if ref.kind == "user" else ref.key[1]
        )
        if not is_own:
            found.append(ref)
    return found


# Transformations, by the names that rabbitmqadmin v2 gives them


def transform(definitions: Definitions, names: list[str]) -> Definitions:
    """The definitions after each transformation, in order. KeyError: there is none of that name."""
    objects: Objects = dict(definitions.objects)
    for name in names:
        objects = TRANSFORMATIONS[name](objects)
    sections = definitions.sections - {
        kind for name in names for kind in _EXCLUDED.get(name, ())
    }  # what is left out is not asked for, so nothing of it is deleted
    return replace(definitions, objects=objects, sections=sections)


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
    """Mirroring keys and others that quorum queues refuse, in policies and arguments; of overflow,
    reject-publish-dlx becomes reject-publish."""
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


def _drop_empty(objects: Objects) -> Objects:
    return {
        ref: spec
        for ref, spec in objects.items()
        if ref.kind not in ("policy", "operator_policy") or spec["definition"]
    }


def _obfuscate(objects: Objects) -> Objects:
    """Users under other names and without passwords, the same in their permissions."""
    names = sorted(
        {ref.key[0] for ref in objects if ref.kind == "user"}
        | {ref.key[1] for ref in objects if ref.kind in ("permission", "topic_permission")}
    )
    new = {name: f"obfuscated-username-{number}" for number, name in enumerate(names, 1)}
    found: Objects = {}
    for ref, spec in objects.items():
        if ref.kind == "user":
            bare = {
                k: v for k, v in spec.items() if k not in ("password_hash", "hashing_algorithm")
            }
            found[Ref("user", (new[ref.key[0]],))] = bare
        elif ref.kind in ("permission", "topic_permission"):
            found[Ref(ref.kind, (ref.key[0], new[ref.key[1]], *ref.key[2:]))] = spec
        else:
            found[ref] = spec
    return found


_EXCLUDED: Mapping[str, tuple[str, ...]] = {
    "exclude_users": ("user",),
    "exclude_permissions": ("permission", "topic_permission"),
    "exclude_runtime_parameters": ("parameter", "global_parameter", "operator_policy"),
    "exclude_policies": ("policy", "operator_policy"),
}
TRANSFORMATIONS: Mapping[str, Callable[[Objects], Objects]] = {
    "prepare_for_quorum_queue_migration": _for_quorum_queues,
    "strip_cmq_keys_from_policies": _strip_mirroring,
    "drop_empty_policies": _drop_empty,
    "obfuscate_usernames": _obfuscate,
    **{name: _without(*kinds) for name, kinds in _EXCLUDED.items()},
    "no_op": lambda objects: objects,
}
#: One sentence each, for pages.
ABOUT_TRANSFORMATIONS: Mapping[str, str] = {
    "prepare_for_quorum_queue_migration": (
        "Leave out mirroring and what else quorum queues refuse, in policies and arguments"
    ),
    "strip_cmq_keys_from_policies": "Leave mirroring keys out of policies",
    "drop_empty_policies": "Leave out policies without any key",
    "obfuscate_usernames": "Give users other names and no passwords",
    "exclude_users": "Leave out users",
    "exclude_permissions": "Leave out permissions",
    "exclude_runtime_parameters": "Leave out parameters: shovels, federation, operator policies",
    "exclude_policies": "Leave out policies",
}
