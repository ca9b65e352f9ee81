from __future__ import annotations

import pytest
from django.template.loader import render_to_string

from accessctl.models import BrokerUser
from accessctl.permissions.patterns import PRESETS
from accessctl.permissions.rules import set_permissions
from accessctl.users.password import Password
from accessctl.users.rules import create_user, delete_user, edit_user
from console.engine.proposal import Proposal
from console.engine.proposals.preview import as_data, preview
from console.kinds.common.kind import Op
from console.rabbitmq.endpoint import Secret
from vhosts.virtual_hosts.rules import create_vhost

pytestmark = pytest.mark.django_db


def previewed(*desired_objects, **more):
    return preview(Proposal(title="a test", desired_objects=desired_objects, origin="page", **more))


def commands(found):
    return [text for tool, text in found.commands if tool == "rabbitmqctl"]


@pytest.fixture
def broker(broker_row):
    return broker_row(name="orders")


@pytest.fixture
def seen_user(broker, now):
    def add(name, **columns):
        return BrokerUser.objects.create(
            broker=broker, name=name, first_seen_at=now, changed_at=now, **columns
        )

    return add


def test_the_worked_example_is_told_in_the_words_of_rabbitmqctl(broker, superuser, seen_user):
    seen_user("guest")
    vhost = create_vhost(broker=broker, name="/test/4730", fields={}, acting_user=superuser)
    user = create_user(
        broker=broker, name="app", password=Password(clear=Secret("correct horse")),
        fields={"tags": ["monitoring"]}, acting_user=superuser,
    )  # fmt: skip
    (permission,) = set_permissions(
        broker=broker, vhosts=["/test/4730"], users=["guest"],
        patterns=PRESETS["full"], acting_user=superuser, making=[vhost.ref],
    )  # fmt: skip
    assert commands(previewed(permission, user, vhost)) == [
        "rabbitmqctl add_vhost /test/4730",
        "rabbitmqctl add_user app",
        "rabbitmqctl set_user_tags app monitoring",
        'rabbitmqctl set_permissions -p /test/4730 guest ".*" ".*" ".*"',
    ]


def test_a_new_password_is_a_change_and_never_shown(broker, superuser, seen_user):
    seen_user("app", tags=[])
    desired = edit_user(
        broker=broker, name="app", fields={}, acting_user=superuser,
        password=Password(clear=Secret("correct horse")),
    )  # fmt: skip
    found = previewed(desired)
    (line,) = found.lines
    assert line.op is Op.UPDATE
    assert [(f.label, f.before, f.after) for f in line.fields] == [("password", None, None)]
    assert commands(found) == ["rabbitmqctl change_password app"]
    assert desired.secrets["password_hash"] not in str(as_data(found)) + str(found)


def test_a_hostile_name_is_one_word_of_the_command_and_text_on_the_page(broker, superuser):
    name = "<img src=x>'; rm -rf ~ $(x)"
    found = previewed(create_vhost(broker=broker, name=name, fields={}, acting_user=superuser))
    assert commands(found) == ["rabbitmqctl add_vhost '<img src=x>'\"'\"'; rm -rf ~ $(x)'"]
    page = render_to_string("components/_plan.html", {"preview": found})
    assert "<img" not in page
    assert "Create" in page


def test_objections_stand_beside_what_they_are_about(broker, superuser, seen_user):
    seen_user("app")
    desired = delete_user(broker=broker, name="app", acting_user=superuser)
    found = previewed(desired, about=lambda _: {desired.ref: ["Its permissions go with it."]})
    assert found.destructive
    assert "Its permissions go with it." in render_to_string(
        "components/_plan.html", {"preview": found}
    )
