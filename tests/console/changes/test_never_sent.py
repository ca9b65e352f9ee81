"""What was never sent is *pending* and stops at once; what may have been sent is *verifying*, and says so."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse

from console.engine.proposals.retry import stop_change
from console.kinds.common.kind import Ref
from console.models import Attempt, Step
from tests.console.changes.test_crashes import HASH, reach_by
from tests.engine import utc_now
from tests.faults.minority import Minority

pytestmark = [pytest.mark.django_db, pytest.mark.faults]


@pytest.fixture
def cluster(engine, live_broker):
    with Minority(live_broker.url, stale="/api/users") as cluster:
        reach_by(engine, cluster.url)
        yield cluster


@pytest.fixture
def unreachable(engine):
    engine.broker.management_url = "http://127.0.0.1:9"
    engine.broker.save()
    return engine


def again(engine):
    engine.hurry()
    engine.apply()


def stop(change, superuser):
    stop_change(change, now=utc_now(), acting_user=superuser)
    change.refresh_from_db()
    return change.state


def test_a_broker_that_never_answered_leaves_a_step_pending_and_a_stop_ends_it_at_once(
    unreachable, names, superuser
):
    vhost = names("vhost")
    change = unreachable.do(("vhost", [vhost], {}))
    again(unreachable)
    step = change.steps.get()
    assert (step.state, step.error_code, step.attempts) == ("pending", "connection_refused", 2)
    assert set(step.tries.values_list("outcome", flat=True)) == {"unreachable"}
    assert unreachable.target("vhost", vhost).sync == "pending"
    # No worker is asked for it.
    assert stop(change, superuser) == "stopped"
    step.refresh_from_db()
    assert (step.state, step.error_detail) == ("stopped", "Stopped before it was sent.")
    assert unreachable.target("vhost", vhost).sync == "rejected"
    again(unreachable)
    assert Attempt.objects.count() == 2


def test_a_read_that_fails_sends_nothing_either(engine, cluster, names, superuser):
    cluster.cut_reads = True
    change = engine.do(("user", [names("user")], {}, HASH))
    assert change.steps.get().state == "pending"
    assert not cluster.writes
    assert stop(change, superuser) == "stopped"


def test_what_may_have_been_sent_is_read_back_before_the_stop_ends_it(
    engine, cluster, names, seen, superuser, client
):
    """The call was cut on its way: it is not there, and is not sent once more."""
    name = names("user")
    change = engine.ask(("user", [name], {"tags": ["monitoring"]}, HASH))
    engine.apply()
    assert change.steps.get().state == "verifying"
    assert stop(change, superuser) in ("applying", "waiting")
    client.force_login(superuser)
    page = client.get(reverse("change", args=[change.pk])).content.decode()
    assert "1 step may have been sent to the broker already." in page
    assert "applied automatically" not in page
    sent = len(cluster.writes)
    cluster.heal()
    again(engine)
    change.refresh_from_db()
    step = change.steps.get()
    there = seen("users", name) is not None
    assert step.state == ("applied" if there else "stopped")
    assert change.state == ("done" if there else "stopped")
    assert len(cluster.writes) == sent, "nothing more is sent after a stop"
    assert step.secrets_encrypted == ""


def test_what_was_sent_and_is_not_there_ends_as_stopped(
    engine, cluster, names, live_broker, seen, superuser
):
    name = names("user")
    change = engine.ask(("user", [name], {}, HASH))
    engine.apply()
    live_broker.forget("users", name)
    stop(change, superuser)
    cluster.heal()
    again(engine)
    change.refresh_from_db()
    step = change.steps.get()
    assert (change.state, step.state) == ("stopped", "stopped")
    assert "sent at least once" in step.error_detail
    assert engine.target("user", name).sync == "rejected"
    assert seen("users", name) is None


def test_a_failure_of_the_broker_is_not_called_unsent(engine, cluster, names, superuser):
    """RabbitMQ answers 500 to what it may still be doing."""
    cluster.refuse(500, "timeout")
    change = engine.do(("user", [names("user")], {}, HASH))
    assert change.steps.get().state == "verifying"
    assert stop(change, superuser) != "stopped"


def test_a_deletion_that_could_not_be_sent_for_an_hour_asks_again(engine, names, seen):
    """Attempts that found nobody are none: the hour counts from the confirmation."""
    vhost, home = names("vhost"), engine.broker.management_url
    engine.do(("vhost", [vhost], {}))
    engine.broker.management_url = "http://127.0.0.1:9"
    engine.broker.save()
    change = engine.do(("vhost", [vhost], None), observed={Ref("vhost", (vhost,)): {}})
    engine.broker.management_url = home
    engine.broker.save()
    Step.objects.filter(change=change).update(not_after=utc_now() - timedelta(seconds=1))
    again(engine)
    assert change.steps.get().state == "needs_confirmation"
    assert seen("vhosts", vhost)


def test_what_somebody_else_made_while_the_broker_was_away_is_left_alone(
    engine, names, seen, live_broker
):
    """An attempt that found nobody is no attempt: what is there now was not made by it."""
    vhost, home = names("vhost"), engine.broker.management_url
    engine.broker.management_url = "http://127.0.0.1:9"
    engine.broker.save()
    change = engine.do(("vhost", [vhost], {"description": "ours"}))
    live_broker.call("PUT", "vhosts", vhost, body={"description": "theirs"})
    engine.broker.management_url = home
    engine.broker.save()
    again(engine)
    step = change.steps.get()
    assert (step.state, step.error_code) == ("rejected", "already_there")
    assert seen("vhosts", vhost)["description"] == "theirs"
