"""Placeholders that nobody filled in, told from names that look odd and are meant."""

from __future__ import annotations

import pytest

from console.kinds.common.placeholders import (
    placeholder_in,
    placeholder_of_name,
    placeholder_of_uri,
)


@pytest.mark.parametrize(
    "text",
    [
        "${RABBITMQ_USER}", "${USER:-guest}", "app-${ENV}", "{{ user }}", "{{user}}",
        "{{ .Values.user | quote }}", "<user>", "<your password>", "changeme", "CHANGEME",
    ],
)  # fmt: skip
def test_a_placeholder_is_found(text: str) -> None:
    assert placeholder_in(text)


@pytest.mark.parametrize(
    "text",
    [
        "", "app", "change-me", "changeme2", "{{7*7}}", "${7*7}", "${jndi:ldap://x}", "{username}", "a<b",
        "<script>alert(1)</script>", "<img src=x>", "a > b",
    ],
)  # fmt: skip
def test_other_text_is_a_name(text: str) -> None:
    assert placeholder_in(text) == ""


def test_names_and_uris_are_looked_through() -> None:
    identity = ("vhost", "source", "destination_type", "destination", "routing_key", "arguments")
    assert placeholder_of_name(identity, ("v", "${E}", "queue", "q", "a", "{}")) == (
        "source",
        "${E}",
    )
    assert placeholder_of_name(identity, ("v", "e", "queue", "q", "{{ key }}", "{}")) == ("", "")
    deep = {"value": {"src-uri": ["amqp://h", "amqp://u:changeme@h"], "note": "${no address}"}}
    assert placeholder_of_uri(deep) == ("value", "changeme")
    assert placeholder_of_uri({"value": {"ack-mode": "<on-confirm>"}}) == ("", "")
