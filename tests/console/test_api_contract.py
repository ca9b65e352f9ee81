"""The API against its document, by requests that schemathesis generates: every phase, as an administrator and with a
limited token. The server is the one that bin/up starts. bin/test --long runs it; it takes a quarter of an hour."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from console.local.processes import programs
from tests.faults.test_processes import _OPENER, ROOT, Console, _migrated, status_of

__all__ = ["_migrated"]
pytestmark = [pytest.mark.long, pytest.mark.slow]
#: Examples of each operation in the phases that count them; about 3,300 requests for 5 of them.
EXAMPLES, LEAST_CASES = 60, 10_000
#: 412 too refuses a body, before it is looked at.
_CONFIGURATION = """
[checks.negative_data_rejection]
expected-statuses = [400, 401, 403, 404, 405, 406, 409, 412, 413, 415, 422, 428, 429, "5xx"]
"""
_SEED = """
from datetime import timedelta
from django.contrib.auth import get_user_model
from django.utils import timezone
from accessctl.models import BrokerPermission, BrokerUser, Grant
from accessctl.tokens.service import create_token
from tests.factories import register_broker
from vhosts.models import Queue, VirtualHost

now = timezone.now()
people = get_user_model().objects
root = people.create_superuser("root", password="a password")
limited = people.create_user("limited", password="a password")
for number in range(3):
    broker = register_broker(name=f"broker-{number}")
    seen = {"broker": broker, "first_seen_at": now, "changed_at": now}
    BrokerUser.objects.create(**seen, name="app")
    for name in ("/", "a", "x"):
        VirtualHost.objects.create(**seen, name=name)
        Queue.objects.create(broker=broker, vhost=name, name="q", first_seen_at=now)
        BrokerPermission.objects.create(**seen, vhost=name, user="app", configure="", write=".*", read="a|b")
Grant.objects.create(user=limited, role="operator", broker=broker, created_at=now, vhost_pattern="a*")
for user in (root, limited):
    print(create_token(user=user, name="t", expires_in=timedelta(days=1), now=now, acting_user=None)[1])
"""


@pytest.fixture(scope="module")
def served(_migrated: Console) -> Iterator[tuple[str, list[str]]]:
    """The console's address, and the tokens. No worker runs, so what is accepted reaches no broker."""
    console = _migrated
    console.environment |= {
        "CONSOLE_API_REQUESTS_PER_MINUTE": "1000000",
        "CONSOLE_LOG_LEVEL": "ERROR",
    }
    done = subprocess.run(
        [sys.executable, "manage.py", "shell", "-v", "0", "-c", _SEED],
        cwd=ROOT, env=console.environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    console.start(*programs.web(console.folder, console.environment, "127.0.0.1", port).command[1:])
    try:
        yield f"http://127.0.0.1:{port}", done.stdout.split()
    finally:
        console.end_processes()


@pytest.mark.parametrize("who", [0, 1], ids=["administrator", "limited"])
def test_every_answer_is_one_that_the_document_knows(
    served: tuple[str, list[str]], who: int, tmp_path: Path, eventually: Callable[..., Any]
) -> None:
    url, tokens = served
    eventually(lambda: status_of(f"{url}/livez") == 200, within=60)
    request = urllib.request.Request(f"{url}/api/v1/whoami/")  # noqa: S310 – an address of our own
    request.add_header("Authorization", f"Bearer {tokens[who]}")
    with _OPENER.open(request, timeout=30) as answer:
        assert answer.status == 200
    (tmp_path / "schemathesis.toml").write_text(_CONFIGURATION)
    done = subprocess.run(
        [
            *(str(Path(sys.executable).with_name("schemathesis")), "run", str(ROOT / "docs" / "openapi.yaml")),
            *("--url", url, "--header", f"Authorization: Bearer {tokens[who]}", "--max-examples", str(EXAMPLES)),
            # Whether an object is there, and whether a change may be made to it, no document can say.
            *("--exclude-checks", "positive_data_acceptance"),
            # Connects to wherever it is told to.
            *("--exclude-path-regex", "/test/$"),
            *("--continue-on-failure", "--request-timeout", "60", "--warnings", "off", "--no-color", "--seed", "7"),
        ],
        cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-20_000:]
    cases = re.search(r"([\d,]+) generated", done.stdout)
    assert cases is not None
    assert int(cases[1].replace(",", "")) >= LEAST_CASES
