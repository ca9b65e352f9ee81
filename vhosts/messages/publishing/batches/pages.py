"""Pages of files of messages: upload and check, then start, watch, stop and continue."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID, uuid4

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accessctl.authorize import AnyUser, require
from accessctl.reach import reach_of
from accessctl.rights import Permission
from console.errors import ConsoleError, InvalidField
from console.faces.lists import read_scope, wants_part
from console.models import Broker
from console.scope import Scope
from vhosts.messages.publishing.batches.model import LineState, PublishBatch, PublishLine
from vhosts.messages.publishing.batches.read import MOST_FILE, MOST_LINES, BadFile
from vhosts.messages.publishing.batches.service import (
    access_batch,
    counts_of,
    start,
    stop,
    store,
)
from vhosts.messages.publishing.reasons import verdict_of
from vhosts.messages.publishing.where import place_for
from vhosts.routing.message import check_name

_PAGE = 100
_MISSED = (LineState.RETURNED, LineState.REFUSED, LineState.UNKNOWN)
_TOKEN = re.compile(r"[0-9a-f]{32}")
_TEXT = {"class": "form-control mono", "autocomplete": "off", "spellcheck": "false"}


class FileForm(forms.Form):
    broker = forms.ModelChoiceField(
        Broker.objects.none(), empty_label=None, widget=forms.Select(attrs={"class": "form-select"})
    )
    vhost = forms.CharField(
        label="Virtual host", strip=False, max_length=1000, widget=forms.TextInput(attrs=_TEXT)
    )
    exchange = forms.CharField(
        label="Exchange",
        required=False,
        strip=False,
        max_length=1000,
        help_text="For lines that name none. Empty: the default exchange.",
        widget=forms.TextInput(attrs=_TEXT),
    )
    file = forms.FileField(
        label="File",
        allow_empty_file=True,
        help_text=f"JSON lines, one message each: at most {MOST_LINES:,} lines and "
        f"{MOST_FILE // 1024 // 1024} MiB.",
        widget=forms.FileInput(attrs={"class": "form-control"}),
    )

    def __init__(self, *args: Any, user: AnyUser, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["broker"]
        brokers = Broker.objects.visible_to(user).select_related("status")
        field.queryset = brokers.filter(reach_of(user).brokers(Permission.MESSAGES_PUBLISH))
        if len(field.queryset.order_by()[:2]) > 1:
            field.empty_label = "Select a broker"
            field.error_messages["required"] = "Select a broker."


@require_http_methods(["GET", "HEAD", "POST"])
def message_file(request: HttpRequest) -> HttpResponse:
    """Show the form of a file. POST: check every line and store them; nothing is sent yet."""
    require(request.user, Permission.MESSAGES_PUBLISH)
    if request.method != "POST":
        scope, _ = read_scope(request)
        initial: dict[str, Any] = {
            "vhost": scope.vhost or "/", "exchange": request.GET.get("exchange", ""),
        }  # fmt: skip
        if scope.broker is not None:
            initial["broker"] = scope.broker
        return _form(request, FileForm(initial=initial, user=request.user), scope=scope)
    form = FileForm(request.POST, request.FILES, user=request.user)
    if not form.is_valid():
        return _form(request, form, status=400)
    given = form.cleaned_data
    place = place_for(request.user, given["broker"], given["vhost"])
    token = request.POST.get("token", "")
    scope = Scope.at(place.broker, place.vhost)
    try:
        check_name("exchange", given["exchange"])
        batch = store(
            given["file"].chunks(), place, exchange=given["exchange"], origin="page",
            title=given["file"].name or "", actor=request.user,
            key=f"page-{token if _TOKEN.fullmatch(token) else uuid4().hex}",
        )  # fmt: skip
    except BadFile as error:
        form.add_error("file", error.message)
        return _form(request, form, scope=scope, bad=error, status=400)
    except InvalidField as error:
        form.add_error(error.field if error.field in form.fields else None, error.message)
        return _form(request, form, scope=scope, status=400)
    except ConsoleError as error:
        form.add_error(None, error.message)
        return _form(request, form, scope=scope, status=error.http_status)
    return redirect("message_batch", batch.pk)


@require_safe
def message_batch(request: HttpRequest, batch_id: UUID) -> HttpResponse:
    """Show a file with its progress and the outcome of each line; to htmx, this part alone."""
    require(request.user, Permission.MESSAGES_PUBLISH)
    batch = access_batch(request.user, batch_id)
    lines = PublishLine.objects.filter(batch=batch).defer("content_encrypted")
    state = request.GET.get("state", "")
    if state in LineState.values:
        lines = lines.filter(state=state)
    counts = counts_of(batch)
    page = Paginator(lines, _PAGE).get_page(request.GET.get("page"))
    context = {
        "now": timezone.now(),
        "scope": Scope.at(batch.broker, batch.vhost),
        "batch": batch,
        "counts": [(LineState(name), counts[name]) for name in LineState.values],
        "left": counts[LineState.WAITING],
        "ended": batch.total - counts[LineState.WAITING] - counts[LineState.SENDING],
        "missed": sum(counts[one] for one in _MISSED),
        "state": state,
        "page": page,
        "rows": [
            (line, verdict_of(line.state, line.code, line.text), LineState(line.state).label)
            for line in page
        ],
    }
    part = wants_part(request)
    name = "_batch.html" if part else "batch.html"
    response = render(request, f"vhosts/messages/publishing/{name}", context)
    patch_vary_headers(response, ["HX-Request"])
    return response


@require_POST
def message_batch_start(request: HttpRequest, batch_id: UUID) -> HttpResponse:
    """Start a file, or continue one that was stopped or interrupted."""
    return _act(request, batch_id, start)


@require_POST
def message_batch_stop(request: HttpRequest, batch_id: UUID) -> HttpResponse:
    return _act(request, batch_id, stop)


def _act(request: HttpRequest, batch_id: UUID, act: Any) -> HttpResponse:
    require(request.user, Permission.MESSAGES_PUBLISH)
    batch: PublishBatch = access_batch(request.user, batch_id)
    try:
        act(batch, request.user)
    except ConsoleError as error:
        messages.error(request, error.message)
    return redirect("message_batch", batch.pk)


def _form(
    request: HttpRequest,
    form: FileForm,
    *,
    scope: Scope | None = None,
    status: int = 200,
    **more: Any,
) -> HttpResponse:
    context = {
        "now": timezone.now(), "scope": scope or Scope(), "form": form, "token": uuid4().hex, **more,
    }  # fmt: skip
    return render(request, "vhosts/messages/publishing/file.html", context, status=status)
