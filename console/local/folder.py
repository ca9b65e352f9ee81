"""The folder `.local/`: all that `bin/up` and `bin/test` store on this machine."""

from __future__ import annotations

import fcntl
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from console.local.trouble import Trouble

CHECKOUT = Path(__file__).resolve().parents[2]


def default_state_folder() -> Path:
    """Return `CONSOLE_STATE_DIR` if it is set, else `.local` in the checkout."""
    given = os.environ.get("CONSOLE_STATE_DIR")
    return Path(given).absolute() if given else CHECKOUT / ".local"


class StateFolder:
    """One state folder, readable by its owner only."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock_fd: int | None = None

    def __truediv__(self, name: str) -> Path:
        return self.path / name

    @property
    def logs(self) -> Path:
        return self.path / "log"

    def make(self) -> None:
        """Create the folder. Raises Trouble if that fails or if it belongs to another user."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            if self.path.stat().st_uid != os.geteuid():
                raise Trouble(
                    f"{self.path} belongs to another user. Run this as that user, or "
                    "set CONSOLE_STATE_DIR to a folder that you own."
                )
            self.path.chmod(0o700)
            self.logs.mkdir(exist_ok=True)
        except OSError as error:
            raise Trouble(
                f"Can't write to {self.path} ({error.strerror}). Make the checkout "
                "writable, or set CONSOLE_STATE_DIR to a writable folder."
            ) from error

    def lock(self) -> bool:
        """Lock the folder for this process; return False if a running process holds the lock.

        The kernel releases the lock when its holder ends, so a kill -9 leaves no stale lock.
        """
        self._lock_fd = os.open(self / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.unlock()
            return False
        return True

    def unlock(self) -> None:
        if self._lock_fd is not None:
            os.close(self._lock_fd)
            self._lock_fd = None

    def read_json(self, name: str) -> dict[str, Any]:
        """Return the document; {} if the file is missing or incomplete."""
        try:
            found = json.loads((self / name).read_text())
        except (FileNotFoundError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def write_json(self, name: str, value: dict[str, Any]) -> None:
        self.write_text(name, json.dumps(value, indent=1) + "\n")

    def write_text(self, name: str, text: str) -> None:
        """Replace a file atomically. Only its owner can read it (mkstemp uses mode 0600)."""
        target = self / name
        fd, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        try:
            with os.fdopen(fd, "w") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, target)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
