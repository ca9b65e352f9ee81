from typing import Any

from django.db import migrations

# What keep_history does to the history, as functions of the tables' owner: the role that the console runs as
# owns no table and creates none. They take partitioned tables only, which the audit trail is not.
_FUNCTIONS = """
CREATE FUNCTION console_make_partition(parent text, partition text, from_at timestamptz, until_at timestamptz)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = {schema}, pg_temp AS $$
BEGIN
    IF partition !~ ('^' || parent || '_p[0-9]{{6,8}}$') OR NOT EXISTS (
        SELECT FROM pg_catalog.pg_class WHERE oid = pg_catalog.to_regclass(quote_ident(parent)) AND relkind = 'p'
    ) THEN
        RAISE EXCEPTION '% is no partition of the history.', partition USING ERRCODE = 'insufficient_privilege';
    END IF;
    -- Made apart and attached: that takes no lock on the table that a reader or a poll would feel.
    -- Vacuumed after so many new rows: an index-only scan needs to know which pages are all visible.
    EXECUTE format(
        'CREATE TABLE %I (LIKE %I INCLUDING DEFAULTS INCLUDING CONSTRAINTS) WITH ('
        'autovacuum_vacuum_insert_threshold = 20000, autovacuum_vacuum_insert_scale_factor = 0.02)',
        partition, parent
    );
    EXECUTE format(
        'ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', parent, partition, from_at, until_at
    );
END $$;

CREATE FUNCTION console_drop_partition(partition text)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = {schema}, pg_temp AS $$
BEGIN
    IF pg_catalog.to_regclass(quote_ident(partition)) IS NULL THEN
        RETURN;
    END IF;
    IF NOT EXISTS (
        SELECT FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class c ON c.oid = i.inhparent
        WHERE i.inhrelid = pg_catalog.to_regclass(quote_ident(partition)) AND c.relkind = 'p'
    ) THEN
        RAISE EXCEPTION '% is no partition of the history.', partition USING ERRCODE = 'insufficient_privilege';
    END IF;
    EXECUTE format('DROP TABLE %I', partition);
END $$;

REVOKE ALL ON FUNCTION console_make_partition(text, text, timestamptz, timestamptz),
    console_drop_partition(text) FROM PUBLIC;
"""


def create_functions(apps: Any, schema_editor: Any) -> None:
    """In the schema of the tables, and looking in no other: a role's temporary tables come last."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT quote_ident(current_schema())")
        schema = cursor.fetchone()[0]
    schema_editor.execute(_FUNCTIONS.format(schema=schema), params=None)


class Migration(migrations.Migration):

    dependencies = [("vhosts", "0006_last_depth")]

    operations = [
        migrations.RunPython(
            create_functions,
            lambda apps, schema_editor: schema_editor.execute(
                "DROP FUNCTION console_make_partition; DROP FUNCTION console_drop_partition;"
            ),
        ),
    ]
