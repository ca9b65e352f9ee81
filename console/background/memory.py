"""Memory of a process with many threads, given back to the system."""

from __future__ import annotations

import ctypes

_M_ARENA_MAX = -8  # malloc.h


def few_arenas() -> None:
    """At most two heaps for all threads: by default glibc gives each thread one of its own, and what a
    large listing once took in each of them stays taken. Does nothing with another C library."""
    _call("mallopt", _M_ARENA_MAX, 2)


def give_back() -> None:
    """Returns what is free, after work that took much."""
    _call("malloc_trim", 0)


def _call(name: str, *arguments: int) -> None:
    try:
        getattr(ctypes.CDLL(None), name)(*arguments)
    except (AttributeError, OSError):
        return
