"""Install missing Debian packages if this user can, else report what to do."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from console.local.folder import StateFolder
from console.local.trouble import Progress, Trouble

INSTALLER = Path(__file__).with_name("install.sh")


def _as_root() -> list[str] | None:
    """Return the words to put before a command that needs root; None if this user can't get root."""
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo"):
        quiet = subprocess.run(["sudo", "-n", "true"], capture_output=True)
        if quiet.returncode == 0:
            return ["sudo", "-n"]
        if sys.stdin.isatty() and sys.stderr.isatty() and not os.environ.get("CI"):
            return ["sudo"]
    return None


def install(folder: StateFolder, progress: Progress, package: str, *, otherwise: str) -> None:
    """Announce and install one package of the distribution.

    Raises Trouble if that isn't possible, with `otherwise`: what else the user can do.
    """
    if shutil.which("apt-get") is None:
        raise Trouble(f"{package} isn't installed, and this isn't a Debian system. {otherwise}")
    before = _as_root()
    if before is None:
        raise Trouble(
            f"{package} isn't installed, and you can't install it (neither root nor "
            f"sudo). Ask an administrator to run: apt-get install {package}. "
            f"{otherwise}"
        )
    progress.step(
        f"Installing the Debian package {package} with apt-get. Its own service is "
        "neither started nor enabled"
    )
    log = folder.logs / "install.log"
    with log.open("ab") as out:
        done = subprocess.run(
            [*before, "bash", str(INSTALLER), package],
            stdout=out,
            stderr=subprocess.STDOUT,
            stdin=None if before == ["sudo"] else subprocess.DEVNULL,
        )
    if done.returncode != 0:
        text = log.read_text(errors="replace")[-5000:]
        raise Trouble(f"apt-get couldn't install {package}: {_reason(text)} {otherwise} ({log})")


def _reason(text: str) -> str:
    if "No space left" in text:
        return "the disk is full."
    if re.search(r"Temporary failure resolving|Could not connect|Failed to fetch", text):
        return "the package servers can't be reached. Check the network or the proxy."
    errors = re.findall(r"^E: (.+)$", text, re.MULTILINE)
    return f"{errors[-1]}." if errors else "see its log."
