"""SIGINT, SIGTERM and SIGHUP as one exception, once."""

from __future__ import annotations

import signal

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(BaseException):
    """One of the signals came. Not an Exception, so that nothing on the way takes it for its own."""


def stop_on_signals() -> None:
    """The first signal raises Stopped in the main thread; later ones change nothing: stopping is
    under way. A hang-up that was ignored when we started (nohup) stays ignored."""

    def stop(number: int, frame: object) -> None:
        for each in SIGNALS:
            signal.signal(each, signal.SIG_IGN)
        raise Stopped

    for number in SIGNALS:
        if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, stop)
