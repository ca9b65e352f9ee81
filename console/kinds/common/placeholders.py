"""Find placeholders of templates that should have been filled in before a file is used."""

from __future__ import annotations

import re
from typing import Any

from console.kinds.common.kind import Spec

#: ${NAME}, ${NAME:-default} of shells and compose files; {{ name }}, {{ .Values.name }} of
#: templates. Only variables match, because other text in such braces may be intended.
_ANYWHERE = re.compile(
    r"\$\{[A-Za-z_][A-Za-z0-9_.]{0,80}(?::?[-?+=][^{}]{0,80})?\}"
    r"|\{\{-?\s{0,9}[.$]?[A-Za-z_][A-Za-z0-9_.$]{0,80}(?:\s{0,9}\|[^{}]{0,80})?\s{0,9}-?\}\}"
)
#: <name>, and the word that documentation uses as a password.
_WHOLE = re.compile(r"<[A-Za-z][A-Za-z0-9_ .-]{0,60}>|changeme", re.IGNORECASE)
_IN_URI = re.compile(r"<[A-Za-z][A-Za-z0-9_ .-]{0,60}>|(?<=:)changeme(?=@)", re.IGNORECASE)
#: Parts of a key that aren't names.
_NO_NAMES = ("routing_key", "arguments", "destination_type")


def placeholder_in(text: str) -> str:
    """Return the placeholder that a name or password is or contains; "" for none."""
    found = _ANYWHERE.search(text) or _WHOLE.fullmatch(text)
    return found[0] if found else ""


def placeholder_of_name(identity: tuple[str, ...], key: tuple[str, ...]) -> tuple[str, str]:
    """Return (part of the key, placeholder) of the first name that contains one; ("", "") for
    none."""
    for part, name in zip(identity, key, strict=True):
        if part not in _NO_NAMES and (found := placeholder_in(name)):
            return part, found
    return "", ""


def placeholder_of_uri(spec: Spec) -> tuple[str, str]:
    """Return (field, placeholder) of the first URI in a spec that contains one; ("", "") for
    none."""
    for name, value in spec.items():
        if found := _of_uris(value):
            return name, found
    return "", ""


def _of_uris(value: Any) -> str:
    if isinstance(value, dict):
        return next(filter(None, map(_of_uris, value.values())), "")
    if isinstance(value, list | tuple):
        return next(filter(None, map(_of_uris, value)), "")
    if not isinstance(value, str) or "://" not in value:
        return ""
    found = _ANYWHERE.search(value) or _IN_URI.search(value)
    return found[0] if found else ""
