"""Pages of saved messages, and the part of the form that they fill."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from accessctl.authorize import require
from accessctl.rights import Permission
from console.errors import ConsoleError
from console.rabbitmq.amqp.properties.fields import Typed
from console.scope import Scope
from vhosts.messages.publishing.saved.model import MessageTemplate
from vhosts.messages.publishing.saved.service import (
    access_template,
    content_of,
    delay_of,
    delete,
    may_change,
    may_read,
    visible_to,
)

_PAGE = 100


@dataclass(frozen=True, slots=True)
class Filled:
    """What a saved message fills in. `note` is a sentence where something isn't."""

    initial: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, Typed] = field(default_factory=dict)
    note: str = ""


def filled_from(text: str, user: Any) -> Filled:
    """Return what the saved message of this ID fills in. Raises Http404."""
    number = int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 0
    found = access_template(user, number)
    content = content_of(user, found)
    headers, delay = delay_of(content.headers)
    initial = {
        "exchange": found.message["exchange"],
        "routing_key": found.message["routing_key"],
        **found.message["properties"],
        **shown_body(found, content.body),
        "delay": delay,
        "name": found.name,
        "secret": found.secret,
        "for_all": found.broker_id is None,
    }
    if "delivery_mode" not in found.message["properties"]:
        initial["delivery_mode"] = ""
    return Filled(initial, headers, content.hidden)


def shown_body(found: MessageTemplate, body: bytes) -> dict[str, str]:
    """Return body and format as the form has them."""
    if found.body_format == "hex":
        return {"body": body.hex(), "body_format": "hex"}
    if found.body_format != "base64":
        try:
            return {"body": body.decode(), "body_format": found.body_format}
        except UnicodeDecodeError:
            pass
    return {"body": base64.b64encode(body).decode(), "body_format": "base64"}


@require_safe
def message_templates(request: HttpRequest) -> HttpResponse:
    """List the saved messages that the person may use."""
    require(request.user, Permission.MESSAGES_PUBLISH)
    page = Paginator(visible_to(request.user), _PAGE).get_page(request.GET.get("page"))
    rows = [(one, may_change(request.user, one), may_read(request.user, one)) for one in page]
    context = {"now": timezone.now(), "scope": Scope(), "page": page, "rows": rows}
    return render(request, "vhosts/messages/publishing/templates.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def message_template_delete(request: HttpRequest, template_id: int) -> HttpResponse:
    """Ask whether to delete a saved message. POST: delete it."""
    require(request.user, Permission.MESSAGES_PUBLISH)
    found = access_template(request.user, template_id)
    if request.method == "POST":
        try:
            delete(found, request.user)
            messages.success(request, "The saved message was deleted.")
        except ConsoleError as error:
            messages.error(request, error.message)
        return redirect("message_templates")
    context = {"now": timezone.now(), "scope": Scope(), "template": found}
    return render(request, "vhosts/messages/publishing/template_delete.html", context)
