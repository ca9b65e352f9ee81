"""Labelled points where a test can kill the process, to prove that nothing is lost there."""

from __future__ import annotations

import os

#: label or label:n – die at the n-th pass. Used only if CONSOLE_TESTING is set.
_ASKED = os.environ.get("CONSOLE_CRASH_AT", "") if os.environ.get("CONSOLE_TESTING") else ""
_LABEL, _, _NUMBER = _ASKED.partition(":")
_passed = 0


def crashpoint(label: str) -> None:
    global _passed
    if not _LABEL or label != _LABEL:
        return
    _passed += 1
    if _passed >= int(_NUMBER or 1):
        os._exit(137)
