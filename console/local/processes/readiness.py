"""Set up the console on this machine: database contents, static files, readiness."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from console.local.folder import CHECKOUT, StateFolder
from console.local.processes.services import Service
from console.local.trouble import Trouble

STATIC_STAMP = "static.stamp"


def set_up(folder: StateFolder, environment: dict[str, str], wanted: dict[str, Any]) -> bool:
    """Run `manage.py setup_local` (which documents `wanted`); return whether the administrator's
    password is still the generated one.

    Raises Trouble with the last line of the command's output.
    """
    stamp = _static_stamp()
    collect = not _is_collected(folder, stamp)
    log = folder.logs / "setup.log"
    with log.open("ab") as errors:
        done = subprocess.run(
            [sys.executable, "manage.py", "setup_local"],
            input=json.dumps({**wanted, "collect_static": collect}).encode(),
            stdout=subprocess.PIPE,
            stderr=errors,
            env=environment,
            cwd=CHECKOUT,
        )
    if done.returncode != 0:
        raise Trouble(_why_not(log))
    if collect:
        folder.write_text(STATIC_STAMP, stamp)
    return bool(json.loads(done.stdout)["password_is_current"])


def _why_not(log: Path) -> str:
    text = log.read_text(errors="replace")[-20_000:]
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    last = lines[-1] if lines else "it printed nothing."
    if "No space left" in text[-3000:]:
        return "The disk became full while setting up the database. Free some space."
    refusals = [
        line
        for line in lines[-6:]
        if "connection to server" in line or "could not translate" in line
    ]
    if refusals:
        reason = refusals[-1].removeprefix("django.db.utils.OperationalError: ")
        return f"The database in DATABASE_URL can't be reached: {reason}"
    return f"Setting up the database failed: {last} (full log: {log})"


def _static_stamp() -> str:
    """Return a digest of the collected files' sources: the packages and everything under static/."""
    digest = hashlib.sha256((CHECKOUT / "requirements.txt").read_bytes())
    static = CHECKOUT / "static"
    for path in sorted(static.rglob("*")):
        if path.is_file():
            stat = path.stat()
            digest.update(f"{path.relative_to(static)} {stat.st_size} {stat.st_mtime_ns}".encode())
    return digest.hexdigest()


def _is_collected(folder: StateFolder, stamp: str) -> bool:
    try:
        found = (folder / STATIC_STAMP).read_text()
    except OSError:
        return False
    return found == stamp and (folder / "static" / "staticfiles.json").exists()


def wait_until_ready(address: str, services: list[Service], *, seconds: float = 90.0) -> None:
    """Wait until /readyz answers 200. Raises Trouble with what it reports as missing."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + seconds
    said = "it doesn't answer"
    while time.monotonic() < deadline:
        try:
            with opener.open(f"{address}/readyz", timeout=5):
                return
        except urllib.error.HTTPError as error:
            said = f"it answers {error.code}: {error.read(2000).decode(errors='replace').strip()}"
        except OSError:
            pass
        for service in services:
            if not service.is_running():
                lines = service.log_tail().strip().splitlines()
                last = lines[-1][:300] if lines else "it printed nothing"
                raise Trouble(f"{service.name} stopped during startup: {last} (log: {service.log})")
        time.sleep(0.1)
    raise Trouble(
        f"The console wasn't ready within {seconds:.0f} s: {said} (logs: {services[0].log.parent})"
    )
