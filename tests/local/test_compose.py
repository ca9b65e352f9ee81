"""The production form, run as it is written, by the words of compose.yaml itself."""

from __future__ import annotations

import base64
import re
import secrets
from uuid import uuid4

import psycopg2
import pytest

from console.background.queues import QUEUES
from console.celery import app
from console.local.folder import CHECKOUT
from tests.local.production import COMPOSE, STORES, Production, dotenv, queues_of

pytestmark = pytest.mark.faults

OPERATIONS = (CHECKOUT / "docs" / "operations.md").read_text()
WORKERS = [name for name in COMPOSE["services"] if name.startswith("worker")]


def test_every_queue_has_a_worker_of_its_own_in_compose():
    assert sorted(queues_of(COMPOSE["services"][name]["command"]) for name in WORKERS) == sorted(
        [queue] for queue in QUEUES
    )


def test_the_manual_starts_a_worker_for_every_queue_and_names_each():
    workers = [line.split() for line in OPERATIONS.splitlines() if " worker --pool" in line]
    assert sorted(queues_of(words) for words in workers) == sorted([queue] for queue in QUEUES)
    table = re.findall(r"^\| `(\w+)` \|", OPERATIONS.split("Every queue needs a worker")[1], re.M)
    assert table[: len(QUEUES)] == list(QUEUES)


def test_the_manual_and_compose_start_the_same_workers():
    by_hand = {line for line in OPERATIONS.splitlines() if " worker --pool" in line}
    assert by_hand == {" ".join(COMPOSE["services"][name]["command"]) for name in WORKERS}


def test_every_task_goes_to_a_queue_that_workers_read():
    app.loader.import_default_modules()
    tasks = [name for name in app.tasks if not name.startswith("celery.")]
    assert "console.engine.tasks.apply_changes" in tasks
    for name in tasks:
        assert app.amqp.router.route({}, name)["queue"].name in QUEUES, name
    for name, entry in app.conf.beat_schedule.items():
        route = app.amqp.router.route(dict(entry["options"]), entry["task"])
        assert route["queue"].name in QUEUES, name
        assert entry["options"]["expires"] <= max(entry["schedule"], 60), (
            "the next one makes it worthless"
        )


#: Settings that no service gets by compose.yaml, and why.
NOT_PASSED_ON = {
    "CONSOLE_TRUST_PROXY": "gone",
    "CONSOLE_DEBUG": "for development",
    "CONSOLE_PLAIN_STATIC": "for development",
    "CONSOLE_STATE_DIR": "the image's own",
    "CONSOLE_RUN_DIR": "the image's own",
    "CONSOLE_ADMIN_USER": "given to ensure_admin by the one who runs it",
    "CONSOLE_ADMIN_PASSWORD": "given to ensure_admin by the one who runs it",
    "DATABASE_OWNER_URL": "for migrate alone",
}
SECRETS = {
    "CONSOLE_SECRET_KEY", "CONSOLE_ENCRYPTION_KEYS", "CONSOLE_OIDC_CLIENT_SECRET", "DATABASE_URL",
    "CELERY_BROKER_URL",
}  # fmt: skip


def test_every_setting_of_the_manual_reaches_every_process():
    manual = (CHECKOUT / "docs" / "settings.md").read_text().partition("## What bin/up starts")[0]
    settings = set(re.findall(r"^\| `([A-Z0-9_]+)` \|", manual, re.MULTILINE))
    assert len(settings) > 30
    assert set(NOT_PASSED_ON) | SECRETS <= settings
    wanted = settings - set(NOT_PASSED_ON) | {f"{name}_FILE" for name in SECRETS}
    for name, service in COMPOSE["services"].items():
        if name in STORES:
            continue
        missing = wanted - set(service["environment"])
        assert not missing, f"{name} does not get {missing}"
    assert "DATABASE_OWNER_URL_FILE" in COMPOSE["services"]["migrate"]["environment"]


def test_a_setting_that_env_does_not_have_is_not_passed_on_empty(production):
    given = production.services["web"]["environment"]
    assert "CONSOLE_CONTACT" not in given
    # Half of what must be secret comes from files.
    assert "CONSOLE_SECRET_KEY" not in given
    assert given["CONSOLE_SECRET_KEY_FILE"].endswith("/secret_key")


def test_only_migrate_gets_the_owners_login():
    for name, service in COMPOSE["services"].items():
        given = service.get("environment", {})
        assert ("DATABASE_OWNER_URL" in given) == (name == "migrate"), name
        if name not in STORES:
            assert "POSTGRES_PASSWORD" not in given["DATABASE_URL"], name


@pytest.fixture(scope="module")
def production(tmp_path_factory):
    """Everything that compose.yaml starts, in the order of its depends_on."""
    key = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    home = tmp_path_factory.mktemp("production")
    home.chmod(0o755)
    secret = home / "secret_key"
    secret.write_text(secrets.token_hex(32) + "\n")
    production = Production(
        home,
        dotenv(
            CONSOLE_SECRET_KEY="",
            CONSOLE_SECRET_KEY_FILE=str(secret),
            CONSOLE_ENCRYPTION_KEYS=key,
            POSTGRES_PASSWORD=secrets.token_hex(24),
            POSTGRES_RUNTIME_PASSWORD=secrets.token_hex(24),
        ),
    )
    production.build()
    try:
        production.start_stores()
        production.run("migrate")
        for name in production.services:
            if name not in (*STORES, "migrate"):
                production.start(name)
        yield production
    finally:
        production.stop()


@pytest.fixture(scope="module")
def token(production):
    """Of an administrator, created as the manual says it."""
    production.run(
        *("web", "python", "manage.py", "ensure_admin"),
        CONSOLE_ADMIN_USER="admin",
        CONSOLE_ADMIN_PASSWORD="correct horse battery",
    )
    token = f"wrn_{secrets.token_hex(32)}"
    words = ("--user", "admin", "--name", "t", "--stdin")
    production.run("web", "python", "manage.py", "ensure_token", *words, given=token)
    return token


def test_the_account_cannot_write_to_the_checkout(production):
    writable = "import os,sys; sys.exit(os.access('console', os.W_OK) or os.geteuid() == 0)"
    production.run("web", "python", "-c", writable)


def test_a_change_reaches_the_broker_and_a_poll_comes_back(
    production, token, live_broker, eventually
):
    broker = production.call(
        *("POST", "/api/v1/brokers/", token),
        {
            "name": "live",
            "environment": "development",
            "management_url": live_broker.url,
            "username": live_broker.username,
            "password": live_broker.password,
        },
    )
    name = f"test-{uuid4().hex[:12]}"
    try:
        change = production.call(
            "POST", "/api/v1/vhosts/", token, {"broker": broker["id"], "name": name}
        )
        path = f"/api/v1/changes/{change['id']}/"
        eventually(lambda: production.call("GET", path, token)["state"] == "done", within=60)
        where = f"/api/v1/brokers/{broker['id']}/"
        eventually(
            lambda: production.call("GET", where, token)["status"]["state"] == "reachable",
            within=60,
        )
        assert live_broker.call("GET", "vhosts", name)["name"] == name
    finally:
        live_broker.forget("vhosts", name)


def test_it_is_ready_and_shows_its_pages_with_their_styles(production, token, eventually):
    eventually(lambda: production.answers("/readyz") == 200, within=60)
    page = production.call("GET", "/accounts/login/")
    style = re.search(r'href="(/static/[^"]+\.css)"', page)[1]
    assert production.answers(style) == 200


def test_web_is_healthy_by_composes_own_words(production, eventually):
    test = production.services["web"]["healthcheck"]["test"]
    assert test[0] == "CMD"
    eventually(lambda: production.answers("/livez") == 200, within=60)
    words = [word.replace(":8000", f":{production.web_port}") for word in test[1:]]
    production.run("web", *words)


def test_no_queue_is_left_unread(production, token, eventually):
    for queue in QUEUES:
        eventually(lambda queue=queue: production.waiting(queue) == 0, within=60)


def test_nothing_that_was_started_has_ended(production, token):
    assert [one.name for one in production.started if not one.is_running()] == []


def test_what_runs_cannot_rewrite_the_audit_trail(production, token):
    where = production.services["worker-apply"]["environment"]["DATABASE_URL"]
    assert production.services["web"]["environment"]["DATABASE_URL"] == where
    here = where.replace("@postgres:5432", f"@127.0.0.1:{production.postgres.port}")
    connection = psycopg2.connect(here)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM console_auditentry")
            assert cursor.fetchone()[0] > 0
            with pytest.raises(psycopg2.errors.InsufficientPrivilege):
                cursor.execute("DELETE FROM console_auditentry")
    finally:
        connection.close()
