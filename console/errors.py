"""Errors for what the console refuses, shown alike by pages and API."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar


class ConsoleError(Exception):
    """A request that is refused for a reason that a person can act on.

    `message` is one plain sentence; `data` holds details for programs (field names, IDs);
    `http_status` is the API's status.
    """

    code: ClassVar[str] = "refused"
    http_status: ClassVar[int] = 400

    def __init__(self, message: str, data: dict[str, Any] | None = None) -> None:
        self.message = message
        self.data = data or {}
        super().__init__(message)


class NotAllowed(ConsoleError):
    """The object is in the person's scope, but they lack the right. Outside their scope it is a
    404."""

    code = "not_allowed"
    http_status = 403


class NothingGranted(NotAllowed):
    """NotAllowed for somebody who has no grants yet."""


class InvalidField(ConsoleError):
    """A field has an impossible value. `field` names it."""

    code = "invalid"

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message, {"field": field})
        self.field = field


class BrokerNotChosen(ConsoleError):
    """The page is about one broker, and the URL doesn't say which. `brokers` are those to choose
    from."""

    code = "broker_not_chosen"

    def __init__(self, brokers: Sequence[Any]) -> None:
        super().__init__("Select a broker.")
        self.brokers = brokers


class TooLarge(ConsoleError):
    """The request is larger than the console reads."""

    code = "too_large"
    http_status = 413


class NotSound(ConsoleError):
    """Only a part of the request could be applied, and applying a part wasn't requested."""

    code = "not_sound"
    http_status = 409


class Stale(ConsoleError):
    """The object has changed since the person last saw it."""

    code = "stale"
    http_status = 412


class AlreadyThere(ConsoleError):
    """The object to create exists, here or on the broker."""

    code = "already_there"
    http_status = 409


class NotThere(ConsoleError):
    """The object to change or delete doesn't exist."""

    code = "not_there"
    http_status = 409


class OwnedByFile(ConsoleError):
    """A folder of definitions owns the object, and the request doesn't break the glass."""

    code = "owned_by_file"
    http_status = 409


class IdempotencyMismatch(ConsoleError):
    """The idempotency key belongs to another request."""

    code = "idempotency_mismatch"
    http_status = 409


class TooManyAttempts(ConsoleError):
    """Too many wrong passwords were tried. `data` has `retry_after`, in seconds."""

    code = "too_many_attempts"
    http_status = 429


class BrokerTrouble(ConsoleError):
    """An interactive operation on a broker failed. Never a 5xx: the broker isn't the console."""

    code = "broker_trouble"
    http_status = 409


class WrongEncryptionKey(ConsoleError):
    """A stored secret was encrypted with a key that isn't in CONSOLE_ENCRYPTION_KEYS."""

    code = "wrong_encryption_key"
    http_status = 409
