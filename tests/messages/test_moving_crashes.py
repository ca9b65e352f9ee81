"""A worker that is killed between any two steps loses nothing, and what may be there twice is told."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

import pytest

from tests.messages.killed import finish, hurry, kill_at
from tests.messages.moving import Mover
from vhosts.messages.moving.places import Selection
from vhosts.messages.moving.running import transfer

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]

POINTS = ("before_store", "stored", "acknowledged", "published", "confirmed")
COUNT = 60


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "BATCH", 10)


def _killed(mover: Mover, *given: Any, point: str, **more: Any) -> Any:
    """A job whose worker is killed at its second and at a later visit of a point."""
    job = mover.start(*given, **more)
    assert kill_at(job, point, 2)
    kill_at(job, point, 3)
    return finish(job)


def _told(found: list[str], job: Any, expected: list[str]) -> None:
    """Everything is there, and no more of it twice than the job says."""
    assert set(found) == set(expected)
    assert len(found) - len(expected) <= job.twice


@pytest.mark.parametrize("of_type", ["classic", "quorum"])
@pytest.mark.parametrize("point", POINTS)
def test_a_move(mover: Mover, point: str, of_type: str) -> None:
    mover.vhost.declare("a", **{"x-queue-type": of_type})
    mover.vhost.declare("b")
    bodies = [f"m{number}" for number in range(COUNT)]
    mover.put("a", *bodies, delivery_mode=2)
    job = _killed(mover, "a", "b", point=point)
    assert (job.state, job.confirmed, job.unknown, job.selected) == ("done", COUNT, 0, COUNT)
    assert job.interruptions == 2
    assert mover.ready("a") == 0
    _told(mover.bodies("b"), job, bodies)


@pytest.mark.parametrize("point", POINTS)
def test_a_move_of_equal_messages(mover: Mover, point: str) -> None:
    mover.vhost.declare("a")
    mover.vhost.declare("b")
    mover.put("a", *["same"] * COUNT)
    job = _killed(mover, "a", "b", point=point)
    found = mover.bodies("b")
    assert mover.ready("a") == 0
    # Which of them are the same can't be known.
    assert COUNT <= len(found) <= job.confirmed + job.twice
    assert job.confirmed <= COUNT


@pytest.mark.parametrize("point", POINTS)
def test_the_first_of_many(mover: Mover, point: str) -> None:
    mover.vhost.declare("a")
    mover.vhost.declare("b")
    bodies = [f"m{number}" for number in range(2 * COUNT)]
    mover.put("a", *bodies)
    job = _killed(mover, "a", "b", point=point, selection=Selection.first(COUNT))
    assert job.confirmed == COUNT
    _told(mover.bodies("b"), job, bodies[:COUNT])
    assert mover.bodies("a") == bodies[COUNT:]


@pytest.mark.parametrize("point", POINTS)
def test_those_that_match(mover: Mover, point: str) -> None:
    mover.vhost.declare("a")
    mover.vhost.declare("b")
    for number in range(2 * COUNT):
        mover.put("a", f"m{number}", message_id="odd" if number % 2 else "even")
    job = _killed(
        mover, "a", "b", point=point, selection=Selection.matching({"property": "message_id=odd"})
    )
    assert job.confirmed == COUNT
    _told(mover.bodies("b"), job, [f"m{number}" for number in range(1, 2 * COUNT, 2)])
    assert mover.bodies("a") == [f"m{number}" for number in range(0, 2 * COUNT, 2)]


@pytest.mark.parametrize("point", POINTS)
def test_a_copy(mover: Mover, point: str) -> None:
    mover.vhost.declare("a")
    mover.vhost.declare("b")
    bodies = [f"m{number % 20}" for number in range(COUNT)]
    mover.put("a", *bodies)
    job = _killed(mover, "a", "b", "copy", point=point)
    assert (job.state, job.confirmed) == ("done", COUNT)
    assert mover.bodies("a") == bodies
    found = Counter(mover.bodies("b"))
    assert not Counter(bodies) - found
    assert (found - Counter(bodies)).total() <= job.twice


@pytest.mark.parametrize("point", POINTS)
def test_a_copy_of_a_stream(mover: Mover, point: str) -> None:
    from tests.messages.test_moving_live import _see

    mover.vhost.declare("s", **{"x-queue-type": "stream"})
    mover.vhost.declare("b")
    bodies = [f"m{number}" for number in range(COUNT)]
    mover.put("s", *bodies)
    _see(mover, "s", "stream")
    job = _killed(mover, "s", "b", "copy", point=point)
    assert (job.state, job.confirmed) == ("done", COUNT)
    _told(mover.bodies("b"), job, bodies)


@pytest.mark.parametrize("point", ["before_store", "stored", "acknowledged"])
def test_a_deletion(mover: Mover, point: str) -> None:
    mover.vhost.declare("a")
    bodies = [f"m{number}" for number in range(2 * COUNT)]
    mover.put("a", *bodies)
    job = _killed(mover, "a", None, "delete", Selection.first(COUNT), point=point)
    assert (job.state, job.deleted, job.unknown) == ("done", COUNT, 0)
    assert mover.bodies("a") == bodies[COUNT:]


def test_what_was_returned_is_told_once(mover: Mover) -> None:
    mover.vhost.declare("a")
    mover.put("a", *[f"m{number}" for number in range(30)])
    job = _killed(mover, "a", "no such queue", point="confirmed")
    assert (job.state, job.confirmed, job.twice) == ("done", 0, 0)
    assert job.returned == 30
    assert job.outcomes.count() == 30
    assert mover.ready("a") == 30


@pytest.mark.parametrize("point", ["stored", "published", "confirmed"])
def test_connections_that_the_broker_closes(mover: Mover, point: str) -> None:
    """The job says why it waits, and finishes when it is tried again."""
    mover.vhost.declare("a")
    mover.vhost.declare("b")
    bodies = [f"m{number}" for number in range(COUNT)]
    mover.put("a", *bodies)
    mover.vhost.close()
    job = mover.start("a", "b")
    hits = 0

    def at(name: str) -> None:
        nonlocal hits
        hits += name == point
        if name == point and hits == 2:
            _close_connections(mover)

    mover.run(job, at)
    assert (job.state, job.interruptions) == ("running", 1)
    assert job.note
    hurry(job)
    job = finish(job)
    assert (job.state, job.confirmed, job.unknown, job.note) == ("done", COUNT, 0, "")
    _told(mover.bodies("b"), job, bodies)


def _close_connections(mover: Mover) -> None:
    until = time.monotonic() + 30
    live = mover.vhost.live
    while len(found := live.call("GET", "vhosts", mover.vhost.name, "connections")) < 2:
        assert time.monotonic() < until
        time.sleep(0.1)
    for one in found:
        live.forget("connections", one["name"])
