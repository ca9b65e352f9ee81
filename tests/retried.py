"""A pytest plugin for the second run of tests that failed: names those that pass now.

A test that passes only alone hides a race or leans on another test. It doesn't fail the run, but it's said.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--retried-file", type=Path, help="Where to write the ids of tests that passed, one a line."
    )


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(_Retried(config.getoption("--retried-file")))


class _Retried:
    def __init__(self, file: Path | None) -> None:
        self.file = file
        #: Whether every phase of a test passed, by its id in the order of the run.
        self.passed: dict[str, bool] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.passed[report.nodeid] = self.passed.get(report.nodeid, True) and report.passed

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Before pytest's closing line, which stays the last one."""
        names = [name for name, passed in self.passed.items() if passed]
        if self.file is not None:
            self.file.write_text("".join(f"{name}\n" for name in names))
        if names:
            terminalreporter.section("passed only on retry")
            terminalreporter.write_line(f"passed only on retry: {' '.join(names)}")
