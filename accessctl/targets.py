"""The broker that a new object is made on."""

from __future__ import annotations

from django.http import Http404, HttpRequest

from accessctl.authorize import may_somewhere, require
from accessctl.reach import reach_of
from accessctl.rights import Permission
from console.errors import BrokerNotChosen
from console.models import Broker
from console.scope import Scope


def brokers_for(request: HttpRequest, permission: Permission) -> list[Broker]:
    """Those on which, or on a part of which, the person has the right; by name."""
    brokers = Broker.objects.visible_to(request.user).filter(
        reach_of(request.user).brokers(permission)
    )
    return list(brokers.select_related("status").order_by("name"))


def target_broker(request: HttpRequest, permission: Permission) -> tuple[Broker, list[Broker]]:
    """(the broker that the URL names, or the only one; all that may be chosen). Raises BrokerNotChosen where
    there are several, NotAllowed, Http404 and, for what is no scope, InvalidField."""
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
