from django.db import migrations


class Migration(migrations.Migration):
    """The table of console.faces.rest.request_counts. Unlogged: nothing in it is worth a write to the log."""

    dependencies = [("console", "0007_change_superseded")]

    operations = [
        migrations.RunSQL(
            """
            CREATE UNLOGGED TABLE console_request_count (
                key varchar(200) PRIMARY KEY,
                until bigint NOT NULL,
                count integer NOT NULL
            );
            """,
            "DROP TABLE console_request_count;",
        ),
    ]
