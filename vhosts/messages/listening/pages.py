"""The page that listens: start, the messages that came since, one message, stop."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode
from uuid import UUID, uuid4

from django.http import Http404, HttpRequest, HttpResponse, QueryDict
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
from vhosts.crumbs import crumbs
from vhosts.messages.listening.model import TapViewer
from vhosts.messages.listening.sources import why_not_copied
from vhosts.messages.listening.targets import NO_DEFAULT, Target, require_seen
from vhosts.messages.listening.viewers import (
    Heard,
    as_params,
    join,
    leave,
    read,
    read_one,
    viewer_of,
)
from vhosts.messages.matching import Match
from vhosts.messages.publishing.message import read_message
from vhosts.messages.publishing.model import PublishState
from vhosts.messages.publishing.reasons import verdict_of
from vhosts.messages.publishing.send import publish
from vhosts.messages.publishing.where import place_for
from vhosts.models import Binding, Exchange, Queue

#: How many messages a page can keep.
KEEPS = (50, 200, 1000)
#: Characters of a body in a row.
_SNIPPET = 200
_FILTERS = (
    ("key", "Routing key"),
    ("header", "Header"),
    ("property", "Property"),
    ("body", "Body"),
)


@require_safe
@never_cache
def listen(request: HttpRequest) -> HttpResponse:
    """Show the form, or what is heard if the query names a viewer that still listens."""
    broker, _ = target_broker(request, Permission.MESSAGES_VIEW)
    return _page(request, broker, request.GET)


def _page(
    request: HttpRequest, broker: Broker, given: QueryDict, error: ConsoleError | None = None
) -> HttpResponse:
    now = timezone.now()
    vhost = given.get("vhost") or None
    require(request.user, Permission.MESSAGES_VIEW, broker, vhost) if vhost else None
    viewer, ended = _viewer(request, given.get("viewer", ""))
    context: dict[str, Any] = {
        "now": now,
        "scope": Scope.at(broker, vhost),
        "broker": broker,
        "crumbs": crumbs(broker, vhost),
        "given": given,
        "error": error,
        "ended": ended,
        "viewer": viewer,
        "keeps": KEEPS,
        "filters": _FILTERS,
        **(_facts(request, broker, given, vhost) if vhost else {}),
    }
    if viewer is not None:
        target = Target.stored(viewer.tap.target)
        context |= {
            "target": target,
            "after": viewer.tap.seq,
            "tap": viewer.tap,
            "reads": may(request.user, Permission.MESSAGES_READ, broker, target.vhost),
            "publishes": target.kind == "exchange"
            and may(request.user, Permission.MESSAGES_PUBLISH, broker, target.vhost),
        }
    status = 200 if error is None else error.http_status
    return render(request, "vhosts/messages/listen.html", context, status=status)


def _viewer(request: HttpRequest, text: str) -> tuple[TapViewer | None, bool]:
    """Return the viewer in the query, and whether there was one that has ended."""
    if not text:
        return None, False
    try:
        return viewer_of(request.user, UUID(text), now=timezone.now()), False
    except (ValueError, Http404):
        return None, True


def _facts(request: HttpRequest, broker: Broker, given: QueryDict, vhost: str) -> dict[str, Any]:
    """Return what is known of the exchange or queue in the query."""
    user = request.user
    if queue := given.get("queue"):
        found = Queue.objects.visible_to(user).filter(broker=broker, vhost=vhost, name=queue)
        return {"queue": found.first()}
    if "exchange" not in given:
        return {}
    name = given["exchange"]
    if name == "":
        return {"why_not": NO_DEFAULT}
    exchange = (
        Exchange.objects.visible_to(user).filter(broker=broker, vhost=vhost, name=name).first()
    )
    if exchange is None:
        return {}
    bound = Binding.objects.filter(broker=broker, vhost=vhost, source=name)
    return {
        "exchange": exchange,
        "why_not": why_not_copied(exchange.type),
        "bound": bound.count(),
        "may_use_key": may(user, Permission.BINDINGS_EDIT, broker, vhost),
    }


@require_POST
def listen_start(request: HttpRequest) -> HttpResponse:
    broker = _broker(request)
    try:
        target = Target.of(request.POST)
        require_seen(request.user, broker, target.vhost)
        viewer = join(person_of(request), broker, target, now=timezone.now())
    except InvalidField as error:
        return _page(request, broker, request.POST, error)
    except ConsoleError as error:
        if error.http_status == 403:
            raise
        return _page(request, broker, request.POST, error)
    query = {**as_params(viewer.tap), "viewer": str(viewer.pk)}
    return redirect(f"{reverse('listen')}?{urlencode(query)}")


def _broker(request: HttpRequest) -> Broker:
    """Return the form's broker, or the only one. Raises BrokerNotChosen, Http404, NotAllowed."""
    scope = Scope.read(request.POST, request.user)
    if scope.broker is None:
        return target_broker(request, Permission.MESSAGES_VIEW)[0]
    require(request.user, Permission.MESSAGES_VIEW)
    return scope.broker


@require_POST
@never_cache
def listen_messages(request: HttpRequest, viewer_id: UUID) -> HttpResponse:
    """Return what came since `after`, as rows, newest first. Each request also says that
    the viewer is still there, which is why it is no GET."""
    now = timezone.now()
    viewer = viewer_of(request.user, viewer_id, now=now)
    try:
        wanted, problem = Match.of(request.POST.dict()), ""
    except InvalidField as error:
        wanted, problem = Match(), error.message
    after = request.POST.get("after", "")
    reading = read(
        request.user,
        viewer,
        after=int(after) if after.isascii() and after.isdigit() and len(after) < 19 else None,
        wanted=wanted,
        paused=request.POST.get("paused") == "1",
        now=now,
    )
    context = {
        "reading": reading,
        "rows": [(one, _snippet(one)) for one in reversed(reading.heard)],
        "viewer": viewer,
        "problem": problem,
    }
    return render(request, "vhosts/messages/_listen_rows.html", context)


def _snippet(one: Heard) -> str:
    """Return the beginning of the body in one line; "" if it isn't shown."""
    if one.shown.payload is None:
        return ""
    return " ".join(one.shown.payload.text[:_SNIPPET].split())


@require_POST
def listen_publish(request: HttpRequest, viewer_id: UUID) -> HttpResponse:
    """Publish a message to the exchange that the viewer listens to; the answer is a note."""
    viewer = viewer_of(request.user, viewer_id, now=timezone.now())
    target = Target.stored(viewer.tap.target)
    place = place_for(request.user, viewer.tap.broker, target.vhost)
    if target.kind != "exchange":
        raise Http404("Only exchanges can be published to here.")
    given = {
        "exchange": target.name,
        "routing_key": request.POST.get("key", ""),
        "payload": request.POST.get("payload", ""),
    }
    try:
        given["headers"] = json.loads(request.POST.get("headers") or "{}")
    except (ValueError, RecursionError):
        return _note(request, "bad", 'Headers are a JSON object, such as {"format": "pdf"}.')
    key = f"listen-{uuid4().hex}"
    try:
        sent = publish(read_message(given), place, actor=request.user, key=key, origin="page")
    except ConsoleError as error:
        return _note(request, "bad", error.message)
    verdict = verdict_of(sent.state, sent.code, sent.text, delay=sent.delay)
    tone = "ok" if sent.state == PublishState.CONFIRMED else "warn"
    return _note(request, tone, f"{verdict.text} {verdict.advice}".strip())


def _note(request: HttpRequest, tone: str, text: str) -> HttpResponse:
    context = {"tone": tone, "text": text}
    return render(request, "components/_note.html", context)


@require_safe
@never_cache
def listen_message(request: HttpRequest, viewer_id: UUID, seq: int) -> HttpResponse:
    viewer = viewer_of(request.user, viewer_id, now=timezone.now())
    heard = read_one(request.user, viewer, seq)
    context = {"message": heard.shown, "at": heard.seq}
    return render(request, "vhosts/messages/_message.html", context)


@require_POST
def listen_stop(request: HttpRequest, viewer_id: UUID) -> HttpResponse:
    now = timezone.now()
    viewer = viewer_of(request.user, viewer_id, now=now)
    params = as_params(viewer.tap)
    leave(viewer, now=now)
    return redirect(f"{reverse('listen')}?{urlencode(params)}")
