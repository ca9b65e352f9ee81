"""The Django admin is no side door: same services, same audit, secrets write-only."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from django.contrib import admin
from django.urls import reverse

from accessctl.models import ApiToken
from console.models import AuditEntry, Broker
from console.secrets import decrypt
from vhosts.models import Queue

pytestmark = pytest.mark.django_db

#: What a superuser may do with each model: a(dd), c(hange), d(elete); v(iew) goes without saying.
ALLOWED = {
    "vhosts.dashboard": "",
    "accessctl.apitoken": "d",
    "accessctl.brokerpermission": "acd",
    "accessctl.brokertopicpermission": "acd",
    "accessctl.brokeruser": "acd",
    "auth.group": "acd",
    "auth.user": "acd",
    "console.auditentry": "",
    "console.broker": "acd",
    "console.brokerstatus": "",
    "console.change": "",
    "console.heartbeat": "",
    "console.jobrun": "",
    "console.managedobject": "",
    "vhosts.binding": "ad",
    "vhosts.exchange": "ad",
    "vhosts.federationupstream": "acd",
    "vhosts.federationupstreamset": "acd",
    "vhosts.globalparameter": "acd",
    "vhosts.operatorpolicy": "acd",
    "vhosts.parameter": "acd",
    "vhosts.policy": "acd",
    "vhosts.poll": "",
    "vhosts.queue": "",
    "vhosts.shovel": "acd",
    "vhosts.virtualhost": "acd",
}
#: Registered by parts that have tests of their own.
ELSEWHERE = {"accessctl.grant"}


def settings_of(**changed: Any) -> dict[str, Any]:
    return {
        "name": "orders",
        "environment": "production",
        "management_url": "http://10.0.0.1:15672",
        "username": "warren",
        "password": "canary-password",
        "tls_verify": "on",
        "enabled": "on",
        "poll_interval_s": "10",
        **changed,
    }


def test_every_model_in_the_admin_is_listed_with_what_may_be_done(rf: Any, superuser: Any) -> None:
    request = rf.get("/admin/")
    request.user = superuser
    found = {
        model._meta.label_lower: "".join(
            letter
            for letter, verb in (("a", "add"), ("c", "change"), ("d", "delete"))
            if getattr(model_admin, f"has_{verb}_permission")(request)
        )
        for model, model_admin in admin.site._registry.items()
    }
    assert {label: verbs for label, verbs in found.items() if label not in ELSEWHERE} == ALLOWED


def test_a_broker_is_added_edited_and_forgotten_by_the_same_services(admin_client: Any) -> None:
    answer = admin_client.post(reverse("admin:console_broker_add"), settings_of())
    assert answer.status_code == 302, answer.content
    broker = Broker.objects.get()
    assert broker.status.state == "new"
    assert decrypt(broker.password_encrypted).reveal() == "canary-password"

    change = reverse("admin:console_broker_change", args=[broker.pk])
    page = admin_client.get(change).content.decode()
    assert "canary-password" not in page
    assert broker.password_encrypted not in page
    moved = "http://10.0.0.1:15672/other-tenant"
    sent = settings_of(password="", management_url=moved, seen_generation="1")
    assert admin_client.post(change, sent).status_code == 302
    broker.refresh_from_db()
    assert (broker.generation, broker.password_encrypted) == (2, "")

    stale = admin_client.post(change, settings_of(name="late", seen_generation="1"))
    assert b"Someone else changed this broker" in stale.content
    delete = reverse("admin:console_broker_delete", args=[broker.pk])
    assert admin_client.post(delete, {"post": "yes"}).status_code == 302
    assert not Broker.objects.exists()
    actions = AuditEntry.objects.filter(target_kind="broker").order_by("id")
    assert [entry.action for entry in actions] == ["brokers:add", "brokers:edit", "brokers:forget"]
    assert "canary" not in str(list(AuditEntry.objects.values_list()))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("management_url", "http://169.254.169.254"),
        ("management_url", "ftp://x"),
        ("username", "a:b"),
        ("password", ""),
        ("tls_ca_pem", "garbage"),
        ("poll_interval_s", "1"),
        ("name", "  "),
    ],
)
def test_a_bad_field_is_named_and_nothing_stored(admin_client: Any, field: str, value: str) -> None:
    answer = admin_client.post(reverse("admin:console_broker_add"), settings_of(**{field: value}))
    assert answer.status_code == 200
    assert list(answer.context["errors"]) != []
    assert field in answer.context["adminform"].form.errors
    assert not Broker.objects.exists()
    assert b"canary-password" not in answer.content


def test_revoking_a_token_is_audited(admin_client: Any, api_token: str) -> None:
    token = ApiToken.objects.get()
    page = admin_client.get(reverse("admin:accessctl_apitoken_change", args=[token.pk]))
    assert token.digest.encode() not in page.content
    delete = reverse("admin:accessctl_apitoken_delete", args=[token.pk])
    assert admin_client.post(delete, {"post": "yes"}).status_code == 302
    assert not ApiToken.objects.exists()
    assert AuditEntry.objects.filter(action="tokens:revoke").exists()


def test_making_somebody_a_superuser_is_audited(admin_client: Any, django_user_model: Any) -> None:
    person = django_user_model.objects.create_user("plain")
    change = reverse("admin:auth_user_change", args=[person.pk])
    answer = admin_client.post(
        change,
        {"username": "plain", "is_superuser": "on", "is_active": "on", "date_joined_0": "2026-01-01",
         "date_joined_1": "00:00:00"},
    )  # fmt: skip
    assert answer.status_code == 302, answer.content
    entry = AuditEntry.objects.get(action="users:edit")
    assert entry.target == "plain"
    assert "Superuser status" in str(entry.after)


def test_staff_without_superuser_is_kept_out(client: Any, django_user_model: Any) -> None:
    client.force_login(django_user_model.objects.create_user("staff", is_staff=True))
    assert client.get(reverse("admin:index")).status_code in (302, 403)


def test_lists_take_the_same_queries_for_many_rows_as_for_few(
    admin_client: Any, broker_row: Any, now: datetime, django_assert_max_num_queries: Any
) -> None:
    broker = broker_row()
    Queue.objects.bulk_create(
        Queue(broker=broker, vhost="/", name=f"q{number}", first_seen_at=now)
        for number in range(300)
    )
    with django_assert_max_num_queries(8):
        answer = admin_client.get(reverse("admin:vhosts_queue_changelist"))
    assert answer.content.count(b'class="action-select"') == 0
    assert answer.content.count(b">q2") < 60


@pytest.mark.parametrize("label", sorted({*ALLOWED}))
def test_every_list_and_page_of_the_admin_opens(
    admin_client: Any, broker_row: Any, now: datetime, label: str, api_token: str
) -> None:
    broker = broker_row(name="<img src=x onerror=alert(1)>")
    Queue.objects.create(broker=broker, vhost="\u202e", name="<svg/onload=1>", first_seen_at=now)
    app, model = label.split(".")
    page = admin_client.get(reverse(f"admin:{app}_{model}_changelist") + "?q=x")
    assert page.status_code in (200, 302)
    page = admin_client.get(reverse(f"admin:{app}_{model}_changelist"))
    assert page.status_code == 200
    assert b"<img src=x" not in page.content
    assert b"<svg/onload" not in page.content
