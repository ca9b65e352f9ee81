"""Dead letters on the live broker."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from tests.messages.dead_letters.place import Place


@pytest.fixture
def broker(make_broker: Any) -> Any:
    return make_broker()


@pytest.fixture
def place(live_broker: Any, scratch_vhost: Any) -> Place:
    return Place(live_broker, scratch_vhost)


@pytest.fixture
def found(
    broker: Any, place: Place, superuser: Any, poll_now: Any, inventory_now: Any
) -> Callable[..., Any]:
    """found() -> the dead letter queues of the place, after a poll and an inventory."""
    from console.scope import Scope
    from vhosts.messages.dead_letters.listing.queues import dead_letter_queues

    def find() -> Any:
        poll_now(broker)
        inventory_now(broker)
        row = type(broker).objects.select_related("status").get(pk=broker.pk)
        scope = Scope(broker=row, vhost=place.vhost)
        return dead_letter_queues(scope, superuser, timezone.now())

    return find
