"""What the general pages and the API ask of the apps above: who may do what, and where."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from console.models import Broker
from console.ports import Port

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
    from django.http import HttpRequest

    from console.faces.face import Right


class May(Protocol):
    """With neither broker nor vhost: anywhere at all. With a broker alone: on the whole of it."""

    def __call__(
        self,
        user: AbstractBaseUser | AnonymousUser,
        permission: Right,
        broker: Broker | None = None,
        vhost: str | None = None,
    ) -> bool: ...


class Require(Protocol):
    """As May. Raises NotAllowed where it says no."""

    def __call__(
        self,
        user: AbstractBaseUser | AnonymousUser,
        permission: Right,
        broker: Broker | None = None,
        vhost: str | None = None,
    ) -> None: ...


class TargetBroker(Protocol):
    """(the broker that the URL names, or the first one; all that may be chosen). Raises NotAllowed,
    Http404, InvalidField."""

    def __call__(self, request: HttpRequest, permission: Right) -> tuple[Broker, list[Broker]]: ...


MAY: Port[May] = Port("MAY")
REQUIRE: Port[Require] = Port("REQUIRE")
TARGET_BROKER: Port[TargetBroker] = Port("TARGET_BROKER")
