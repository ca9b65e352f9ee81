"""Name a row of definitions in a sentence, whatever characters its names contain."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from string import Formatter
from typing import Any

from console.kinds.common.kind import Kind
from console.kinds.registry import KINDS
from console.rabbitmq.text import printable

_WORDS = {kind.section.name: kind.noun for kind in KINDS.values() if kind.section.read}


def _names(kind: Kind) -> Iterator[tuple[str, str]]:
    """Yield the fields that name a row of a user's object, each with its preceding word: ("user",
    "of"), ("vhost", "on") for `Kind.called` "{1} on {0}"."""
    for before, at, _, _ in Formatter().parse(kind.called):
        yield kind.identity[int(at or 0)], before.strip() or "of"


#: By section: the fields that name a row, each with the word that precedes it.
_NAMED: Mapping[str, tuple[tuple[str, str], ...]] = {
    **{
        kind.section.name: tuple(_names(kind))
        for kind in KINDS.values()
        if kind.user_at is not None and not kind.is_account
    },
    "bindings": (("source", "from"), ("destination", "to"), ("routing_key", "by"), ("vhost", "in")),
}
_USUAL = (("name", ""), ("vhost", "in"))


def called_row(section: str, row: Any) -> tuple[str | None, str]:
    """Return (virtual host of the row or None, name such as `queue "a\\x00b" in "/"`)."""
    word = _WORDS.get(section, section)
    if not isinstance(row, Mapping):
        return None, word
    said = [word]
    for name, before in _NAMED.get(section, _USUAL):
        value = row.get(name)
        if isinstance(value, str):
            said += [before] if before else []
            said.append(f'"{printable(value, 255)}"')
    vhost = row.get("name" if section == "vhosts" else "vhost")
    return (vhost if isinstance(vhost, str) else None), " ".join(said)
