"""The embedded Postgres and the private RabbitMQ node, for real."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
import urllib.error
import urllib.request
from base64 import b64encode
from pathlib import Path

import psycopg2
import pytest

from console.background import processes
from console.local.folder import StateFolder
from console.local.processes.services import stop_all
from console.local.servers.node_files import NodePorts
from console.local.servers.ports import Ports
from console.local.servers.postgres import Postgres
from console.local.servers.rabbitmq import PLUGINS, Node, find_server
from console.local.trouble import Trouble

pytestmark = [pytest.mark.faults, pytest.mark.slow]


@pytest.fixture
def postgres(folder):
    postgres = Postgres(folder, port=Ports(folder).choose("postgres"), password="0a1b2c")
    started = []

    def start():
        postgres.prepare()
        service = postgres.service()
        service.start()
        started.append(service)
        postgres.wait_until_ready(service)
        return service

    postgres.start_here = start
    yield postgres
    stop_all(started)


def ask(url, sql):
    connection = psycopg2.connect(url)
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall() if cursor.description else None
    finally:
        connection.close()


def test_postgres_keeps_its_data_through_a_kill(postgres):
    service = postgres.start_here()
    ask(postgres.url(), "create table t as select 7 as n")
    service._process.kill()
    service.wait_until_stopped(5)
    again = postgres.start_here()
    assert ask(postgres.url(), "select n from t") == [(7,)]
    again.ask_to_stop()
    again.wait_until_stopped(10)
    assert again.exit_code == 0


def test_postgres_lets_nobody_in_without_the_password_and_listens_on_loopback_only(postgres):
    service = postgres.start_here()
    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        psycopg2.connect(postgres.url().replace("0a1b2c", "wrong"))
    assert ask(postgres.url(), "show listen_addresses") == [("127.0.0.1",)]
    assert ask(postgres.url(), "show unix_socket_directories") == [("",)]
    assert "0a1b2c" not in " ".join(processes.command_line(service.identity.pid))


def test_a_stale_lock_whose_number_another_process_bears_does_not_stop_postgres(postgres):
    service = postgres.start_here()
    stop_all([service])
    lock = postgres._data / "postmaster.pid"
    lock.write_text(f"{os.getpid()}\n{postgres._data}\n1\n{postgres.port}\n\n127.0.0.1\n")
    postgres.start_here()
    assert ask(postgres.url(), "select 1") == [(1,)]


def test_a_postgres_that_an_unknown_run_left_on_the_data_is_ended_first(postgres):
    left = postgres.start_here()
    postgres.start_here()
    assert not left.is_running()


def test_a_lost_password_is_said(folder, postgres):
    service = postgres.start_here()
    other = Postgres(folder, port=postgres.port, password="ffff")
    with pytest.raises(Trouble, match="doesn't open the database"):
        other.wait_until_ready(service)


def test_a_half_made_data_folder_is_made_anew(postgres):
    half = postgres._home / "new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    postgres.start_here()
    assert ask(postgres.url(), "select 1") == [(1,)]


def test_data_of_another_postgres_are_left_alone_and_said(postgres):
    postgres._data.mkdir(parents=True)
    (postgres._data / "PG_VERSION").write_text("15\n")
    with pytest.raises(Trouble, match="is from Postgres 15; the embedded server is version 18"):
        postgres.prepare()
    assert (postgres._data / "PG_VERSION").read_text() == "15\n"


@pytest.mark.parametrize("name", ["with a space", "quo'te", "x" * 120, "ünï"])
def test_postgres_runs_under_any_path(tmp_path, name):
    folder = StateFolder(tmp_path / name)
    folder.make()
    postgres = Postgres(folder, port=Ports(folder).choose("postgres"), password="0a")
    postgres.prepare()
    service = postgres.service()
    service.start()
    try:
        postgres.wait_until_ready(service)
    finally:
        stop_all([service])


# --- RabbitMQ ---


PASSWORD = "aa11"
#: ::1 as /proc/net/tcp6 writes it; epmd listens there by itself.
LOOPBACK_6 = "00000000000000000000000001000000"


class Running:
    def __init__(self, folder):
        server = find_server()
        assert server, "rabbitmq-server is not installed; bin/test installs it"
        self.node = Node(
            folder,
            server=server,
            ports=NodePorts.choose(Ports(folder)),
            password=PASSWORD,
            cookie="c0ffee" * 6,
        )
        self.node.prepare()
        self.epmd = self.node.epmd_service()
        self.epmd.start()
        self.service = self.node.service()
        self.service.start()

    def stop(self):
        stop_all([self.service])
        stop_all([self.epmd])


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    folder = StateFolder(tmp_path_factory.mktemp("node") / "state of the node")
    folder.make()
    running = Running(folder)
    try:
        running.node.wait_until_ready(running.service)
        yield running
    finally:
        running.stop()


def get(running, path, login=("warren", PASSWORD)):
    manager = urllib.request.HTTPPasswordMgrWithDefaultRealm()
    manager.add_password(None, running.node.management_url, *login)
    opener = urllib.request.build_opener(urllib.request.HTTPBasicAuthHandler(manager))
    with opener.open(running.node.management_url + path, timeout=10) as answer:
        return json.load(answer)


def listening_ports(pid):
    """(address, port) of each listening TCP socket of a process, from /proc."""
    inodes = set()
    for fd in Path(f"/proc/{pid}/fd").iterdir():
        try:
            target = os.readlink(fd)
        except OSError:
            continue
        if target.startswith("socket:["):
            inodes.add(target[8:-1])
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            words = line.split()
            if words[3] == "0A" and words[9] in inodes:
                address, port = words[1].split(":")
                found.add((address, int(port, 16)))
    return found


def test_the_node_has_one_account_and_it_is_not_guest(running):
    assert [user["name"] for user in get(running, "/api/users")] == ["warren"]
    with pytest.raises(urllib.error.HTTPError, match="401"):
        get(running, "/api/whoami", ("guest", "guest"))


def test_the_node_has_every_plugin_that_this_rabbitmq_ships(running):
    shipped = {name for name in PLUGINS if running.node._ships(name)}
    assert "rabbitmq_management" in shipped
    deadline = time.monotonic() + 30
    while "enabled_plugins" not in (node := get(running, "/api/nodes")[0]):
        assert time.monotonic() < deadline, "the node never said which plugins it has"
        time.sleep(0.2)
    assert shipped <= set(node["enabled_plugins"])


def test_the_node_listens_on_loopback_only_and_on_its_own_ports(running):
    sockets = listening_ports(running.service.identity.pid)
    sockets |= listening_ports(running.epmd.identity.pid)
    ports = running.node.ports
    assert {address for address, _ in sockets} <= {"0100007F", LOOPBACK_6}
    assert {port for _, port in sockets} == {
        ports.amqp,
        ports.management,
        ports.prometheus,
        ports.stream,
        ports.distribution,
        ports.epmd,
    }


def test_the_nodes_password_is_on_no_command_line_and_in_no_log(running):
    for service in (running.service, running.epmd):
        assert "aa11" not in " ".join(processes.command_line(service.identity.pid))
    logs = [running.service.log, *(running.node._home / "log").iterdir()]
    assert any("Starting RabbitMQ" in log.read_text(errors="replace") for log in logs)
    assert not any("aa11" in log.read_text(errors="replace") for log in logs)


def test_a_wrong_password_is_said(running):
    running.node._password = "bb22"
    try:
        with pytest.raises(Trouble, match="doesn't match the RabbitMQ node"):
            running.node.is_ready()
    finally:
        running.node._password = "aa11"


@pytest.mark.parametrize("way", ["another password", "no tags", "no user"])
def test_a_login_that_was_changed_on_the_node_is_set_right_at_the_next_start(running, way):
    where = f"{running.node.management_url}/api/users/warren"
    body = {
        "another password": b'{"password": "theirs", "tags": "administrator"}',
        "no tags": b'{"password": "aa11", "tags": ""}',
        "no user": None,
    }[way]
    login = b64encode(f"warren:{PASSWORD}".encode()).decode()
    request = urllib.request.Request(  # noqa: S310 – an address of our own
        where, method="PUT" if body else "DELETE", data=body
    )
    request.add_header("Authorization", f"Basic {login}")
    request.add_header("Content-Type", "application/json")
    urllib.request.build_opener().open(request, timeout=10).close()
    with pytest.raises(Trouble):
        running.node.is_ready()
    assert running.node.wait_until_ready(running.service) is True
    assert running.node.wait_until_ready(running.service) is False
    assert get(running, "/api/whoami")["name"] == "warren"
    assert "administrator" in get(running, "/api/whoami")["tags"]
    assert get(running, "/api/users/warren/permissions")


def test_the_node_stops_by_request_and_leaves_no_epmd(folder):
    running = Running(folder)
    running.node.wait_until_ready(running.service)
    port = running.node.ports.epmd
    running.stop()
    assert running.service.exit_code == 0
    assert running.epmd.exit_code in (0, -signal.SIGTERM)
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_without_a_server_none_is_found(tmp_path):
    assert find_server(tmp_path) is None
