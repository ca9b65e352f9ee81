"""The table of Django's database cache: shared by all web processes, so that log-in throttling
counts all attempts. Same shape as `createcachetable` makes."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("console", "0001_initial")]

    operations = [
        migrations.RunSQL(
            """
            CREATE TABLE console_cache (
                cache_key varchar(255) PRIMARY KEY,
                value text NOT NULL,
                expires timestamptz NOT NULL
            );
            CREATE INDEX console_cache_expires ON console_cache (expires);
            """,
            "DROP TABLE console_cache;",
        ),
    ]
