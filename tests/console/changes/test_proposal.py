"""One proposal for preview, dry run and accept: planned once in a request, judged in one place."""

from __future__ import annotations

from typing import Any

import pytest

import console.engine.proposal
from console.models import Change, ManagedObject
from tests.acting import hidden_of
from tests.factories import add_vhost

pytestmark = pytest.mark.django_db


@pytest.fixture
def broker(broker_row: Any) -> Any:
    return broker_row(name="orders")


@pytest.fixture
def plans(monkeypatch: Any) -> list[None]:
    """Grows with each plan that is made."""
    made: list[None] = []
    make_plan = console.engine.proposal.make_plan

    def counted(*args: Any) -> Any:
        made.append(None)
        return make_plan(*args)

    monkeypatch.setattr(console.engine.proposal, "make_plan", counted)
    return made


@pytest.mark.parametrize(
    ("address", "fields"),
    [
        ("/vhosts/new/?broker={0}", {"name": "v"}),
        ("/policies/new/?broker={0}",
         {"vhost": "v", "name": "p", "pattern": "", "apply_to": "all", "priority": 0,
          "definition": "max-length = 3"}),
        ("/admin/vhosts/virtualhost/add/?broker={0}", {"name": "v"}),
    ],
)  # fmt: skip
def test_a_form_plans_once_for_its_preview_and_once_for_its_confirmation(
    client: Any, superuser: Any, broker: Any, plans: Any, now: Any, address: str, fields: Any
) -> None:
    if "policies" in address:
        add_vhost(broker, "v", now)
    client.force_login(superuser)
    where = address.format(broker.pk)
    shown = client.post(where, {**fields, "step": "preview"})
    assert b"nothing has been applied" in shown.content
    assert len(plans) == 1
    refused = client.post(where, {**hidden_of(shown), "step": "apply", "seen": "another"})
    assert refused.status_code == 400
    assert len(plans) == 2
    assert client.post(where, {**hidden_of(shown), "step": "apply"}).status_code == 302
    assert len(plans) == 3


def test_a_deletion_plans_once(
    client: Any, superuser: Any, broker: Any, plans: Any, now: Any
) -> None:
    client.force_login(superuser)
    where = f"/vhosts/{add_vhost(broker, 'v', now).pk}/delete/"
    shown = client.get(where)
    assert len(plans) == 1
    sent = {**hidden_of(shown), "step": "apply", "typed": "v"}
    assert client.post(where, sent).status_code == 302
    assert len(plans) == 2
    # A second click leads to the change and plans nothing.
    assert client.post(where, sent).status_code == 302
    assert len(plans) == 2
    assert Change.objects.count() == 1


def test_the_api_plans_once_dry_or_not(api: Any, superuser: Any, broker: Any, plans: Any) -> None:
    api.force_authenticate(superuser)
    body = {"broker": broker.pk, "name": "v"}
    assert api.post("/api/v1/vhosts/?dry_run=true", body).status_code == 200
    assert len(plans) == 1
    assert api.post("/api/v1/vhosts/", body).status_code == 202
    assert len(plans) == 2


def test_dry_run_and_accept_refuse_a_stale_request_with_one_sentence(
    api: Any, superuser: Any, broker: Any, now: Any
) -> None:
    api.force_authenticate(superuser)
    row = add_vhost(broker, "v", now)
    ManagedObject.objects.create(
        broker=broker, kind="vhost", key=["v"], generation=3, spec={"tags": []}
    )
    answers = [
        api.patch(f"/api/v1/vhosts/{row.pk}/{query}", {"tags": ["a"]}, HTTP_IF_MATCH='"2"')
        for query in ("?dry_run=true", "")
    ]
    assert [answer.status_code for answer in answers] == [412, 412]
    sentences = {answer.json()["errors"][0]["detail"] for answer in answers}
    assert sentences == {"Someone else changed the virtual host v. Reload it, then try again."}
