"""Firing alerts under *Needs attention* on Fleet."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from console.faces.attention import Harm
from console.models import Broker
from tests.alerts.make import fire, make_rule
from tests.factories import HOSTILE, add_broker
from vhosts.alerts.attention import firing_alerts

pytestmark = pytest.mark.django_db


def found(user: Any) -> list[Any]:
    brokers = list(Broker.objects.visible_to(user).select_related("status"))
    return list(firing_alerts(user, brokers, timezone.now()))


def test_a_broker_says_how_many_alerts_nobody_has_taken(superuser: Any, admin_client: Any) -> None:
    now = timezone.now()
    broker, other = add_broker("prod", now), add_broker("calm", now)
    warning = make_rule("Growing", severity="warning")
    for number, name in enumerate(HOSTILE):
        fire(warning, broker, f"{name}{number}", now)
    fire(make_rule("Restarted", severity="info"), other, "n", now, subject_kind="node", vhost="")
    fire(warning, other, "taken", now, state="acknowledged")
    (item,) = found(superuser)
    number = len(HOSTILE)
    assert (item.harm, item.subject) == (Harm.WILL_BREAK, "prod")
    assert item.sentence == f"has {number} alerts that nobody has acknowledged."
    assert (item.cause, item.since) == ("Growing.", now)
    page = admin_client.get("/").content.decode()
    assert "alerts that nobody has acknowledged." in page
    listed = admin_client.get(item.url).content.decode()
    assert listed.count('name="ids"') == number
    fire(make_rule("Memory"), broker, "", now, subject_kind="broker", vhost="")
    (item,) = found(superuser)
    assert (item.harm, item.cause) == (Harm.STOPPED, "Growing and Memory.")


def test_nobody_counts_alerts_of_others(cast: Any) -> None:
    now, rule = timezone.now(), make_rule()
    fire(rule, cast.a, "q", now)
    fire(rule, cast.b, "theirs", now)
    fire(rule, None, "", now, subject_kind="console", vhost="")
    assert [one.subject for one in found(cast.alice)] == [cast.a.name]
