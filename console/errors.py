"""What the console refuses, as errors that pages and the API show alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar


class ConsoleError(Exception):
    """A request that is refused for a reason a person can act on.

    `message` is one plain sentence; `data` holds what a program may want (field names, ids);
    `http_status` is what the API answers.
    """

    code: ClassVar[str] = "refused"
    http_status: ClassVar[int] = 400

    def __init__(self, message: str, data: dict[str, Any] | None = None) -> None:
        self.message = message
        self.data = data or {}
        super().__init__(message)


class NotAllowed(ConsoleError):
    """Inside one's scope, without the right. Outside one's scope is a 404 instead."""

    code = "not_allowed"
    http_status = 403


class NothingGranted(NotAllowed):
    """As NotAllowed, for somebody to whom nothing at all has been granted yet."""


class InvalidField(ConsoleError):
    """`field` names what the message is about."""

    code = "invalid"

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message, {"field": field})
        self.field = field


class BrokerNotChosen(ConsoleError):
    """The page is about one broker, and the URL names none of several. `brokers` are those to choose from."""

    code = "broker_not_chosen"

    def __init__(self, brokers: Sequence[Any]) -> None:
        super().__init__("Select a broker.")
        self.brokers = brokers


class TooLarge(ConsoleError):
    """What was sent is larger than is read at all."""

    code = "too_large"
    http_status = 413


class NotSound(ConsoleError):
    """Only a part of what was asked could be done, and doing a part was not asked for."""

    code = "not_sound"
    http_status = 409


class Stale(ConsoleError):
    """What was to be changed has changed meanwhile."""

    code = "stale"
    http_status = 412


class AlreadyThere(ConsoleError):
    """What was to be made exists, here or on the broker."""

    code = "already_there"
    http_status = 409


class NotThere(ConsoleError):
    """What was to be changed or deleted does not exist."""

    code = "not_there"
    http_status = 409


class IdempotencyMismatch(ConsoleError):
    """The idempotency key belongs to another request."""

    code = "idempotency_mismatch"
    http_status = 409


class BrokerTrouble(ConsoleError):
    """An interactive act on a broker failed. Never a 5xx of ours: the broker is not the console."""

    code = "broker_trouble"
    http_status = 409


class WrongEncryptionKey(ConsoleError):
    """A stored secret was encrypted with a key that is not among CONSOLE_ENCRYPTION_KEYS."""

    code = "wrong_encryption_key"
    http_status = 409
