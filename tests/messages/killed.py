"""Workers in processes of their own that are really killed."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from uuid import uuid4

from django.db import connections

from vhosts.messages.moving.model import MessageJob
from vhosts.messages.moving.running.run import run_job


def kill_at(job: MessageJob, point: str, hit: int) -> bool:
    """Run the job in a process that kills itself when it comes to `point` for the `hit`th time.
    Return whether it did; if not, it ended by itself."""
    hits = 0

    def at(name: str) -> None:
        nonlocal hits
        hits += name == point
        if name == point and hits == hit:
            os.kill(os.getpid(), signal.SIGKILL)

    return _in_a_process(job, at, lambda pid: os.waitpid(pid, 0)[1])


def kill_after(job: MessageJob, seconds: float) -> bool:
    """Run the job in a process that is killed after `seconds`. Return whether it was still running."""

    def wait(pid: int) -> int:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                return status
            time.sleep(0.01)
        os.kill(pid, signal.SIGKILL)
        return os.waitpid(pid, 0)[1]

    return _in_a_process(job, lambda point: None, wait)


def _in_a_process(job: MessageJob, at: Callable[[str], None], wait: Callable[[int], int]) -> bool:
    """The lease of a killed worker expires at once, so that the test needn't wait for it."""
    connections.close_all()
    pid = os.fork()
    if pid == 0:
        try:
            run_job(str(job.pk), uuid4().hex, at)
        finally:
            os._exit(0)
    status = wait(pid)
    hurry(job)
    return os.WIFSIGNALED(status)


def hurry(job: MessageJob) -> None:
    """Let the job be due now."""
    MessageJob.objects.filter(pk=job.pk, state="running").update(lease_until=None, next_at=None)


def finish(job: MessageJob, within: float = 300) -> MessageJob:
    """Run the job to its end in this process, however often a broker is lost."""
    until = time.monotonic() + within
    while True:
        run_job(str(job.pk), uuid4().hex)
        job.refresh_from_db()
        if job.has_ended:
            return job
        assert time.monotonic() < until, job.note
        time.sleep(0.2)
        hurry(job)
