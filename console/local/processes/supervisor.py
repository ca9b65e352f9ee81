"""Keeps a set of services running, records them, and stops them in order."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

from console.background import processes
from console.background.processes import Identity
from console.local.folder import StateFolder
from console.local.processes.services import Service, stop_all
from console.local.trouble import Progress

RECORD = "running.json"
LONGEST_PAUSE_S = 30.0
SOUND_AFTER_S = 60.0
#: Seconds between checks whether a running service works.
LOOK_EVERY_S = 5.0


class Stage(IntEnum):
    """Stages are stopped from the highest to the lowest: a service stops before those that it uses."""

    NAMES = 0  # epmd, which is needed to find the node while it stops
    STORES = 1  # Postgres, RabbitMQ
    CONSOLE = 2  # web, worker, beat, demo


@dataclass
class _Kept:
    service: Service
    stage: Stage
    started_at: float
    failures: int = 0
    look_at: float = 0.0
    start_again_at: float | None = None


class Supervisor:
    def __init__(self, folder: StateFolder, progress: Progress) -> None:
        self._folder = folder
        self._progress = progress
        self._kept: list[_Kept] = []
        self.address = ""

    @property
    def services(self) -> list[Service]:
        return [kept.service for kept in self._kept]

    def start(self, service: Service, stage: Stage) -> Service:
        self._kept.append(_Kept(service, stage, time.monotonic()))
        service.start()
        self.record()
        return service

    def record(self) -> None:
        """Record this process and every service with its start time, for --status, --stop and a
        later run that finds processes left by a kill -9."""
        own = processes.identify(os.getpid())
        self._folder.write_json(
            RECORD,
            {
                "supervisor": own.as_json() if own else None,
                "address": self.address,
                "services": {
                    kept.service.name: kept.service.identity.as_json()
                    for kept in self._kept
                    if kept.service.identity
                },
            },
        )

    def watch(self, keep_going: Callable[[], bool]) -> None:
        """Restart services that ended or do no work, until `keep_going` returns False.

        Pauses between restarts grow, and each restart is printed.
        """
        while keep_going():
            for kept in self._kept:
                self._look_after(kept, time.monotonic())
                kept.service.rotate_log()
            time.sleep(0.25)

    def _look_after(self, kept: _Kept, now: float) -> None:
        service = kept.service
        if kept.start_again_at is not None:
            if now >= kept.start_again_at:
                kept.start_again_at, kept.started_at = None, now
                service.start()
                self.record()
                self._progress.step(f"Restarted {service.name}")
            return
        if service.is_running():
            if now < kept.look_at:
                return
            kept.look_at = now + LOOK_EVERY_S
            trouble = service.trouble()
            if not trouble:
                return
            self._progress.step(f"{service.name} isn't working: {trouble} Killing it")
            service.kill()
        kept.failures = 1 if now - kept.started_at > SOUND_AFTER_S else kept.failures + 1
        pause = min(2.0 ** (kept.failures - 1), LONGEST_PAUSE_S)
        kept.start_again_at = now + pause
        self._progress.step(
            f"{service.name} stopped ({describe_exit(service.exit_code)}); restarting "
            f"in {pause:.0f} s. Log: {service.log}"
        )

    def stop(self) -> None:
        for stage in sorted(Stage, reverse=True):
            stop_all([kept.service for kept in self._kept if kept.stage is stage])
        (self._folder / RECORD).unlink(missing_ok=True)


def describe_exit(code: int | None) -> str:
    if code is None:
        return "running"
    return f"killed by signal {-code}" if code < 0 else f"exit code {code}"


def recorded(folder: StateFolder) -> tuple[Identity | None, str, dict[str, Identity]]:
    """Return what the last supervisor of this folder recorded: itself, its address, its services.

    They may all have ended since; `Identity.is_alive` shows that.
    """
    record = folder.read_json(RECORD)
    services = record.get("services")
    found = {
        str(name): identity
        for name, value in (services.items() if isinstance(services, dict) else ())
        if (identity := Identity.from_json(value))
    }
    return Identity.from_json(record.get("supervisor")), str(record.get("address", "")), found


def end_leftovers(folder: StateFolder) -> list[str]:
    """End the processes that a killed supervisor left running; return their names.

    Call only while holding the folder's lock: no supervisor runs then.
    """
    _, _, services = recorded(folder)
    ended = []
    for name, identity in services.items():
        if identity.is_alive() or processes.session_of(identity):
            processes.end(identity, grace=12.0)
            ended.append(name)
    (folder / RECORD).unlink(missing_ok=True)
    return ended
