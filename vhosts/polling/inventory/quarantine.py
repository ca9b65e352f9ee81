"""Keep broker data that can't or mustn't be stored out of the tables."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from console.rabbitmq.text import printable
from console.rabbitmq.types import QueueDepth, RejectedRow
from vhosts.polling.inventory.mirror import Kind

#: RabbitMQ allows 255 bytes. A Postgres index row holds about 2,700 for all its columns together.
MAX_NAME_BYTES = 800
_BIGGEST = 2**63 - 1
#: How many rejected rows are stored to be shown.
SAMPLES = 5
#: How many of the rows that an inventory skipped are named.
MOST_NAMED = 20


def why_unfit(*names: str) -> str | None:
    """Return why these names can't be stored; None if they can."""
    for name in names:
        if "\x00" in name:
            return "The name contains a NUL character."
        try:
            size = len(name) if name.isascii() else len(name.encode())
        except UnicodeEncodeError:
            return "The name isn't valid Unicode."
        if size > MAX_NAME_BYTES:
            return f"The name is longer than {MAX_NAME_BYTES} bytes."
    return None


@dataclass(frozen=True)
class LeftOut:
    """Rows of an inventory's part that can't be stored.

    `known`: keys of unreadable rows that may be in the mirror; their stored rows stay as they are.
    `nameless`: number of rows without a readable key; each may be any row of the mirror.
    """

    names: tuple[str, ...]
    known: tuple[tuple[str, ...], ...]
    nameless: int

    def __bool__(self) -> bool:
        return bool(self.names or self.nameless)

    def sentence(self) -> str:
        """Return a sentence without names: not every person who may see the broker may see the
        names."""
        number = len(self.names) + self.nameless
        told = "1 row" if number == 1 else f"{number:,} rows"
        return f"{told} couldn't be read and were skipped."


def unfit_rows(
    kind: Kind, unfit: Iterable[tuple[str, ...]], rejected: Iterable[RejectedRow]
) -> LeftOut:
    """Return the rows that were skipped. `unfit` are keys that were read and can't be stored. Such
    a key can't be in the mirror, so it says nothing about other rows."""
    names = [_called(kind, key) for key in unfit]
    known: list[tuple[str, ...]] = []
    nameless = 0
    for row in rejected:
        key = tuple(row.said.get(column.strip('"'), None) for column in kind.keys)
        if any(part is None for part in key):
            nameless += 1
            continue
        said = tuple(str(part) for part in key)
        names.append(_called(kind, said))
        if why_unfit(*said) is None:
            known.append(said)
    return LeftOut(tuple(names), tuple(known), nameless)


def _called(kind: Kind, key: tuple[str, ...]) -> str:
    """Return the key as text: `"a\\x00b" in "/"`."""
    named = [f'"{printable(part, 120)}"' for part in key]
    if kind.vhost_at is not None and len(named) > 1:
        vhost = named.pop(kind.vhost_at)
        return f"{' / '.join(named)} in {vhost}"
    return " / ".join(named)


def sound_depths(items: Iterable[QueueDepth], rejected: list[RejectedRow]) -> list[QueueDepth]:
    """Return the depths that can be stored; append the others to `rejected`."""
    sound: list[QueueDepth] = []
    for item in items:
        reason = why_unfit(item.vhost, item.name)
        if reason is None and not all(
            value is None or 0 <= value <= _BIGGEST
            for value in (item.ready, item.unacked, item.total)
        ):
            reason = "The number of messages isn't plausible."
        if reason is None:
            sound.append(item)
        else:
            rejected.append(RejectedRow(reason, printable(f"{item.name} in {item.vhost}")))
    return sound


def samples(rejected: Iterable[RejectedRow]) -> list[dict[str, str]]:
    """Return the first few, in the form stored with the poll."""
    return [
        {"reason": row.reason.replace("\x00", "\ufffd")[:300], "sample": row.sample[:200]}
        for row, _ in zip(rejected, range(SAMPLES), strict=False)
    ]
