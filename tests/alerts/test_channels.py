"""Channels: their forms, what they may reach, that their addresses stay secret, and the test button."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from console.models import AuditEntry
from console.secrets import decrypt
from tests.alerts.make import make_channel, make_rule
from tests.alerts.sinks import HttpSink, SmtpSink
from vhosts.alerts.channels.kinds import make_address
from vhosts.alerts.channels.services import ALLOWED, BadChannel, check_address
from vhosts.models import AlertChannel

pytestmark = pytest.mark.django_db
SECRET = "canary-channel-token"


@pytest.fixture
def browser(client: Client, superuser: Any) -> Client:
    client.force_login(superuser)
    return client


def test_every_allowed_service_is_one_of_apprise_that_speaks_http_or_smtp() -> None:
    import inspect

    from apprise.manager_plugins import NotificationManager

    speaks = {}
    for plugin in NotificationManager().plugins():
        source = inspect.getsource(sys.modules[plugin.__module__])
        for names in (getattr(plugin, "protocol", None), getattr(plugin, "secure_protocol", None)):
            for name in (names,) if isinstance(names, str) else names or ():
                speaks[name] = "requests." in source or "smtplib" in source
    assert {name for name in ALLOWED if not speaks.get(name)} == set()


@pytest.mark.parametrize(
    "address",
    ["syslog://", "dbus://", "gnome://", "macosx://", "windows://", "rsyslog://localhost", "file:///etc/passwd", "mqtt://h/t",
     "slack://a/b/c?template=/etc/passwd", "json://h/?attach=file:///etc/passwd", "include /etc/apprise.conf", "json://h/ x",
     "mailto://u:p@h?keyfile=/etc/shadow", "xmpp://u:p@h", "javascript:alert(1)"],
)  # fmt: skip
def test_what_is_local_or_reads_files_is_refused(address: str) -> None:
    with pytest.raises(BadChannel):
        check_address(address)


def test_the_forms_make_addresses_that_apprise_understands() -> None:
    import apprise

    made = [
        make_address("email", {"to": "a@example.org, b@example.org", "sender": "w@example.org", "smtp_host": "smtp.example.org", "username": "u@x/y", "password": "p:@/?&#%"}),
        make_address("slack", {"webhook": "https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ", "channel": "#oncall"}),
        make_address("teams", {"webhook": "https://prod-1.westeurope.logic.azure.com:443/workflows/3f00000000000000000000000000000a/triggers/manual/paths/invoke?api-version=2016-06-01&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=iXKabcdefghijklmnopqrstuvwxyz0123456789_-ab"}),
        make_address("pagerduty", {"key": "0123456789abcdef0123456789abcdef", "region": "eu"}),
        make_address("opsgenie", {"key": "eb243592-faa2-4ba2-a551q-1afdf565c889", "region": "eu"}),
        make_address("webhook", {"url": "https://example.org:8443/hook?a=b&c=d", "header": "Authorization: Bearer x/y+z"}),
        make_address("apprise", {"apprise_url": "ntfys://ntfy.example.org/oncall"}),
    ]  # fmt: skip
    for one in made:
        assert apprise.Apprise.instantiate(one.url) is not None, one.url
    mail = apprise.Apprise.instantiate(made[0].url)
    assert (mail.user, mail.password, mail.smtp_host, mail.port) == (
        "u@x/y",
        "p:@/?&#%",
        "smtp.example.org",
        587,
    )
    assert {address for _, address in mail.targets} == {"a@example.org", "b@example.org"}
    hook = apprise.Apprise.instantiate(made[5].url)
    assert hook.headers == {"Authorization": "Bearer x/y+z"}
    assert (hook.host, hook.port, hook.fullpath, hook.params) == (
        "example.org",
        8443,
        "/hook",
        {"a": "b", "c": "d"},
    )


def create(browser: Client, kind: str, **fields: Any) -> Any:
    return browser.post(
        f"{reverse('alert_channel_create')}?kind={kind}",
        {"name": "on call", "least_severity": "info", "everything": "1", "enabled": "1", **fields},
    )


def test_a_channel_is_created_tested_edited_and_deleted_and_its_address_never_shown(
    browser: Client, sink: HttpSink, caplog: Any
) -> None:
    answer = create(browser, "webhook", url=f"http://127.0.0.1:{sink.port}/{SECRET}")
    assert answer.status_code == 302, answer.content.decode()
    channel = AlertChannel.objects.get()
    assert SECRET not in channel.url_encrypted
    assert decrypt(channel.url_encrypted).reveal().endswith(f"/{SECRET}")
    shown = browser.post(
        reverse("alert_channel_test", args=[channel.pk]), follow=True
    ).content.decode()
    assert "took the test message" in shown
    assert sink.got[0][0] == f"/{SECRET}"
    sink.status = 404
    shown += browser.post(
        reverse("alert_channel_test", args=[channel.pk]), follow=True
    ).content.decode()
    assert "take the test message." in shown
    assert "404" in shown
    edit = reverse("alert_channel_edit", args=[channel.pk])
    shown += browser.get(edit).content.decode()
    answer = browser.post(
        edit, {"name": "renamed", "least_severity": "critical", "everything": "1", "generation": 1}
    )
    assert answer.status_code == 302
    channel.refresh_from_db()
    assert (channel.name, channel.enabled, channel.least_severity, channel.generation) == (
        "renamed",
        False,
        "critical",
        2,
    )
    assert decrypt(channel.url_encrypted).reveal().endswith(f"/{SECRET}"), "the address stays"
    shown += browser.post(
        edit, {"name": "again", "least_severity": "info", "generation": 1}
    ).content.decode()
    assert "Someone else changed this channel" in shown
    browser.post(reverse("alert_channel_delete", args=[channel.pk]))
    assert not AlertChannel.objects.exists()
    audit = str(list(AuditEntry.objects.values_list("action", "target", "before", "after")))
    for action in ("add_channel", "edit_channel", "test_channel", "delete_channel"):
        assert f"alerts:{action}" in audit
    for place in (shown, audit, caplog.text):
        assert SECRET not in place


def test_forbidden_addresses_are_refused_in_the_form_and_at_every_connect(
    browser: Client, sink: HttpSink, settings: Any
) -> None:
    answer = create(browser, "webhook", url="http://169.254.169.254/latest/")
    assert answer.status_code == 400
    assert "cloud metadata address" in answer.content.decode()
    answer = create(
        browser, "email", to="a@example.org", sender="a@example.org", smtp_host="169.254.169.254"
    )
    assert "cloud metadata address" in answer.content.decode()
    # A redirect leads there: the connection itself is refused.
    sink.status = 307
    create(browser, "webhook", url=f"http://127.0.0.1:{sink.port}/")
    channel = AlertChannel.objects.get()
    test = reverse("alert_channel_test", args=[channel.pk])
    assert "cloud metadata address" in browser.post(test, follow=True).content.decode()
    # So does a name, and the setting decides about this machine.
    settings.ALLOW_LOOPBACK_BROKERS = False
    named = make_channel(f"json://localhost:{sink.port}/", "named")
    sink.got.clear()
    shown = browser.post(
        reverse("alert_channel_test", args=[named.pk]), follow=True
    ).content.decode()
    assert "is the machine of the console" in shown
    assert sink.got == []


def test_mail_arrives(browser: Client, mail: SmtpSink) -> None:
    create(
        browser,
        "email",
        to="ops@example.org",
        sender="warren@example.org",
        smtp_host="127.0.0.1",
        smtp_port=str(mail.port),
        security="none",
    )
    channel = AlertChannel.objects.get()
    assert channel.about == f"ops@example.org through 127.0.0.1:{mail.port}"
    shown = browser.post(
        reverse("alert_channel_test", args=[channel.pk]), follow=True
    ).content.decode()
    assert "took the test message" in shown
    assert mail.got[0]["Subject"] == "Test message of Warren"


def test_a_channel_of_rules_shows_them(browser: Client) -> None:
    rule = make_rule("Memory alarm of ours")
    create(
        browser,
        "apprise",
        apprise_url="ntfys://ntfy.example.org/oncall",
        everything="",
        rules=[rule.pk],
    )
    assert list(AlertChannel.objects.get().rules.all()) == [rule]
    assert "Memory alarm of ours" in browser.get(reverse("alert_channels")).content.decode()


def test_only_who_may_edit_alerts_everywhere_edits_channels(cast: Any, client: Client) -> None:
    channel = make_channel("json://example.org/")
    client.force_login(cast.alice)
    assert client.get(reverse("alert_channels")).status_code == 200
    for route, arguments in (
        ("alert_channel_create", []),
        ("alert_channel_edit", [channel.pk]),
        ("alert_channel_delete", [channel.pk]),
    ):
        assert client.get(reverse(route, args=arguments)).status_code == 403
    assert client.post(reverse("alert_channel_test", args=[channel.pk])).status_code == 403
