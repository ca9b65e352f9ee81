"""File names for virtual hosts and brokers: readable, valid on every system, and invertible."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from urllib.parse import unquote_to_bytes

#: The file of what belongs to no virtual host. No virtual host's file starts with an underscore.
BROKER_FILE = "_broker.json"
SUFFIX = ".json"
_PLAIN = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_")
#: Bytes; file systems allow 255.
_MOST = 200
#: Between the start of a long name and its digest. No plain name contains it.
_CUT = "~"


def stem_of(name: str, *, capitals: bool = False) -> str:
    """Return the name for the file system: `orders`, `%2F`, `team%2Fa`. `capitals`: escape capital
    letters too, where a name differs from another one only in case. A name that gets too long is
    cut, and ends with its digest."""
    stem = "".join(
        f"%{byte:02X}" if _is_escaped(at, byte, capitals) else chr(byte)
        for at, byte in enumerate(name.encode())
    )
    if len(stem) <= _MOST:
        return stem or "%"
    digest = hashlib.sha256(name.encode()).hexdigest()[:16]
    return f"{stem[:_MOST]}{_CUT}{digest}"


def name_of(stem: str) -> str | None:
    """Return the name that belongs to a stem; None if only the file's content tells it."""
    if _CUT in stem:
        return None
    if stem == "%":
        return ""
    try:
        return unquote_to_bytes(stem).decode()
    except UnicodeDecodeError:
        return None


def is_stem_of(stem: str, name: str) -> bool:
    return stem in (stem_of(name), stem_of(name, capitals=True))


def stems_of(names: Iterable[str]) -> dict[str, str]:
    """Return a stem for each name, no two of which differ only in case."""
    plain = {name: stem_of(name) for name in names}
    alike = Counter(stem.lower() for stem in plain.values())
    return {
        name: stem if alike[stem.lower()] == 1 else stem_of(name, capitals=True)
        for name, stem in plain.items()
    }


def _is_escaped(at: int, byte: int, capitals: bool) -> bool:
    # A hidden file, one that looks like BROKER_FILE, or an option of a command.
    is_odd_start = at == 0 and byte in b"._-"
    is_capital = capitals and byte in b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    return byte not in _PLAIN or is_odd_start or is_capital
