"""Going through a form as a person without JavaScript does: fill in, look at the preview, confirm."""

from __future__ import annotations

import html
import re
from typing import Any
from uuid import uuid4

from django.utils import timezone

from console.engine.applying.apply import apply_broker
from console.models import Change

_INPUT = re.compile(r"<input\b[^>]*>")
_ATTRIBUTE = re.compile(r'\b(name|value|type)="([^"]*)"')


def hidden_of(response: Any) -> dict[str, list[str]]:
    """The hidden fields of the preview's form."""
    found: dict[str, list[str]] = {}
    for tag in _INPUT.findall(response.content.decode()):
        attributes = {name: html.unescape(value) for name, value in _ATTRIBUTE.findall(tag)}
        if attributes.get("type") == "hidden" and attributes.get("name") != "csrfmiddlewaretoken":
            found.setdefault(attributes["name"], []).append(attributes.get("value", ""))
    return found


def preview(browser: Any, address: str, **fields: Any) -> Any:
    response = browser.post(address, {**fields, "step": "preview"})
    assert response.status_code == 200, problems_of(response)
    assert b"nothing has been applied" in response.content, problems_of(response)
    return response


def confirm(browser: Any, address: str, shown: Any, **fields: Any) -> Change:
    response = browser.post(address, {**hidden_of(shown), **fields, "step": "apply"})
    assert response.status_code == 302, problems_of(response)
    return Change.objects.get(
        pk=re.search(r"change(?:=|s/)([0-9a-f-]{36})", response["Location"])[1]
    )


def apply(change: Change) -> Change:
    """The worker's part, in this process."""
    for broker in {step.broker_id for step in change.steps.all()}:
        apply_broker(broker, owner=uuid4().hex, clock=timezone.now)
    change.refresh_from_db()
    return change


def problems_of(response: Any) -> str:
    text = response.content.decode()
    return (
        " | ".join(re.findall(r'class="field-error">.*?<span>(.*?)</span>', text, re.DOTALL))
        or (re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", text.partition("<main")[2]))[:1500])
    )
