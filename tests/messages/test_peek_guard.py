"""Whether a queue can be read without harm, by type, version and settings."""

from __future__ import annotations

from typing import Any

import pytest

from vhosts.messages.peeking.guard import Facts, Verdict, judge, spare_of

OLD, FIRST_4, LAST_COUNTING, UNCOUNTED = (3, 10, 8), (4, 0, 5), (4, 2, 9), (4, 3, 0)


def verdict(of_type: str, version: Any, **facts: Any) -> Verdict:
    return judge(Facts(type=of_type, version=version, **facts))


@pytest.mark.parametrize(
    ("of_type", "version", "facts", "way", "limit", "left"),
    [
        # type, version, facts → way, limit against which a look counts, looks that are left
        ("classic", OLD, {}, "get", None, None),
        ("classic", UNCOUNTED, {"limit": 3, "highest": 9}, "get", None, None),
        ("quorum", OLD, {}, "get", None, None),
        ("quorum", OLD, {"limit": 20}, "get", 20, 20),
        ("quorum", OLD, {"limit": 20, "highest": 14}, "get", 20, 6),
        ("quorum", OLD, {"limit": 20, "highest": 15}, "none", 20, 5),
        ("quorum", OLD, {"limit": 20, "highest": 99}, "none", 20, 0),
        ("quorum", OLD, {"limit": 2}, "get", 2, 2),
        ("quorum", OLD, {"limit": 1}, "none", 1, 1),
        ("quorum", OLD, {"limit": 0}, "none", 0, 0),
        # Before 4.0 a negative limit isn't "no limit".
        ("quorum", OLD, {"limit": -1}, "none", 0, 0),
        ("quorum", FIRST_4, {}, "get", 20, 20),
        ("quorum", FIRST_4, {"highest": 15}, "none", 20, 5),
        ("quorum", FIRST_4, {"limit": 100, "highest": 15}, "get", 100, 85),
        ("quorum", FIRST_4, {"limit": -1, "highest": 99}, "get", None, None),
        ("quorum", LAST_COUNTING, {"highest": 20}, "none", 20, 0),
        ("quorum", UNCOUNTED, {"limit": 1, "highest": 99}, "get", None, None),
        # Of an unknown version, the worst is assumed.
        ("quorum", None, {}, "get", 20, 20),
        ("quorum", None, {"limit": -1}, "none", 0, 0),
        ("stream", OLD, {}, "consume", None, None),
        ("", OLD, {}, "none", None, None),
        ("x-local-random", UNCOUNTED, {}, "none", None, None),
        ("classic", OLD, {"exclusive": True}, "none", None, None),
        ("classic", OLD, {"single_active": True}, "get", None, None),
        ("quorum", OLD, {"single_active": True}, "none", None, None),
    ],
)
def test_a_queue_is_read_only_where_that_is_safe(
    of_type: str, version: Any, facts: Any, way: str, limit: int | None, left: int | None
) -> None:
    found = verdict(of_type, version, **facts)
    assert (found.way, found.limit, found.left) == (way, limit, left)
    assert bool(found.refusal) == (way == "none")


def test_consumers_keep_a_share_of_every_limit() -> None:
    assert [spare_of(limit) for limit in (0, 1, 2, 3, 8, 20, 100)] == [1, 1, 1, 1, 2, 5, 25]


def test_a_refusal_names_the_clean_ways() -> None:
    found = verdict("quorum", FIRST_4, highest=16)
    assert "4 returns left" in found.refusal
    assert any("listen" in one for one in found.instead)
    assert any("stream" in one for one in found.instead)


@pytest.mark.parametrize(
    ("of_type", "version", "facts", "said"),
    [
        ("classic", OLD, {}, "redelivered"),
        ("classic", OLD, {"consumers": 1}, "1 consumer gets none"),
        ("classic", OLD, {"consumers": 3}, "3 consumers get none"),
        ("classic", OLD, {"consumers": None}, "unknown whether"),
        ("classic", OLD, {"single_active": True}, "out of order"),
        ("quorum", OLD, {}, "no delivery limit"),
        ("quorum", FIRST_4, {"limit": -1}, "no delivery limit"),
        ("quorum", FIRST_4, {}, "counts as a failed delivery: the delivery limit is 20"),
        ("quorum", FIRST_4, {}, "order of their return"),
        ("quorum", UNCOUNTED, {"limit": -1}, "order of their return"),
        ("quorum", UNCOUNTED, {"delayed_retry": "all"}, "withheld"),
        ("quorum", UNCOUNTED, {"delayed_retry": "returned"}, "withheld"),
    ],
)
def test_what_a_reader_must_know_is_said_before(
    of_type: str, version: Any, facts: Any, said: str
) -> None:
    assert any(said in one for one in verdict(of_type, version, **facts).warnings)


def test_nothing_is_said_that_does_not_apply() -> None:
    assert len(verdict("classic", OLD).warnings) == 1
    assert not any(
        "withheld" in one for one in verdict("quorum", UNCOUNTED, delayed_retry="failed").warnings
    )
    assert verdict("stream", OLD).warnings == ()


def test_stream_filters_come_with_3_13() -> None:
    assert [verdict("stream", version).filters for version in (OLD, (3, 13, 0), UNCOUNTED, None)] == [
        False, True, True, True,
    ]  # fmt: skip
