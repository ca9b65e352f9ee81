"""An application for tests of the web server: says what it was sent, or holds its thread while a file is missing."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

FOLDER = Path(os.environ.get("ECHO_FOLDER", "."))


def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    path = environ["PATH_INFO"]
    body = environ["wsgi.input"].read()
    with (FOLDER / "asked").open("a") as asked:
        asked.write(f"{path}\n")
    if path == "/hold":
        while not (FOLDER / "release").exists():
            time.sleep(0.01)
    if path == "/large":
        answer = b"x" * 20_000_000
    else:
        answer = f"{environ['REQUEST_METHOD']} {path} {len(body)} {hashlib.sha256(body).hexdigest()}".encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(answer)))])
    return [answer]
