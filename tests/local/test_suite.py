"""The sizes of bin/test, and what it says of tests that pass only when they are tried again."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from console.local.folder import CHECKOUT
from console.local.suite import LONG, QUICK, SIZES, USUAL, WHOLE_SUITE, Run
from console.local.trouble import Trouble

TESTS = """
import pathlib
import pytest

@pytest.fixture
def second_time():
    there = pathlib.Path("there")
    yield there.exists()
    there.touch()

def test_only_alone(second_time):
    assert second_time

def test_never():
    assert False

def test_always():
    pass

@pytest.fixture
def breaks_at_its_end():
    yield
    raise RuntimeError

def test_ends_badly(breaks_at_its_end):
    pass
"""


def test_a_size_is_chosen_by_marks_and_the_whole_suite_is_run_side_by_side() -> None:
    usual, quick, long = (Run.asked_by(words) for words in ([], [QUICK], [LONG]))
    assert usual.first() == ["-m", "not long", *WHOLE_SUITE]
    assert quick.first() == ["-m", "not (e2e or faults or slow or long)", *WHOLE_SUITE]
    assert long.first() == ["--hypothesis-profile", "long", *WHOLE_SUITE]
    assert all(run.is_whole for run in (usual, quick, long))


def test_named_tests_are_run_as_named_and_not_tried_again() -> None:
    run = Run.asked_by(["tests/vhosts", QUICK, "-m", "slow"])
    assert run.size == QUICK
    assert run.first() == [*SIZES[QUICK], "tests/vhosts", "-m", "slow"]
    assert not run.is_whole
    assert Run.asked_by(["-k", "ports"]).first() == [*SIZES[USUAL], "-k", "ports"]


def test_two_sizes_at_once_are_refused() -> None:
    with pytest.raises(Trouble, match=r"--quick or --long"):
        Run.asked_by([QUICK, LONG])


def test_every_mark_that_chooses_is_declared() -> None:
    declared = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())
    marks = [mark.split(":")[0] for mark in declared["tool"]["pytest"]["ini_options"]["markers"]]
    assert set(marks) == {"e2e", "faults", "slow", "long"}
    assert all(mark in SIZES[QUICK][1] for mark in marks)


def run_pytest(folder: Path, *arguments: str) -> list[str]:
    """The lines of its output."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:django", "--rootdir", ".", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(CHECKOUT), "NO_COLOR": "1", "PATH": "/usr/bin:/bin"},
    )
    return done.stdout.strip().splitlines()


def test_what_passes_only_on_retry_is_named_before_pytests_last_line(tmp_path: Path) -> None:
    (tmp_path / "test_some.py").write_text(TESTS)
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n    long: takes minutes\n")
    retried = tmp_path / "retried.txt"
    first = run_pytest(tmp_path)
    assert "2 failed, 2 passed, 1 error" in first[-1]
    assert not any("only on retry" in line for line in first)

    again = run_pytest(tmp_path, *Run.asked_by([]).again(retried))
    assert "1 failed, 2 passed, 1 error" in again[-1]
    assert "passed only on retry: test_some.py::test_only_alone" in again
    assert retried.read_text() == "test_some.py::test_only_alone\n"


def test_where_nothing_passes_on_retry_nothing_is_named(tmp_path: Path) -> None:
    (tmp_path / "test_some.py").write_text("def test_never():\n    assert False\n")
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n    long: takes minutes\n")
    retried = tmp_path / "retried.txt"
    run_pytest(tmp_path)
    again = run_pytest(tmp_path, *Run.asked_by([]).again(retried))
    assert "1 failed" in again[-1]
    assert not any("only on retry" in line for line in again)
    assert retried.read_text() == ""
