"""Creating, editing, deleting and restarting virtual hosts."""

from __future__ import annotations

from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from accessctl.authorize import may
from accessctl.rights import Permission
from accessctl.targets import target_broker
from console.errors import ConsoleError
from console.faces.acts.acts import Asked, carry_out, confirm
from console.models import Broker
from console.scope import Scope
from vhosts.authorize import access_vhost
from vhosts.models import VirtualHost
from vhosts.virtual_hosts.forms import VhostForm
from vhosts.virtual_hosts.restart import restart_vhost
from vhosts.virtual_hosts.rules import (
    create_vhost,
    delete_vhost,
    edit_vhost,
    vhost_objections,
    vhost_state,
)


@require_http_methods(["GET", "HEAD", "POST"])
def vhost_create(request: HttpRequest) -> HttpResponse:
    broker, brokers = target_broker(request, Permission.VHOSTS_CREATE)
    back = f"{reverse('vhosts')}?{urlencode({'broker': broker.pk})}"
    form = vhost_form(request, broker, None)

    def show(status: int) -> HttpResponse:
        return _form_page(request, form, broker, None, back, status, brokers=brokers)

    return carry_out(request, form, lambda: creation_asked(request, broker, form, back), show)


@require_http_methods(["GET", "HEAD", "POST"])
def vhost_edit(request: HttpRequest, vhost_id: int) -> HttpResponse:
    found = access_vhost(request.user, vhost_id, Permission.VHOSTS_EDIT)
    back = reverse("vhost", args=[found.pk])
    form = vhost_form(request, found.broker, found)

    def show(status: int) -> HttpResponse:
        return _form_page(request, form, found.broker, found, back, status)

    return carry_out(request, form, lambda: edit_asked(request, found, form, back), show)


@require_http_methods(["GET", "HEAD", "POST"])
def vhost_delete(request: HttpRequest, vhost_id: int) -> HttpResponse:
    found = access_vhost(request.user, vhost_id, Permission.VHOSTS_DELETE)
    page = reverse("vhost", args=[found.pk])

    def ask() -> Asked:
        desired = delete_vhost(broker=found.broker, name=found.name, acting_user=request.user)
        return Asked(
            title=f"Delete the virtual host {found.name}",
            desired_objects=[desired],
            act="Delete virtual host",
            back=f"{reverse('vhosts')}?{urlencode({'broker': found.broker_id})}",
            dies=vhost_objections(found.broker, found.name),
            typed=found.name,
            danger=True,
        )

    return confirm(request, ask, page, broker=found.broker)


@require_POST
def vhost_restart(request: HttpRequest, vhost_id: int) -> HttpResponse:
    """Starts it on the node `node`: one call, its result is shown at once."""
    found = access_vhost(request.user, vhost_id, Permission.VHOSTS_RESTART)
    node = request.POST.get("node", "")
    try:
        restart_vhost(vhost=found, node=node, acting_user=request.user, now=timezone.now())
    except ConsoleError as error:
        messages.error(request, error.message)
    else:
        messages.success(request, f"RabbitMQ restarted the virtual host {found.name} on {node}.")
    return redirect("vhost", found.pk)


def _form_page(
    request: HttpRequest,
    form: VhostForm,
    broker: Broker,
    vhost: VirtualHost | None,
    cancel: str,
    status: int,
    brokers: list[Broker] | None = None,
) -> HttpResponse:
    form.mark()
    context = {
        "form": form,
        "broker": broker,
        "brokers": brokers if brokers and len(brokers) > 1 else [],
        "vhost": vhost,
        "cancel": cancel,
        "scope": Scope.at(broker, vhost.name if vhost else None),
    }
    return render(request, "vhosts/vhost_form.html", context, status=status)


def vhost_form(request: HttpRequest, broker: Broker, vhost: VirtualHost | None) -> VhostForm:
    """For a new virtual host (None) or a present one, as far as the person may change it."""
    if vhost is None:
        return VhostForm(
            request.POST or None,
            may_limit=may(request.user, Permission.VHOSTS_LIMIT, broker),
            knows_protection=_knows_protection(broker),
        )
    current = vhost_state(broker, vhost.name)
    return VhostForm(
        request.POST or None,
        spec=current.wanted or current.observed or {},
        generation=current.generation,
        may_limit=may(request.user, Permission.VHOSTS_LIMIT, broker, vhost.name),
        knows_protection=vhost.protected_from_deletion is not None,
    )


def creation_asked(request: HttpRequest, broker: Broker, form: VhostForm, back: str) -> Asked:
    """What a valid form for a new virtual host asks for. Raises ConsoleError."""
    name = form.cleaned_data["name"]
    desired = create_vhost(broker=broker, name=name, fields=form.wanted(), acting_user=request.user)
    return Asked(
        title=f"Create the virtual host {name}",
        desired_objects=[desired],
        act="Create virtual host",
        back=back,
        warnings=[
            "At first, only the console's own RabbitMQ user "
            f"({broker.username}) has permissions in it. Set permissions next."
        ],
    )


def edit_asked(request: HttpRequest, vhost: VirtualHost, form: VhostForm, back: str) -> Asked:
    """What a valid form for a present virtual host asks for. Raises ConsoleError."""
    desired = edit_vhost(
        broker=vhost.broker,
        name=vhost.name,
        fields=form.wanted(),
        acting_user=request.user,
        expected_generation=form.cleaned_data["generation"],
    )
    return Asked(
        title=f"Edit the virtual host {vhost.name}",
        desired_objects=[desired],
        act="Edit virtual host",
        back=back,
    )


def _knows_protection(broker: Broker) -> bool:
    """Whether its virtual hosts can be protected from deletion: RabbitMQ 4.0.6 and later tell it of
    each."""
    known = VirtualHost.objects.filter(broker=broker).exclude(protected_from_deletion=None)
    return known.exists()
