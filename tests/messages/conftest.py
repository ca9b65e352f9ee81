"""People with different rights to the messages of one broker."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth import get_user_model

from accessctl.grants.roles import Role
from accessctl.models import Grant
from tests.factories import add_broker
from tests.messages.moving import Mover


@pytest.fixture
def broker(db: None, now: Any) -> Any:
    return add_broker("prod-eu", now)


@pytest.fixture
def person(db: None, now: Any) -> Callable[..., Any]:
    """Make a person with grants: `person("ann", (Role.OPERATOR, True, {"vhost_pattern": "/"}))`;
    True: reads messages."""

    def make(name: str, *grants: Any) -> Any:
        user = get_user_model().objects.create_user(name, password="a password")
        for role, reads, *more in grants:
            columns = more[0] if more else {}
            Grant.objects.create(
                user=user, role=role, reads_messages=reads, created_at=now, **columns
            )
        return user

    return make


@pytest.fixture
def reading(person: Any) -> Any:
    """An operator who may read payloads everywhere."""
    return person("reading", (Role.OPERATOR, True))


@pytest.fixture
def mover(make_broker: Any, scratch_vhost: Any, superuser: Any) -> Mover:
    return Mover(make_broker(), scratch_vhost, superuser)
