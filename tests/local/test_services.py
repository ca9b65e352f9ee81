from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from console.background import processes
from console.background.signs import alive
from console.local.folder import CHECKOUT
from console.local.processes import programs
from console.local.processes import supervisor as supervising
from console.local.processes.services import Service, stop_all
from console.local.processes.supervisor import Stage, Supervisor, end_leftovers, recorded
from console.local.trouble import Progress

pytestmark = pytest.mark.faults


def shell(folder, script, **options):
    return Service(
        name=options.pop("name", "sleeper"),
        command=["sh", "-c", script],
        environment=dict(os.environ),
        log=folder.logs / "service.log",
        **options,
    )


def until(condition, seconds=10.0):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return False


def test_stopping_a_service_ends_all_it_started(folder):
    service = shell(folder, "sleep 300 & sleep 300 & wait")
    service.start()
    assert until(lambda: len(processes.session_of(service.identity)) == 3)
    stop_all([service])
    assert until(lambda: processes.session_of(service.identity) == [])


def test_a_service_that_ignores_the_request_is_killed_after_its_time(folder):
    service = shell(
        folder, "trap '' TERM; echo ready; sleep 300 & wait; sleep 300", stop_seconds=0.3
    )
    service.start()
    assert until(lambda: "ready" in service.log_tail())
    stop_all([service])
    assert service.exit_code == -signal.SIGKILL
    assert until(lambda: processes.session_of(service.identity) == [])


def test_a_reused_process_number_is_not_taken_for_the_old_process():
    mine = processes.identify(os.getpid())
    earlier = processes.Identity(mine.pid, mine.started - 1, mine.boot)
    other_boot = processes.Identity(mine.pid, mine.started, "another-boot")
    assert mine.is_alive()
    assert not earlier.is_alive()
    assert not other_boot.is_alive()
    assert processes.session_of(earlier) == []
    processes.send(earlier, signal.SIGKILL)  # we live on


def test_a_service_that_dies_is_started_again_and_that_is_said(folder, capsys):
    supervisor = Supervisor(folder, Progress())
    service = supervisor.start(shell(folder, "sleep 300", name="worker"), Stage.CONSOLE)
    first = service.identity
    os.kill(first.pid, signal.SIGKILL)
    seen = []

    def again():
        seen.append(service.identity)
        return service.identity == first and len(seen) < 40

    supervisor.watch(again)
    said = capsys.readouterr().out
    assert service.identity != first
    assert service.is_running()
    assert "worker stopped (killed by signal 9); restarting in 1 s" in said
    assert "Restarted worker" in said
    assert recorded(folder)[2]["worker"] == service.identity
    supervisor.stop()
    assert not service.is_running()


SIGNS = """
import sys, time
from pathlib import Path
from console.background.signs.alive import Signs
signs = Signs("worker", ["default"], Path(sys.argv[1]))
while True:
    signs.free_at = time.monotonic()
    signs.write()
    time.sleep(0.1)
"""


def test_a_service_that_is_frozen_is_killed_and_started_again(folder, capsys, monkeypatch):
    monkeypatch.setattr(alive, "FROZEN_S", 1.0)
    monkeypatch.setattr(supervising, "LOOK_EVERY_S", 0.2)
    environment = dict(os.environ) | {"CONSOLE_STATE_DIR": str(folder.path)}
    service = Service(
        name="worker",
        command=[sys.executable, "-c", SIGNS, str(alive.run_folder(environment))],
        environment=environment,
        log=folder.logs / "service.log",
        folder=CHECKOUT,
        why_stuck=programs.worker(folder, environment).why_stuck,
    )
    supervisor = Supervisor(folder, Progress())
    supervisor.start(service, Stage.CONSOLE)
    first = service.identity
    try:
        assert until(lambda: alive.life_of("worker", first.pid, alive.run_folder(environment)), 30)
        supervisor._look_after(supervisor._kept[0], time.monotonic())
        assert service.identity == first  # it signs
        os.kill(first.pid, signal.SIGSTOP)
        deadline = time.monotonic() + 20
        supervisor.watch(lambda: service.identity == first and time.monotonic() < deadline)
        assert service.identity != first
        assert service.is_running()
        assert not first.is_alive()
    finally:
        supervisor.stop()
    said = capsys.readouterr().out
    assert "worker isn't working: worker" in said
    assert "is frozen" in said
    assert "worker stopped (killed by signal 9); restarting in 1 s" in said


def restarted_after(folder, capsys, service, freeze, monkeypatch):
    """What is said until the service, frozen so, runs again."""
    monkeypatch.setattr(alive, "FROZEN_S", 1.0)
    monkeypatch.setattr(supervising, "LOOK_EVERY_S", 0.2)
    supervisor = Supervisor(folder, Progress())
    supervisor.start(service, Stage.CONSOLE)
    first = service.identity
    try:
        freeze(supervisor, first)
        deadline = time.monotonic() + 40
        supervisor.watch(lambda: service.identity == first and time.monotonic() < deadline)
        assert service.identity != first
        assert service.is_running()
        assert not first.is_alive()
        assert processes.session_of(first) == []
    finally:
        supervisor.stop()
    return capsys.readouterr().out


def test_whatever_is_stopped_by_a_signal_is_started_again(folder, capsys, monkeypatch):
    service = shell(folder, "sleep 300 & wait", name="postgres")
    said = restarted_after(
        folder, capsys, service, lambda _, first: os.kill(first.pid, signal.SIGSTOP), monkeypatch
    )
    assert "postgres isn't working" in said
    assert "has been stopped by a signal" in said


def test_a_worker_that_never_signs_is_started_again(folder, capsys, monkeypatch):
    monkeypatch.setattr(alive, "STARTING_S", 1.0)
    environment = dict(os.environ) | {"CONSOLE_STATE_DIR": str(folder.path)}
    service = shell(folder, "sleep 300", name="worker")
    service.why_stuck = programs.worker(folder, environment).why_stuck
    said = restarted_after(folder, capsys, service, lambda *_: None, monkeypatch)
    assert "has given no sign of life since it started" in said


@pytest.mark.parametrize("frozen", ["all", "children"])
def test_a_web_server_that_does_not_answer_is_started_again(folder, capsys, monkeypatch, frozen):
    (folder / "asked").touch()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = dict(os.environ) | {"ECHO_FOLDER": str(folder.path)}
    service = programs.web(folder, environment, "127.0.0.1", port)
    service.command = [*service.command, "tests.faults.echo:app"]
    monkeypatch.setattr(programs, "PROBE_S", 1.0)

    def freeze(supervisor, first):
        assert until(lambda: len(processes.session_of(first)) == 3, 40)
        assert until(lambda: service.why_stuck._answers(), 40)
        supervisor._look_after(supervisor._kept[0], time.monotonic())
        assert service.identity == first
        for member in processes.session_of(first):
            if frozen == "all" or member != first:
                os.kill(member.pid, signal.SIGSTOP)

    said = restarted_after(folder, capsys, service, freeze, monkeypatch)
    assert "web isn't working" in said


def test_what_uses_stops_before_what_is_used(folder):
    log = folder / "order"
    supervisor = Supervisor(folder, Progress())
    for name, stage in (
        ("epmd", Stage.NAMES),
        ("postgres", Stage.STORES),
        ("web", Stage.CONSOLE),
    ):
        script = (
            f"trap 'echo {name} >> {log}; exit' TERM; echo {name} up; while :; do sleep 0.05; done"
        )
        service = supervisor.start(shell(folder, script, name=name), stage)
        assert until(lambda name=name, service=service: f"{name} up" in service.log_tail())
    supervisor.stop()
    assert log.read_text().split() == ["web", "postgres", "epmd"]


SUPERVISE = """
import os, pathlib, sys, time
from console.local.folder import StateFolder
from console.local.processes.services import Service
from console.local.processes.supervisor import Stage, Supervisor
from console.local.trouble import Progress
folder = StateFolder(pathlib.Path(sys.argv[1])); folder.make(); folder.lock()
supervisor = Supervisor(folder, Progress())
supervisor.start(Service("worker", ["sh", "-c", sys.argv[2]], dict(os.environ), folder.logs / "w.log"), Stage.CONSOLE)
print("started", flush=True)
time.sleep(300)
"""


def supervise_and_kill(folder, script):
    """Run a supervisor with one service, kill -9 it, and return the service's identity."""
    parent = subprocess.Popen(
        [sys.executable, "-c", SUPERVISE, str(folder.path), script],
        stdout=subprocess.PIPE,
        cwd=CHECKOUT,
    )
    assert parent.stdout.readline() == b"started\n"
    identity = recorded(folder)[2]["worker"]
    time.sleep(0.3)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    return identity


def test_services_end_with_a_supervisor_that_was_killed(folder):
    identity = supervise_and_kill(folder, "exec sleep 300")
    assert until(lambda: not identity.is_alive())


def test_the_next_run_ends_what_a_killed_supervisor_left_and_nothing_else(folder):
    bystander = subprocess.Popen(["sleep", "300"], start_new_session=True)
    try:
        # It ignores the signal that comes with its parent's death, and goes at the next one.
        identity = supervise_and_kill(
            folder, "trap 'exec sleep 300' TERM; while :; do sleep 0.1; done"
        )
        assert until(lambda: processes.command_line(identity.pid)[:1] == ["sleep"])
        assert folder.lock()
        record = folder.read_json("running.json")
        reused = processes.identify(bystander.pid).as_json() | {"started": 1}
        folder.write_json(
            "running.json", record | {"services": record["services"] | {"web": reused}}
        )
        assert end_leftovers(folder) == ["worker"]
        assert until(lambda: processes.session_of(identity) == [])
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()
        folder.unlock()


def test_leftovers_are_named(folder):
    service = shell(folder, "sleep 300", name="web")
    service.start()
    folder.write_json("running.json", {"services": {"web": service.identity.as_json(), "x": None}})
    assert end_leftovers(folder) == ["web"]
    assert until(lambda: not service.is_running())
    assert end_leftovers(folder) == []
