"""What the commands say when they cannot go on, and the lines they print while they can."""

from __future__ import annotations

import os
import sys
import time


class Trouble(Exception):
    """One plain sentence or two: what is wrong and what to do. Printed without a traceback."""


class Progress:
    """Lines with the seconds since the command was typed. A closed terminal is no trouble."""

    def __init__(self) -> None:
        # bin/up starts the clock before Python is at hand.
        self._started = float(os.environ.pop("CONSOLE_STARTED_AT", "") or time.time())

    def elapsed(self) -> float:
        return time.time() - self._started

    def step(self, text: str) -> None:
        self.say(f"[{self.elapsed():6.1f} s] {text}")

    def say(self, text: str = "") -> None:
        try:
            print(text, flush=True)
        except (OSError, ValueError):
            # The terminal is gone (SIGHUP, a closed pipe); the work goes on.
            sys.stdout = open(os.devnull, "w")  # noqa: SIM115
