from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from console.models import AuditEntry, Broker, BrokerStatus
from console.secrets import decrypt

pytestmark = pytest.mark.django_db

BROKERS = "/api/v1/brokers/"
CANARY = "canary-7f3a-password"


def settings_of(**changed: Any) -> dict[str, Any]:
    return {
        "name": "orders",
        "management_url": "http://10.0.0.1:15672",
        "username": "warren",
        "password": CANARY,
        **changed,
    }


def errors_of(answer: Any) -> dict[str | None, str]:
    body = answer.json()
    assert set(body) == {"type", "errors", "request_id"}
    return {fault["attr"]: fault["detail"] for fault in body["errors"]}


@pytest.fixture
def broker(api: Any) -> dict[str, Any]:
    answer = api.post(BROKERS, settings_of())
    assert answer.status_code == 201, answer.content
    return dict(answer.json())


def test_a_broker_is_added_read_changed_and_forgotten(api: Any) -> None:
    made = api.post(BROKERS, settings_of(environment="staging", poll_interval_s=30))
    assert made.status_code == 201
    address = made["Location"]
    assert made["ETag"] == '"1"'

    read = api.get(address).json()
    assert (read["name"], read["environment"], read["poll_interval_s"]) == ("orders", "staging", 30)
    assert read["has_password"] is True
    assert read["status"]["state"] == "new"

    changed = api.patch(address, {"name": "orders 2"})
    assert changed.json()["name"] == "orders 2"
    assert changed.json()["environment"] == "staging"
    assert changed["ETag"] == '"2"'

    assert api.delete(address).status_code == 204
    assert api.get(address).status_code == 404
    assert api.delete(address).status_code == 404
    assert [entry.action for entry in AuditEntry.objects.filter(target_kind="broker")] == [
        "brokers:forget",
        "brokers:edit",
        "brokers:add",
    ]


def test_put_replaces_what_is_left_out_by_defaults_but_keeps_the_password(
    api: Any, broker: dict[str, Any]
) -> None:
    address = f"{BROKERS}{broker['id']}/"
    api.patch(address, {"environment": "staging", "enabled": False})
    sent = settings_of()
    del sent["password"]
    answer = api.put(address, sent).json()
    assert (answer["environment"], answer["enabled"]) == ("production", True)
    assert decrypt(Broker.objects.get().password_encrypted).reveal() == CANARY


def test_put_needs_what_a_new_broker_needs(api: Any, broker: dict[str, Any]) -> None:
    answer = api.put(f"{BROKERS}{broker['id']}/", {"name": "orders"})
    assert answer.status_code == 400
    assert set(errors_of(answer)) == {"management_url", "username"}


@pytest.mark.parametrize(
    "change",
    [
        {"management_url": "http://10.0.0.2:15672"},
        {"management_url": "http://10.0.0.1:15673"},
        {"management_url": "https://10.0.0.1:15672"},
        {"management_url": "http://10.0.0.1:15672/other-tenant"},
        {"amqp_url": "amqp://10.0.0.2:5672"},
        {"tls_verify": False},
        {"tls_server_name": "other.example"},
    ],
)
def test_moving_a_broker_clears_its_password(
    api: Any, broker: dict[str, Any], change: dict[str, Any]
) -> None:
    answer = api.patch(f"{BROKERS}{broker['id']}/", change)
    assert answer.status_code == 200
    assert answer.json()["has_password"] is False
    assert Broker.objects.get().password_encrypted == ""


def test_a_password_sent_with_the_move_is_stored(api: Any, broker: dict[str, Any]) -> None:
    api.patch(
        f"{BROKERS}{broker['id']}/",
        {"management_url": "http://10.0.0.2:15672", "password": "the new one"},
    )
    assert decrypt(Broker.objects.get().password_encrypted).reveal() == "the new one"


def test_spaces_of_a_password_are_kept(api: Any) -> None:
    api.post(BROKERS, settings_of(password="  p:\u00e9 \U0001f600 "))
    assert decrypt(Broker.objects.get().password_encrypted).reveal() == "  p:\u00e9 \U0001f600 "


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_a_stale_if_match_is_refused_and_changes_nothing(
    api: Any, broker: dict[str, Any], method: str
) -> None:
    address = f"{BROKERS}{broker['id']}/"
    api.patch(address, {"environment": "staging"})
    answer = getattr(api, method)(address, settings_of(name="late"), HTTP_IF_MATCH='"1"')
    assert answer.status_code == 412
    assert "generation 2" in errors_of(answer)[None]
    assert api.get(address).json()["name"] == "orders"


@pytest.mark.parametrize("tag", ['"1"', "*", '"9", "1"', 'W/"1"'])
def test_a_matching_if_match_is_let_through(api: Any, broker: dict[str, Any], tag: str) -> None:
    answer = api.patch(f"{BROKERS}{broker['id']}/", {"enabled": False}, HTTP_IF_MATCH=tag)
    assert answer.status_code == 200


@pytest.mark.parametrize("tag", ['W/"2"', '""'])
def test_another_or_empty_tag_matches_nothing(api: Any, broker: dict[str, Any], tag: str) -> None:
    answer = api.patch(f"{BROKERS}{broker['id']}/", {"enabled": False}, HTTP_IF_MATCH=tag)
    assert answer.status_code == 412


def test_an_unreadable_if_match_is_named(api: Any, broker: dict[str, Any]) -> None:
    answer = api.patch(f"{BROKERS}{broker['id']}/", {"enabled": False}, HTTP_IF_MATCH="1")
    assert answer.status_code == 400
    assert list(errors_of(answer)) == ["If-Match"]


def test_a_name_is_taken_once(api: Any, broker: dict[str, Any]) -> None:
    answer = api.post(BROKERS, settings_of())
    assert answer.status_code == 400
    assert errors_of(answer) == {
        "name": "A broker named orders already exists. Choose another name."
    }


@pytest.mark.django_db(transaction=True)
def test_of_many_who_take_one_name_at_one_time_one_gets_it(api_token: str) -> None:
    from rest_framework.test import APIClient

    start, answers = threading.Barrier(6), []

    def take() -> None:
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {api_token}")
        try:
            start.wait()
            answers.append(client.post(BROKERS, settings_of(), format="json").status_code)
        finally:
            connection.close()

    threads = [threading.Thread(target=take) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [201, 400, 400, 400, 400, 400]
    assert Broker.objects.count() == 1


def test_the_state_is_judged_when_read(api: Any, broker: dict[str, Any]) -> None:
    now = timezone.now()
    status = BrokerStatus.objects.get()
    for age_s, state, stale in ((1, "reachable", False), (3600, "stale", True)):
        at = now - timedelta(seconds=age_s)
        status.state, status.answered_at, status.depths_at, status.vitals_at = (
            "reachable",
            at,
            at,
            at,
        )
        status.messages_ready, status.queues = 7, None
        status.save()
        shown = api.get(f"{BROKERS}{broker['id']}/").json()["status"]
        assert shown["state"] == state
        assert shown["depths"]["stale"] is shown["vitals"]["stale"] is stale
        assert shown["depths"]["ready"] == 7
        assert shown["depths"]["queues"] is None
    Broker.objects.update(enabled=False)
    assert api.get(f"{BROKERS}{broker['id']}/").json()["status"]["state"] == "disabled"


def test_brokers_are_filtered_and_sorted(api: Any) -> None:
    for name, environment in (("b", "staging"), ("a_1", "production"), ("a%2", "production")):
        api.post(BROKERS, settings_of(name=name, environment=environment))

    def names(query: str) -> list[str]:
        answer = api.get(BROKERS + query)
        assert answer.status_code == 200, answer.content
        return [each["name"] for each in answer.json()["results"]]

    assert names("?ordering=-name") == ["b", "a_1", "a%2"]
    assert names("?environment=staging") == ["b"]
    assert names("?search=_") == ["a_1"]
    assert names("?search=%25") == ["a%2"]
    assert names("?name=b&enabled=true") == ["b"]
    assert names("?enabled=false") == []


def test_the_steps_of_reaching_a_live_broker_are_told(api: Any, make_broker: Any) -> None:
    broker = make_broker()
    answer = api.post(f"{BROKERS}{broker.pk}/test/")
    assert answer.status_code == 200, answer.content
    body = answer.json()
    outcomes = {step["name"]: step["outcome"] for step in body["steps"]}
    assert outcomes["login"] == "ok", body
    assert body["ok"] is True


def test_unsaved_settings_are_tested_and_not_stored(api: Any, live_broker: Any) -> None:
    sent = settings_of(
        management_url=live_broker.url, username=live_broker.username, password="not this"
    )
    body = api.post(f"{BROKERS}test/", sent).json()
    outcomes = {step["name"]: step["outcome"] for step in body["steps"]}
    assert outcomes["connect"] == "ok"
    assert outcomes["login"] == "failed"
    assert body["ok"] is False
    assert not Broker.objects.exists()


def test_a_broker_without_password_cannot_be_tested(api: Any, broker: dict[str, Any]) -> None:
    Broker.objects.update(password_encrypted="")
    answer = api.post(f"{BROKERS}{broker['id']}/test/")
    assert answer.status_code == 409
    assert "password" in errors_of(answer)[None]


def test_a_wrong_encryption_key_is_no_fault_of_ours(
    api: Any, broker: dict[str, Any], settings: Any
) -> None:
    settings.ENCRYPTION_KEYS = ["AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="]
    answer = api.post(f"{BROKERS}{broker['id']}/test/")
    assert answer.status_code == 409
    assert answer.json()["errors"][0]["code"] == "wrong_encryption_key"


def test_nobody_but_a_superuser_sees_a_broker(
    broker: dict[str, Any], client: Any, django_user_model: Any
) -> None:
    address = f"{BROKERS}{broker['id']}/"
    assert client.get(address).status_code == 401
    client.force_login(django_user_model.objects.create_user("plain"))
    for path in (BROKERS, address):
        answer = client.get(path)
        assert answer.status_code == 403
        assert CANARY not in answer.content.decode()


def test_the_etag_of_a_compressed_answer_is_good_for_a_change(
    api: Any, broker: dict[str, Any]
) -> None:
    """Compressing an answer weakens its ETag (RFC 9110), here or in a proxy."""
    address = f"{BROKERS}{broker['id']}/"
    answer = api.get(address, headers={"Accept-Encoding": "gzip"})
    tag = answer.headers["ETag"]
    assert tag.startswith("W/") == ("Content-Encoding" in answer.headers)
    assert api.patch(address, {"enabled": False}, HTTP_IF_MATCH=tag).status_code == 200
    assert api.patch(address, {"enabled": True}, HTTP_IF_MATCH=tag).status_code == 412
