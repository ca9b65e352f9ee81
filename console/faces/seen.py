"""The IDs of observed objects, for code below the apps that store them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol

from console.kinds.common.kind import Key
from console.models import Broker
from console.ports import Port

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser


class SeenIds(Protocol):
    """See `ids_of`."""

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
    """Return the ID of each key whose object was seen on the broker, as pages and the API use it. With a
    `viewer`, only of objects that they can see. Empty for a kind without a mirror. One query."""
    return SEEN_IDS.ask(broker, kind, keys, viewer=viewer)
