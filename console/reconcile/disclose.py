"""Which parts of a spec may be shown and stored, and which are secret.

Secrets are password hashes, and user names and passwords in the URIs of shovels and federation
upstreams. They are stored beside the spec, encrypted, and added to it only when it is sent. Each
kind defines its own (`Kind.secrets`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from console.kinds.common.kind import Ref, Spec
from console.kinds.common.secrets import without_userinfo
from console.kinds.registry import KINDS
from console.reconcile.diff import Difference, FieldChange


def public_spec(kind: str, spec: Spec) -> dict[str, Any]:
    """Return the spec as it may be stored and shown."""
    secrets = KINDS[kind].secrets
    return dict(spec) if secrets is None else secrets.public(spec)


def secrets_of_spec(kind: str, spec: Spec) -> dict[str, str] | None:
    """Return the secrets that `public_spec` leaves out, to store encrypted; None if there are
    none."""
    secrets = KINDS[kind].secrets
    return None if secrets is None else secrets.taken(spec)


def beside_secrets(kind: str) -> tuple[str, ...]:
    """Return the fields that are sent with a secret and that no inventory reports."""
    secrets = KINDS[kind].secrets
    return () if secrets is None else secrets.beside


def sets_secret(difference: Difference) -> bool:
    """Whether a secret differs, or a field that is sent with it."""
    return any(change.name in beside_secrets(difference.ref.kind) for change in difference.fields)


def told_spec(kind: str, spec: Spec) -> dict[str, Any]:
    """Return the public spec without the fields that are useful only with a secret."""
    beside = beside_secrets(kind)
    return {name: value for name, value in public_spec(kind, spec).items() if name not in beside}


def whole_spec(
    kind: str, public: Spec, given: Mapping[str, str] | None, observed: Spec | None
) -> dict[str, Any]:
    """Return the spec to send: the public spec with the new secrets, or without new ones with those
    on the broker."""
    secrets = KINDS[kind].secrets
    return dict(public) if secrets is None else secrets.whole(public, given, observed)


def public_change(kind: str, change: FieldChange) -> FieldChange:
    """Return the difference as it may be stored and shown."""
    secrets = KINDS[kind].secrets
    if secrets is None or change.secret:
        return change
    shown = secrets.shown(change.before, change.after)
    if shown is None:
        return FieldChange(change.name, None, None, secret=True)
    return FieldChange(change.name, *shown)


def without_secrets_of(kind: str, spec: Spec | None, text: str) -> str:
    """Return a text, such as a broker's refusal, in which every text of the spec that holds a
    secret is replaced by what may be shown of it."""
    secrets = KINDS[kind].secrets
    if secrets is None or spec is None:
        return str(without_userinfo(text))
    pairs = _texts(spec, secrets.public(spec))
    for secret, shown in pairs:
        text = text.replace(secret, shown)
    return str(without_userinfo(text))


def _texts(value: Any, public: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        if value and value != public:
            yield value, public if isinstance(public, str) else "…"
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _texts(inner, public.get(key) if isinstance(public, Mapping) else None)
    elif isinstance(value, list):
        others = public if isinstance(public, list) else [None] * len(value)
        for one, other in zip(value, others, strict=False):
            yield from _texts(one, other)


def reaches_elsewhere(ref: Ref, spec: Spec | None) -> bool:
    """Whether the object makes the broker connect to other servers, with credentials from the
    object."""
    return KINDS[ref.kind].reaches_elsewhere(ref.key, spec)
