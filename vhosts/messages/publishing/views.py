"""The page that publishes a message, and its preview of the route."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID, uuid4

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accessctl.authorize import may, require
from accessctl.rights import Permission
from console.errors import ConsoleError, IdempotencyMismatch, InvalidField
from console.faces.lists import read_scope
from console.scope import Scope
from vhosts.messages.publishing.form import HeaderRow, PublishForm, header_rows
from vhosts.messages.publishing.headers.values import CHOICES
from vhosts.messages.publishing.model import PublishRequest
from vhosts.messages.publishing.preview import Preview, full_queues_refuse, preview_of
from vhosts.messages.publishing.reasons import Verdict, verdict_of
from vhosts.messages.publishing.send import publish, settle_abandoned
from vhosts.messages.publishing.where import Place, TargetCheck, place_for
from vhosts.models import Exchange, Queue, VirtualHost

_OFFERED = 200
_TOKEN = re.compile(r"[0-9a-f]{32}")
_PREFILLED = ("vhost", "exchange", "routing_key")


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def message_publish(request: HttpRequest) -> HttpResponse:
    """GET: the form, filled by the address. POST: publish the message once (`token`), and show the
    form again with the outcome; or, with `step=headers`, with more rows for headers."""
    require(request.user, Permission.MESSAGES_PUBLISH)
    if request.method == "POST":
        return _posted(request)
    scope, _ = read_scope(request)
    given = {name: request.GET[name] for name in _PREFILLED if name in request.GET}
    initial: dict[str, Any] = {"vhost": "/", "delivery_mode": "2", **given}
    if scope.broker is not None:
        initial["broker"] = scope.broker
    rows = [HeaderRow()] * 2
    form = PublishForm(initial=initial, user=request.user)
    place = None
    if scope.broker is not None and may(
        request.user, Permission.MESSAGES_PUBLISH, scope.broker, initial["vhost"]
    ):
        place = Place(scope.broker, initial["vhost"])
    return _page(request, form, rows, place, token=uuid4().hex)


def _posted(request: HttpRequest) -> HttpResponse:
    more = request.POST.get("step") == "headers"
    rows, headers = header_rows(request.POST, spare=6 if more else 2)
    form = PublishForm(request.POST, request.FILES, user=request.user)
    token = request.POST.get("token", "")
    if not _TOKEN.fullmatch(token):
        token = uuid4().hex
        more = True
    place, problem = None, ""
    if form.is_valid():
        place = place_for(request.user, form.cleaned_data["broker"], form.cleaned_data["vhost"])
    if more:
        return _page(request, form, rows, place, token=token)
    draft = form.draft(headers) if place is not None else None
    wrong_header = any(row.error for row in rows)
    if place is None or draft is None or wrong_header:
        return _page(request, form, rows, place, token=token, status=400)
    try:
        found = publish(draft, place, actor=request.user, key=f"page-{token}", origin="page")
    except IdempotencyMismatch:
        problem = "This form was already sent with another message. Check it and publish again."
        return _page(request, form, rows, place, token=uuid4().hex, problem=problem, status=409)
    except InvalidField as error:
        form.add_error(error.field if error.field in form.fields else None, error.message)
        return _page(request, form, rows, place, token=token, status=400)
    except ConsoleError as error:
        return _page(
            request, form, rows, place, token=token, problem=error.message, status=error.http_status
        )
    limits = full_queues_refuse(place, draft) if found.state == "refused" and not found.code else ""
    return _page(
        request, form, rows, place, token=uuid4().hex, published=found,
        verdict=verdict(found, limits),
    )  # fmt: skip


def verdict(found: PublishRequest, limits: str = "") -> Verdict:
    """Return the outcome of a request in words."""
    return verdict_of(found.state, found.code, found.text, delay=found.delay, limits=limits)


@require_POST
def message_publish_preview(request: HttpRequest) -> HttpResponse:
    """Return the part that says where the message would go. Nothing is sent."""
    require(request.user, Permission.MESSAGES_PUBLISH)
    rows, headers = header_rows(request.POST)
    form = PublishForm(request.POST, user=request.user)
    problems = [f"Header {at}: {row.error}" for at, row in enumerate(rows, 1) if row.error]
    found: Preview | None = None
    if form.is_valid():
        place = place_for(request.user, form.cleaned_data["broker"], form.cleaned_data["vhost"])
        draft = form.draft(headers, with_body=False)
        if draft is not None and not problems:
            try:
                TargetCheck(place)(draft)
                found = preview_of(draft, place, user=request.user, now=timezone.now())
            except InvalidField as error:
                problems.append(error.message)
    problems += [
        f"{form[name].label}: {errors[0]}" if name in form.fields else str(errors[0])
        for name, errors in form.errors.items()
    ]
    context = {"preview": found, "problems": problems, "now": timezone.now()}
    return render(request, "vhosts/messages/publishing/_preview.html", context)


@never_cache
@require_safe
def message_published(request: HttpRequest, request_id: UUID) -> HttpResponse:
    """Show what became of one of the person's own requests."""
    require(request.user, Permission.MESSAGES_PUBLISH)
    found = access_request(request.user, request_id)
    context = {
        "now": timezone.now(),
        "scope": Scope.at(found.broker, found.vhost),
        "published": found,
        "verdict": verdict(found),
        "exchange_id": _id_of(Exchange, found, found.exchange),
    }
    return render(request, "vhosts/messages/publishing/published.html", context)


def access_request(user: Any, request_id: UUID) -> PublishRequest:
    """Return one of the user's own requests, settled if nobody works on it any more. Raises
    Http404."""
    own = PublishRequest.objects.filter(author=user).select_related("broker__status")
    found = get_object_or_404(own, pk=request_id)
    if not may(user, Permission.MESSAGES_PUBLISH, found.broker, found.vhost):
        raise Http404("Request not found.")
    return settle_abandoned(found)


def _page(
    request: HttpRequest,
    form: PublishForm,
    rows: list[HeaderRow],
    place: Place | None,
    *,
    status: int = 200,
    **more: Any,
) -> HttpResponse:
    context = {
        "now": timezone.now(),
        "scope": Scope.at(place.broker, place.vhost) if place else Scope(),
        "form": form,
        "headers": rows,
        "has_headers": any(row.name or row.value for row in rows),
        "header_types": CHOICES,
        "place": place,
        **_offers(request, place),
        **more,
    }
    return render(request, "vhosts/messages/publishing/publish.html", context, status=status)


def _id_of(model: Any, found: PublishRequest, name: str) -> int | None:
    here = model.objects.filter(broker=found.broker, vhost=found.vhost, name=name)
    pk: int | None = here.values_list("pk", flat=True).first()
    return pk


def _offers(request: HttpRequest, place: Place | None) -> dict[str, list[str]]:
    """Return names to suggest; none until the broker is chosen."""
    if place is None:
        return {"vhosts": [], "exchanges": [], "queues": []}
    user, broker = request.user, place.broker
    here = {"broker": broker, "vhost": place.vhost}
    return {
        "vhosts": _names(VirtualHost.objects.visible_to(user).filter(broker=broker)),
        "exchanges": _names(
            Exchange.objects.visible_to(user).filter(**here, internal=False).exclude(name="")
        ),
        "queues": _names(Queue.objects.visible_to(user).present().filter(**here)),
    }


def _names(rows: Any) -> list[str]:
    return list(rows.order_by("name").values_list("name", flat=True).distinct()[:_OFFERED])
