"""`bin/up --status`, `--stop` and `--reset`: commands about this checkout's run."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time

from console.background import processes
from console.local.folder import StateFolder
from console.local.processes.supervisor import end_leftovers, recorded
from console.local.trouble import Trouble

NOT_RUNNING = 3  # the exit code that `systemctl status` uses
STOP_SECONDS = 40.0

#: What --reset deletes. Downloaded packages stay.
DATA = (
    *("postgres", "rabbitmq", "celery", "static", "log"),
    *("static.stamp", "ports.json", "secrets.json", "credentials.env", "running.json"),
)


def describe_running(folder: StateFolder) -> str:
    supervisor, address, _ = recorded(folder)
    where = f" at {address}" if address else ""
    who = f" (process {supervisor.pid})" if supervisor else ""
    return f"Warren is already running in this checkout{where}{who}. Stop it with: bin/up --stop"


def status(folder: StateFolder) -> int:
    if _is_idle(folder):
        print("Warren isn't running in this checkout.")
        return NOT_RUNNING
    supervisor, address, services = recorded(folder)
    print(
        f"Warren is running at {address} (process {supervisor.pid if supervisor else 'unknown'})."
    )
    for name, identity in services.items():
        state = "running" if identity.is_alive() else "stopped, will be restarted"
        print(f"  {name:10} process {identity.pid:<8} {state}")
    return 0


def stop(folder: StateFolder) -> int:
    """Stop this checkout's run and wait until it has ended. Having nothing to stop is no error."""
    if _is_idle(folder):
        folder.lock()
        left = end_leftovers(folder)
        print(
            f"Stopped processes left by an interrupted run: {', '.join(left)}."
            if left
            else "Nothing is running."
        )
        return 0
    supervisor, _, _ = recorded(folder)
    if supervisor is None:
        raise Trouble("Another bin/up is starting or stopping in this checkout. Try again shortly.")
    processes.send(supervisor, signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    while supervisor.is_alive():
        if time.monotonic() > deadline:
            raise Trouble(f"Process {supervisor.pid} didn't stop within {STOP_SECONDS:.0f} s.")
        time.sleep(0.1)
    print("Stopped.")
    return 0


def reset(folder: StateFolder, *, sure: bool) -> int:
    """Delete the data of this checkout's console and node, after a confirmation."""
    if not folder.lock():
        raise Trouble(f"{describe_running(folder)} first.")
    present = [name for name in DATA if os.path.lexists(folder / name)]
    if not present:
        print("There is nothing to delete.")
        return 0
    if not sure and not _confirmed(folder):
        print("Nothing was deleted.")
        return 1
    end_leftovers(folder)
    for name in present:
        path = folder / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    print("Deleted. The next bin/up starts from scratch.")
    return 0


def _confirmed(folder: StateFolder) -> bool:
    if not sys.stdin.isatty():
        raise Trouble(
            "--reset asks for confirmation, and there is no terminal. Add --yes to skip "
            "the question."
        )
    print(
        f"This deletes everything in {folder.path}: the console's database with its "
        "history, the\nprivate RabbitMQ node with its messages, the generated "
        "passwords and the logs."
    )
    try:
        return input("Type yes to continue: ").strip().lower() == "yes"
    except (EOFError, KeyboardInterrupt):
        print()
        return False


def _is_idle(folder: StateFolder) -> bool:
    if not folder.path.exists():
        return True
    if folder.lock():
        folder.unlock()
        return True
    return False
