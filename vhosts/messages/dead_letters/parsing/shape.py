"""The structure of a body as a digest, so that messages of the same kind are found without keeping any
value."""

from __future__ import annotations

import hashlib
import json
from typing import Any

#: Larger bodies have no shape: parsing them would cost too much.
_MOST_BYTES = 256 * 1024
_DEEPEST = 12
_MOST_NAMES = 200
_MOST_ITEMS = 50


def shape_of(body: bytes, encoding: str | None = None) -> str:
    """Return a digest of the names and types in a JSON body, 12 characters; "" for no body, and for one
    that isn't plain JSON of at most 256 KB."""
    if not body or len(body) > _MOST_BYTES or (encoding or "").lower() not in ("", "utf-8", "utf8"):
        return ""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    if not isinstance(value, dict | list):
        return ""
    structure = json.dumps(_structure(value, 0), sort_keys=True)
    return hashlib.sha256(structure.encode(errors="replace")).hexdigest()[:12]


def _structure(value: Any, depth: int) -> Any:
    """Return names and types, no values. Items of a list count by their structures, not by their number."""
    if depth >= _DEEPEST:
        return "deep"
    if isinstance(value, dict):
        names = sorted(value)[:_MOST_NAMES]
        return {name: _structure(value[name], depth + 1) for name in names}
    if isinstance(value, list):
        found = {
            json.dumps(_structure(item, depth + 1), sort_keys=True) for item in value[:_MOST_ITEMS]
        }
        return sorted(found)
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    return "null" if value is None else "text"
