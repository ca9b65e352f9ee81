from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from tests.accessctl.cast import Cast, make_cast


@pytest.fixture
def cast(db: None) -> Cast:
    return make_cast()


@pytest.fixture
def log_in(cast: Cast) -> Callable[[str], Client]:
    """Return a browser in which the person of this name is signed in."""

    def as_(name: str) -> Client:
        client = Client()
        client.force_login(getattr(cast, name))
        return client

    return as_
