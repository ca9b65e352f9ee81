from __future__ import annotations

import threading
import time

import pytest

from console.web import gate as gates
from console.web.gate import MOST_BUSY, Gate


def entered(gate: Gate, count: int) -> int:
    return sum(gate.enter(time.monotonic()) for _ in range(count))


def test_requests_that_wait_may_use_every_thread() -> None:
    assert entered(Gate(8, cpu_s=lambda: 0.0), 10) == 8


def test_few_requests_are_worked_on_while_the_process_computes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gates, "_WINDOW_S", 0.0)
    used = iter(range(1000))
    gate = Gate(8, cpu_s=lambda: float(next(used)))
    assert entered(gate, 10) == MOST_BUSY
    gate.leave()
    assert entered(gate, 10) == 1
    # It waits now, though as many run as before.
    gate._cpu_s = lambda: 0.0
    assert entered(gate, 10) == 8 - MOST_BUSY


def test_who_waits_is_let_in_as_soon_as_another_leaves() -> None:
    gate = Gate(1, cpu_s=lambda: 0.0)
    assert gate.enter(time.monotonic())
    threading.Timer(0.05, gate.leave).start()
    assert gate.enter(time.monotonic() + 10)
