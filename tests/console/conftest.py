from __future__ import annotations

from tests.console.changes.conftest import engine, names, seen

__all__ = ["engine", "names", "seen"]
