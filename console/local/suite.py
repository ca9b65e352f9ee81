"""`bin/test`: start a Postgres and a RabbitMQ node for the tests, and run pytest once.

There are three sizes, by the marks that pyproject.toml declares. `--quick` leaves out tests that
need a browser, break connections, start or kill processes, or take long. Without an option,
everything runs except tests marked `long`; CI runs this. `--long` runs everything, with ten times
as many generated examples.
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
#: pytest's exit code for failed tests.
FAILED = 1
PYTEST_STOP_SECONDS = 20.0
#: Tests often wait for a broker or a browser, so three processes are faster even on two cores. All
#: tests of a file run in one process, because they have to clean up what they leave on the shared
#: broker. By default, xdist runs the files with the fewest tests last, and those take longest.
WHOLE_SUITE = ("-n", "3", "--dist", "loadfile", "--no-loadscope-reorder")
QUICK, USUAL, LONG = "--quick", "", "--long"
#: pytest's arguments for each size. A `-m` among the user's arguments comes later and takes
#: precedence.
SIZES: Mapping[str, tuple[str, ...]] = {
    QUICK: ("-m", "not (e2e or faults or slow or long)"),
    USUAL: ("-m", "not long"),
    LONG: ("--hypothesis-profile", "long"),
}
#: In the tests' folder: the IDs of tests that failed and then passed alone, one per line.
RETRIED_FILE = "passed-only-on-retry.txt"


@dataclass(frozen=True)
class Run:
    """The requested run: a size, and arguments for pytest such as paths."""

    size: str
    arguments: tuple[str, ...]

    @classmethod
    def asked_by(cls, words: Sequence[str]) -> Run:
        """Parse the command line. Raises Trouble if it contains more than one size."""
        sizes = {word for word in words if word in (QUICK, LONG)}
        if len(sizes) > 1:
            raise Trouble(f"Choose {QUICK} or {LONG}, not both.")
        return cls(sizes.pop() if sizes else USUAL, tuple(w for w in words if w not in SIZES))

    @property
    def is_whole(self) -> bool:
        """Whether no tests are named: the suite runs in parallel, and failed tests are retried."""
        return not self.arguments

    def first(self) -> list[str]:
        """Return pytest's arguments for the first run."""
        return [*SIZES[self.size], *(self.arguments or WHOLE_SUITE)]

    def again(self, retried: Path) -> list[str]:
        """Return pytest's arguments to retry failed tests, alone. Tests that then pass are listed
        at the end and in the file `retried`."""
        return [
            *SIZES[self.size],
            *("--last-failed", "--last-failed-no-failures=none"),
            *("-p", "tests.retried", "--retried-file", str(retried)),
        ]


def run_tests(words: list[str]) -> int:
    """Run the tests; return pytest's exit code, or 1 if they couldn't be run."""
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
    # Tests of the production setup use a real Redis.
    if shutil.which("redis-server") is None and run.size != QUICK:
        packages.install(folder, progress, "redis-server", otherwise="The tests need it.")
    browser = "" if run.size == QUICK else _browser(folder, progress)
    ensure_assets(default_state_folder(), progress)
    # Data of an earlier run could change this run's outcome.
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
            # The processes share one broker, and its figures are some seconds old. So a failure
            # counts only if the test fails again alone. Tests that then pass are still listed.
            progress.step("Rerunning the failed tests alone")
            code = _pytest(environment, run.again(retried))
        return code
    finally:
        # Prints nothing, so that pytest's last line stays the last.
        supervisor.stop()


def _browser(folder: StateFolder, progress: Progress) -> str:
    """Return the path of a Chromium; "" if there is none. In CI, a missing one raises Trouble."""
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
    """Return the environment of the tests.

    Nothing of the caller's own console is included, except additional brokers for the contract
    tests (RABBITMQ_TEST_URLS, separated by spaces).
    """
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
    # In our own session, so that a debugger can use the terminal; it ends when this process does.
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
