"""What a list's page filters and sorts by, the API does too: both read one declaration."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from django.urls import resolve, reverse

from console.faces.face import FACES
from tests.factories import add_broker, add_user, add_vhost, permit, permit_topic
from vhosts.models import (
    Binding,
    Exchange,
    FederationUpstream,
    FederationUpstreamSet,
    GlobalParameter,
    OperatorPolicy,
    Parameter,
    Policy,
    Shovel,
)

LISTED = [face.name for face in FACES.values() if face.is_listed]
API_DOC = Path(__file__).resolve().parents[2] / "docs" / "api.md"


def _view(name: str) -> Any:
    return resolve(reverse(f"api-{FACES[name].slug}-list")).func.cls  # type: ignore[attr-defined]


def test_every_kind_with_a_list_is_here() -> None:
    assert {"vhost", "user", "permission", "topic_permission", "policy"} <= set(LISTED)


@pytest.mark.parametrize("name", LISTED)
def test_the_api_has_every_filter_and_order_of_the_page(name: str) -> None:
    face, view = FACES[name], _view(name)
    filters, orders = set(view.filterset_class.base_filters), set(view.ordering_fields)
    assert {one.key for one in face.listing.filters} <= filters
    assert {"broker", *face.kind.identity} <= filters
    assert set(face.listing.sortable()) <= orders
    row = re.search(rf"^\|[^|]*`{face.slug}/`[^|]*\|([^|]*)\|([^|]*)\|$", API_DOC.read_text(), re.M)
    assert row, f"docs/api.md lacks the list {face.slug}"
    assert set(re.findall(r"`(\w+)`", row[1])) == filters
    assert set(re.findall(r"`(\w+)`", row[2])) == orders


@pytest.mark.django_db
@pytest.mark.parametrize("name", LISTED)
def test_page_and_api_agree_on_each_filter_and_order(
    name: str, admin_client: Any, api: Any, now: Any
) -> None:
    face = FACES[name]
    broker = add_broker("orders", now)
    for number, vhost in enumerate(("a", "b", "c")):
        add_vhost(broker, vhost, now, tags=["b"][:number], tracing=number == 1)
        add_user(broker, vhost, now, tags=["monitoring"][:number], has_password=number != 1)
    permit(broker, "a", "b", now)
    permit(broker, "b", "c", now)
    permit(broker, "b", "a", now, "", "", ".*")
    page, listed = reverse(face.route), reverse(f"api-{face.slug}-list")
    for one in face.listing.filters:
        value = "1" if one.kind == "flag" else next(iter(one.choices), "b")
        asked = {one.key: value}
        shown = {row.pk for row in admin_client.get(page, asked).context["listing"].rows}
        found = api.get(listed, {one.key: "true"} if one.kind == "flag" else asked)
        assert {row["id"] for row in found.json()["results"]} == shown, one.key
        if one.kind == "flag":
            others = api.get(listed, {one.key: "false"}).json()["results"]
            every = {row["id"] for row in api.get(listed).json()["results"]}
            assert {row["id"] for row in others} == every - shown
    for key in face.listing.sortable():
        assert api.get(listed, {"ordering": f"-{key},id"}).status_code == 200


@pytest.mark.django_db
@pytest.mark.parametrize("name", LISTED)
def test_a_row_has_a_cell_for_every_column(name: str, admin_client: Any, now: Any) -> None:
    """Rows that a kind draws by a template of its own, too."""
    face = FACES[name]
    broker = add_broker("orders", now)
    add_vhost(broker, "a", now)
    add_user(broker, "a", now)
    permit(broker, "a", "a", now)
    permit_topic(broker, "a", "a", "amq.topic", now)
    for model in (Policy, OperatorPolicy):
        model.objects.create(
            broker=broker, vhost="a", name="p", pattern="", apply_to="all", priority=0,
            first_seen_at=now, changed_at=now,
        )  # fmt: skip
    Exchange.objects.create(
        broker=broker, vhost="a", name="e", type="direct", first_seen_at=now, changed_at=now
    )
    Binding.objects.create(
        broker=broker, vhost="a", source="e", destination_type="queue", destination="q",
        first_seen_at=now, changed_at=now,
    )  # fmt: skip
    seen = {"broker": broker, "first_seen_at": now, "changed_at": now}
    for model in (Shovel, FederationUpstream, FederationUpstreamSet):
        model.objects.create(**seen, vhost="a", name="p", value={})
    Parameter.objects.create(**seen, vhost="a", component="c", name="p", value={})
    GlobalParameter.objects.create(**seen, name="p", value={})
    every = ",".join(one.key for one in face.listing.columns)
    for asked in ({}, {"columns": every}):
        page = admin_client.get(reverse(face.route), asked)
        shown = page.context["listing"].request.shown
        body = re.search(r"<tbody.*?</tbody>", page.content.decode(), re.S)
        rows = re.findall(r"<tr\b.*?</tr>", body[0] if body else "", re.S)
        assert len(rows) == 1
        for row in rows:
            labels = re.findall(r'<td[^>]*\bdata-label="([^"]*)"', row)
            assert len(re.findall(r"<td\b", row)) == len(shown), labels
