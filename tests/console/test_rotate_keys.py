from __future__ import annotations

import io

import pytest
from cryptography.fernet import Fernet
from django.core.management import CommandError, call_command

from console.models import Broker
from console.rabbitmq.endpoint import Secret
from console.secrets import decrypt, encrypt

pytestmark = pytest.mark.django_db


def make(name, password):
    return Broker.objects.create(
        name=name,
        management_url=f"https://{name}.example.com",
        username="u",
        password_encrypted=encrypt(Secret(password)),
    )


def test_after_rotating_the_old_key_is_no_longer_needed(settings):
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    settings.ENCRYPTION_KEYS = [old]
    broker = make("a", "s3cret-word")
    settings.ENCRYPTION_KEYS = [new, old]
    out = io.StringIO()
    call_command("rotate_keys", stdout=out)
    settings.ENCRYPTION_KEYS = [new]
    broker.refresh_from_db()
    assert decrypt(broker.password_encrypted) == Secret("s3cret-word")
    assert broker.generation == 1
    assert "s3cret-word" not in out.getvalue()


def test_a_password_that_no_key_opens_is_named_and_left_as_it_is(settings):
    lost, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    settings.ENCRYPTION_KEYS = [lost]
    closed = make("closed", "x")
    settings.ENCRYPTION_KEYS = [new]
    opened = make("opened", "y")
    with pytest.raises(CommandError, match="the password of: closed"):
        call_command("rotate_keys", stdout=io.StringIO())
    before = closed.password_encrypted
    closed.refresh_from_db()
    opened.refresh_from_db()
    assert closed.password_encrypted == before
    assert decrypt(opened.password_encrypted) == Secret("y")
