"""What holds in a web process and not in a worker."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ASK = """
{imports}
import django
django.setup()
from django.db import connection
with connection.cursor() as cursor:
    cursor.execute("SHOW statement_timeout")
    print(cursor.fetchone()[0])
"""


def limit(imports: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", ASK.format(imports=imports)],
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "console.settings"},
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def test_postgres_gives_up_on_statements_of_web_requests_and_not_of_workers() -> None:
    assert limit("import console.wsgi") == "20s"
    assert limit("import console.celery") == "0"
