"""Into which virtual hosts the broker's user sees, judged by the listings of one inventory."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from console.kinds.common.kind import Key, Kind
from console.rabbitmq.types import Whoami
from vhosts.polling.rights import without_hidden


class Sight:
    """Every virtual host has exchanges of its own, so that one without any listed is one into which the
    user may not look, unless it is an administrator: then the virtual host was deleted meanwhile. `user`: the
    broker's user, for the sentence. `whoami` asks for its tags. Raises BrokerError."""

    def __init__(self, user: str, whoami: Callable[[], Whoami]) -> None:
        self._user = user
        self._whoami = whoami
        self._vhosts: frozenset[str] = frozenset()
        self._hidden: frozenset[str] = frozenset()

    def take_in(self, kind: Kind, keys: Iterable[Key], *, whole: bool) -> None:
        """Parts come in their order: virtual hosts first, and what every one of them has before what it
        may lack. `whole`: no object was left out of the listing."""
        if kind.is_container:
            self._vhosts = frozenset(key[0] for key in keys)
        elif kind.never_empty and kind.vhost_at is not None and whole:
            hidden = self._vhosts - {kind.vhost_of(key) for key in keys}
            if hidden and "administrator" not in self._whoami().tags:
                self._hidden = hidden

    def lacks(self, kind: Kind) -> str:
        """Why the listing of a kind isn't whole, a sentence; "" where it may be. What users may do is
        listed to administrators only, and then all of it."""
        if kind.vhost_at is None or kind.user_at is not None or not self._hidden:
            return ""
        return without_hidden(self._user, len(self._hidden), len(self._vhosts))
