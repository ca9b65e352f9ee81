"""`bin/test`: a Postgres and a RabbitMQ node of the tests' own around one run of pytest.

Three sizes, by the marks that pyproject.toml declares. `--quick` leaves out what needs a browser, breaks
connections, starts or kills processes, or takes long. Without an option, all is run but what is marked
`long`: this is what CI runs. `--long` runs everything, with ten times as many generated examples.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from console.local import packages
from console.local.assets import ensure_assets
from console.local.folder import CHECKOUT, StateFolder, default_state_folder
from console.local.keys import Keys
from console.local.processes.stopping import Stopped, stop_on_signals
from console.local.processes.supervisor import Stage, Supervisor, end_leftovers
from console.local.servers.node_files import NodePorts
from console.local.servers.ports import Ports
from console.local.servers.postgres import Postgres
from console.local.servers.rabbitmq import Node, find_server
from console.local.trouble import Progress, Trouble

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
INTERRUPTED = 130
#: pytest's exit code for tests that failed.
FAILED = 1
PYTEST_STOP_SECONDS = 20.0
#: Much of it waits for a broker or a browser, so three processes pay on two cores too. A file stays in one
#: of them: what its tests leave on the shared broker is theirs to mind. Left to itself, xdist keeps the
#: files with the fewest tests for the end, which are the longest ones.
WHOLE_SUITE = ("-n", "3", "--dist", "loadfile", "--no-loadscope-reorder")
QUICK, USUAL, LONG = "--quick", "", "--long"
#: What each size asks of pytest. An own `-m` among the arguments comes later, and counts.
SIZES: Mapping[str, tuple[str, ...]] = {
    QUICK: ("-m", "not (e2e or faults or slow or long)"),
    USUAL: ("-m", "not long"),
    LONG: ("--hypothesis-profile", "long"),
}
#: In the tests' folder: the ids of tests that failed and then passed, alone; one on each line.
RETRIED_FILE = "passed-only-on-retry.txt"


@dataclass(frozen=True)
class Run:
    """What was asked for: a size, and arguments of pytest's own such as paths."""

    size: str
    arguments: tuple[str, ...]

    @classmethod
    def asked_by(cls, words: Sequence[str]) -> Run:
        """Raises Trouble where more than one size is asked for."""
        sizes = {word for word in words if word in (QUICK, LONG)}
        if len(sizes) > 1:
            raise Trouble(f"Choose {QUICK} or {LONG}, not both.")
        return cls(sizes.pop() if sizes else USUAL, tuple(w for w in words if w not in SIZES))

    @property
    def is_whole(self) -> bool:
        """Whether no tests are named, so that the suite is run side by side and failures are tried again."""
        return not self.arguments

    def first(self) -> list[str]:
        """pytest's arguments."""
        return [*SIZES[self.size], *(self.arguments or WHOLE_SUITE)]

    def again(self, retried: Path) -> list[str]:
        """pytest's arguments to try once more, alone, what failed. What then passes is named at the end
        and in the file `retried`."""
        return [
            *SIZES[self.size],
            *("--last-failed", "--last-failed-no-failures=none"),
            *("-p", "tests.retried", "--retried-file", str(retried)),
        ]


def run_tests(words: list[str]) -> int:
    """pytest's exit code; 1 where the tests could not be run."""
    os.umask(0o077)
    progress = Progress()
    folder = StateFolder(default_state_folder() / "test")
    try:
        run = Run.asked_by(words)
        StateFolder(default_state_folder()).make()
        folder.make()
        if not folder.lock():
            raise Trouble("Another bin/test is running in this checkout. Wait for it, or stop it.")
        stop_on_signals()
        ended = end_leftovers(folder)
        if ended:
            progress.step(f"Stopped processes left by an interrupted run: {', '.join(ended)}")
        return _run(folder, progress, run)
    except Stopped:
        return INTERRUPTED
    except Trouble as trouble:
        print(f"bin/test: {trouble}", file=sys.stderr)
        return 1


def _run(folder: StateFolder, progress: Progress, run: Run) -> int:
    server = find_server()
    if server is None:
        packages.install(folder, progress, "rabbitmq-server", otherwise="The tests need it.")
        server = find_server()
    if server is None:
        raise Trouble("rabbitmq-server is installed, but not in a known location.")
    # The production form is run against a real Redis.
    if shutil.which("redis-server") is None and run.size != QUICK:
        packages.install(folder, progress, "redis-server", otherwise="The tests need it.")
    browser = "" if run.size == QUICK else _browser(folder, progress)
    ensure_assets(default_state_folder(), progress)
    # What an earlier run left would make this one's outcome depend on it.
    for name in ("postgres", "rabbitmq", "celery"):
        shutil.rmtree(folder / name, ignore_errors=True)
    retried = folder / RETRIED_FILE
    retried.unlink(missing_ok=True)
    keys, ports = Keys(folder), Ports(folder)
    supervisor = Supervisor(folder, progress)
    node = Node(
        folder,
        server=server,
        ports=NodePorts.choose(ports),
        password=keys["rabbitmq_password"],
        cookie=keys["rabbitmq_cookie"],
    )
    postgres = Postgres(
        folder,
        port=ports.choose("postgres"),
        password=keys["postgres_password"],
        durable=False,
    )
    try:
        progress.step("Starting a Postgres and a RabbitMQ node for the tests")
        node.prepare()
        supervisor.start(node.epmd_service(), Stage.NAMES)
        running_node = supervisor.start(node.service(), Stage.STORES)
        postgres.prepare()
        postgres.wait_until_ready(supervisor.start(postgres.service(), Stage.STORES))
        node.wait_until_ready(running_node)
        progress.step("Running pytest")
        environment = _environment(folder, keys, postgres, node, browser)
        code = _pytest(environment, run.first())
        if code == FAILED and run.is_whole:
            # The processes share one broker, and its figures are some seconds old: a failure counts
            # when it comes again with nobody beside it. What doesn't come again is named all the same.
            progress.step("Rerunning the failed tests alone")
            code = _pytest(environment, run.again(retried))
        return code
    finally:
        # Silent, so that pytest's closing line stays the last.
        supervisor.stop()


def _browser(folder: StateFolder, progress: Progress) -> str:
    """The path of a Chromium; empty where there is none, which only a machine of CI minds."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found:
        return found
    try:
        packages.install(folder, progress, "chromium", otherwise="The browser tests need it.")
    except Trouble as trouble:
        if os.environ.get("CI"):
            raise
        progress.step(f"Skipping the browser tests. {trouble}")
    return shutil.which("chromium") or ""


def _environment(
    folder: StateFolder, keys: Keys, postgres: Postgres, node: Node, browser: str
) -> dict[str, str]:
    """What the tests read. Nothing of the caller's own console gets in, save more brokers for the
    contract tests (RABBITMQ_TEST_URLS, separated by spaces)."""
    foreign = ("CONSOLE_", "DATABASE_", "CELERY_", "RABBITMQ_", "DJANGO_", "PG")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(foreign)}
    url = node.management_url_with_password
    return kept | {
        "CONSOLE_STATE_DIR": str(folder.path),
        "CONSOLE_SECRET_KEY": keys["secret_key"],
        "CONSOLE_ENCRYPTION_KEYS": keys["encryption_key"],
        "CONSOLE_ALLOW_LOOPBACK_BROKERS": "true",
        "CONSOLE_PLAIN_STATIC": "true",
        "DATABASE_URL": postgres.url(),
        "RABBITMQ_URL": url,
        "RABBITMQ_AMQP_URL": node.amqp_url_with_password,
        "RABBITMQ_TEST_URLS": f"{url} {os.environ.get('RABBITMQ_TEST_URLS', '')}".strip(),
        **({"CHROMIUM": browser} if browser else {}),
    }


def _pytest(environment: dict[str, str], arguments: Sequence[str]) -> int:
    # In our own session, so that a debugger can use the terminal; it ends when we do.
    process = subprocess.Popen(
        [
            *("setpriv", "--pdeathsig", "INT", "--"),
            *(sys.executable, "-m", "pytest", *arguments),
        ],
        env=environment,
        cwd=CHECKOUT,
    )
    try:
        return process.wait()
    except Stopped:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(PYTEST_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        raise
