"""The pages of the examples."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accessctl.authorize import may, require
from accessctl.rights import Permission
from accessctl.targets import target_broker
from console.errors import ConsoleError, InvalidField
from console.faces.person import person_of
from console.models import Broker
from console.scope import Scope
from vhosts.messages.learning import install, workers
from vhosts.messages.learning.code import code_of
from vhosts.messages.learning.examples import BY_SLUG, EXAMPLES, Example
from vhosts.messages.learning.pictures import picture_of
from vhosts.messages.listening.viewers import viewer_of
from vhosts.models import VirtualHost

#: Where bin/up --demo declares the objects; preferred if nobody says where.
_USUAL = "learn"
_MOST_VHOSTS = 200


@require_safe
@never_cache
def learn(request: HttpRequest) -> HttpResponse:
    """List the examples, and say whether their objects are there."""
    return _index(request, *_place(request))


def _index(
    request: HttpRequest, broker: Broker, vhost: str | None, error: ConsoleError | None = None
) -> HttpResponse:
    missing = install.missing(broker, vhost) if vhost is not None else []
    context = {
        "now": timezone.now(),
        "scope": Scope.at(broker, vhost),
        "broker": broker,
        "vhost": vhost,
        "vhosts": _vhosts(request, broker),
        "examples": EXAMPLES,
        "missing": missing,
        "any_there": len(missing) < install.COUNT,
        "may_install": vhost is not None and install.may_install(request.user, broker, vhost),
        "place": _query(broker, vhost),
        "error": error,
    }
    status = 200 if error is None else error.http_status
    return render(request, "vhosts/messages/learn.html", context, status=status)


@require_safe
@never_cache
def learn_example(request: HttpRequest, slug: str) -> HttpResponse:
    broker, vhost = _place(request)
    if vhost is None:
        return _index(request, broker, vhost)
    return _example(request, _named(slug), broker, vhost)


def _example(
    request: HttpRequest,
    example: Example,
    broker: Broker,
    vhost: str,
    error: ConsoleError | None = None,
) -> HttpResponse:
    viewers = [_viewer(request, text) for text in request.GET.getlist("viewer")]
    here = EXAMPLES.index(example)
    missing = set(install.missing(broker, vhost))
    panes = [
        (pane, viewers[at] if at < len(viewers) else None) for at, pane in enumerate(example.panes)
    ]
    context = {
        "now": timezone.now(),
        "scope": Scope.at(broker, vhost),
        "broker": broker,
        "vhost": vhost,
        "example": example,
        "picture": picture_of(example),
        "programs": code_of(example),
        "panes": panes,
        "listening": any(viewer is not None for _, viewer in panes),
        "is_missing": bool(missing & {example.exchange, *example.queues}),
        "next": EXAMPLES[here + 1] if here + 1 < len(EXAMPLES) else None,
        "place": _query(broker, vhost),
        "may_send": may(request.user, Permission.MESSAGES_PUBLISH, broker, vhost),
        "may_work": may(request.user, Permission.MESSAGES_MOVE, broker, vhost),
        "reads": may(request.user, Permission.MESSAGES_READ, broker, vhost),
        "error": error,
    }
    status = 200 if error is None else error.http_status
    return render(request, "vhosts/messages/learn_example.html", context, status=status)


@require_POST
def learn_start(request: HttpRequest, slug: str) -> HttpResponse:
    example = _named(slug)
    broker, vhost = _chosen(request)
    now = timezone.now()
    try:
        viewers = workers.start(person_of(request), broker, vhost, example, now=now)
    except ConsoleError as error:
        if error.http_status == 403:
            raise
        return _example(request, example, broker, vhost, error)
    query = [*_pairs(broker, vhost), *(("viewer", str(viewer.pk)) for viewer in viewers)]
    return redirect(f"{reverse('learn_example', args=[slug])}?{urlencode(query)}")


@require_POST
def learn_send(request: HttpRequest, slug: str) -> HttpResponse:
    """Send one of the example's messages; the answer is a note for the page."""
    example = _named(slug)
    broker, vhost = _chosen(request)
    text = request.POST.get("choice", "")
    at = int(text) if text.isascii() and text.isdigit() and len(text) < 3 else len(example.choices)
    if at >= len(example.choices):
        sent = workers.Sent("bad", "Select one of the example's messages.")
        require(request.user, Permission.MESSAGES_PUBLISH, broker, vhost)
    else:
        sent = workers.send(person_of(request), broker, vhost, example, example.choices[at])
    return render(request, "vhosts/messages/_learn_sent.html", {"sent": sent})


@require_POST
def learn_create(request: HttpRequest) -> HttpResponse:
    return _change(request, install.create)


@require_POST
def learn_remove(request: HttpRequest) -> HttpResponse:
    return _change(request, install.remove)


def _change(request: HttpRequest, make: Any) -> HttpResponse:
    broker, vhost = _chosen(request)
    try:
        change = make(broker, vhost, acting_user=person_of(request), now=timezone.now())
    except ConsoleError as error:
        if error.http_status == 403:
            raise
        return _index(request, broker, vhost, error)
    return redirect("change", change.pk)


def _place(request: HttpRequest) -> tuple[Broker, str | None]:
    """Return the broker and virtual host in the query, or the usual ones. Raises Http404,
    NotAllowed, BrokerNotChosen, InvalidField."""
    broker, _ = target_broker(request, Permission.MESSAGES_VIEW)
    vhost = Scope.read(request.GET, request.user).vhost
    if vhost is None:
        known = [row.name for row in _vhosts(request, broker)]
        vhost = _USUAL if _USUAL in known else None
    if vhost is not None:
        require(request.user, Permission.MESSAGES_VIEW, broker, vhost)
    return broker, vhost


def _chosen(request: HttpRequest) -> tuple[Broker, str]:
    """Return the broker and virtual host of a form. Raises as `_place` does."""
    broker, vhost = _place(request)
    if vhost is None:
        raise InvalidField("vhost", "Select a virtual host.")
    return broker, vhost


def _vhosts(request: HttpRequest, broker: Broker) -> list[VirtualHost]:
    rows = VirtualHost.objects.visible_to(request.user).filter(broker=broker)
    return list(rows.order_by("name")[:_MOST_VHOSTS])


def _named(slug: str) -> Example:
    if slug not in BY_SLUG:
        raise Http404("Example not found.")
    return BY_SLUG[slug]


def _viewer(request: HttpRequest, text: str) -> Any:
    try:
        return viewer_of(request.user, UUID(text), now=timezone.now())
    except (ValueError, Http404):
        return None


def _pairs(broker: Broker, vhost: str | None) -> list[tuple[str, str]]:
    return [("broker", str(broker.pk)), *([("vhost", vhost)] if vhost is not None else [])]


def _query(broker: Broker, vhost: str | None) -> str:
    return f"?{urlencode(_pairs(broker, vhost))}"
