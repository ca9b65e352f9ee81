"""The WSGI application of the web process."""

import os

from django.core.wsgi import get_wsgi_application

#: Seconds after which Postgres cancels a statement of a page or the API: nobody waits for it any
#: more, and its thread is needed. Workers have no such limit.
STATEMENT_S = 20

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")


def limit_statements() -> None:
    """Set the statement timeout. Call it before the first connection of this process."""
    from django.db import connections

    options = connections.settings["default"]["OPTIONS"]
    limit = f"-c statement_timeout={STATEMENT_S}s"
    options["options"] = " ".join(filter(None, (options.get("options"), limit)))


application = get_wsgi_application()
limit_statements()
