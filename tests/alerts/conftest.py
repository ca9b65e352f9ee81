from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.accessctl.cast import make_cast
from tests.alerts.sinks import HttpSink, SmtpSink, http_sink, smtp_sink


@pytest.fixture
def sink(settings: Any) -> Iterator[HttpSink]:
    settings.ALLOW_LOOPBACK_BROKERS = True
    with http_sink() as found:
        yield found


@pytest.fixture
def mail(settings: Any) -> Iterator[SmtpSink]:
    settings.ALLOW_LOOPBACK_BROKERS = True
    with smtp_sink() as found:
        yield found


@pytest.fixture
def cast(db: None) -> Any:
    return make_cast()
