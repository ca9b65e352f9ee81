"""Whose a RabbitMQ user is: by a recorded and unbroken ownership, never by a fact that somebody just made."""

from __future__ import annotations

import html
from datetime import timedelta

import pytest
from django.urls import reverse

from accessctl.grants.roles import Role
from accessctl.models import BrokerUser, Grant
from accessctl.tokens.service import create_token
from accessctl.users.access.origins import is_proven, proof_of
from console.engine.applying.attempt import secrets_of
from console.models import Change, ManagedObject, Step
from tests.acting import apply as apply_change
from tests.acting import confirm, preview
from tests.engine import utc_now
from tests.tenants import ALL, API, PASSWORD

pytestmark = pytest.mark.django_db


def gives(tenants, client, name, vhost):
    body = {"broker": tenants.broker.pk, "vhost": vhost, "user": name, **ALL}
    return client.post(f"{API}/permissions/", body, format="json")


def test_an_administrators_user_is_not_taken_over_by_giving_it_a_permission(
    tenants, vadm_api, root_api, client, vadm
):
    name = tenants.name()
    pk = tenants.create(root_api, name)
    before = tenants.hash_of(name)
    assert vadm_api.get(f"{API}/users/{pk}/").status_code == 404
    refused = gives(tenants, vadm_api, name, tenants.vhost)
    assert refused.status_code == 400
    assert refused.json()["errors"][0]["attr"] == "user"
    # Whoever gives it one: seen from then on, and still not theirs.
    assert tenants.outcome(gives(tenants, root_api, name, tenants.vhost))[0] == "applied"
    assert vadm_api.get(f"{API}/users/{pk}/").status_code == 200
    assert gives(tenants, vadm_api, name, tenants.vhost).status_code == 202
    tenants.engine.apply()
    body = {"password": "mine now, thank you"}
    for answer in (
        vadm_api.patch(f"{API}/users/{pk}/", body, format="json"),
        vadm_api.delete(f"{API}/users/{pk}/"),
        vadm_api.post(
            f"{API}/plans/",
            {"apply": True, "wishes": [
                {"kind": "user", "broker": tenants.broker.pk, "name": name, **body}
            ]},
            format="json",
        ),
    ):  # fmt: skip
        assert answer.status_code == 403, answer.content
        assert "a permission in them isn't enough" in html.unescape(answer.content.decode())
    client.force_login(vadm)
    for page in ("user_edit", "user_delete"):
        assert client.get(reverse(page, args=[pk])).status_code == 403
    assert "Delete user" not in client.get(reverse("user", args=[pk])).content.decode()
    tenants.engine.apply()
    assert tenants.hash_of(name) == before


def test_who_created_a_user_finds_changes_and_deletes_it_without_any_permission(
    tenants, vadm_api, client, vadm
):
    name = tenants.name()
    pk = tenants.create(vadm_api, name)
    before = tenants.hash_of(name)
    assert vadm_api.get(f"{API}/users/{pk}/").json()["name"] == name
    assert [u["name"] for u in vadm_api.get(f"{API}/users/").json()["results"]] == [name]
    changed = vadm_api.patch(f"{API}/users/{pk}/", {"password": "another one"}, format="json")
    assert tenants.outcome(changed)[0] == "applied"
    assert tenants.hash_of(name) != before
    # Again, by the page: the proof moves on with each password.
    client.force_login(vadm)
    edit = reverse("user_edit", args=[pk])
    shown = preview(client, edit, password_way="typed", password="a third one", generation=2)
    before = tenants.hash_of(name)
    assert apply_change(confirm(client, edit, shown)).state == "done"
    assert tenants.hash_of(name) != before
    assert tenants.outcome(gives(tenants, vadm_api, name, tenants.vhost))[0] == "applied"
    tenants.look()
    assert tenants.outcome(vadm_api.delete(f"{API}/users/{pk}/"))[0] == "applied"
    assert vadm_api.get(f"{API}/users/{pk}/").status_code == 404


def test_a_user_belongs_to_the_scope_not_to_the_person(tenants, vadm_api, vadm):
    pk = tenants.create(vadm_api, tenants.name())
    url, body = f"{API}/users/{pk}/", {"password": "another one"}
    colleague = tenants.api(tenants.person("colleague"))
    assert colleague.get(url).status_code == 200
    assert tenants.outcome(colleague.patch(url, body, format="json"))[0] == "applied"
    wider = tenants.api(tenants.person("wider", "/team-*"))
    assert tenants.outcome(wider.patch(url, body, format="json"))[0] == "applied"
    for name, pattern in (("narrower", tenants.vhost), ("other", "/other*")):
        stranger = tenants.api(tenants.person(name, pattern))
        assert stranger.get(url).status_code == 404
        assert stranger.patch(url, body, format="json").status_code == 404
    # Who leaves takes nothing along, and leaves nothing without an owner.
    vadm.delete()
    assert tenants.outcome(colleague.patch(url, body, format="json"))[0] == "applied"


@pytest.mark.parametrize("then", [None, "/other*", "narrower", Role.VIEWER])
def test_a_grant_that_is_withdrawn_takes_its_users_along(tenants, vadm_api, vadm, then):
    pk = tenants.create(vadm_api, tenants.name())
    grant = Grant.objects.filter(user=vadm)
    if then is None:
        grant.delete()
    elif then == Role.VIEWER:
        grant.update(role=then)
    else:
        grant.update(vhost_pattern=tenants.vhost if then == "narrower" else then)
    fresh = tenants.api(vadm)
    answer = fresh.patch(f"{API}/users/{pk}/", {"password": "another one"}, format="json")
    assert answer.status_code in (403, 404)


def test_what_an_administrator_deleted_and_created_again_is_not_theirs(tenants, vadm_api, root_api):
    name = tenants.name()
    pk = tenants.create(vadm_api, name)
    assert tenants.outcome(root_api.delete(f"{API}/users/{pk}/"))[0] == "applied"
    again = tenants.create(root_api, name)
    assert again != pk
    for url in (f"{API}/users/{pk}/", f"{API}/users/{again}/"):
        assert vadm_api.get(url).status_code == 404
        assert vadm_api.patch(url, {"password": "mine"}, format="json").status_code == 404


def test_what_was_created_again_on_the_broker_is_not_theirs_once_that_is_seen(tenants, vadm_api):
    name = tenants.name()
    pk = tenants.create(vadm_api, name)
    tenants.live.forget("users", name)
    tenants.look()
    tenants.put_user(name)
    tenants.look()
    again = tenants.id_of(name)
    assert again not in (None, pk)
    assert vadm_api.get(f"{API}/users/{again}/").status_code == 404


@pytest.mark.parametrize("act", ["patch", "delete"])
def test_nor_before_it_is_seen(tenants, vadm_api, act):
    """No inventory lies between: the password tells it."""
    name = tenants.name()
    pk = tenants.create(vadm_api, name)
    tenants.live.forget("users", name)
    tenants.put_user(name, password="of somebody else")
    before = tenants.hash_of(name)
    answer = getattr(vadm_api, act)(f"{API}/users/{pk}/", {"password": "mine"} if act == "patch" else None, format="json")  # fmt: skip
    state, code, said = tenants.outcome(answer)
    assert (state, code) == ("rejected", "not_allowed")
    assert "deleted and created again" in said
    assert tenants.hash_of(name) == before


def test_a_change_by_an_administrator_does_not_vouch_for_another_user_of_the_name(
    tenants, vadm_api, root_api
):
    name = tenants.name()
    pk = tenants.create(vadm_api, name)
    tenants.live.forget("users", name)
    tenants.put_user(name, password="of somebody else")
    answer = root_api.patch(
        f"{API}/users/{pk}/", {"password": "the administrator's"}, format="json"
    )
    assert tenants.outcome(answer)[0] == "applied"
    assert BrokerUser.objects.get(pk=pk).owner_scope is None
    assert vadm_api.get(f"{API}/users/{pk}/").status_code == 404


def test_an_administrators_change_of_the_same_user_leaves_it_theirs(tenants, vadm_api, root_api):
    pk = tenants.create(vadm_api, tenants.name())
    answer = root_api.patch(
        f"{API}/users/{pk}/", {"password": "the administrator's"}, format="json"
    )
    assert tenants.outcome(answer)[0] == "applied"
    answer = vadm_api.patch(f"{API}/users/{pk}/", {"password": "ours again"}, format="json")
    assert tenants.outcome(answer)[0] == "applied"


def test_a_name_that_was_theirs_once_is_not_overwritten(tenants, vadm_api):
    """Created, verified and deleted here; created directly since, and not seen yet."""
    name = tenants.name()
    pk = tenants.create(vadm_api, name)
    assert tenants.outcome(vadm_api.delete(f"{API}/users/{pk}/"))[0] == "applied"
    tenants.put_user(name, password="of somebody else")
    before = tenants.hash_of(name)
    body = {"broker": tenants.broker.pk, "name": name, "password": "mine"}
    state, code, said = tenants.outcome(vadm_api.post(f"{API}/users/", body, format="json"))
    assert (state, code) == ("rejected", "not_allowed")
    assert "already uses this name on the broker" in said
    assert tenants.hash_of(name) == before
    tenants.look()
    assert vadm_api.get(f"{API}/users/{tenants.id_of(name)}/").status_code == 404


def test_what_an_administrator_asked_for_is_not_taken_before_it_is_there(
    tenants, vadm_api, root_api
):
    name = tenants.name()
    body = {"broker": tenants.broker.pk, "name": name, "password": PASSWORD}
    asked = root_api.post(f"{API}/users/", body, format="json")
    desired_objects = [
        {"kind": "user", "broker": tenants.broker.pk, "name": name, "password": "mine"}
    ]
    for answer in (
        vadm_api.post(f"{API}/users/", {**body, "password": "mine"}, format="json"),
        vadm_api.post(f"{API}/plans/", {"wishes": desired_objects, "apply": True}, format="json"),
    ):
        assert answer.status_code == 409, answer.content
    assert Change.objects.count() == 1
    assert tenants.outcome(asked)[0] == "applied"
    assert BrokerUser.objects.get(name=name).owner_scope is None


def test_ones_own_is_changed_before_it_is_there(tenants, vadm_api):
    name = tenants.name()
    body = {"broker": tenants.broker.pk, "name": name, "password": PASSWORD}
    assert vadm_api.post(f"{API}/users/", body, format="json").status_code == 202
    # As what the permission stands on.
    cell = {"broker": tenants.broker.pk, "vhost": tenants.vhost, "user": name, **ALL}
    shown = vadm_api.post(f"{API}/permissions/?dry_run=true", cell, format="json")
    assert shown.status_code == 200, shown.content
    desired_objects = [
        {"kind": "user", "broker": tenants.broker.pk, "name": name, "password": "another"}
    ]
    again = vadm_api.post(
        f"{API}/plans/", {"wishes": desired_objects, "apply": True}, format="json"
    )
    assert again.status_code == 202, again.content
    tenants.engine.apply()
    assert set(Step.objects.values_list("state", flat=True)) == {"superseded", "applied"}
    assert BrokerUser.objects.get(name=name).owner_scope == [tenants.pattern]


@pytest.mark.parametrize("seen", [False, True])
@pytest.mark.parametrize(("tries", "state"), [(0, "rejected"), (1, "applied")])
def test_an_answer_that_was_lost_leaves_the_user_with_who_created_it(
    tenants, vadm_api, tries, state, seen
):
    """At a second try the salted hash that is there tells that the first one was carried out."""
    name = tenants.name()
    body = {"broker": tenants.broker.pk, "name": name, "password": PASSWORD}
    answer = vadm_api.post(f"{API}/users/", body, format="json")
    sent = secrets_of(Step.objects.get())
    tenants.live.call("PUT", "users", name, body={"tags": "", **sent})
    Step.objects.update(attempts=tries, state="verifying" if tries else "pending")
    if seen:
        tenants.look()
    assert tenants.outcome(answer)[0] == state
    row = BrokerUser.objects.filter(name=name).first()
    assert (row and row.owner_scope) == ([tenants.pattern] if tries else None)


def test_a_token_that_sets_permissions_only_still_knows_its_owners_users(tenants, vadm_api, vadm):
    name = tenants.name()
    tenants.create(vadm_api, name)
    _, value = create_token(
        user=vadm, name="t", expires_in=timedelta(days=1), now=utc_now(), acting_user=vadm,
        scopes=["brokers:view", "permissions:edit"],
    )  # fmt: skip
    client = tenants.api(vadm)
    client.logout()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {value}")
    assert gives(tenants, client, name, tenants.vhost).status_code == 202


def test_the_proof_keeps_no_hash_and_survives_a_new_secret_key(settings):
    proof = proof_of("salted hash")
    assert "salted" not in proof
    assert is_proven(proof, "salted hash")
    assert not is_proven(proof, "another")
    assert not is_proven(proof, None)
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "x" * 50
    assert is_proven(proof, "salted hash")


def test_nobody_is_given_what_nobody_asked_for(tenants, vadm_api):
    """Adopted and seen users belong to nobody."""
    name = tenants.name()
    tenants.put_user(name)
    tenants.permit(name, tenants.vhost)
    tenants.look()
    pk = tenants.id_of(name)
    assert vadm_api.get(f"{API}/users/{pk}/").status_code == 200
    assert vadm_api.patch(f"{API}/users/{pk}/", {"password": "a"}, format="json").status_code == 403
    assert not ManagedObject.objects.filter(kind="user").exists()
