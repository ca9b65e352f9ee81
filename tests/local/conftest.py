from __future__ import annotations

import pytest

from console.local.folder import StateFolder


@pytest.fixture
def folder(tmp_path):
    folder = StateFolder(tmp_path / "state")
    folder.make()
    return folder
