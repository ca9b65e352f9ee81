"""Legal names, however they look, by every door: made on the live broker, read back exactly, listed, shown
harmlessly, deleted.

All names go through a door in one sweep; each row then looks at its own. In one file, since names such as
null cannot be made this test's own: a file is run by one process.
"""

from __future__ import annotations

import html
import json
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import pytest

from console.models import Step
from tests.acting import confirm, hidden_of, preview
from tests.inputs.doors import Doors
from tests.inputs.names import CONFUSABLE, LEGAL
from tests.inputs.rows import API, COMMAND, DOORS, FILE, FORM
from vhosts.models import VirtualHost

pytestmark = pytest.mark.django_db
_FITTED = re.compile(
    r'<bdi class="name name-fit" data-tip="[^"]*"><span class="name-head">(.*?)</span>'
    r'<span class="name-tail">(.*?)</span></bdi>'
)
PATTERNS = {"configure": "", "write": "^a", "read": ".*"}


@dataclass
class Sweep:
    """What came of all names by one door. Sets hold names as the broker tells them."""

    names: dict[str, str]
    vhosts: set[str] = field(default_factory=set)
    users: set[str] = field(default_factory=set)
    permissions: set[tuple[str, str]] = field(default_factory=set)
    unfinished: list[str] = field(default_factory=list)
    #: By kind and name: the API's answer for it.
    listed: dict[tuple[str, str], Any] = field(default_factory=dict)
    #: By row: every page about it, as it is sent.
    pages: dict[str, str] = field(default_factory=dict)
    csv: str = ""
    left: set[str] = field(default_factory=set)


_done: dict[str, Sweep] = {}


@pytest.fixture
def sweep(request: Any) -> Callable[[str], Sweep]:
    """sweep(door): made by the first test that asks, and kept as plain data."""

    def of(door: str) -> Sweep:
        if door not in _done:
            fixtures = [request.getfixturevalue(n) for n in ("doors", "live_broker")]
            looks = [request.getfixturevalue(n) for n in ("poll_now", "inventory_now")]
            _done[door] = _swept(door, *fixtures, *looks)
        return _done[door]

    return of


def _swept(door: str, doors: Doors, live: Any, poll_now: Any, inventory_now: Any) -> Sweep:
    own = uuid4().hex[:6]
    found = Sweep({row: name.format(own) for row, name in LEGAL.items()})
    names = list(found.names.values())
    try:
        _forget(live, names)  # nothing of an earlier run
        _MAKERS[door](doors, names)
        found.unfinished = [f"{s}: {s.error_detail}" for s in Step.objects.exclude(state="applied")]
        found.vhosts = {row["name"] for row in live.call("GET", "vhosts")}
        found.users = {row["name"] for row in live.call("GET", "users")}
        found.permissions = {
            (row["vhost"], row["user"])
            for row in live.call("GET", "permissions")
            if {key: row[key] for key in PATTERNS} == PATTERNS
        }
        poll_now(doors.broker)
        inventory_now(doors.broker)
        for kind in ("vhosts", "users"):
            asked = {"broker": doors.broker.pk, "page_size": 1000}
            for row in doors.api.get(f"/api/v1/{kind}/", asked).json()["results"]:
                found.listed[kind, row["name"]] = row
        if door == FORM:
            _look(doors, found)
        _delete(door, doors, names)
        found.left = {row["name"] for row in live.call("GET", "vhosts")}
        found.left |= {row["name"] for row in live.call("GET", "users")}
    finally:
        _forget(live, names)
    return found


def _forget(live: Any, names: list[str]) -> None:
    for kind in ("vhosts", "users"):
        for there in {row["name"] for row in live.call("GET", kind)} & set(names):
            live.forget(kind, there)


def _by_form(doors: Doors, names: list[str]) -> None:
    where = f"?broker={doors.broker.pk}"
    for kind, more in (("vhosts", {}), ("users", {"password_way": "none"})):
        address = f"/{kind}/new/{where}"
        for name in names:
            confirm(doors.browser, address, preview(doors.browser, address, name=name, **more))
    address = f"/permissions/edit/{where}"
    cells = [json.dumps([name, name]) for name in names]
    opened = doors.browser.post(address, {"step": "open", "cell": cells})
    given = {"cells": hidden_of(opened)["cells"], "rights": "custom", **PATTERNS}
    confirm(doors.browser, address, preview(doors.browser, address, **given))
    doors.apply()


def _by_api(doors: Doors, names: list[str]) -> None:
    for name in names:
        answer = doors.post("vhosts", name=name)
        assert answer.status_code == 202, answer.content
    users = [_wish(doors, "user", name=name, no_password=True) for name in names]
    rights = [_wish(doors, "permission", vhost=name, user=name, **PATTERNS) for name in names]
    body = {"wishes": [*rights, *users], "apply": True}
    assert doors.ended(doors.api.post("/api/v1/plans/", body)).state == "done"


def _wish(doors: Doors, kind: str, **more: Any) -> dict[str, Any]:
    return {"kind": kind, "broker": doors.broker.pk, **more}


def _content(names: list[str]) -> dict[str, Any]:
    return {
        "vhosts": [{"name": name} for name in names],
        "users": [{"name": name, "password_hash": "", "tags": []} for name in names],
        "permissions": [{"vhost": name, "user": name, **PATTERNS} for name in names],
    }


def _by_file(doors: Doors, names: list[str]) -> None:
    assert doors.ended(doors.file(_content(names))).state == "done"


def _by_command(doors: Doors, names: list[str]) -> None:
    code, said = doors.command(_content(names))
    assert code == 0, said


_MAKERS = {FORM: _by_form, API: _by_api, FILE: _by_file, COMMAND: _by_command}


def _look(doors: Doors, found: Sweep) -> None:
    """The page of each and the lists that hold them all."""
    vhosts = {row.name: row.pk for row in VirtualHost.objects.filter(broker=doors.broker)}
    where = f"?broker={doors.broker.pk}&page_size=500"
    for row, name in found.names.items():
        found.pages[row] = _page(doors, f"/vhosts/{vhosts[name]}/")
    found.pages["lists"] = "".join(
        _page(doors, f"/{page}/{where}") for page in ("vhosts", "users", "permissions", "changes")
    )
    for page in ("vhosts", "users"):
        answer = doors.browser.get(f"/{page}.csv?broker={doors.broker.pk}")
        found.csv += b"".join(answer.streaming_content).decode()


def _page(doors: Doors, address: str) -> str:
    answer = doors.browser.get(address)
    assert answer.status_code == 200, address
    return str(answer.content.decode())


def _delete(door: str, doors: Doors, names: list[str]) -> None:
    """Virtual hosts one by one where a person would; the rest named in one plan. A file deletes by what
    it lacks, of everybody's."""
    desired_objects = [_wish(doors, "user", name=name, absent=True) for name in names]
    rows = VirtualHost.objects.filter(broker=doors.broker, name__in=names)
    typed: list[int] = []
    if door == API:
        for row in rows:
            assert doors.api.delete(f"/api/v1/vhosts/{row.pk}/").status_code == 202
    elif door == FORM:
        # Those that are hardest to show and to type; a page for each would be most of the time.
        for row in rows.filter(name__regex="^ | $|<|\u202e|%|\\\\"):
            address = f"/vhosts/{row.pk}/delete/"
            confirm(doors.browser, address, doors.browser.get(address), typed=row.name)
            typed.append(row.pk)
    if door != API:
        left = rows.exclude(pk__in=typed).values_list("name", flat=True)
        desired_objects += [_wish(doors, "vhost", name=name, absent=True) for name in left]
    body = {"wishes": desired_objects, "apply": True}
    assert doors.ended(doors.api.post("/api/v1/plans/", body)).state == "done"


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("row", LEGAL)
def test_a_legal_name_is_made_read_back_listed_and_deleted(sweep, door, row):
    found = sweep(door)
    assert found.unfinished == []
    name = found.names[row]
    assert name in found.vhosts
    assert name in found.users
    assert (name, name) in found.permissions
    for kind in ("vhosts", "users"):
        listed = found.listed[kind, name]
        assert listed["sync"] == "in_sync"
        assert listed["confusable"] is row.startswith(CONFUSABLE)
    assert name not in found.left


@pytest.mark.parametrize("row", LEGAL)
def test_pages_show_a_name_as_text_with_what_cannot_be_seen_marked(sweep, row):
    found = sweep(FORM)
    name, shown = found.names[row], found.pages[row]
    # In a column the end of a long name is a part of its own, which the style sheet keeps.
    lists = _FITTED.sub(r'<bdi class="name">\1\2</bdi>', found.pages["lists"])
    for markup in ("<img src=x", "<svg/onload", "<script>alert", "49</bdi>"):
        assert markup not in shown + lists
    if row.startswith("N19"):
        # Isolated and written out; as it is only where it is edited or copied.
        unseen = next(c for c in name if unicodedata.category(c) == "Cf")
        assert f"U+{ord(unseen):04X}" in shown
        assert f"U+{ord(unseen):04X}" in lists
    elif row.startswith("N17"):
        assert "␣" in shown
    elif len(name) < 40:
        assert f'<bdi class="name">{html.escape(name)}</bdi>' in lists
        assert html.escape(name) in shown


@pytest.mark.parametrize("row", [row for row in LEGAL if row.startswith("N22")])
def test_a_spreadsheet_runs_no_name(sweep, row):
    found = sweep(FORM)
    assert f'"\'{found.names[row]}"' in found.csv
    assert f'"{found.names[row]}"' not in found.csv


def test_n18_one_word_in_two_forms_is_two_objects(sweep):
    found = sweep(API)
    composed, decomposed = (found.names[f"N18 {form}"] for form in ("composed", "decomposed"))
    assert composed != decomposed
    assert {composed, decomposed} <= found.vhosts


def test_n3_the_default_vhost_is_addressed_like_any_other(doors, poll_now, inventory_now):
    poll_now(doors.broker)
    inventory_now(doors.broker)
    (listed,) = doors.api.get("/api/v1/vhosts/", {"broker": doors.broker.pk, "name": "/"}).json()[
        "results"
    ]
    for page in ("", "edit/", "delete/"):
        assert doors.browser.get(f"/vhosts/{listed['id']}/{page}").status_code == 200
    answer = doors.api.patch(f"/api/v1/vhosts/{listed['id']}/?dry_run=true", {"tracing": True})
    assert answer.json()["steps"][0]["key"] == {"name": "/"}
    shown = json.dumps(
        doors.api.get("/api/v1/definitions/", {"broker": doors.broker.pk, "vhost": "/"}).json()
    )
    assert '"original_vhost_name": "/"' in shown
