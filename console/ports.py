"""Ports: typed functions that a lower floor calls and a higher floor provides when Django starts
(`AppConfig.ready`). Imports point down, so the lower floor can't import the function itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
    from django.db.models import Q

Function = TypeVar("Function")


class Port(Generic[Function]):
    """Holds one function. `what` is the port's name in error messages."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._function: Function | None = None

    def give(self, function: Function) -> None:
        """Set the function. A second call replaces it."""
        self._function = function

    @property
    def ask(self) -> Function:
        """The function, to be called. Raises RuntimeError if no app has provided one."""
        if self._function is None:
            raise RuntimeError(f"No app has filled the port {self._what}.")
        return self._function


class BrokersVisibleTo(Protocol):
    """Return the condition on `Broker` for brokers of which the user may see any part."""

    def __call__(self, user: AbstractBaseUser | AnonymousUser) -> Q: ...


BROKERS_VISIBLE_TO: Port[BrokersVisibleTo] = Port("BROKERS_VISIBLE_TO")
