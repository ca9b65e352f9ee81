"""Celery's messages as files in a folder, always written completely.

Kombu's own filesystem transport writes a message in place and moves it through the system's
temporary folder. A consumer that lists the folder in between reads half a message, and its worker
ends. Here, a message gets its name only when it is complete, and stays within the configured
folders. At most MOST_WAITING wait in a queue, so that a queue that nobody reads doesn't fill the
disk.
"""

from __future__ import annotations

import os
import uuid
from pathlib import Path
from queue import Empty
from time import monotonic_ns
from typing import Any

from kombu.transport import filesystem
from kombu.utils.encoding import bytes_to_str, str_to_bytes
from kombu.utils.json import dumps, loads

from console.background.queues import MOST_WAITING


class Channel(filesystem.Channel):
    def _put(self, queue: str, payload: Any, **kwargs: Any) -> None:  # type: ignore[override]
        folder = Path(self.data_folder_out)
        # Monotonic time sorts one machine's messages in the order in which they were sent.
        name = f"{monotonic_ns():020d}_{uuid.uuid4()}.{queue}.msg"
        part = folder / f".{name}"
        part.write_bytes(str_to_bytes(dumps(payload)))
        part.rename(folder / name)
        for surplus in _waiting(folder, queue)[:-MOST_WAITING]:
            (folder / surplus).unlink(missing_ok=True)

    def _get(self, queue: str) -> Any:  # type: ignore[override]
        folder = Path(self.data_folder_in)
        for name in _waiting(folder, queue):
            taken = Path(self.processed_folder) / name
            try:
                (folder / name).rename(taken)
            except FileNotFoundError:
                continue  # another worker took it first
            payload = taken.read_bytes()
            taken.unlink()
            return loads(bytes_to_str(payload))
        raise Empty

    def _size(self, queue: str) -> int:  # type: ignore[override]
        """Return how many complete messages wait."""
        names = os.listdir(self.data_folder_in)
        return sum(1 for name in names if name.partition(".")[2] == f"{queue}.msg")


def _waiting(folder: Path, queue: str) -> list[str]:
    """Return the file names of a queue's messages, oldest first."""
    return sorted(name for name in os.listdir(folder) if name.partition(".")[2] == f"{queue}.msg")


class Transport(filesystem.Transport):
    Channel = Channel
    #: Seconds between looks into the folder: the longest time that a message waits.
    polling_interval = 0.25
