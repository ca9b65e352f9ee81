"""Whether the escaped characters of a path reach the broker as they were sent.

Proxies decode `%2F` (nginx's `proxy_pass` with a URI part, Apache without `nocanon`), merge the slashes, and encode
again what is left. `/api/permissions/%2F/jim` then arrives as `/api/permissions/jim`: a 404 proves nothing,
and `/api/queues/%2F/a%2Fb` means the queue `b` in the virtual host `a`.
"""

from __future__ import annotations

import re
import threading
from urllib.parse import quote

from console.rabbitmq.errors import PathRewritten, StatsDisabled
from console.rabbitmq.http.exchange import JSON, BoundedHttp
from console.rabbitmq.http.refusals import error_for_status
from console.rabbitmq.management.paths import path

#: What a proxy may take for a part of the path's own syntax once it has decoded it.
_SYNTAX = "/%\\?#;"
_ESCAPED = re.compile("|".join(quote(character, safe="") for character in _SYNTAX))
WHAT_TO_DO = "Test the broker's connection to see what to fix."
#: A name for which this endpoint answers with an empty list wherever it arrives whole.
_NAME = "warren/%zz"
#: `whoami` with an escape that means the letter itself: a proxy that encodes twice breaks it.
_NEEDLESS = "/api/%77hoami"
#: Statuses that say nothing of the path: rights, and trouble that may pass.
_TELL_NOTHING = (401, 408, 429)


def at_risk(*names: str) -> bool:
    """Whether a path to what is called so holds characters that proxies rewrite."""
    return any(character in name for name in names for character in _SYNTAX)


class Escapes:
    """What becomes of escaped characters on the way to one broker. It is asked once, and only where a
    path holds any. Safe to use from threads. Methods raise BrokerError where the broker can't be asked."""

    def __init__(self, http: BoundedHttp) -> None:
        self._http = http
        self._lock = threading.Lock()
        self._asked = False
        self._kept: bool | None = None

    def kept(self) -> bool | None:
        """Whether they arrive as they are sent. None: the answers don't tell."""
        with self._lock:
            if not self._asked:
                self._kept = self._ask()
                self._asked = True
            return self._kept

    def prove(self, *names: str) -> bool:
        """Whether an answer about what is called so is about just that: a 404 then means absence."""
        return not at_risk(*names) or self.kept() is True

    def must_be_kept(self, target: str) -> None:
        """Raises PathRewritten where `target` would arrive as another path."""
        if _ESCAPED.search(target.partition("?")[0]) and self.kept() is False:
            raise PathRewritten(f"{PathRewritten.summary} Nothing was sent. {WHAT_TO_DO}")

    def _ask(self) -> bool | None:
        said = [self._arrives(path("connections", "username", _NAME)), self._arrives(_NEEDLESS)]
        if False in said:
            return False
        return None if None in said else True

    def _arrives(self, target: str) -> bool | None:
        answer = self._http.exchange("GET", target)
        if answer.ok:
            return answer.content_type == JSON
        error = error_for_status(answer.status, answer.body)
        if isinstance(error, StatsDisabled):
            # Said by the very endpoint that was meant.
            return True
        if answer.status == 500 and not answer.body:
            # The endpoint was reached, and failed: RabbitMQ 3.10 does for users tagged management only.
            return True
        if answer.status >= 500 or answer.status in _TELL_NOTHING:
            return None
        return False
