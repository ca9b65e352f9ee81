"""Processes on this machine: identify one, check that it is still the same, end it and its
session."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Identity:
    """A process, distinguishable from a later one with the same PID.

    `started` is in clock ticks since boot; `boot` is the kernel's ID of that boot.
    """

    pid: int
    started: int
    boot: str

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: Any) -> Identity | None:
        try:
            return cls(int(value["pid"]), int(value["started"]), str(value["boot"]))
        except (KeyError, TypeError, ValueError):
            return None

    def is_alive(self) -> bool:
        return identify(self.pid) == self


@dataclass(frozen=True, slots=True)
class _Stat:
    state: str
    session: int
    started: int


def _stat(pid: int) -> _Stat | None:
    """Parse `stat` of proc(5). The command in brackets may contain anything, so fields are counted
    from its end."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return None
    fields = text[text.rindex(")") + 2 :].split()
    return _Stat(state=fields[0], session=int(fields[3]), started=int(fields[19]))


def _stat_started(pid: int) -> int | None:
    found = _stat(pid)
    return found.started if found else None


def identify(pid: int) -> Identity | None:
    """Return the identity of a running process; None if there is none, or only its zombie."""
    found = _stat(pid)
    if found is None or found.state in "ZX":
        return None
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return Identity(pid, found.started, boot)


def is_stopped(pid: int) -> bool:
    """Whether a signal such as SIGSTOP stopped the process; False for a stop by a debugger."""
    found = _stat(pid)
    return found is not None and found.state == "T"


def age_s(identity: Identity) -> float:
    """Return the seconds since the process started."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) - identity.started / os.sysconf("SC_CLK_TCK")


def command_line(pid: int) -> list[str]:
    """Return the arguments of the process; [] if it is gone or can't be read."""
    try:
        raw = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return []
    return raw.decode(errors="replace").rstrip("\0").split("\0")


def find_running(program: str, option: str, value: str) -> list[Identity]:
    """Return processes of `program` (a base name) whose arguments contain exactly `option
    value`."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        words = command_line(int(entry.name))
        if not words or Path(words[0]).name != program:
            continue
        if any(words[i : i + 2] == [option, value] for i in range(len(words))):
            identity = identify(int(entry.name))
            if identity:
                found.append(identity)
    return found


def session_of(leader: Identity) -> list[Identity]:
    """Return the living processes of the session that `leader` opened.

    The kernel never reuses a PID while a session has it as ID. So if another process has the
    leader's PID now, the session is empty. No member is older than its leader.
    """
    members: list[Identity] = []
    if Path(f"/proc/{leader.pid}").exists() and _stat_started(leader.pid) != leader.started:
        return members
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        found = _stat(int(entry.name))
        if found and found.session == leader.pid and found.started >= leader.started:
            identity = identify(int(entry.name))
            if identity and identity.boot == leader.boot:
                members.append(identity)
    return members


def send(identity: Identity, number: int) -> None:
    """Send a signal to exactly this process; nothing if it is gone."""
    if identity.is_alive():
        try:
            os.kill(identity.pid, number)
        except (ProcessLookupError, PermissionError):
            return


def end(leader: Identity, *, number: int = signal.SIGTERM, grace: float = 5.0) -> None:
    """Send `number` to a session's leader, wait `grace` seconds, then kill what is left of the
    session."""
    send(leader, number)
    deadline = time.monotonic() + grace
    while leader.is_alive() and time.monotonic() < deadline:
        time.sleep(0.05)
    for member in session_of(leader):
        send(member, signal.SIGKILL)
