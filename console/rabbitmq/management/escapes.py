"""Test whether escaped characters in a path reach the broker unchanged.

Proxies decode `%2F` (nginx's `proxy_pass` with a URI part, Apache without `nocanon`), merge
slashes, and encode the rest again. `/api/permissions/%2F/jim` then arrives as
`/api/permissions/jim`: a 404 proves nothing, and `/api/queues/%2F/a%2Fb` means the queue `b` in the
virtual host `a`.
"""

from __future__ import annotations

import re
import threading
from urllib.parse import quote

from console.rabbitmq.errors import PathRewritten, StatsDisabled
from console.rabbitmq.http.exchange import JSON, BoundedHttp
from console.rabbitmq.http.refusals import error_for_status
from console.rabbitmq.management.paths import path

#: Characters that a proxy may treat as path syntax once it has decoded them.
_SYNTAX = "/%\\?#;"
_ESCAPED = re.compile("|".join(quote(character, safe="") for character in _SYNTAX))
WHAT_TO_DO = "Test the broker's connection to see what to fix."
#: For this name the endpoint answers with an empty list if the name arrives unchanged.
_NAME = "warren/%zz"
#: `whoami` with a needless escape of a letter: a proxy that encodes twice breaks it.
_NEEDLESS = "/api/%77hoami"
#: Statuses that say nothing about the path: missing rights, and temporary trouble.
_TELL_NOTHING = (401, 408, 429)


def at_risk(*names: str) -> bool:
    """Return whether a path with these names contains characters that proxies rewrite."""
    return any(character in name for name in names for character in _SYNTAX)


class Escapes:
    """What happens to escaped characters on the way to one broker.

    The broker is tested once, and only if a path contains such characters. Safe to use from
    threads. Methods raise BrokerError if the test fails.
    """

    def __init__(self, http: BoundedHttp) -> None:
        self._http = http
        self._lock = threading.Lock()
        self._asked = False
        self._kept: bool | None = None

    def kept(self) -> bool | None:
        """Return whether they arrive unchanged. None: the answers don't show it."""
        with self._lock:
            if not self._asked:
                self._kept = self._ask()
                self._asked = True
            return self._kept

    def prove(self, *names: str) -> bool:
        """Return whether an answer about these names is about them: then a 404 means absence."""
        return not at_risk(*names) or self.kept() is True

    def must_be_kept(self, target: str) -> None:
        """Raise PathRewritten if `target` would arrive as another path."""
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
            # Only the endpoint that the path means can answer this.
            return True
        if answer.status == 500 and not answer.body:
            # The endpoint was reached and failed, as RabbitMQ 3.10 does for users with only the tag
            # management.
            return True
        if answer.status >= 500 or answer.status in _TELL_NOTHING:
            return None
        return False
