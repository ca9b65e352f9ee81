"""bin/up for real: started, asked, killed, started again. Packages and browser libraries are there
already when the tests run, so each start takes seconds."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from base64 import b64encode
from pathlib import Path
from urllib.parse import urlsplit

import psycopg2
import pytest

from console.background import processes
from console.local.folder import CHECKOUT
from console.local.servers.ports import CANDIDATES, is_free

pytestmark = [pytest.mark.faults, pytest.mark.slow]

START_SECONDS = 120
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Run:
    """A run of `python -m console.local up` on a state folder of its own."""

    def __init__(self, state: Path, **environment):
        self.state = state
        self.port = next(port for port in reversed(CANDIDATES) if is_free(port))
        foreign = ("CONSOLE_", "DATABASE_", "CELERY_", "RABBITMQ_")
        kept = {key: value for key, value in os.environ.items() if not key.startswith(foreign)}
        self.environment = kept | {
            "CONSOLE_STATE_DIR": str(state),
            "CONSOLE_PORT": str(self.port),
            "CONSOLE_PLAIN_STATIC": "true",
            **environment,
        }
        self.output = state.with_suffix(".out")
        self.process = None

    def start(self, *words):
        with self.output.open("ab") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "console.local", "up", *words],
                env=self.environment,
                cwd=CHECKOUT,
                stdout=out,
                stderr=out,
            )
        return self

    def command(self, *words, timeout=60):
        return subprocess.run(
            [sys.executable, "-m", "console.local", *words],
            env=self.environment,
            cwd=CHECKOUT,
            capture_output=True,
            text=True,
            timeout=timeout,
        )

    def said(self):
        return self.output.read_text()

    def wait_until_ready(self):
        deadline = time.monotonic() + START_SECONDS
        while "Press Ctrl-C to stop everything" not in self.said():
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < deadline, self.said()
            time.sleep(0.2)
        return self

    def services(self):
        record = json.loads((self.state / "running.json").read_text())
        return {
            name: processes.Identity.from_json(value) for name, value in record["services"].items()
        }

    def credentials(self):
        lines = (self.state / "credentials.env").read_text().splitlines()
        return {
            name: shlex.split(value)[0] for name, value in (line.split("=", 1) for line in lines)
        }

    def get(self, path, token=""):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}")
        if token:
            request.add_header("Authorization", f"Bearer {token}")
        with _OPENER.open(request, timeout=30) as answer:
            return answer.status, answer.read()

    def processes(self):
        """Whatever on this machine names the state folder in its arguments or works in it."""
        found = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit() or int(entry.name) == os.getpid():
                continue
            words = processes.command_line(int(entry.name))
            if any(str(self.state) in word for word in words):
                found.append(" ".join(words)[:200])
        return found


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    run = Run(tmp_path_factory.mktemp("up") / "state").start()
    try:
        yield run.wait_until_ready()
    finally:
        if run.process.poll() is None:
            run.process.terminate()
            run.process.wait(60)


def test_the_console_is_served_and_every_part_is_ready(run):
    status, body = run.get("/readyz")
    assert status == 200
    assert all(check["ok"] for check in json.loads(body)["checks"].values())
    assert set(run.services()) == {"epmd", "rabbitmq", "postgres", "web", "worker", "beat"}


def test_the_credentials_open_the_api_and_the_node_and_are_the_owners_only(run):
    assert (run.state / "credentials.env").stat().st_mode & 0o777 == 0o600
    given = run.credentials()
    assert given["CONSOLE_URL"] == f"http://127.0.0.1:{run.port}"
    _, body = run.get("/api/v1/brokers/", token=given["CONSOLE_TOKEN"])
    assert [broker["name"] for broker in json.loads(body)["results"]] == ["local"]
    with pytest.raises(urllib.error.HTTPError) as refused:
        run.get("/api/v1/brokers/", token="wrn_" + "0" * 64)
    assert refused.value.code in (401, 403)
    shown = run.said()
    assert given["CONSOLE_USER"] in shown
    assert given["CONSOLE_PASSWORD"] in shown
    assert re.fullmatch(r"http://warren:[0-9a-f]+@127\.0\.0\.1:\d+", given["RABBITMQ_URL"])


def test_no_secret_is_on_a_command_line_or_in_a_log(run):
    secrets = json.loads((run.state / "secrets.json").read_text())
    assert len(secrets) >= 6
    lines = "\n".join(
        " ".join(processes.command_line(int(entry.name)))
        for entry in Path("/proc").iterdir()
        if entry.name.isdigit()
    )
    logs = [*(run.state / "log").iterdir(), *(run.state / "rabbitmq" / "log").iterdir()]
    written = "\n".join(log.read_text(errors="replace") for log in logs)
    assert "gunicorn" in lines
    assert "Starting RabbitMQ" in written
    for name, secret in secrets.items():
        assert secret not in lines, name
        assert secret not in written, name


def test_a_second_start_says_that_one_is_running_and_disturbs_nothing(run):
    before = run.services()
    second = run.command("up")
    assert second.returncode == 1
    assert (
        f"already running in this checkout at http://127.0.0.1:{run.port} "
        f"(process {run.process.pid})" in second.stderr
    )
    assert run.services() == before
    assert all(identity.is_alive() for identity in before.values())


def test_the_status_names_every_process(run):
    status = run.command("status")
    assert status.returncode == 0
    for name, identity in run.services().items():
        assert re.search(rf"{name} +process {identity.pid} +running", status.stdout), name


def test_a_reset_is_refused_while_it_runs(run):
    refused = run.command("reset", "--yes")
    assert refused.returncode == 1
    assert "already running" in refused.stderr
    assert (run.state / "secrets.json").exists()


def test_a_worker_that_is_killed_is_started_again(run):
    before = run.services()["worker"]
    os.kill(before.pid, signal.SIGKILL)
    deadline = time.monotonic() + 30
    while run.services()["worker"] == before:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert "worker stopped (killed by signal 9)" in run.said()


@pytest.mark.parametrize("name", ["worker", "web"])
def test_what_is_frozen_is_started_again(run, name):
    """As it is: after 30 s without a sign of life."""
    before = run.services()[name]
    for member in processes.session_of(before):
        os.kill(member.pid, signal.SIGSTOP)
    deadline = time.monotonic() + 90
    while run.services()[name] == before:
        assert time.monotonic() < deadline, run.said()
        time.sleep(0.5)
    assert not before.is_alive()
    assert f"{name} isn't working" in run.said()
    deadline = time.monotonic() + 60
    while True:
        try:
            if run.get("/readyz")[0] == 200:
                break
        except OSError:
            assert time.monotonic() < deadline, run.said()
        time.sleep(0.5)


def change_password_of_the_node(run):
    """As somebody does on RabbitMQ's own pages."""
    found = urlsplit(run.credentials()["RABBITMQ_URL"])
    request = urllib.request.Request(
        f"http://{found.hostname}:{found.port}/api/users/warren",
        method="PUT",
        data=b'{"password": "theirs", "tags": "administrator"}',
    )
    login = b64encode(f"{found.username}:{found.password}".encode()).decode()
    request.add_header("Authorization", f"Basic {login}")
    request.add_header("Content-Type", "application/json")
    _OPENER.open(request, timeout=30).close()


def state_of_the_node(run):
    _, body = run.get("/api/v1/brokers/", token=run.credentials()["CONSOLE_TOKEN"])
    return json.loads(body)["results"][0]["status"]["state"]


def environment_of(identity):
    words = Path(f"/proc/{identity.pid}/environ").read_bytes().decode().split("\0")
    return dict(word.split("=", 1) for word in words if "=" in word)


def test_what_runs_logs_in_to_postgres_as_a_role_that_cannot_rewrite_the_trail(run):
    for name in ("web", "worker", "beat"):
        environment = environment_of(run.services()[name])
        assert "DATABASE_OWNER_URL" not in environment, name
    connection = psycopg2.connect(environment["DATABASE_URL"])
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM console_auditentry")
            assert cursor.fetchone()[0] > 0
            cursor.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
            assert cursor.fetchone() == (False,)
            with pytest.raises(psycopg2.errors.InsufficientPrivilege):
                cursor.execute("TRUNCATE console_auditentry")
    finally:
        connection.close()


def test_a_kill_is_survived_a_stop_leaves_nothing_and_a_given_broker_takes_over(
    tmp_path, live_broker, eventually
):
    run = Run(tmp_path / "state").start().wait_until_ready()
    password, left = run.credentials()["CONSOLE_PASSWORD"], run.services()
    bystander = subprocess.Popen(["sleep", "600"], start_new_session=True)
    try:
        change_password_of_the_node(run)
        run.process.kill()
        run.process.wait()
        run.output.unlink()
        run.start().wait_until_ready()
        assert "Resetting its password and tags" in run.said()
        eventually(lambda: state_of_the_node(run) == "reachable", within=40)
        assert not any(identity.is_alive() for identity in left.values())
        assert run.credentials()["CONSOLE_PASSWORD"] == password
        started = time.monotonic()
        stopped = run.command("stop")
        assert stopped.stdout == "Stopped.\n"
        assert run.process.wait(10) == 0
        assert time.monotonic() - started < 40  # it ends by itself, not by our patience
        assert run.processes() == []
        assert bystander.poll() is None
        assert run.command("status").returncode == 3

        login = f"://{live_broker.username}:{live_broker.password}@"
        run.environment["RABBITMQ_URL"] = live_broker.url.replace("://", login)
        run.output.unlink()
        run.start().wait_until_ready()
        assert set(run.services()) == {"postgres", "web", "worker", "beat"}
        _, body = run.get("/api/v1/brokers/", token=run.credentials()["CONSOLE_TOKEN"])
        brokers = {one["management_url"]: one["enabled"] for one in json.loads(body)["results"]}
        assert brokers.pop(live_broker.url) is True
        assert list(brokers.values()) == [False]  # the own node, which does not run now
        assert run.command("stop").stdout == "Stopped.\n"
    finally:
        bystander.kill()
        bystander.wait()
        if run.process.poll() is None:
            run.process.terminate()
            run.process.wait(60)
    reset = run.command("reset", "--yes")
    assert reset.returncode == 0
    assert not (run.state / "postgres").exists()
    assert not (run.state / "secrets.json").exists()


def test_a_reset_asks_first(tmp_path):
    run = Run(tmp_path / "state")
    run.state.mkdir(mode=0o700)
    (run.state / "secrets.json").write_text("{}")
    asked = run.command("reset")
    assert asked.returncode == 1
    assert "Add --yes" in asked.stderr
    assert (run.state / "secrets.json").exists()


@pytest.fixture
def refused(tmp_path):
    """Starts with these variables, expects a refusal in plain words; returns them."""

    def refused(*words, **environment):
        run = Run(tmp_path / "state", **environment)
        done = run.command("up", *words)
        assert done.returncode == 1, done.stdout
        assert "Traceback" not in done.stderr
        assert run.processes() == []
        assert not (run.state / "running.json").exists()
        return done.stderr

    return refused


def test_a_taken_port_is_said_with_the_way_out(refused):
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        said = refused(CONSOLE_PORT=str(port))
    assert f"Port {port} on 127.0.0.1 is in use" in said
    assert f"CONSOLE_PORT={port + 1} bin/up" in said


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"CONSOLE_PORT": "eighty"}, "CONSOLE_PORT must be a port from 1 to 65535"),
        ({"CONSOLE_HOST": "0.0.0.0"}, "CONSOLE_ALLOWED_HOSTS"),  # noqa: S104
        ({"RABBITMQ_URL": "amqp://u:p@h"}, "must be the address of the management API"),
        ({"RABBITMQ_URL": "http://h:15672"}, "needs a username and a password"),
        ({"RABBITMQ_URL": "http://u:p@h:port"}, "isn't a valid address"),
        ({"RABBITMQ_URL": "http://u:s3cret@h/?x=1"}, "can't contain ?"),
        ({"RABBITMQ_URL": "http://u:s3cret@127.0.0.1:1"}, "Nothing listens on"),
        ({"RABBITMQ_URL": "http://u:s3cret@no-such-host.invalid:15672"}, "can't be resolved"),
    ],
)
def test_a_setting_that_cannot_work_is_said(refused, environment, expected):
    said = refused(**environment)
    assert expected in said
    assert "s3cret" not in said


def test_a_broker_that_refuses_the_login_is_said(refused, live_broker):
    said = refused(RABBITMQ_URL=live_broker.url.replace("://", "://nobody:s3cret@"))
    assert "refused the user “nobody”" in said
    assert "s3cret" not in said


def test_something_that_is_no_broker_is_said(refused, live_broker):
    amqp = live_broker.amqp_parameters()
    said = refused(RABBITMQ_URL=f"http://u:p@{amqp.host}:{amqp.port}")
    assert "RABBITMQ_URL" in said or "isn't RabbitMQ's management API" in said


def test_the_demo_plays_on_no_broker_but_its_own(refused):
    said = refused("--demo", RABBITMQ_URL="http://u:s3cret@127.0.0.1:1")
    assert "only runs on the node that bin/up starts" in said


def test_an_unreachable_database_is_said(refused, live_broker):
    base = live_broker.url.replace("://", f"://{live_broker.username}:{live_broker.password}@")
    said = refused(RABBITMQ_URL=base, DATABASE_URL="postgres://u:s3cret@127.0.0.1:1/x")
    assert "DATABASE_URL can't be reached" in said
    assert "s3cret" not in said


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--help"], 0, "usage: bin/up"),
        (["--demoo"], 2, "Unknown option “--demoo”"),
        (["--stop", "--status"], 2, "can't combine"),
        (["--demo", "--stop"], 2, "can't combine --demo and --stop"),
        (["--yes"], 2, "--yes works only with --reset"),
    ],
)
def test_the_command_line_is_plain_about_what_it_knows(words, code, said):
    done = subprocess.run(
        [CHECKOUT / "bin" / "up", *words], capture_output=True, text=True, cwd="/"
    )
    assert done.returncode == code
    assert said in done.stdout + done.stderr
