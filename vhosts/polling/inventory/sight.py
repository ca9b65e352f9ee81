"""Find the virtual hosts that the broker's user can't see, from the listings of one inventory."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from console.kinds.common.kind import Key, Kind
from console.rabbitmq.types import Whoami
from vhosts.polling.rights import without_hidden


class Sight:
    """Decides which virtual hosts are hidden from the user.

    Every virtual host has exchanges. If none is listed, the user has no permission there. For an
    administrator, it means that the virtual host was deleted meanwhile. `user` is the broker's
    user, for the sentence. `whoami` reads its tags. Raises BrokerError.
    """

    def __init__(self, user: str, whoami: Callable[[], Whoami]) -> None:
        self._user = user
        self._whoami = whoami
        self._vhosts: frozenset[str] = frozenset()
        self._hidden: frozenset[str] = frozenset()

    def take_in(self, kind: Kind, keys: Iterable[Key], *, whole: bool) -> None:
        """Take in a part's keys, in the order of parts: virtual hosts first, then kinds that each
        virtual host has, then the rest. `whole`: no object was left out of the listing."""
        if kind.is_container:
            self._vhosts = frozenset(key[0] for key in keys)
        elif kind.never_empty and kind.vhost_at is not None and whole:
            hidden = self._vhosts - {kind.vhost_of(key) for key in keys}
            if hidden and "administrator" not in self._whoami().tags:
                self._hidden = hidden

    def lacks(self, kind: Kind) -> str:
        """Return a sentence that says why a kind's listing isn't whole, or "". Only administrators
        can list users' permissions, and they see all of them."""
        if kind.vhost_at is None or kind.user_at is not None or not self._hidden:
            return ""
        return without_hidden(self._user, len(self._hidden), len(self._vhosts))
