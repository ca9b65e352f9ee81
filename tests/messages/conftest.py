"""A place to publish to on the live broker."""

from __future__ import annotations

from typing import Any

import pytest

from console.models import Broker
from vhosts.messages.publishing.where import Place


@pytest.fixture
def amqp_broker(make_broker: Any, live_broker: Any) -> Broker:
    """The live broker with its AMQP address, so that no poll has to find it."""
    at = live_broker.amqp_parameters()
    found: Broker = make_broker(amqp_url=f"amqp://{at.host}:{at.port}")
    return found


@pytest.fixture
def place(amqp_broker: Broker, scratch_vhost: Any) -> Place:
    return Place(amqp_broker, scratch_vhost.name)
