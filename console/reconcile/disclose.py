"""What of a spec may be shown and stored, and what of it is a secret.

Secrets are password hashes, and user names and passwords in the URIs of shovels and federation
upstreams. They travel beside the spec, encrypted, and are laid over it only when it is sent.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from console.kinds.base import KINDS, Ref, Spec
from console.reconcile.diff import FieldChange

_USERINFO = re.compile(r"\b([a-zA-Z][a-zA-Z0-9+.\-]*://)[^/?#\s@]*(?:@[^/?#\s@]*)*@")
_WITH_URIS = ("parameter", "global_parameter")
_OF_USERS = ("password_hash", "hashing_algorithm")
#: Components that make the broker connect elsewhere.
_REACHING = ("shovel", "federation-upstream")


def without_userinfo(value: Any) -> Any:
    """The value with `user:password@` taken out of every URI in its texts."""
    if isinstance(value, str):
        return _USERINFO.sub(r"\1", value)
    if isinstance(value, Mapping):
        return {key: without_userinfo(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [without_userinfo(inner) for inner in value]
    return value


def public_spec(kind: str, spec: Spec) -> dict[str, Any]:
    """The spec as it may be stored and shown."""
    if kind in _WITH_URIS:
        return {name: without_userinfo(value) for name, value in spec.items()}
    hidden = {field.name for field in KINDS[kind].fields if field.secret}
    return {name: value for name, value in spec.items() if name not in hidden}


def secrets_of_spec(kind: str, spec: Spec) -> dict[str, str] | None:
    """What `public_spec` takes away, as it is kept encrypted; None where there is none."""
    if kind == "user" and "password_hash" in spec:
        return {name: spec[name] for name in _OF_USERS if name in spec}
    if kind in _WITH_URIS and public_spec(kind, spec) != dict(spec):
        return {"value": json.dumps(spec["value"])}
    return None


def whole_spec(
    kind: str, public: Spec, secrets: Mapping[str, str] | None, observed: Spec | None
) -> dict[str, Any]:
    """What the object is to be: the public spec with new secrets laid over it, and else with those
    that the broker has. A user without a new password keeps his; a URI without userinfo keeps that
    which the very same URI has on the broker."""
    if kind == "user":
        kept = {name: observed[name] for name in _OF_USERS if observed and name in observed}
        return {**public, **kept, **(secrets or {})}
    if kind in _WITH_URIS and secrets and "value" in secrets:
        return {**public, "value": json.loads(secrets["value"])}
    if kind in _WITH_URIS and observed is not None and "value" in observed:
        return {**public, "value": _kept(public.get("value"), observed["value"])}
    return dict(public)


def _kept(wanted: Any, observed: Any) -> Any:
    if isinstance(wanted, str):
        same = isinstance(observed, str) and without_userinfo(observed) == wanted
        return observed if same else wanted
    if isinstance(wanted, Mapping) and isinstance(observed, Mapping):
        return {key: _kept(value, observed.get(key)) for key, value in wanted.items()}
    if isinstance(wanted, list) and isinstance(observed, list) and len(wanted) == len(observed):
        return [_kept(one, other) for one, other in zip(wanted, observed, strict=True)]
    return wanted


def public_change(kind: str, change: FieldChange) -> FieldChange:
    """A difference as it may be stored and shown."""
    if kind not in _WITH_URIS or change.secret:
        return change
    before, after = without_userinfo(change.before), without_userinfo(change.after)
    if before == after:
        return FieldChange(change.name, None, None, secret=True)
    return FieldChange(change.name, before, after)


def reaches_elsewhere(ref: Ref, spec: Spec | None) -> bool:
    """Whether the object makes the broker connect to other servers, with whatever rights it gives."""
    if ref.kind != "parameter":
        return False
    return ref.key[0] in _REACHING or "://" in json.dumps((spec or {}).get("value"))
