from __future__ import annotations

import socket

import pytest

from console.local.servers.ports import Ports, is_free
from console.local.trouble import Trouble


@pytest.fixture
def taken_port():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


def test_a_port_is_chosen_once_and_remembered(folder):
    first = Ports(folder).choose("amqp")
    assert 20_000 <= first < 32_000
    assert Ports(folder).choose("amqp") == first


def test_two_names_never_share_a_port(folder):
    ports = Ports(folder)
    assert len({ports.choose(f"p{n}") for n in range(40)}) == 40


def test_a_remembered_port_that_is_taken_is_replaced(folder, taken_port):
    folder.write_json("ports.json", {"amqp": taken_port})
    chosen = Ports(folder).choose("amqp")
    assert chosen != taken_port
    assert Ports(folder).choose("amqp") == chosen


def test_a_port_named_by_the_user_that_is_taken_is_said(folder, taken_port, monkeypatch):
    monkeypatch.setenv("CONSOLE_RABBITMQ_AMQP_PORT", str(taken_port))
    with pytest.raises(Trouble, match=f"Port {taken_port} .CONSOLE_RABBITMQ_AMQP_PORT. is in use"):
        Ports(folder).choose("amqp", "CONSOLE_RABBITMQ_AMQP_PORT")


@pytest.mark.parametrize("text", ["0", "65536", "-1", "80a", "٣٤", "1e4", " 8 0 "])
def test_a_port_that_is_no_port_is_said_by_its_variable(folder, monkeypatch, text):
    monkeypatch.setenv("CONSOLE_POSTGRES_PORT", text)
    with pytest.raises(Trouble, match="CONSOLE_POSTGRES_PORT must be a port from 1 to 65535"):
        Ports(folder).choose("postgres", "CONSOLE_POSTGRES_PORT")


def test_a_listener_on_all_addresses_takes_the_port():
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(("0.0.0.0", 0))  # noqa: S104
        server.listen()
        assert not is_free(server.getsockname()[1])


def test_a_torn_ports_file_is_no_trouble(folder):
    (folder / "ports.json").write_text('{"amqp": 2')
    assert Ports(folder).choose("amqp")
