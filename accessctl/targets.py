"""Find the broker on which a new object is created."""

from __future__ import annotations

from django.http import Http404, HttpRequest

from accessctl.authorize import may_somewhere, require
from accessctl.reach import reach_of
from accessctl.rights import Permission
from console.errors import BrokerNotChosen
from console.models import Broker
from console.scope import Scope


def brokers_for(request: HttpRequest, permission: Permission) -> list[Broker]:
    """Return the brokers on which, or on a part of which, the person has the right, by name."""
    brokers = Broker.objects.visible_to(request.user).filter(
        reach_of(request.user).brokers(permission)
    )
    return list(brokers.select_related("status").order_by("name"))


def target_broker(request: HttpRequest, permission: Permission) -> tuple[Broker, list[Broker]]:
    """Return the broker in the URL, or the only one, and all that can be chosen. Raises
    BrokerNotChosen if there are several, NotAllowed, Http404, and InvalidField for an invalid
    scope."""
    require(request.user, permission)
    scope = Scope.read(request.GET, request.user)
    found = brokers_for(request, permission)
    if scope.broker is not None:
        if not may_somewhere(request.user, permission, scope.broker):
            require(request.user, permission, scope.broker)
        return scope.broker, found
    if scope.environment is not None:
        found = [one for one in found if one.environment == scope.environment] or found
    if not found:
        raise Http404("No broker found.")
    if len(found) > 1:
        raise BrokerNotChosen(found)
    return found[0], found
