"""Turn the first SIGINT, SIGTERM or SIGHUP into an exception."""

from __future__ import annotations

import signal

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(BaseException):
    """A signal to stop arrived. Not an Exception, so that no `except Exception` catches it."""


def stop_on_signals() -> None:
    """Make the first signal raise Stopped in the main thread, and ignore later ones.

    A SIGHUP that was ignored at the start (nohup) stays ignored.
    """

    def stop(number: int, frame: object) -> None:
        for each in SIGNALS:
            signal.signal(each, signal.SIG_IGN)
        raise Stopped

    for number in SIGNALS:
        if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, stop)
