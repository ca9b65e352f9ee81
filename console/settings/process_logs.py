"""Make every line of a long-running process JSON: gunicorn's own lines, warnings and uncaught
exceptions.

Web processes use this through console/settings/gunicorn_logs.py, workers and beat through Celery's
signal (console/celery.py).
"""

from __future__ import annotations

import logging
import logging.config
import sys
import threading
from types import TracebackType

from console.settings.logs import LOGGING

log = logging.getLogger("console.uncaught")


def log_everything_as_json() -> None:
    """Configure logging for this process, including warnings and uncaught exceptions."""
    logging.config.dictConfig(LOGGING)
    logging.captureWarnings(True)
    sys.excepthook = _uncaught
    threading.excepthook = _uncaught_in_thread


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if not issubclass(kind, KeyboardInterrupt):
        log.critical("uncaught_exception", exc_info=(kind, error, trace))


def _uncaught_in_thread(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is not None:
        trace = (args.exc_type, args.exc_value, args.exc_traceback)
        log.critical("uncaught_exception", exc_info=trace)
