"""Which objects are there as far as was seen, for those who stand below the apps that keep that."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol

from console.kinds.common.kind import Key
from console.models import Broker
from console.ports import Port

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser


class SeenIds(Protocol):
    def __call__(
        self,
        broker: Broker,
        kind: str,
        keys: Iterable[Key],
        *,
        viewer: AbstractBaseUser | AnonymousUser | None,
    ) -> dict[Key, int]: ...


SEEN_IDS: Port[SeenIds] = Port("SEEN_IDS")


def ids_of(
    broker: Broker,
    kind: str,
    keys: Iterable[Key],
    *,
    viewer: AbstractBaseUser | AnonymousUser | None = None,
) -> dict[Key, int]:
    """The ids of those of `keys` that are there, by which pages and the API address them; with a
    `viewer`, of those that they may see. One query; empty for a kind that inventories do not keep."""
    return SEEN_IDS.ask(broker, kind, keys, viewer=viewer)
