"""Two Postgres roles: the tables' owner, for migrations, and the role that the console runs as.

The second, from DATABASE_URL, owns nothing and can only read the audit log and add to it: whoever
takes over web, a worker or beat can't rewrite it. Only `migrate` knows the owner, from
DATABASE_OWNER_URL. Without DATABASE_OWNER_URL there is one role, and only the triggers protect the
audit log.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django.db import connection, transaction
from psycopg2 import sql
from psycopg2.extensions import encrypt_password

AUDIT_TABLE = "console_auditentry"
#: What the console's role must not have.
_PLAIN = "LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS"

_GRANTS = """
GRANT CONNECT, TEMPORARY ON DATABASE {database} TO {role};
REVOKE CREATE ON SCHEMA {schema} FROM PUBLIC;
GRANT USAGE ON SCHEMA {schema} TO {role};
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {role};
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA {schema} TO {role};
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA {schema} TO {role};
REVOKE ALL ON {audit}, django_migrations FROM {role};
GRANT SELECT, INSERT ON {audit} TO {role};
GRANT SELECT ON django_migrations TO {role};
"""

#: Asks the server what the role can do after that, including rights by membership and rights of
#: PUBLIC.
_CAN_REWRITE = """
SELECT r.rolsuper OR pg_has_role(r.oid, t.relowner, 'MEMBER')
    OR has_table_privilege(r.oid, t.oid, 'UPDATE, DELETE, TRUNCATE, TRIGGER')
FROM pg_roles r, pg_class t WHERE r.rolname = %s AND t.oid = to_regclass(%s)
"""


@contextmanager
def as_owner() -> Iterator[None]:
    """Make the default connection the owner's within the block; unchanged if DATABASE_OWNER_URL
    isn't set."""
    owner: dict[str, Any] | None = settings.DATABASE_OWNER
    runtime = connection.settings_dict
    if owner is None or runtime["USER"] == owner["USER"]:
        yield
        return
    connection.close()
    login = {key: owner[key] for key in ("USER", "PASSWORD", "HOST", "PORT", "NAME")}
    connection.settings_dict = {**runtime, **login}
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict = runtime


def set_up_runtime_role() -> None:
    """Give the role of DATABASE_URL what the console needs, and no more. An owner who is a
    superuser also creates it and sets its password. Call it within `as_owner`; repeated runs change
    nothing.

    Raises CommandError if the role is missing, or could still rewrite the audit log.
    """
    owner: dict[str, Any] | None = settings.DATABASE_OWNER
    if owner is None:
        return
    runtime = settings.DATABASES["default"]
    name = runtime["USER"]
    if name == owner["USER"]:
        raise CommandError(
            f"DATABASE_URL and DATABASE_OWNER_URL both name the role {name}. Give the console a role of "
            "its own in DATABASE_URL; docs/operations.md says which rights it needs."
        )
    with transaction.atomic(), connection.cursor() as cursor:
        _ensure_role(cursor, name, runtime["PASSWORD"])
        cursor.execute("SELECT current_database(), current_schema()")
        database, schema = cursor.fetchone()
        names = {"database": database, "schema": schema, "role": name, "audit": AUDIT_TABLE}
        cursor.execute(
            sql.SQL(_GRANTS).format(**{key: sql.Identifier(value) for key, value in names.items()})
        )
        cursor.execute(_CAN_REWRITE, [name, AUDIT_TABLE])
        if cursor.fetchone()[0]:
            raise CommandError(
                f"The Postgres role {name} could rewrite the audit trail: it is a superuser, a member of "
                f"the owner's role, or everybody was given rights on {AUDIT_TABLE}. Take that back, or name "
                "another role in DATABASE_URL."
            )


def _ensure_role(cursor: Any, name: str, password: str) -> None:
    cursor.execute(
        "SELECT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user),"
        " (SELECT rolsuper FROM pg_roles WHERE rolname = %s)",
        [name],
    )
    may_create, is_superuser = cursor.fetchone()
    if is_superuser:
        raise CommandError(
            f"The Postgres role {name} in DATABASE_URL is a superuser, who can rewrite the audit trail. "
            "Name a role without that right."
        )
    if not may_create:
        if is_superuser is None:
            raise CommandError(
                f"Postgres has no role {name}, which DATABASE_URL names, and the owner may not create it. "
                f"Have an administrator do it: CREATE ROLE {name} {_PLAIN} PASSWORD '…'"
            )
        return
    act = "CREATE" if is_superuser is None else "ALTER"
    statement = sql.SQL(f"{act} ROLE {{}} {_PLAIN}").format(sql.Identifier(name))
    if password:
        # Send the hash that the server would compute, because a statement may be logged.
        hashed = encrypt_password(password, name, cursor.connection, "scram-sha-256")
        statement += sql.SQL(" PASSWORD {}").format(sql.Literal(hashed))
    cursor.execute(statement)
