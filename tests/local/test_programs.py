"""What the console's processes run with."""

from __future__ import annotations

from console.local.keys import Keys
from console.local.processes.programs import console_environment
from tests.local.production import image_environment


def environment(folder):
    return console_environment(
        folder, Keys(folder), database_url="postgres://x", url="http://x", allowed_hosts="x"
    )


def test_threads_share_two_heaps_with_bin_up_as_in_the_image(folder, monkeypatch):
    """Else what a large listing took in each thread stays taken."""
    monkeypatch.delenv("MALLOC_ARENA_MAX", raising=False)
    assert environment(folder)["MALLOC_ARENA_MAX"] == "2"
    assert image_environment()["MALLOC_ARENA_MAX"] == "2"
    monkeypatch.setenv("MALLOC_ARENA_MAX", "4")
    assert environment(folder)["MALLOC_ARENA_MAX"] == "4", "what the user set stays"
