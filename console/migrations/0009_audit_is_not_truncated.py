from django.db import migrations


class Migration(migrations.Migration):
    """The trail is append only: a TRUNCATE fires no trigger for rows, so it needs one of its own."""

    dependencies = [("console", "0008_request_count")]

    operations = [
        migrations.RunSQL(
            """
            CREATE TRIGGER not_truncated BEFORE TRUNCATE ON console_auditentry
                FOR EACH STATEMENT EXECUTE FUNCTION console_audit_is_append_only();
            """,
            "DROP TRIGGER not_truncated ON console_auditentry;",
        ),
    ]
