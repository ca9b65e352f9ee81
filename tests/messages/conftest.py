from __future__ import annotations

from typing import Any

import pytest

from tests.messages.moving import Mover


@pytest.fixture
def mover(make_broker: Any, scratch_vhost: Any, superuser: Any) -> Mover:
    return Mover(make_broker(), scratch_vhost, superuser)
