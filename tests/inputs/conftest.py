from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from console.models import Broker
from tests.inputs.doors import Doors


@pytest.fixture
def broker(make_broker: Any) -> Any:
    return make_broker()


@pytest.fixture
def doors(broker: Broker, client: Any, superuser: Any, api: Any, tmp_path: Path) -> Doors:
    client.force_login(superuser)
    return Doors(broker, client, api, tmp_path)
