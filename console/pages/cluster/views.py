"""The page of a broker's cluster, and the pages that change it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from accessctl.authorize import access_broker, may
from accessctl.rights import Permission
from console.engine.supported import facts_of_version
from console.faces.acts.acts import Asked, carry_out, confirm
from console.faces.acts.forms import TEXT, ActForm, Row
from console.kinds.cluster.kind import CHANGES_MEMBERS
from console.kinds.common.shell import shell_word
from console.models import Broker
from console.pages.cluster import acts
from console.pages.cluster.read import read_cluster
from console.scope import Scope

_FORM = ["GET", "HEAD", "POST"]


class NameForm(ActForm):
    layout = (("Cluster", (Row("name"),)),)
    name = forms.CharField(
        max_length=255,
        widget=forms.TextInput(attrs=TEXT),
        help_text="1 to 255 bytes. RabbitMQ: cluster_name.",
        error_messages={"required": "Enter a name."},
    )


@require_safe
def cluster(request: HttpRequest, broker_id: int) -> HttpResponse:
    """Show the cluster; read from the broker now."""
    broker = access_broker(request.user, broker_id, Permission.BROKERS_VIEW)
    now = timezone.now()
    reading = read_cluster(broker, now=now)
    facts = facts_of_version(broker)
    context = {
        "now": now,
        "scope": Scope.at(broker),
        "broker": broker,
        "reading": reading,
        "facts": reading.found,
        "nodes": broker.status.nodes or [],
        "commands": [
            f"rabbitmq-queues grow {shell_word(str(node['name']))} all"
            for node in broker.status.nodes or []
            if node.get("name")
        ],
        "plugins": broker.status.plugins,
        "changes_members": facts.version is not None and facts.at_least(CHANGES_MEMBERS),
        "members_since": CHANGES_MEMBERS,
        "may_edit": may(request.user, Permission.BROKERS_EDIT, broker),
        "may_move": may(request.user, Permission.REPLICAS_EDIT, broker),
        "crumbs": [(broker.name, reverse("broker", args=[broker.pk]))],
    }
    return render(request, "console/cluster/cluster.html", context)


@require_http_methods(_FORM)
def cluster_name(request: HttpRequest, broker_id: int) -> HttpResponse:
    """Edit the cluster's name."""
    broker = access_broker(request.user, broker_id, Permission.BROKERS_EDIT)
    back = _back(broker)
    form = NameForm(request.POST or None, initial={"name": broker.status.cluster_name})

    def ask() -> Asked:
        return Asked(
            title=f"Rename the cluster of {broker.name}",
            desired_objects=[acts.rename(broker, form.cleaned_data["name"], request.user)],
            act="Rename cluster",
            back=back,
            warnings=[
                "Federation links and shovels elsewhere may name the cluster, and monitoring often goes by it."
            ],
        )

    def show(status: int) -> HttpResponse:
        form.mark()
        context = {"form": form, "broker": broker, "cancel": back, "scope": Scope.at(broker)}
        return render(request, "console/cluster/name.html", context, status=status)

    return carry_out(request, form, ask, show)


@require_http_methods(_FORM)
def cluster_flags(request: HttpRequest, broker_id: int) -> HttpResponse:
    """Enable the feature flags `flag`."""
    broker = access_broker(request.user, broker_id, Permission.BROKERS_EDIT)

    def ask() -> Asked:
        made = acts.enable_flags(broker, request.GET.getlist("flag")[:100], request.user)
        what = (
            f"the feature flag {made[0].parameters['flag']}" if len(made) == 1 else "feature flags"
        )
        return _asked(broker, f"Enable {what} on {broker.name}", "Enable", made, danger=True)

    return confirm(request, ask, _back(broker), broker=broker)


@require_http_methods(_FORM)
def cluster_rebalance(request: HttpRequest, broker_id: int) -> HttpResponse:
    """Spread the leaders of replicated queues evenly."""
    broker = access_broker(request.user, broker_id, Permission.REPLICAS_EDIT)
    return confirm(
        request,
        lambda: _asked(
            broker,
            f"Rebalance the leaders of {broker.name}",
            "Rebalance leaders",
            [acts.rebalance(broker, request.user)],
        ),
        _back(broker),
        broker=broker,
    )


@require_http_methods(_FORM)
def cluster_members(request: HttpRequest, broker_id: int) -> HttpResponse:
    """Add (`act` grow) or remove (shrink) the members of quorum queues on the node `node`."""
    broker = access_broker(request.user, broker_id, Permission.REPLICAS_EDIT)
    act, node = request.GET.get("act", ""), request.GET.get("node", "")

    def ask() -> Asked:
        made = acts.on_node(broker, act, node, request.user)
        verb = acts.ON_NODE[act].verb
        return _asked(broker, f"{verb}: {node}", verb, [made], danger=made.kind_act.destructive)

    return confirm(request, ask, _back(broker), broker=broker)


def _asked(broker: Broker, title: str, act: str, made: list[Any], *, danger: bool = False) -> Asked:
    return Asked(title=title, acts=made, act=act, back=_back(broker), danger=danger)


def _back(broker: Broker) -> str:
    return reverse("cluster", args=[broker.pk])
