"""The error that ends a command, and the progress lines that commands print."""

from __future__ import annotations

import os
import sys
import time


class Trouble(Exception):
    """One or two plain sentences: what is wrong and what to do. Printed without a traceback."""


class Progress:
    """Prints lines with the seconds since the command started. A closed terminal is no error."""

    def __init__(self) -> None:
        # bin/up takes the start time before Python runs.
        self._started = float(os.environ.pop("CONSOLE_STARTED_AT", "") or time.time())

    def elapsed(self) -> float:
        return time.time() - self._started

    def step(self, text: str) -> None:
        self.say(f"[{self.elapsed():6.1f} s] {text}")

    def say(self, text: str = "") -> None:
        try:
            print(text, flush=True)
        except (OSError, ValueError):
            # The terminal is gone (SIGHUP, a closed pipe); the work continues.
            sys.stdout = open(os.devnull, "w")  # noqa: SIM115
