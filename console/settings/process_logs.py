"""What it takes that every line of a long-running process is JSON: gunicorn's own lines, warnings, and
exceptions that nobody caught. Web processes come here by console/settings/gunicorn_logs.py, workers and beat
by Celery's signal (console/celery.py)."""

from __future__ import annotations

import logging
import logging.config
import sys
import threading
from types import TracebackType

from console.settings.logs import LOGGING

log = logging.getLogger("console.uncaught")


def log_everything_as_json() -> None:
    """Configures logging for this process, warnings and uncaught exceptions included."""
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
