"""Where the console finds a broker's AMQP listener."""

from __future__ import annotations

import pytest

from console.brokers.amqp import amqp_endpoint
from console.rabbitmq.endpoint import Credentials, Endpoint, Secret, Timeouts
from console.rabbitmq.errors import NotFound
from console.rabbitmq.types import Listener

PLAIN, TLS = Listener("a", "amqp", "::", 5672), Listener("a", "amqp/ssl", "::", 5671)


def address(url: str, *listeners: Listener, configured: str = "") -> tuple[str, str, int]:
    management = Endpoint(url, Credentials("warren", Secret("secret")))
    found = amqp_endpoint(configured, management, listeners, Timeouts())
    return found.scheme, found.host, found.port


def test_the_listener_is_as_safe_as_the_management_url() -> None:
    assert address("https://rabbit:15671", PLAIN, TLS) == ("amqps", "rabbit", 5671)
    assert address("http://rabbit:15672", PLAIN, TLS) == ("amqp", "rabbit", 5672)


def test_a_password_that_goes_by_https_never_goes_in_clear_text_unasked() -> None:
    with pytest.raises(NotFound):
        address("https://rabbit:15671", PLAIN)
    asked = address("https://rabbit:15671", PLAIN, configured="amqp://inner:5672")
    assert asked == ("amqp", "inner", 5672)
