from __future__ import annotations

from tests.engine import engine, names, seen

__all__ = ["engine", "names", "seen"]
