"""What a broker may not put into our tables, whatever it says."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from console.rabbitmq.text import printable
from console.rabbitmq.types import QueueDepth, RejectedRow
from vhosts.polling.inventory.mirror import Kind

#: RabbitMQ allows 255 bytes; an index row of Postgres takes some 2,700 for all its columns together.
MAX_NAME_BYTES = 800
_BIGGEST = 2**63 - 1
#: How many of the rejected rows are kept to be shown.
SAMPLES = 5
#: How many of the rows that an inventory leaves out are named.
MOST_NAMED = 20


def why_unfit(*names: str) -> str | None:
    """Why these names cannot be kept, None where they can."""
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
    """Rows of an inventory's part that cannot be kept. `known`: keys that can be in the mirror, of rows
    that are odd otherwise: what is known of them stays. `nameless`: how many may be any row of it."""

    names: tuple[str, ...]
    known: tuple[tuple[str, ...], ...]
    nameless: int

    def __bool__(self) -> bool:
        return bool(self.names or self.nameless)

    def sentence(self) -> str:
        """Without names: those are not for everybody who may see the broker."""
        number = len(self.names) + self.nameless
        told = "1 row" if number == 1 else f"{number:,} rows"
        return f"{told} couldn't be read and were skipped."


def unfit_rows(
    kind: Kind, unfit: Iterable[tuple[str, ...]], rejected: Iterable[RejectedRow]
) -> LeftOut:
    """`unfit` are keys of rows that were read and cannot be kept. A name that cannot be kept is none that
    the mirror has, so such a row says nothing about the others."""
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
    """`"a\\x00b" in "/"`."""
    named = [f'"{printable(part, 120)}"' for part in key]
    if kind.vhost_at is not None and len(named) > 1:
        vhost = named.pop(kind.vhost_at)
        return f"{' / '.join(named)} in {vhost}"
    return " / ".join(named)


def sound_depths(items: Iterable[QueueDepth], rejected: list[RejectedRow]) -> list[QueueDepth]:
    """The depths that can be kept; the others go to `rejected`."""
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
    """The first few, as they are stored with the poll."""
    return [
        {"reason": row.reason.replace("\x00", "\ufffd")[:300], "sample": row.sample[:200]}
        for row, _ in zip(rejected, range(SAMPLES), strict=False)
    ]
