"""The page Connect: code for a RabbitMQ user in a virtual host, and the proof that it can sign in."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_POST, require_safe

from accessctl.authorize import may, require
from accessctl.models import BrokerUser
from accessctl.rights import Permission
from console.errors import ConsoleError, InvalidField, NotAllowed
from console.faces.lists import read_scope
from console.rabbitmq.amqp.proving.proof import ProofStep
from console.scope import Scope
from vhosts.messages.connecting.code.clients import CLIENTS
from vhosts.messages.connecting.forms import ConnectForm, ProveForm
from vhosts.messages.connecting.proof import prove_sign_in
from vhosts.messages.connecting.service import Connection, connection_for
from vhosts.models import VirtualHost

#: Maximum number of suggested names.
_OFFERED = 200
_FIRST = next(iter(CLIENTS))
_NAMES = {
    "resolve": "Host name", "connect": "Connect", "tls": "TLS", "handshake": "AMQP", "login": "Sign-in",
    "virtual_host": "Virtual host", "channel": "Channel", "declare": "Declare a queue", "publish": "Publish",
    "receive": "Consume",
}  # fmt: skip


@require_safe
def connect(request: HttpRequest) -> HttpResponse:
    require(request.user, Permission.USERS_VIEW)
    scope, _ = read_scope(request)
    if not request.GET.get("user") or not request.GET.get("vhost") or scope.broker is None:
        given = {"broker": scope.broker, "vhost": scope.vhost, "user": request.GET.get("user")}
        return _shown(request, ConnectForm(initial=given, viewer=request.user), scope=scope)
    form, found = _read(request)
    return _shown(request, form, found, scope=scope, status=200 if found else 400)


@require_POST
@sensitive_post_parameters("password")
@sensitive_variables("typed")
def connect_prove(request: HttpRequest) -> HttpResponse:
    """Sign in over AMQP as the user in the query, with the password in the body."""
    require(request.user, Permission.MESSAGES_PUBLISH)
    scope, _ = read_scope(request)
    form, found = _read(request)
    if found is None:
        return _shown(request, form, scope=scope, status=400)
    require(request.user, Permission.MESSAGES_PUBLISH, found.broker, found.vhost.name)
    typed = ProveForm(request.POST)
    steps: list[ProofStep] = []
    refusal, status = "", 200
    if not typed.is_valid():
        status = 400
    else:
        try:
            steps = prove_sign_in(
                request,
                found,
                typed.secret(),
                messages=typed.cleaned_data["messages"],
                acting_user=request.user,
            )
        except NotAllowed:
            raise
        except ConsoleError as error:
            refusal, status = error.message, error.http_status
    return _shown(
        request, form, found, scope=scope, prove=typed, steps=steps, refusal=refusal, status=status
    )


def _read(request: HttpRequest) -> tuple[ConnectForm, Connection | None]:
    """Return the form of the query, and what it names; None if the form has errors."""
    form = ConnectForm(request.GET, viewer=request.user)
    if not form.is_valid():
        return form, None
    try:
        return form, connection_for(**form.cleaned_data, viewer=request.user)
    except InvalidField as error:
        form.add_error(error.field, error.message)
        return form, None


def _shown(
    request: HttpRequest,
    form: ConnectForm,
    found: Connection | None = None,
    *,
    scope: Scope,
    prove: ProveForm | None = None,
    steps: list[ProofStep] | None = None,
    refusal: str = "",
    status: int = 200,
) -> HttpResponse:
    client = request.GET.get("client", _FIRST)
    context: dict[str, Any] = {
        "now": timezone.now(),
        "scope": scope,
        "form": form,
        "found": found,
        "clients": [(name, one.label) for name, one in CLIENTS.items()],
        "client": client if client in CLIENTS else _FIRST,
        "steps": [(_NAMES[step.name], step) for step in steps or ()],
        "failed": any(step.outcome == "failed" for step in steps or ()),
        "refusal": refusal,
        "prove": prove or ProveForm(),
    }
    if found is None:
        context |= {
            "users": _offered(BrokerUser, scope, request),
            "vhosts": _offered(VirtualHost, scope, request),
        }
    else:
        status_of = found.broker.status
        context |= {
            "snippet": found.snippet(context["client"]),
            "uris": found.target.uris() if found.target else [],
            "may_prove": may(
                request.user, Permission.MESSAGES_PUBLISH, found.broker, found.vhost.name
            ),
            "may_permit": may(
                request.user, Permission.PERMISSIONS_EDIT, found.broker, found.vhost.name
            ),
            "read_at": status_of.part_at("permissions"),
            "ca_pem": found.broker.tls_ca_pem if found.target and found.target.ca_file else "",
        }
    return render(request, "vhosts/messages/connect.html", context, status=status)


def _offered(
    model: type[BrokerUser | VirtualHost], scope: Scope, request: HttpRequest
) -> list[str]:
    seen = model.objects.visible_to(request.user).filter(broker__in=scope.brokers(request.user))
    names = seen.order_by("name").values_list("name", flat=True).distinct()
    return list(names[:_OFFERED])
