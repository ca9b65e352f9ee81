"""What a watcher of processes is told of workers and beat."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from console.background.check_alive import check, main
from console.background.processes import Identity
from console.background.signs.alive import FROZEN_S, STUCK_S, Signs, life_of, lives, run_folder

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CONSOLE_RUN_DIR", str(tmp_path / "run"))
    return tmp_path / "run"


def test_a_worker_that_signs_is_alive_for_the_queues_it_consumes(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([]) == 1
    Signs("worker", ["default", "polling"]).write()
    assert main([]) == 0
    assert main(["--queues", "polling"]) == 0
    assert main(["--queues", "polling,apply"]) == 1
    assert main(["--beat"]) == 1
    Signs("beat").write()
    assert main(["--queues", "default,polling", "--beat"]) == 0
    assert "queue apply" in capsys.readouterr().err
    with pytest.raises(SystemExit) as caught:
        main(["--queues", "poling"])
    assert caught.value.code == 2


def test_each_way_of_not_being_alive_has_its_sentence(run: Path) -> None:
    signs = Signs("worker", ["default"])
    signs.write()
    life = life_of("worker", os.getpid())
    assert life is not None
    now = time.monotonic()

    def told(found: object) -> str:
        return " ".join(check(["default"], beat=False, found=[found], now=now))  # type: ignore[list-item]

    assert told(life) == ""
    assert "is frozen" in told(replace(life, turned_at=now - FROZEN_S - 1))
    assert "is stuck" in told(replace(life, free_at=now - STUCK_S - 1))
    gone = Identity(life.identity.pid, life.identity.started - 1, life.identity.boot)
    assert "has ended" in told(replace(life, identity=gone))
    # One of two workers on a queue is enough.
    found = [replace(life, identity=gone), life]
    assert check(["default"], beat=False, found=found, now=now) == []


def test_files_of_processes_that_ended_are_removed_and_broken_ones_ignored(run: Path) -> None:
    ended = subprocess.run(
        [
            sys.executable,
            "-c",
            "from console.background.signs.alive import Signs; Signs('worker', ['x']).write()",
        ],
        cwd=ROOT,
        check=True,
    )
    assert ended.returncode == 0
    assert len(lives()) == 1
    (run / "worker-1.json").write_text("{")
    (run / "worker-2.json").write_text('{"identity": 3}')
    signs = Signs("worker", ["default"])
    signs.write()
    assert [life.queues for life in lives()] == [("default",)]
    signs.end()
    assert lives() == []


def test_a_folder_that_cannot_be_written_stops_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("CONSOLE_RUN_DIR", str(tmp_path / "file" / "run"))
    Signs("beat").write()
    assert lives() == []


def test_the_folder_is_below_the_state_folder_unless_it_is_set() -> None:
    assert run_folder({"CONSOLE_STATE_DIR": "/srv/state"}) == Path("/srv/state/run")
    assert run_folder({"CONSOLE_STATE_DIR": "/x", "CONSOLE_RUN_DIR": "/run/warren"}) == Path(
        "/run/warren"
    )
    assert run_folder({}).parts[-2:] == (".local", "run")


def test_the_check_loads_no_django(run: Path) -> None:
    code = (
        "import sys; import console.background.check_alive as c; c.main([]);"
        "print([m for m in sys.modules if m == 'django.db' or m.startswith('vhosts')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
