from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from console.models import Broker, Environment
from console.pages.context import scoped_routes
from console.scope import Scope
from vhosts.models import VirtualHost

#: The most virtual hosts that the menu lists. Find others on the broker's own page.
_MOST_VHOSTS = 200


@require_safe
def scope_menu(request: HttpRequest) -> HttpResponse:
    """Return the scope picker's menu, loaded when it is opened. `?to=` is the route to stay on."""
    scope = Scope.read(request.GET, request.user)
    wanted = request.GET.get("to", "")
    brokers = list(Broker.objects.visible_to(request.user).select_related("status"))
    groups = [
        (environment, [broker for broker in brokers if broker.environment == environment])
        for environment in Environment
    ]
    vhosts: list[str] = []
    if scope.broker is not None:
        found = (
            VirtualHost.objects.visible_to(request.user)
            .filter(broker=scope.broker)
            .order_by("name")
        )
        vhosts = list(found.values_list("name", flat=True)[:_MOST_VHOSTS])
    return render(
        request,
        "console/_scope_menu.html",
        {
            "scope": scope,
            "to": wanted if wanted in scoped_routes() else "fleet",
            "groups": [(environment, members) for environment, members in groups if members],
            "vhosts": vhosts,
            "now": timezone.now(),
        },
    )
