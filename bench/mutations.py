"""Which changes of the code would no test notice? A run of mutmut over the pure modules.

    .venv/bin/python -m bench.mutations [--minutes 40] [--processes 2] [--only MODULE …]

Copies the code to .local/mutations, changes one operator, argument or text of MODULES at a time there, and
runs the tests of TESTS that need neither a broker nor Postgres (bench.pure_tests chooses them). Prints
the score and each change that survived as a diff. It stops after `--minutes`; changes that weren't tried by
then are counted, and are not in the score. `--only` names other modules or packages than MODULES.

mutmut changes the bodies of functions: tables at module level and decorated functions are not in the score.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WORK = ROOT / ".local" / "mutations"
#: A package includes all its modules.
MODULES = (
    "console.kinds",
    "console.reconcile",
    "console.faces.lists.export",
    "accessctl.globs",
    "accessctl.patterns.words",
    "accessctl.patterns.check",
    "accessctl.reach",
)
TESTS = (
    "tests.kinds",
    "tests.reconcile",
    "tests.accessctl.test_globs",
    "tests.accessctl.test_pattern_checks",
    "tests.accessctl.test_pattern_words",
    "tests.accessctl.test_patterns",
    "tests.accessctl.test_reach",
    "tests.console.test_listing",
)
#: Lines that contain only the start of a sentence: tests don't check its wording.
SENTENCES = r"""^\s*f?"[A-Z{][^"]* [^"]*"[,)]*$"""
#: Lines that only tests with a database can check (tests.accessctl.test_authorize does).
ASKS_POSTGRES = (
    r"""Q\(user=user\.pk\)|\.objects\.|grants=tuple\(grants\)|rows\.iterator|process_[lr]hs|LIKE"""
)
#: Just enough to set up Django; none of the remaining tests uses a database.
SETTINGS = {
    "CONSOLE_SECRET_KEY": "only-for-mutations-0123456789abcdef",
    "CONSOLE_ENCRYPTION_KEYS": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    "CONSOLE_PLAIN_STATIC": "1",
    "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    "DATABASE_URL": "postgres://nobody@127.0.0.1:1/none",
}
#: Each mutant runs pytest separately, so plugins that these tests don't need would take most of the
#: time.
PLUGINS = ("pytest_django.plugin", "_hypothesis_pytestplugin", "bench.pure_tests", "no:cacheprovider",
           "no:unraisableexception", "no:threadexception", "no:doctest", "no:junitxml")  # fmt: skip
#: How mutmut reports the end of a mutant (its exit code): survived, no test for it, or not tried.
SURVIVED, NO_TEST, NOT_TRIED = (0,), (5, 33), (None, 2, 34)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=40)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--only", nargs="+", metavar="MODULE", default=MODULES)
    options = parser.parse_args()
    os.environ.update(SETTINGS)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    _copy(options.only)
    started = time.monotonic()
    print(
        f"mutmut {version('mutmut')}, pytest {version('pytest')}, hypothesis {version('hypothesis')}, "
        f"Python {platform.python_version()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}",
        flush=True,
    )
    _run(options.processes, options.minutes * 60)
    found = _results()
    if all(code in NOT_TRIED for code in found.values()):
        sys.exit(f"mutmut tried no mutants: see {WORK / 'run.log'}")
    survivors = [name for name, code in sorted(found.items()) if code in SURVIVED]
    _print_diffs(survivors)
    _print_score(found, time.monotonic() - started)


def _path(dotted: str) -> str:
    """Return the path of a module or package, relative to the checkout's root."""
    path = Path(*dotted.split("."))
    return str(path if (ROOT / path).is_dir() else path.with_suffix(".py"))


def _copy(modules: Sequence[str]) -> None:
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(parents=True)
    packages = sorted(path.parent.name for path in ROOT.glob("*/__init__.py"))
    for name in (*packages, "tests", "templates", "bench"):
        shutil.copytree(ROOT / name, WORK / name, ignore=shutil.ignore_patterns("__pycache__"))
    paths = [_path(name) for name in modules]
    mutmut = {
        "source_paths": packages,
        "only_mutate": [f"{path}/*" if not path.endswith(".py") else path for path in paths],
        "also_copy": ["templates", "bench"],
        "pytest_add_cli_args_test_selection": [_path(name) for name in TESTS],
        "pytest_add_cli_args": [option for name in PLUGINS for option in ("-p", name)]
        + ["-m", "not long", "--hypothesis-profile", "mutations"],
        "do_not_mutate_patterns": [SENTENCES, ASKS_POSTGRES],
        "timeout_constant": 5.0,
        "track_dependencies": False,
    }
    settings = "\n".join(f"{name} = {json.dumps(value)}" for name, value in mutmut.items())
    # pytest-django would find the checkout's own manage.py in a parent folder, and import the
    # unchanged code from there.
    pytest = "[tool.pytest.ini_options]\n"
    text = (
        (ROOT / "pyproject.toml")
        .read_text()
        .replace(pytest, f"{pytest}django_find_project = false\n")
    )
    (WORK / "pyproject.toml").write_text(f"{text}\n[tool.mutmut]\n{settings}\n")


def _run(processes: int, seconds: float) -> None:
    """Run mutmut once; stop it with its child processes after `seconds`."""
    with (WORK / "run.log").open("w") as log:
        running = subprocess.Popen(
            [sys.executable, "-m", "mutmut", "run", "--max-children", str(processes)],
            cwd=WORK,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            running.wait(seconds)
        except subprocess.TimeoutExpired:
            print(f"Stopped after {seconds / 60:.0f} minutes.")
        finally:
            if running.poll() is None:
                os.killpg(running.pid, signal.SIGTERM)
                try:
                    running.wait(20)
                except subprocess.TimeoutExpired:
                    os.killpg(running.pid, signal.SIGKILL)
                    running.wait()


def _results() -> dict[str, int | None]:
    """Return the exit code of each mutant's tests, by the mutant's name; None: not tried."""
    found: dict[str, int | None] = {}
    for path in WORK.glob("mutants/**/*.meta"):
        found |= json.loads(path.read_text())["exit_code_by_key"]
    return found


def _print_diffs(names: list[str]) -> None:
    """Print all diffs in one process: each would take a second to start."""
    show = (
        "import sys; from pathlib import Path; import mutmut.__main__ as mutmut\n"
        "for name in sys.stdin.read().split(): mutmut.show.callback(name)"
    )
    subprocess.run([sys.executable, "-c", show], cwd=WORK, input="\n".join(names), text=True)


def _print_score(found: dict[str, int | None], seconds: float) -> None:
    print(f"{'module':44} {'mutants':>8} {'killed':>7} {'survived':>9} {'no test':>8} {'score':>6}")
    total: Counter[str] = Counter()
    by_module: dict[str, Counter[str]] = {}
    for name, code in found.items():
        kind = (
            "survived" if code in SURVIVED
            else "no test" if code in NO_TEST
            else "not tried" if code in NOT_TRIED
            else "killed"
        )  # fmt: skip
        by_module.setdefault(name.rpartition(".")[0], Counter())[kind] += 1
        total[kind] += 1
    for module, counts in [*sorted(by_module.items()), ("all", total)]:
        tried = counts.total() - counts["not tried"]
        score = f"{counts['killed'] / tried:6.1%}" if tried else "–"
        print(
            f"{module:44} {tried:8} {counts['killed']:7} {counts['survived']:9} "
            f"{counts['no test']:8} {score:>6}"
        )
    print(f"{seconds / 60:.1f} minutes; {total['not tried']} mutants not tried.")


if __name__ == "__main__":
    main()
