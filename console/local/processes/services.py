"""A program that runs as a child process: start it, watch it, stop it, keep its log."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from console.background import processes
from console.background.processes import Identity
from console.background.signs import alive

KEPT_LOG_BYTES = 10_000_000


@dataclass
class Service:
    """One child process in its own session, so that Ctrl-C reaches only its parent.

    The kernel also sends it `stop_signal` when the parent dies, even by kill -9 (prctl(2),
    PR_SET_PDEATHSIG). `before` comes first in the command, because a change of credentials clears
    that setting.
    """

    name: str
    command: list[str]
    environment: dict[str, str]
    log: Path
    before: list[str] = field(default_factory=list)
    stop_signal: int = signal.SIGTERM
    stop_seconds: float = 6.0
    folder: Path | None = None
    #: Given the process ID, returns why a running process does no work; "" if it works.
    why_stuck: Callable[[int], str] | None = None
    identity: Identity | None = None
    #: Since when a signal has stopped the process, on the monotonic clock.
    _stopped_at: float | None = None
    _process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the process. Call from the main thread: the kernel binds PR_SET_PDEATHSIG to the
        starting thread."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self.rotate_log()
        desired = ["setpriv", "--pdeathsig", signal.Signals(self.stop_signal).name[3:], "--"]
        fd = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            self._process = subprocess.Popen(
                [*self.before, *desired, *self.command],
                stdin=subprocess.DEVNULL,
                stdout=fd,
                stderr=fd,
                env=self.environment,
                cwd=self.folder or self.log.parent,
                start_new_session=True,
            )
        finally:
            os.close(fd)
        self.identity = processes.identify(self._process.pid)
        self._stopped_at = None

    def rotate_log(self) -> None:
        """Move a log larger than KEPT_LOG_BYTES to `….log.1` and start an empty one.

        The program keeps writing to the end of the same file (O_APPEND). What it writes between
        copying and truncating is lost.
        """
        try:
            if self.log.stat().st_size <= KEPT_LOG_BYTES:
                return
            old = self.log.with_suffix(".log.1")
            fresh = old.with_suffix(".new")
            with self.log.open("rb") as source, fresh.open("wb") as target:
                fresh.chmod(0o600)
                shutil.copyfileobj(source, target)
                os.truncate(self.log, 0)
            fresh.replace(old)
        except OSError:
            # The file is gone, or the disk is full: all that is left is to truncate it.
            if self.log.exists():
                os.truncate(self.log, 0)

    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def trouble(self) -> str:
        """Return why it does no work although it runs; "" if it works or if that is unknown."""
        if self._process is None:
            return ""
        pid, now = self._process.pid, time.monotonic()
        self._stopped_at = (self._stopped_at or now) if processes.is_stopped(pid) else None
        if self._stopped_at is not None and now - self._stopped_at > alive.FROZEN_S:
            return f"{self.name} {pid} has been stopped by a signal for {now - self._stopped_at:.0f} s."
        return "" if self.why_stuck is None else self.why_stuck(pid)

    def kill(self) -> None:
        """Kill the process and all it started. A frozen process reacts to no other signal."""
        self.wait_until_stopped(0)

    @property
    def exit_code(self) -> int | None:
        """The exit code; negative for the signal that ended it. None while it runs or before."""
        return self._process.poll() if self._process else None

    def ask_to_stop(self) -> None:
        if self.is_running() and self._process:
            self._process.send_signal(self.stop_signal)

    def wait_until_stopped(self, seconds: float) -> None:
        """Wait up to `seconds`, then kill the process. Also kills everything it started."""
        if self._process is None:
            return
        try:
            self._process.wait(max(seconds, 0.05))
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self.identity:
            for member in processes.session_of(self.identity):
                processes.send(member, signal.SIGKILL)

    def log_tail(self, size: int = 3000) -> str:
        try:
            return self.log.read_bytes()[-size:].decode(errors="replace")
        except OSError:
            return ""


def stop_all(services: list[Service]) -> None:
    """Stop all services: signal all first, then wait for each, so that waiting times overlap."""
    for service in services:
        service.ask_to_stop()
    asked = time.monotonic()
    for service in services:
        service.wait_until_stopped(service.stop_seconds - (time.monotonic() - asked))
