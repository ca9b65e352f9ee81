"""What a lower floor asks of a higher one: a typed function that the higher one gives when Django starts
(`AppConfig.ready`). Imports go down only, so nothing below could name it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
    from django.db.models import Q

Function = TypeVar("Function")


class Port(Generic[Function]):
    """`what` names the port in the error of a port that nobody filled."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._function: Function | None = None

    def give(self, function: Function) -> None:
        self._function = function

    @property
    def ask(self) -> Function:
        if self._function is None:
            raise RuntimeError(f"No app has filled the port {self._what}.")
        return self._function


class BrokersVisibleTo(Protocol):
    """The condition on brokers of which the user may see any part."""

    def __call__(self, user: AbstractBaseUser | AnonymousUser) -> Q: ...


BROKERS_VISIBLE_TO: Port[BrokersVisibleTo] = Port("BROKERS_VISIBLE_TO")
