"""Which parts of a spec are secret. They are stored encrypted beside the spec, and put back only
when the object is sent. A kind with secrets has a `Secrets`."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Protocol

Spec = Mapping[str, Any]
#: The password of a client's private key, in the query of a URI.
_QUERY = re.compile(r"([?&]password=)[^&#\s]+")
_USERINFO = re.compile(r"\b([a-zA-Z][a-zA-Z0-9+.\-]*://)[^/?#\s@]*(?:@[^/?#\s@]*)*@")


class Secrets(Protocol):
    """How to split a spec into a public part and its secrets, and how to join them."""

    #: Fields that are stored with the secrets only, so an inventory can't compare them.
    beside: tuple[str, ...]

    def public(self, spec: Spec) -> dict[str, Any]:
        """Return the spec without secrets, to store and show."""
        ...

    def taken(self, spec: Spec) -> dict[str, str] | None:
        """Return the secrets that `public` leaves out, to store encrypted; None if the spec has
        none."""
        ...

    def whole(
        self, public: Spec, secrets: Mapping[str, str] | None, observed: Spec | None
    ) -> dict[str, Any]:
        """Return the spec to send: the public spec with the new `secrets`, or without new ones with
        those of `observed` on the broker. None for either: there are none."""
        ...

    def shown(self, before: Any, after: Any) -> tuple[Any, Any] | None:
        """Return the two values of a differing field without secrets; None if only their secrets
        differ."""
        ...


class HiddenFields:
    """Secrets that are whole fields: `hidden`, such as a password's hash. `beside` are these and
    the fields stored with them, such as its algorithm."""

    def __init__(self, hidden: tuple[str, ...], beside: tuple[str, ...]) -> None:
        self._hidden, self.beside = hidden, beside

    def public(self, spec: Spec) -> dict[str, Any]:
        return {name: value for name, value in spec.items() if name not in self._hidden}

    def taken(self, spec: Spec) -> dict[str, str] | None:
        if not any(name in spec for name in self._hidden):
            return None
        return {name: spec[name] for name in self.beside if name in spec}

    def whole(
        self, public: Spec, secrets: Mapping[str, str] | None, observed: Spec | None
    ) -> dict[str, Any]:
        kept = {name: observed[name] for name in self.beside if observed and name in observed}
        return {**public, **kept, **(secrets or {})}

    def shown(self, before: Any, after: Any) -> tuple[Any, Any] | None:
        return before, after


class UriPasswords:
    """Secrets in URIs: `user:password@` in the JSON value of one field, as in shovels and
    federation upstreams. A URI without userinfo keeps the userinfo that the same URI has on the
    broker.
    """

    beside: tuple[str, ...] = ()

    def __init__(self, field: str) -> None:
        self._field = field

    def public(self, spec: Spec) -> dict[str, Any]:
        return {name: without_userinfo(value) for name, value in spec.items()}

    def taken(self, spec: Spec) -> dict[str, str] | None:
        if self.public(spec) == dict(spec):
            return None
        return {self._field: json.dumps(spec[self._field])}

    def whole(
        self, public: Spec, secrets: Mapping[str, str] | None, observed: Spec | None
    ) -> dict[str, Any]:
        if secrets and self._field in secrets:
            # One URI may have a new password and the next one keep its own.
            public = {**public, self._field: json.loads(secrets[self._field])}
        if observed is not None and self._field in observed:
            value = kept(public.get(self._field), observed[self._field])
            return {**public, self._field: value}
        return dict(public)

    def shown(self, before: Any, after: Any) -> tuple[Any, Any] | None:
        before, after = without_userinfo(before), without_userinfo(after)
        return None if before == after else (before, after)


def without_userinfo(value: Any) -> Any:
    """Return the value with `user:password@`, and the value of `password=` in a query, removed from
    every URI in its texts."""
    if isinstance(value, str):
        return _QUERY.sub(r"\1", _USERINFO.sub(r"\1", value)) if "://" in value else value
    if isinstance(value, Mapping):
        return {key: without_userinfo(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [without_userinfo(inner) for inner in value]
    return value


def kept(wanted: Any, observed: Any) -> Any:
    """Return `wanted` with the userinfo that the same URIs have in `observed`, at the same place or
    elsewhere in the same list."""
    if isinstance(wanted, str):
        for one in observed if isinstance(observed, list) else [observed]:
            if isinstance(one, str) and without_userinfo(one) == wanted:
                return one
        return wanted
    if isinstance(wanted, Mapping) and isinstance(observed, Mapping):
        return {key: kept(value, observed.get(key)) for key, value in wanted.items()}
    if isinstance(wanted, list):
        others = observed if isinstance(observed, list) else [observed]
        return [
            kept(one, others[at] if at < len(others) and _alike(one, others[at]) else others)
            for at, one in enumerate(wanted)
        ]
    return wanted


def _alike(one: Any, other: Any) -> bool:
    return without_userinfo(other) == one if isinstance(one, str) else type(one) is type(other)
