"""Every page that the URL resolver knows, the administration too: whatever text stands in its query, in a field of a
form that it shows, or in a file, the answer is never a 5xx. A new route, form or field is covered by being there."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

import pytest
from django.contrib import admin
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from tests.conventions.routes import ROUTES, Route
from tests.inputs.test_every_field import BOTH, FORM, TEXTS, form_names, objects, send

__all__ = ["objects"]
pytestmark = [pytest.mark.django_db, pytest.mark.slow]

_ALL = [route for route in ROUTES.values() if not route.name.startswith("api-")]
#: Who asks for which; the anonymous only for what is open to them.
PAGES = [(True, route) for route in _ALL]
PAGES += [(False, route) for route in _ALL if "open" in (route.get, route.post)]
MODELS = [model._meta for model in admin.site._registry]
#: In every query of a list, besides what its page shows.
_LIST = {
    "page",
    "page_size",
    "sort",
    "columns",
    "search",
    "broker",
    "vhost",
    "environment",
    "range",
    "from",
    "to",
}
_FIELD = re.compile(r'<(input|select|textarea)\b[^>]*?\bname="([^"]+)"[^>]*>')
_FILES = [
    b"",
    b"\0" * 100,
    b"\xff\xfe\xd8",
    '{"vhosts": [{"name": "\u2603\\ud800"}]}'.encode(),
    b"[" * 100_000,
]


def fields(answer: Any) -> tuple[set[str], set[str]]:
    """The names of the fields that a page shows, and of those that take a file."""
    names, files = form_names(answer.context), set()
    if not answer.streaming and answer["Content-Type"].startswith("text/html"):
        for tag in _FIELD.finditer(answer.content.decode()):
            (files if 'type="file"' in tag[0] else names).add(tag[2])
    return names - files - {"csrfmiddlewaretoken"}, files


def encoded(pairs: list[tuple[str, str]]) -> str:
    return "&".join(
        f"{quote(name, safe='')}={quote(text.encode('utf-8', 'surrogatepass'), safe='')}"
        for name, text in pairs
    )


def try_all(browser: Client, address: str, long: bool) -> None:
    shown = send(browser.get, address)
    assert shown.status_code < 500 or "readyz" in address
    names, files = fields(shown)
    refused = send(browser.post, address, {})
    more, more_files = fields(refused)
    names, files = names | more, files | more_files
    # All fields at once; each alone only where minutes may be spent, for a form may stop at its first.
    groups = [sorted(names), *([name] for name in sorted(names) if long)]
    for group in groups:
        for text in TEXTS if long else TEXTS[:4]:
            sent = encoded([(name, text) for name in group])
            answer = send(browser.generic, "POST", address, sent, content_type=FORM)
            assert answer.status_code < 500 or "readyz" in address, (address, group, text[:40])
    for file in _FILES if files else ():
        body = {name: SimpleUploadedFile("a.json", file, "application/json") for name in files}
        answer = send(browser.post, address, body)
        assert answer.status_code < 500, (address, file[:20])
    queries = [sorted(names | _LIST), *([name] for name in sorted(names | _LIST) if long)]
    for group in queries:
        for text in TEXTS if long else TEXTS[:2]:
            if len(text) < 10_000:  # gunicorn refuses longer ones
                answer = send(browser.get, f"{address}?{encoded([(name, text) for name in group])}")
                assert answer.status_code < 500 or "readyz" in address, (address, group, text[:40])


@BOTH
@pytest.mark.parametrize(
    ("signed_in", "route"),
    PAGES,
    ids=lambda given: given.name if isinstance(given, Route) else ["anonymous", "signed in"][given],
)
def test_text_in_any_field_of_a_page_is_taken_or_refused(
    route: Route,
    signed_in: bool,
    long: bool,
    client: Client,
    superuser: Any,
    objects: dict[str, Any],
) -> None:
    if signed_in:
        client.force_login(superuser)
    try_all(client, reverse(route.name, args=[objects[name] for name in route.arguments]), long)


@BOTH
@pytest.mark.parametrize("model", MODELS, ids=str)
def test_text_in_any_field_of_the_administration_is_taken_or_refused(
    model: Any, long: bool, client: Client, superuser: Any, objects: dict[str, Any]
) -> None:
    client.force_login(superuser)
    name = f"admin:{model.app_label}_{model.model_name}"
    row = model.model._base_manager.order_by("pk").last()
    addresses = [reverse(f"{name}_{which}") for which in ("changelist", "add")]
    if row is not None:
        addresses += [
            reverse(f"{name}_{which}", args=[row.pk]) for which in ("change", "delete", "history")
        ]
    for address in addresses:
        try_all(client, address, long)
