"""Signs of life of workers and beat on this machine, for process managers and health checks.

Each process writes a small file every few seconds, `<CONSOLE_RUN_DIR>/<kind>-<pid>.json`, whether
or not Postgres answers: restarting a process wouldn't bring Postgres back. Imports no Django, so
that a check takes a fraction of a second.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from console.background.processes import Identity, identify

WORKER = "worker"
BEAT = "beat"
#: Seconds between two signs, and between two sign-of-life messages in each queue
#: (console.background.beat).
EVERY_S = 5.0
#: Seconds without a turn of its loop after which a process counts as frozen; normal is every 5 s.
FROZEN_S = 30.0
#: Seconds within which a new process gives its first sign.
STARTING_S = 120.0
#: Seconds without a free thread after which a worker counts as stuck. Slow brokers keep threads
#: busy for up to about a minute.
STUCK_S = 180.0


def run_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Return CONSOLE_RUN_DIR of a process's environment, else `run` below its CONSOLE_STATE_DIR,
    else below `.local` of the checkout."""
    given = environment.get("CONSOLE_RUN_DIR", "").strip()
    if given:
        return Path(given).expanduser().resolve()
    state = environment.get("CONSOLE_STATE_DIR", "").strip()
    checkout = Path(__file__).resolve().parents[3]
    return (Path(state).expanduser().resolve() if state else checkout / ".local") / "run"


@dataclass(frozen=True, slots=True)
class Life:
    """What a process last wrote. Times are of the machine's monotonic clock, which stops while the
    machine is suspended. `free_at`: when a thread was last free; for beat the same as `turned_at`.
    """

    kind: str
    identity: Identity
    queues: tuple[str, ...]
    turned_at: float
    free_at: float

    def why_not(self, now: float) -> str:
        """Return one sentence why the process doesn't count as alive; "" if it is alive."""
        who = f"{self.kind} {self.identity.pid}"
        if not self.identity.is_alive():
            return f"{who} has ended."
        if now - self.turned_at > FROZEN_S:
            return f"{who} is frozen: no sign of life for {now - self.turned_at:.0f} s."
        if now - self.free_at > STUCK_S:
            return f"{who} is stuck: none of its threads was free for {now - self.free_at:.0f} s."
        return ""


class Signs:
    """Write the signs of this process. If the folder can't be written, the process continues; only
    the check finds nothing."""

    def __init__(self, kind: str, queues: Sequence[str] = (), folder: Path | None = None) -> None:
        self._kind, self._queues = kind, tuple(queues)
        self._path = (folder or run_folder()) / f"{kind}-{os.getpid()}.json"
        self._identity = identify(os.getpid())
        self.free_at = time.monotonic()
        with suppress(OSError):
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            for life, path in _read(self._path.parent):
                if not life.identity.is_alive():
                    path.unlink(missing_ok=True)

    def write(self) -> None:
        if self._identity is None:
            return
        now = time.monotonic()
        free_at = self.free_at if self._kind == WORKER else now
        life = Life(self._kind, self._identity, self._queues, now, free_at)
        part = self._path.with_suffix(".part")
        with suppress(OSError):
            part.write_text(json.dumps(asdict(life)))
            part.rename(self._path)

    def end(self) -> None:
        with suppress(OSError):
            self._path.unlink(missing_ok=True)


def life_of(kind: str, pid: int, folder: Path | None = None) -> Life | None:
    """Return the last sign of a process; None if it hasn't written one, or not under this PID."""
    return _load((folder or run_folder()) / f"{kind}-{pid}.json")


def lives(folder: Path | None = None) -> list[Life]:
    return [life for life, _ in _read(folder or run_folder())]


def _read(folder: Path) -> Iterator[tuple[Life, Path]]:
    for path in sorted(folder.glob("*.json")):
        life = _load(path)
        if life is not None:
            yield life, path


def _load(path: Path) -> Life | None:
    try:
        value = json.loads(path.read_text())
        identity = Identity.from_json(value["identity"])
        if identity is None:
            return None
        return Life(
            kind=str(value["kind"]),
            identity=identity,
            queues=tuple(value["queues"]),
            turned_at=float(value["turned_at"]),
            free_at=float(value["free_at"]),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
