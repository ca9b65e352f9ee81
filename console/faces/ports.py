"""What the general pages and API call in the apps above. `accessctl/apps.py` provides these ports."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from django.db.models import Q

from console.models import Broker
from console.ports import Port

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
    from django.http import HttpRequest

    from console.faces.face import Right


class May(Protocol):
    """Return whether the user has the right: in the virtual host; without `vhost`, on the whole broker;
    without `broker`, anywhere."""

    def __call__(
        self,
        user: AbstractBaseUser | AnonymousUser,
        permission: Right,
        broker: Broker | None = None,
        vhost: str | None = None,
    ) -> bool: ...


class Require(Protocol):
    """Raise NotAllowed if `May` returns False."""

    def __call__(
        self,
        user: AbstractBaseUser | AnonymousUser,
        permission: Right,
        broker: Broker | None = None,
        vhost: str | None = None,
    ) -> None: ...


class TargetBroker(Protocol):
    """Return the broker in the URL, else the only one, and all brokers to choose from, by name.

    Raises BrokerNotChosen if there are several, NotAllowed without the right, Http404 if there is
    no broker, InvalidField for an invalid scope.
    """

    def __call__(self, request: HttpRequest, permission: Right) -> tuple[Broker, list[Broker]]: ...


class StepsSeenBy(Protocol):
    """Return the condition on the steps of changes that the user may see."""

    def __call__(self, user: AbstractBaseUser | AnonymousUser) -> Q: ...


MAY: Port[May] = Port("MAY")
REQUIRE: Port[Require] = Port("REQUIRE")
STEPS_SEEN_BY: Port[StepsSeenBy] = Port("STEPS_SEEN_BY")
TARGET_BROKER: Port[TargetBroker] = Port("TARGET_BROKER")
