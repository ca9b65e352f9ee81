"""The two roles in Postgres: what the one that the console runs as cannot do, on a live server."""

from __future__ import annotations

import os
import subprocess
import sys

import psycopg2
import pytest

from console.local.folder import CHECKOUT, StateFolder
from console.local.processes.services import stop_all
from console.local.servers.ports import Ports
from console.local.servers.postgres import RUNTIME_ROLE, Postgres

OWNER, RUNTIME = "0a1b2c", "3d4e5f"
REFUSED = (psycopg2.errors.InsufficientPrivilege,)
RECORD = """
from console.audit import record
record("a:b", target_kind="a", target="b", acting_user=None)
"""
PARTITIONS = """
from datetime import UTC, datetime, timedelta
from vhosts.history import partitions
from vhosts.models import QueueSnapshot
then = datetime(2031, 1, 1, tzinfo=UTC)
print(partitions.make_ahead(then))
QueueSnapshot.objects.create(queue_id=1, at=then, ready=1, unacked=0)
print(partitions.drop_old(then + timedelta(days=1000)))
"""


@pytest.fixture(scope="module")
def postgres(tmp_path_factory):
    folder = StateFolder(tmp_path_factory.mktemp("roles") / "state")
    folder.make()
    postgres = Postgres(
        folder, port=Ports(folder).choose("postgres"), password=OWNER, durable=False
    )
    postgres.prepare()
    service = postgres.service()
    service.start()
    try:
        postgres.wait_until_ready(service)
        yield postgres
    finally:
        stop_all([service])


def manage(*words, check=True, **environment):
    done = subprocess.run(
        [sys.executable, "manage.py", *words],
        cwd=CHECKOUT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
    )
    assert not check or done.returncode == 0, done.stderr
    return done


@pytest.fixture(scope="module")
def migrated(postgres):
    """As an installation of one role became one of two: its tables and its trail were there before."""
    one_role = postgres.url()
    manage("migrate", "console", "0008", DATABASE_URL=one_role)
    manage("migrate", "vhosts", "0004", DATABASE_URL=one_role)
    manage("shell", "-c", RECORD, DATABASE_URL=one_role)
    two_roles = {
        "DATABASE_URL": postgres.runtime_url(RUNTIME),
        "DATABASE_OWNER_URL": postgres.url(),
    }
    manage("migrate", "--no-input", **two_roles)
    manage("migrate", "--no-input", **two_roles)  # again changes nothing
    return postgres


@pytest.fixture
def runtime(migrated):
    connection = psycopg2.connect(migrated.runtime_url(RUNTIME))
    connection.autocommit = True
    with connection.cursor() as cursor:
        yield cursor
    connection.close()


def test_the_trail_is_added_to_and_read(runtime, migrated):
    manage("shell", "-c", RECORD, DATABASE_URL=migrated.runtime_url(RUNTIME))
    runtime.execute("SELECT count(*) FROM console_auditentry WHERE action = 'a:b'")
    assert runtime.fetchone() == (2,)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE console_auditentry SET username = 'x'",
        "DELETE FROM console_auditentry",
        "TRUNCATE console_auditentry",
        "TRUNCATE console_auditentry CASCADE",
        "ALTER TABLE console_auditentry DISABLE TRIGGER ALL",
        "ALTER TABLE console_auditentry DISABLE TRIGGER append_only",
        "DROP TRIGGER append_only ON console_auditentry",
        "DROP TRIGGER not_truncated ON console_auditentry",
        "CREATE TRIGGER mine BEFORE INSERT ON console_auditentry FOR EACH ROW EXECUTE FUNCTION tsvector_update_trigger()",
        "ALTER TABLE console_auditentry OWNER TO CURRENT_USER",
        "DROP TABLE console_auditentry",
        "CREATE RULE mine AS ON INSERT TO console_auditentry DO INSTEAD NOTHING",
        "CREATE OR REPLACE FUNCTION console_audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
        "DROP FUNCTION console_audit_is_append_only() CASCADE",
        "SET session_replication_role = replica",
        "SET ROLE console",
        "GRANT ALL ON console_auditentry TO CURRENT_USER",
        "CREATE TABLE mine ()",
        "ALTER ROLE CURRENT_USER SUPERUSER",
        "DELETE FROM django_migrations",
        "SELECT console_drop_partition('console_auditentry')",
        "SELECT console_make_partition('console_auditentry', 'console_auditentry_p20310101', now(), now())",
    ],
)
def test_the_consoles_role_cannot_rewrite_the_trail(statement, runtime):
    if statement.startswith("GRANT"):
        runtime.execute(statement)  # a warning that nothing was granted
        runtime.execute("SELECT has_table_privilege('console_auditentry', 'UPDATE, DELETE')")
        assert runtime.fetchone() == (False,)
        return
    with pytest.raises(REFUSED):
        runtime.execute(statement)


def test_the_consoles_role_owns_nothing(runtime):
    runtime.execute(
        "SELECT rolsuper, rolcreaterole, rolbypassrls FROM pg_roles WHERE rolname = current_user"
    )
    assert runtime.fetchone() == (False, False, False)
    runtime.execute("SELECT count(*) FROM pg_class WHERE relowner = current_user::regrole")
    assert runtime.fetchone() == (0,)


def test_partitions_of_history_are_made_and_dropped_by_a_role_that_owns_none(migrated):
    done = manage("shell", "-c", PARTITIONS, DATABASE_URL=migrated.runtime_url(RUNTIME))
    made, dropped = done.stdout.strip().splitlines()[-2:]
    assert "vhosts_queue_snapshot_p20310101" in made
    assert "vhosts_queue_snapshot_p20310101" in dropped
    assert "vhosts_queue_rollup_5m_p20310101" in dropped


def test_a_temporary_table_of_the_role_does_not_mislead_the_owners_functions(runtime):
    runtime.execute("CREATE TEMP TABLE vhosts_poll (x int) PARTITION BY RANGE (x)")
    runtime.execute(
        "SELECT console_make_partition('vhosts_poll', 'vhosts_poll_p20320101', '2032-01-01Z', '2032-01-02Z')"
    )
    runtime.execute(
        "SELECT relnamespace::regnamespace::text FROM pg_class c JOIN pg_inherits i ON i.inhparent = c.oid"
        " WHERE i.inhrelid = 'public.vhosts_poll_p20320101'::regclass"
    )
    assert runtime.fetchone() == ("public",)
    runtime.execute("SELECT console_drop_partition('vhosts_poll_p20320101')")


def test_the_owners_own_truncate_is_refused_too(migrated):
    connection = psycopg2.connect(migrated.url())
    try:
        with connection.cursor() as cursor, pytest.raises(REFUSED, match="append only"):
            cursor.execute("TRUNCATE console_auditentry")
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("prepare", "said"),
    [
        ("ALTER ROLE {role} SUPERUSER", "is a superuser"),
        ("GRANT console TO {role}", "could rewrite the audit trail"),
        ("GRANT UPDATE ON console_auditentry TO PUBLIC", "could rewrite the audit trail"),
    ],
)
def test_a_role_that_could_rewrite_the_trail_all_the_same_is_said(prepare, said, migrated):
    undo = {
        "ALTER ROLE {role} SUPERUSER": "ALTER ROLE {role} NOSUPERUSER",
        "GRANT console TO {role}": "REVOKE console FROM {role}",
        "GRANT UPDATE ON console_auditentry TO PUBLIC": "REVOKE UPDATE ON console_auditentry FROM PUBLIC",
    }[prepare]
    connection = psycopg2.connect(migrated.url())
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(prepare.format(role=RUNTIME_ROLE))
        try:
            done = manage(
                "migrate",
                check=False,
                DATABASE_URL=migrated.runtime_url(RUNTIME),
                DATABASE_OWNER_URL=migrated.url(),
            )
        finally:
            cursor.execute(undo.format(role=RUNTIME_ROLE))
    connection.close()
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_one_role_for_both_is_said(migrated):
    done = manage(
        "migrate", check=False, DATABASE_URL=migrated.url(), DATABASE_OWNER_URL=migrated.url()
    )
    assert done.returncode == 1
    assert "both name the role console" in done.stderr


def test_the_roles_of_a_postgres_of_ones_own_as_the_manual_creates_them(postgres):
    """docs/operations.md, word by word: an owner who is no superuser, in a database of its own."""
    text = (CHECKOUT / "docs" / "operations.md").read_text()
    block = text.split("```sql\n", 1)[1].split("```", 1)[0]
    roles, inside = block.replace("…", "aa11").split("\\connect warren\n")
    for url, statements in ((postgres.url("postgres"), roles), (postgres.url("warren"), inside)):
        connection = psycopg2.connect(url)
        connection.autocommit = True
        with connection.cursor() as cursor:
            for statement in filter(str.strip, statements.split(";")):
                cursor.execute(statement)
        connection.close()
    where = f"127.0.0.1:{postgres.port}/warren"
    runtime, owner = (
        f"postgres://warren_console:aa11@{where}",
        f"postgres://warren_owner:aa11@{where}",
    )
    manage("migrate", DATABASE_URL=runtime, DATABASE_OWNER_URL=owner)
    manage("shell", "-c", RECORD, DATABASE_URL=runtime)
    manage("shell", "-c", PARTITIONS, DATABASE_URL=runtime)
    connection = psycopg2.connect(runtime)
    with connection.cursor() as cursor, pytest.raises(REFUSED):
        cursor.execute("UPDATE console_auditentry SET username = 'x'")
    connection.close()


def test_two_at_once_migrate_one_after_the_other(postgres):
    connection = psycopg2.connect(postgres.url("postgres"))
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("CREATE DATABASE twice")
    connection.close()
    names = {
        "DATABASE_URL": postgres.runtime_url(RUNTIME).replace("/console", "/twice"),
        "DATABASE_OWNER_URL": postgres.url("twice"),
    }
    words = [sys.executable, "manage.py", "migrate", "--no-input"]
    running = [
        subprocess.Popen(
            words,
            cwd=CHECKOUT,
            env=os.environ | names,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    said = [process.communicate() for process in running]
    assert [process.returncode for process in running] == [0, 0], said
    assert sorted("No migrations to apply" in out for out, _ in said) == [False, True]
