from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import time
from typing import Any

import pytest
from django.test import Client

from console.local.processes import services
from console.local.processes.services import Service
from console.settings.logs import make_formatter


@pytest.fixture
def lines():
    """What is logged meanwhile, line by line, as it stands in a log."""
    found: list[str] = []

    class Kept(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            found.extend(self.format(record).splitlines())

    handler = Kept()
    handler.setFormatter(make_formatter())
    logging.getLogger().addHandler(handler)
    yield found
    logging.getLogger().removeHandler(handler)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "query",
    ["token=canary", "page=2&token=canary", "canary", "a=b=canary", "next=/x?token=canary",
     "tok%65n=canary", "state=canary&code=canary"],
)  # fmt: skip
def test_no_value_of_a_query_is_logged(lines: list[str], query: str) -> None:
    for path in ("/", "/api/v1/nothing/", "/nowhere/", "/accounts/login/"):
        Client().get(f"{path}?{query}", HTTP_REFERER=f"http://127.0.0.1/?{query}")
        Client(enforce_csrf_checks=True).post(
            f"{path}?{query}", HTTP_REFERER=f"https://evil.example/?{query}", secure=True
        )
    assert any("?" in line for line in lines)
    assert not [line for line in lines if "canary" in line]


def test_names_in_a_query_are_kept(lines: list[str]) -> None:
    logging.getLogger("x").warning("GET /a/?page=2&token=s&s3cret HTTP; is it so? http://b/?c=d.")
    assert json.loads(lines[0])["event"] == "GET /a/?page=*&token=*&* HTTP; is it so? http://b/?c=*"


@pytest.mark.django_db
def test_a_foreign_host_is_no_traceback(lines: list[str], settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["warren.example"]
    answer = Client(raise_request_exception=False).get("/", HTTP_HOST="evil.example")
    assert answer.status_code == 400
    told = [json.loads(line) for line in lines]
    [refused] = [line for line in told if "evil.example" in line["event"]]
    assert refused["level"] == "warning"
    assert not any("Traceback" in line or "exception" in json.loads(line) for line in lines)


def _run(code: str, *arguments: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True, text=True, check=False, timeout=120,
        env={**os.environ, "PYTHONWARNINGS": "always"},
    )  # fmt: skip
    return (done.stdout + done.stderr).splitlines()


def test_warnings_and_what_nobody_caught_are_json() -> None:
    said = _run(
        "import threading, warnings\n"
        "from console.settings.process_logs import log_everything_as_json\n"
        "log_everything_as_json()\n"
        "warnings.warn('a warning')\n"
        "thread = threading.Thread(target=lambda: 1 / 0); thread.start(); thread.join()\n"
        "raise RuntimeError('nobody caught it')"
    )
    told = [json.loads(line) for line in said]
    assert [line["level"] for line in told] == ["warning", "critical", "critical"]
    assert "ZeroDivisionError" in told[1]["exception"]
    assert "nobody caught it" in told[2]["exception"]


def test_gunicorn_speaks_json(tmp_path: Any) -> None:
    (tmp_path / "broken.py").write_text("raise RuntimeError('it does not start')")
    said = _run(
        "import sys, runpy; sys.argv = ['gunicorn', *sys.argv[1:]]; runpy.run_module('gunicorn', run_name='__main__')",
        "--logger-class", "console.settings.gunicorn_logs.JsonLogger", "--bind", "127.0.0.1:0",
        "--no-control-socket", "--pythonpath", str(tmp_path), "broken:app",
    )  # fmt: skip
    # Gunicorn prints why a worker can't start besides logging it; nothing else is not JSON.
    told = [json.loads(line) for line in said if line != "it does not start"]
    assert any("Starting gunicorn" in line["event"] for line in told)
    assert any("it does not start" in line.get("exception", "") for line in told)


def test_a_worker_speaks_json(tmp_path: Any) -> None:
    worker = subprocess.Popen(
        [sys.executable, "-m", "celery", "--quiet", "--app", "console", "worker", "--pool", "threads",
         "--concurrency", "1", "--queues", "x", "--without-gossip", "--without-mingle"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env={**os.environ, "CELERY_BROKER_URL": "filesystem://", "CONSOLE_STATE_DIR": str(tmp_path)},
    )  # fmt: skip
    assert worker.stdout
    told = []
    try:
        for line in worker.stdout:
            told.append(json.loads(line)["event"])
            if "ready" in told[-1]:
                break
    finally:
        worker.terminate()
        worker.wait(60)
    assert any("ready" in event for event in told)


def test_a_log_is_begun_anew_while_its_program_runs(tmp_path: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(services, "KEPT_LOG_BYTES", 10_000)
    code = "import itertools, time\nfor n in itertools.count(): print(n, flush=True); time.sleep(0.0005)"
    service = Service(
        name="talker", command=[sys.executable, "-c", code], environment=dict(os.environ),
        log=tmp_path / "talker.log",
    )  # fmt: skip
    service.start()
    try:
        old = tmp_path / "talker.log.1"
        until = time.monotonic() + 60
        while not old.exists() and time.monotonic() < until:
            service.rotate_log()
        assert old.stat().st_size > 10_000
        assert old.stat().st_mode & 0o777 == 0o600
        while service.log.stat().st_size == 0 and time.monotonic() < until:
            pass
        assert b"\0" not in service.log.read_bytes()
        assert service.is_running()
    finally:
        service.ask_to_stop()
        service.wait_until_stopped(5)
