"""Into which virtual hosts the broker's user sees, judged by the listings of one inventory."""

from __future__ import annotations

from typing import Any

from console.rabbitmq.types import Listing
from vhosts.polling.inventory.mirror import Kind
from vhosts.polling.inventory.parts import EXCHANGES, REFUSED_WHOLE, VHOSTS
from vhosts.polling.rights import without_hidden


class Sight:
    """Every virtual host has exchanges of its own, so that one without any listed is one into which the
    user may not look. `user`: the broker's user, for the sentence."""

    def __init__(self, user: str) -> None:
        self._user = user
        self._vhosts: frozenset[str] = frozenset()
        self._hidden: frozenset[str] = frozenset()

    def take_in(self, kind: Kind, listing: Listing[Any]) -> None:
        """Parts come in their order: virtual hosts, then exchanges, then all others."""
        if kind is VHOSTS:
            self._vhosts = frozenset(vhost.name for vhost, _ in listing.items)
        elif kind is EXCHANGES and not listing.rejected and listing.complete:
            self._hidden = self._vhosts - {exchange.vhost for exchange in listing.items}

    def lacks(self, kind: Kind) -> str:
        """Why the listing of a kind isn't whole, a sentence; "" where it may be."""
        inside = kind.keys[0].strip('"') == "vhost" and kind not in REFUSED_WHOLE
        if not inside or not self._hidden:
            return ""
        return without_hidden(self._user, len(self._hidden), len(self._vhosts))
