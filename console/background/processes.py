"""Processes on this machine: which one is it, is it still the same one, end it and its kin."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Identity:
    """A process that cannot be mistaken for a later one that got its number.

    `started` is in clock ticks since boot, `boot` the kernel's id of that boot.
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
    """proc(5), `stat`: the command in brackets may hold anything, so fields count from its end."""
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
    """None where there is no such process, or only its zombie."""
    found = _stat(pid)
    if found is None or found.state in "ZX":
        return None
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return Identity(pid, found.started, boot)


def is_stopped(pid: int) -> bool:
    """Whether a signal such as SIGSTOP holds it; not where a debugger does."""
    found = _stat(pid)
    return found is not None and found.state == "T"


def age_s(identity: Identity) -> float:
    """Seconds since it began."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) - identity.started / os.sysconf("SC_CLK_TCK")


def command_line(pid: int) -> list[str]:
    """Its arguments; [] where it is gone or may not be read."""
    try:
        raw = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return []
    return raw.decode(errors="replace").rstrip("\0").split("\0")


def find_running(program: str, option: str, value: str) -> list[Identity]:
    """Processes of `program` (a base name) whose arguments hold `option value` exactly."""
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
    """Living processes of the session that `leader` opened.

    The kernel gives no process a number that a session still bears: where another process has the
    leader's number now, the session is empty. No member is older than its leader.
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
    """Signal that very process; nothing where it is gone."""
    if identity.is_alive():
        try:
            os.kill(identity.pid, number)
        except (ProcessLookupError, PermissionError):
            return


def end(leader: Identity, *, number: int = signal.SIGTERM, grace: float = 5.0) -> None:
    """Ask a session's leader to stop, wait `grace` seconds, then kill what is left of it."""
    send(leader, number)
    deadline = time.monotonic() + grace
    while leader.is_alive() and time.monotonic() < deadline:
        time.sleep(0.05)
    for member in session_of(leader):
        send(member, signal.SIGKILL)
