"""The form refuses what RabbitMQ refuses, and nothing else: random queues, typed into the form and declared
on live brokers (RABBITMQ_TEST_URLS, or the one of bin/test)."""

from __future__ import annotations

import os
from urllib.error import HTTPError

import pytest
from django.http import QueryDict
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from console.engine.proposal import DesiredObject, Proposal
from console.errors import InvalidField
from console.kinds.common.kind import Ref
from console.kinds.refusals.queue_table import ARGUMENTS
from tests.conftest import LiveBroker
from vhosts.queues.changing.form import QueueForm

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

URLS = (os.environ.get("RABBITMQ_TEST_URLS") or os.environ.get("RABBITMQ_URL", "")).split()
NUMBERS = ["0", "1", "2", "5", "16", "255", "256", "1000", "-1", "315360000000", "315360000001",
           "3000000000", "3000000001", "9223372036854775807", "soon", "1.5"]  # fmt: skip
TEXTS = ["a", "7D", "12h", "7 days", "1", "odd", "all"]


def typed(name):
    """What may be typed at the argument's control."""
    argument = ARGUMENTS[name]
    if argument.control == "choice":
        return st.sampled_from(argument.choices)
    if argument.control == "flag":
        return st.sampled_from(["true", "false"])
    return st.sampled_from(NUMBERS if argument.control == "number" else TEXTS)


def sent(name, text):
    """The value as a client would send it."""
    if ARGUMENTS[name].control == "flag":
        return text == "true"
    if ARGUMENTS[name].control == "number":
        try:
            return int(text)
        except ValueError:
            return text
    return text


QUEUES = st.fixed_dictionaries(
    {
        "type": st.sampled_from(["classic", "quorum", "stream"]),
        "durable": st.booleans(),
        "auto_delete": st.booleans(),
        "arguments": st.sets(st.sampled_from(sorted(ARGUMENTS)), max_size=4).flatmap(
            lambda names: st.fixed_dictionaries({name: typed(name) for name in sorted(names)})
        ),
    }
)


@pytest.fixture(params=URLS)
def live(request):
    found = LiveBroker(request.param)
    found.call("PUT", "vhosts", "test-form", body={})
    yield found
    found.forget("vhosts", "test-form")


def accepted_by(live, body):
    try:
        live.call("PUT", "queues", "test-form", "q", body=body)
    except HTTPError as error:
        if error.code != 400:
            raise
        return False
    live.forget("queues", "test-form", "q")
    return True


def test_the_form_refuses_what_the_broker_refuses(live, broker_row):
    broker = broker_row()
    broker.status.rabbitmq_version = live.call("GET", "overview")["rabbitmq_version"]
    seen = set()

    @settings(
        max_examples=500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    @given(QUEUES)
    def compare(wanted):
        of_type, arguments = wanted["type"], wanted["arguments"]
        posted = QueryDict(mutable=True)
        posted.update({"vhost": "test-form", "name": "q", "type": of_type, **arguments})
        posted.update({name: "on" for name in ("durable", "auto_delete") if wanted[name]})
        form = QueueForm(posted, broker=broker, vhosts=[("test-form", "")])
        offered = {
            name
            for name, one in form.offered().items()
            if one.is_offered(of_type, form.facts) and name in arguments
        }
        refused = not form.is_valid()
        if not refused:
            desired = DesiredObject(
                broker=broker,
                ref=Ref("queue", ("test-form", "q")),
                spec=form.wanted(),
                observed=None,
                permission="queues:edit",
            )
            try:
                assert Proposal(title="t", desired_objects=[desired], origin="page").plans
            except InvalidField:
                refused = True
        # What the type doesn't have isn't on the form, so it isn't sent.
        body = {
            "durable": wanted["durable"] or of_type != "classic",
            "auto_delete": wanted["auto_delete"] and of_type == "classic",
            "arguments": {
                "x-queue-type": of_type,
                **{name: sent(name, text) for name, text in arguments.items() if name in offered},
            },
        }
        assert refused is not accepted_by(live, body), (body, form.errors)
        seen.add((of_type, refused))

    compare()
    assert len(seen) == 6, "each type was accepted and refused"
