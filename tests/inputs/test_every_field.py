"""Every field of every form and API body, found in the forms and serializers themselves: whatever text or type
stands in it, the answer is never a 5xx, and never an exception."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import yaml
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.forms import BaseForm, BaseFormSet
from django.test import Client
from django.urls import reverse

from tests.conventions.doors import ACTS, Door
from tests.conventions.test_doors import asked_of as of_doors
from tests.conventions.test_doors import filled

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

DOCUMENT = yaml.safe_load((Path(__file__).parents[2] / "docs" / "openapi.yaml").read_text())
FORM = "application/x-www-form-urlencoded"
#: Below what a request may hold: the field itself must refuse it.
_LARGE = "x" * 900_000
_PEM = "-----BEGIN CERTIFICATE-----\n☃\n-----END CERTIFICATE-----\n"
TEXTS = ["Żółć ☃ 😀", "a\0b", "\ud800", _PEM, _LARGE, "", "\x1b[0m\u202e", "%00%ff/../{}"]
OTHERS: list[Any] = [5, -(2**62), 1.5, True, None, [], {}, [None], [[]], {"": None}, ["\u2603"]]

OPEN = [
    (act.name, door) for act in ACTS for door in (*act.page, *act.admin) if door.method == "post"
]
API = [(act.name, door) for act in ACTS for door in act.api if door.method != "get"]


@pytest.fixture
def objects(make_broker: Any, now: Any, superuser: Any) -> dict[str, Any]:
    return of_doors.__wrapped__(make_broker, now, superuser)  # type: ignore[attr-defined]


@pytest.fixture
def browser(client: Client, superuser: Any) -> Client:
    client.force_login(superuser)
    return client


def values(of: list[Any], long: bool) -> list[Any]:
    """All of them only where minutes may be spent: the first ones find most."""
    return of if long else of[:1]


BOTH = pytest.mark.parametrize(
    "long", [False, pytest.param(True, marks=pytest.mark.long)], ids=["short", "long"]
)


def ids(given: Any) -> str | None:
    if isinstance(given, Door):
        return f"{given.method} {given.route}"
    return None


def send(ask: Any, *args: Any, **kwargs: Any) -> Any:
    """The answer; nothing of what was asked is kept."""
    with transaction.atomic():
        answer = ask(*args, **kwargs)
        transaction.set_rollback(True)
    return answer


def form_names(context: Any) -> set[str]:
    """The names of all fields of all forms that a page was drawn with."""
    found: set[str] = set()
    for layer in context or []:
        inner = layer if isinstance(layer, list) else [layer]
        for value in (one for each in inner for one in _values(each)):
            if isinstance(value, BaseFormSet):
                value = value.empty_form
            if isinstance(value, BaseForm):
                found |= {value.add_prefix(name) for name in value.fields}
    return found


def _values(layer: Any) -> Iterator[Any]:
    for value in layer.values() if hasattr(layer, "values") else ():
        yield from value if isinstance(value, (list, tuple)) else [value]


def typed(body: dict[str, Any], name: str, text: str) -> bytes:
    """The form as a browser would send it, with this text in one field."""
    pairs = [(key, value) for key, value in body.items() if key != name]
    pairs = [(k, one) for k, v in pairs for one in (v if isinstance(v, list) else [v])]
    return "&".join(
        f"{quote(str(key))}={quote(str(value).encode('utf-8', 'surrogatepass'))}"
        for key, value in [*pairs, (name, text)]
    ).encode()


@BOTH
@pytest.mark.parametrize(("act", "door"), OPEN, ids=ids)
def test_text_in_any_field_of_a_form_is_taken_or_refused(
    act: str, door: Door, long: bool, browser: Client, objects: dict[str, Any]
) -> None:
    address = reverse(door.route, args=[objects[name] for name in door.args])
    address += filled(door.query, objects)
    body = {
        name: value
        for name, value in filled(door.body, objects).items()
        if not isinstance(value, SimpleUploadedFile)
    }
    shown = [send(browser.get, address), send(browser.post, address, body)]
    names = set(body).union(*(form_names(answer.context) for answer in shown))
    for answer in shown:
        if answer["Content-Type"].startswith("text/html"):
            names |= set(
                re.findall(
                    r'<(?:input|select|textarea)\b[^>]*\bname="([^"]+)"', answer.content.decode()
                )
            )
    for name in sorted(names - {"csrfmiddlewaretoken"}):
        for text in values(TEXTS, long):
            sent = typed(body, name, text)
            answer = send(browser.generic, "POST", address, sent, content_type=FORM)
            assert answer.status_code < 500, (act, name, text[:40])


def schema_names(address: str, method: str) -> list[str]:
    """The fields that the serializer of an operation takes, as its schema tells them."""
    for template, operations in DOCUMENT["paths"].items():
        if re.fullmatch(re.sub(r"\\{[a-z_]+\\}", "[^/]+", re.escape(template)), address):
            if method not in operations:
                continue
            content = operations[method].get("requestBody", {}).get("content", {})
            schema = content.get("application/json", {}).get("schema", {})
            name = schema.get("$ref", "").rpartition("/")[2]
            return list(DOCUMENT["components"]["schemas"].get(name, schema).get("properties", {}))
    raise AssertionError(f"not documented: {address}")


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to each value within a body, and to the body's parts."""
    if path:
        yield path
    items = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for key, inner in items:
        yield from places(inner, (*path, key))


def with_value(body: Any, path: tuple[Any, ...], value: Any) -> Any:
    made = copy.deepcopy(body)
    at = made
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    return made


@BOTH
@pytest.mark.parametrize(("act", "door"), API, ids=ids)
def test_any_value_in_any_field_of_a_body_is_taken_or_refused(
    act: str, door: Door, long: bool, browser: Client, objects: dict[str, Any]
) -> None:
    route = reverse(door.route, args=[objects[name] for name in door.args])
    address = route + filled(door.query, objects)
    body = filled(door.body, objects)
    found = [
        *places(body),
        *((name,) for name in schema_names(route, door.method) if name not in body),
    ]
    for path in found:
        for value in [*values(TEXTS, long), *values(OTHERS, long)]:
            sent = json.dumps(with_value(body, path, value))
            answer = send(
                browser.generic, door.method.upper(), address, sent, content_type="application/json"
            )
            assert answer.status_code < 500, (act, path, str(value)[:40].encode("ascii", "replace"))
            if answer.status_code >= 400:
                assert answer.json()["errors"], (act, path)
