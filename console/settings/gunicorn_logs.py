from __future__ import annotations

from typing import Any

from gunicorn.glogging import Logger  # type: ignore[import-untyped]

from console.settings.logs import make_formatter
from console.settings.process_logs import log_everything_as_json


class JsonLogger(Logger):  # type: ignore[misc]
    """Write gunicorn's own lines as JSON. It keeps its handlers, because they work before Django is
    set up."""

    def setup(self, cfg: Any) -> None:
        log_everything_as_json()
        super().setup(cfg)
        for logger in (self.error_log, self.access_log):
            for handler in logger.handlers:
                handler.setFormatter(make_formatter())
