"""Replace an exchange: delete it and declare it again with other properties, with its bindings.

All properties of an exchange are fixed, and its bindings are deleted with it. So one change deletes it,
declares it again and binds everything again, in this order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from accessctl.authorize import AnyUser, require
from accessctl.rights import Permission
from console.engine.proposal import DesiredObject
from console.errors import InvalidField, NotAllowed
from console.faces.acts.acts import Asked, carry_out
from console.faces.objects.pages import access, crumbs_of
from console.faces.objects.proposals import current_state_of
from console.faces.pages.words import counted
from console.kinds.common.kind import Key
from console.kinds.exchange import EXCHANGE
from console.models import Broker
from console.scope import Scope
from vhosts.bindings.carry import carried
from vhosts.exchanges.face import EXCHANGES
from vhosts.exchanges.forms import replacement_form
from vhosts.exchanges.rules import guard
from vhosts.models import Exchange


def replace(
    *,
    broker: Broker,
    key: Key,
    fields: Mapping[str, Any],
    acting_user: AnyUser,
    expected_generation: int | None = None,
) -> list[DesiredObject]:
    """Return the desired objects: the exchange with other fields, then its bindings. Raises
    NotAllowed, NotThere, InvalidField."""
    require(acting_user, Permission.EXCHANGES_EDIT, broker, key[0])
    if reason := EXCHANGE.permanent(key):
        raise NotAllowed(reason)
    found = current_state_of(EXCHANGES, broker, key)
    found.must_be_there()
    spec = EXCHANGE.canonical(found.changed(fields))
    if found.observed is not None and EXCHANGE.canonical(found.observed) == spec:
        raise InvalidField("type", "Nothing differs from the exchange as it is. Change a property.")
    both_ends = Q(source=key[1]) | Q(destination_type=EXCHANGE.name, destination=key[1])
    again = carried(broker, key[0], both_ends, acting_user, field="type", own=key[1])
    exchange = DesiredObject(
        broker=broker,
        ref=found.ref,
        spec=spec,
        observed=found.observed,
        permission=Permission.EXCHANGES_EDIT,
        expected_generation=found.generation
        if expected_generation is None
        else expected_generation,
        guard=guard(broker, key),
    )
    return [exchange, *again]


def _lost(desired_objects: Sequence[DesiredObject]) -> list[str]:
    number = len(desired_objects) - 1
    again = (
        f"Its {counted(number, 'binding')} {'is' if number == 1 else 'are'} deleted with it and created again by the "
        "next steps. The console manages them from then on."
        if number
        else "It has no bindings in the last inventory."
    )
    return [
        again,
        "Messages that are published until then are lost or returned to publishers.",
    ]


@require_http_methods(["GET", "HEAD", "POST"])
def exchange_replace(request: HttpRequest, object_id: int) -> HttpResponse:
    """The form with the exchange's properties, then the preview."""
    row: Exchange = access(EXCHANGES, request.user, object_id, EXCHANGES.rights.edit)
    key = EXCHANGES.key_of(row)
    if reason := EXCHANGE.permanent(key):
        raise NotAllowed(reason)
    found = current_state_of(EXCHANGES, row.broker, key)
    back = reverse("exchange", args=[row.pk])
    form = replacement_form(
        row.broker,
        key[0],
        request.user,
        request.POST or None,
        found.observed or {},
        found.generation,
    )

    def ask() -> Asked:
        desired_objects = replace(
            broker=row.broker,
            key=key,
            fields=form.wanted(),
            acting_user=request.user,
            expected_generation=form.cleaned_data["generation"],
        )
        return Asked(
            title=f"Replace the {EXCHANGE.phrase(key)}",
            desired_objects=desired_objects,
            act="Replace exchange",
            back=back,
            dies={desired_objects[0].ref: _lost(desired_objects)},
            typed=row.name if Scope.at(row.broker).is_production else "",
            danger=True,
        )

    def show(status: int) -> HttpResponse:
        form.mark()
        context = {
            "face": EXCHANGES,
            "form": form,
            "broker": row.broker,
            "brokers": [],
            "row": row,
            "verb": "Replace",
            "title_name": EXCHANGES.title(key),
            "about": "RabbitMQ can’t change an exchange. The console deletes it, declares it again and makes its "
            "bindings again.",
            "cancel": back,
            "scope": Scope.at(row.broker, row.vhost),
            "crumbs": crumbs_of(EXCHANGES, row.broker, row.vhost),
        }
        return render(request, "faces/form.html", context, status=status)

    return carry_out(request, form, ask, show)
