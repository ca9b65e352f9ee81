"""What comes in by each door, in this process, up to the live broker."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any
from uuid import uuid4

from django.core.management import CommandError, call_command

from console.engine.applying.apply import apply_broker
from console.models import Broker, Change
from tests.engine import utc_now

PLAN, APPLY = "/api/v1/definitions/plan/", "/api/v1/definitions/apply/"


class Doors:
    """Every way in to one broker, as its superuser."""

    def __init__(self, broker: Broker, browser: Any, api: Any, folder: Path) -> None:
        self.broker, self.browser, self.api, self.folder = broker, browser, api, folder

    def post(self, path: str, **body: Any) -> Any:
        return self.api.post(f"/api/v1/{path}/", {"broker": self.broker.pk, **body})

    def file(self, content: Any, address: str = APPLY, **query: str) -> Any:
        """A definitions file by the API."""
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        asked = "&".join(
            [f"broker={self.broker.pk}", *(f"{name}={value}" for name, value in query.items())]
        )
        return self.api.generic("POST", f"{address}?{asked}", body, content_type="application/json")

    def upload(self, content: Any, **fields: str) -> Any:
        """A definitions file by the page."""
        sent = io.BytesIO(content if isinstance(content, bytes) else json.dumps(content).encode())
        sent.name = "definitions.json"
        given = {"import-broker": str(self.broker.pk), "import-file": sent}
        more = {f"import-{name}": value for name, value in fields.items()}
        return self.browser.post("/definitions/import/", {**given, **more})

    def command(self, content: Any, *more: str) -> tuple[int, str]:
        """`manage.py apply FILE`: its exit code and what it says."""
        path = self.folder / "definitions.json"
        path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
        out = io.StringIO()
        try:
            call_command("apply", str(path), "--broker", self.broker.name, *more, stdout=out)
        except SystemExit as end:
            return int(end.code or 0), out.getvalue()
        except CommandError as error:
            return error.returncode, str(error)
        return 0, out.getvalue()

    def apply(self) -> None:
        """The worker's part."""
        apply_broker(self.broker.pk, owner=uuid4().hex, clock=utc_now)

    def ended(self, answer: Any) -> Change:
        """The change that an answer of the API tells of, after the worker's turn."""
        assert answer.status_code == 202, answer.content
        self.apply()
        told = answer.json()
        return Change.objects.get(pk=told.get("id") or told["change"])
