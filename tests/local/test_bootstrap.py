"""bin/venv and install.sh: what happens before any Python of ours runs."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from console.local.folder import CHECKOUT

pytestmark = pytest.mark.faults


@pytest.fixture
def checkout(tmp_path):
    """A checkout that was never set up."""
    (tmp_path / "bin").mkdir()
    for name in ("up", "venv"):
        shutil.copy(CHECKOUT / "bin" / name, tmp_path / "bin" / name)
    for name in ("requirements.txt", "requirements-local.txt"):
        shutil.copy(CHECKOUT / name, tmp_path)
    return tmp_path


def up(checkout, *words, **environment):
    return subprocess.run(
        [checkout / "bin" / "up", *words],
        capture_output=True,
        text=True,
        env=os.environ | environment,
    )


def test_a_python_that_is_too_old_is_said_with_its_version(checkout):
    old = checkout / "python3.9"
    old.write_text("#!/bin/sh\necho 3.9\nexit 1\n")
    old.chmod(0o755)
    done = up(checkout, PYTHON=str(old))
    assert done.returncode == 1
    assert "Python 3.11 or newer is required" in done.stderr
    assert "is Python 3.9" in done.stderr


def test_without_a_network_it_says_what_to_check(checkout):
    done = up(
        checkout,
        PIP_INDEX_URL="http://127.0.0.1:1/simple",
        PIP_CONFIG_FILE="/dev/null",
        PIP_FIND_LINKS="",
        PIP_EXTRA_INDEX_URL="",
        PIP_NO_CACHE_DIR="1",
    )
    assert done.returncode == 1
    assert "Downloading the Python packages failed" in done.stderr
    assert "HTTPS_PROXY" in done.stderr
    assert not (checkout / ".venv" / "requirements.txt.stamp").exists()


def test_in_a_fresh_checkout_nothing_runs_and_nothing_is_there_to_stop(checkout):
    assert up(checkout, "--status").returncode == 3
    assert up(checkout, "--stop").returncode == 0
    assert not (checkout / ".venv").exists()
