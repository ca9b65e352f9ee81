from __future__ import annotations

import html
import json
import os
import re
import subprocess
import sys
import threading
import urllib.request
from datetime import datetime, timedelta
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.http import HttpResponse
from django.test import Client

from accessctl.models import ConsoleSession
from accessctl.tokens.service import create_token
from console.client_address import (
    ClientAddressMiddleware,
    client_address,
    client_network,
    origin_of,
)
from console.models import AuditEntry
from console.settings.checks import check_console_url, check_trusted_proxies
from console.settings.env import refuse_gone

pytestmark = pytest.mark.django_db


def act(api: Any, **headers: str) -> str | None:
    api.post(
        "/api/v1/brokers/",
        {"name": "a", "management_url": "http://10.0.0.1", "username": "u", "password": "p"},
        **headers,
    )
    return AuditEntry.objects.get(action="brokers:add").address


@pytest.mark.parametrize(
    "header", ["X_FORWARDED_FOR", "X_REAL_IP", "CLIENT_IP", "FORWARDED", "X_CLUSTER_CLIENT_IP"]
)
def test_the_audit_trail_believes_no_header_that_anybody_can_write(api: Any, header: str) -> None:
    assert act(api, **{f"HTTP_{header}": "203.0.113.7"}) == "127.0.0.1"


@pytest.mark.parametrize(
    ("forwarded", "address"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("1.2.3.4, 203.0.113.7", "203.0.113.7"),
        ("1.2.3.4, <script>", "127.0.0.1"),
        ("2001:db8::1", "2001:db8::1"),
        ("", "127.0.0.1"),
    ],
)
def test_behind_a_trusted_proxy_its_own_entry_counts(
    api: Any, settings: Any, forwarded: str, address: str
) -> None:
    settings.TRUSTED_PROXIES = ["127.0.0.1"]
    assert act(api, HTTP_X_FORWARDED_FOR=forwarded) == address


@pytest.mark.parametrize(
    ("sent", "address"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("fe80::1%eth0", "fe80::1"),
        ("2001:DB8::1", "2001:db8::1"),
        ("", ""),
        ("unix:", ""),
    ],
)
def test_one_client_has_one_address_however_it_is_written(rf: Any, sent: str, address: str) -> None:
    assert client_address(rf.get("/", REMOTE_ADDR=sent)) == address


def test_sessions_tokens_and_throttles_go_by_the_trusted_proxys_address(
    settings: Any, superuser: Any, now: datetime
) -> None:
    settings.TRUSTED_PROXIES = ["10.0.0.0/24"]
    through = {"REMOTE_ADDR": "10.0.0.1", "HTTP_X_FORWARDED_FOR": "1.2.3.4, 203.0.113.7"}
    browser = Client(**through)
    sent = {"login": "root", "password": "correct horse battery"}
    assert browser.post("/accounts/login/", sent).status_code == 302
    assert ConsoleSession.objects.get(user=superuser).address == "203.0.113.7"
    assert AuditEntry.objects.get(action="sessions:begin").after == {"address": "203.0.113.7"}

    _, token = create_token(
        user=superuser, name="t", expires_in=timedelta(days=1), now=now, acting_user=None,
        networks=["203.0.113.0/24"],
    )  # fmt: skip
    bearer = {"HTTP_AUTHORIZATION": f"Bearer {token}"}
    assert Client().get("/api/v1/whoami/", **through, **bearer).status_code == 200
    elsewhere = {**through, "HTTP_X_FORWARDED_FOR": "203.0.113.7, 198.51.100.1"}
    assert Client().get("/api/v1/whoami/", **elsewhere, **bearer).status_code == 401
    settings.TRUSTED_PROXIES = []
    assert Client().get("/api/v1/whoami/", **through, **bearer).status_code == 401


def test_log_in_is_throttled_by_the_client_behind_the_proxy_not_by_the_proxy(
    settings: Any, superuser: Any
) -> None:
    settings.TRUSTED_PROXIES = ["10.0.0.0/24"]

    def try_from(address: str, name: str, password: str = "guess") -> Any:  # noqa: S107
        client = Client(REMOTE_ADDR="10.0.0.1", HTTP_X_FORWARDED_FOR=f"9.9.9.9, {address}")
        client.post("/accounts/login/", {"login": name, "password": password})
        return client

    for number in range(11):
        try_from("203.0.113.7", f"nobody{number}")
    right = ("root", "correct horse battery")
    assert "_auth_user_id" not in try_from("203.0.113.7", *right).session
    assert "_auth_user_id" in try_from("203.0.113.8", *right).session


PROXIES = ["10.0.0.0/24", "2001:db8:1::/64", "unix"]


@pytest.mark.parametrize(
    ("peer", "forwarded", "address", "through"),
    [
        # Nobody vouches for what a stranger writes, however it looks.
        ("198.51.100.9", "203.0.113.7", "198.51.100.9", ()),
        ("198.51.100.9", "203.0.113.7, 10.0.0.1", "198.51.100.9", ()),
        ("some.name", "203.0.113.7", "", ()),
        # One proxy; a client that writes the header itself stands before what the proxy adds.
        ("10.0.0.1", "203.0.113.7", "203.0.113.7", ("10.0.0.1",)),
        ("10.0.0.1", "1.2.3.4, 203.0.113.7", "203.0.113.7", ("10.0.0.1",)),
        ("10.0.0.1", "10.0.0.2, 203.0.113.7", "203.0.113.7", ("10.0.0.1",)),
        ("::ffff:10.0.0.1", "203.0.113.7", "203.0.113.7", ("10.0.0.1",)),
        # Several, of both families, with ports as some proxies write them.
        ("10.0.0.1", "1.2.3.4, 203.0.113.7, 10.0.0.2", "203.0.113.7", ("10.0.0.2", "10.0.0.1")),
        ("2001:db8:1::1", "2001:db8:9::7", "2001:db8:9::7", ("2001:db8:1::1",)),
        ("10.0.0.1", "[2001:db8:9::7]:5012, 10.0.0.2:80", "2001:db8:9::7", ("10.0.0.2", "10.0.0.1")),
        ("10.0.0.1", "203.0.113.7:50123", "203.0.113.7", ("10.0.0.1",)),
        ("10.0.0.1", "::ffff:203.0.113.7", "203.0.113.7", ("10.0.0.1",)),
        # A client on a proxy's own machine.
        ("10.0.0.1", "10.0.0.9", "10.0.0.9", ("10.0.0.1",)),
        ("10.0.0.1", "10.0.0.1", "10.0.0.1", ("10.0.0.1",)),
        # Nothing, or nothing readable, from the last proxy: then it's the last one that is known.
        ("10.0.0.1", "", "10.0.0.1", ("10.0.0.1",)),
        ("10.0.0.1", "1.2.3.4, unknown", "10.0.0.1", ("10.0.0.1",)),
        ("10.0.0.1", "1.2.3.4, <script>, 10.0.0.2", "10.0.0.2", ("10.0.0.1",)),
        ("10.0.0.1", ",,", "10.0.0.1", ("10.0.0.1",)),
        # A Unix socket.
        ("", "1.2.3.4, 203.0.113.7", "203.0.113.7", ("unix",)),
        ("unix:", "203.0.113.7", "203.0.113.7", ("unix",)),
        ("", "", "", ("unix",)),
    ],
)  # fmt: skip
def test_the_last_address_that_is_no_trusted_proxy_is_the_clients(
    settings: Any, rf: Any, peer: str, forwarded: str, address: str, through: tuple[str, ...]
) -> None:
    settings.TRUSTED_PROXIES = PROXIES
    sent = {"HTTP_X_FORWARDED_FOR": forwarded} if forwarded else {}
    request = rf.get("/", REMOTE_ADDR=peer, **sent)
    ClientAddressMiddleware(lambda request: HttpResponse())(request)
    assert client_address(request) == address
    assert origin_of(request).proxies == through


def test_a_unix_socket_is_trusted_only_where_it_is_named(settings: Any, rf: Any) -> None:
    settings.TRUSTED_PROXIES = ["0.0.0.0/1"]
    request = rf.get("/", REMOTE_ADDR="", HTTP_X_FORWARDED_FOR="203.0.113.7")
    ClientAddressMiddleware(lambda request: HttpResponse())(request)
    assert client_address(request) == ""
    assert origin_of(request).ignored


@pytest.mark.parametrize(
    ("peer", "headers", "environment", "secure"),
    [
        ("10.0.0.1", {"X_FORWARDED_PROTO": "https"}, "http", True),
        ("10.0.0.1", {"X_FORWARDED_PROTO": "http"}, "https", False),
        ("10.0.0.1", {"X_FORWARDED_PROTO": "https, https"}, "http", True),
        ("10.0.0.1", {"X_FORWARDED_PROTO": "https, http"}, "http", False),
        ("10.0.0.1", {}, "http", False),
        ("10.0.0.1", {"X_FORWARDED_SSL": "on"}, "https", False),
        # The WSGI server believes the loopback address; we don't, unless it's named.
        ("127.0.0.1", {"X_FORWARDED_PROTO": "https"}, "https", False),
        ("198.51.100.9", {"X_FORWARDED_PROTO": "https"}, "http", False),
        ("198.51.100.9", {"CONSOLE_SCHEME": "https"}, "http", False),
        ("198.51.100.9", {}, "https", True),  # TLS in the WSGI server itself
        ("", {"X_FORWARDED_PROTO": "https"}, "http", True),
    ],
)
def test_the_scheme_is_believed_from_a_trusted_proxy_only(
    settings: Any, rf: Any, peer: str, headers: Any, environment: str, secure: bool
) -> None:
    settings.TRUSTED_PROXIES = PROXIES
    sent = {f"HTTP_{name}": value for name, value in headers.items()}
    request = rf.get("/", **{"REMOTE_ADDR": peer, "wsgi.url_scheme": environment, **sent})
    ClientAddressMiddleware(lambda request: HttpResponse())(request)
    assert request.is_secure() is secure


class ForwardingProxy(BaseHTTPRequestHandler):
    """A reverse proxy as small as can be: adds the address that it sees, or passes on what came."""

    to: str = ""
    adds_address = True

    def do_GET(self) -> None:
        headers = {k: v for k, v in self.headers.items() if k.lower() != "host"}
        if self.adds_address:
            before = headers.pop("X-Forwarded-For", None)
            seen = self.client_address[0]
            headers["X-Forwarded-For"] = f"{before}, {seen}" if before else seen
        # From an address that no client of the tests has.
        way = HTTPConnection(urlsplit(self.to).netloc, source_address=("127.0.0.3", 0), timeout=20)
        way.request("GET", self.path, headers=headers)
        body = way.getresponse().read()
        way.close()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def behind_proxies(live_server: Any, settings: Any):
    """`get(path, **headers)` from 127.0.0.1 through a proxy, whose address is 127.0.0.3, to the console;
    it adds the address that it sees, or passes on what the client sends."""
    servers = []

    def start(host: str, to: str, adds: bool) -> str:
        handler = type("Proxy", (ForwardingProxy,), {"to": to, "adds_address": adds})
        server = ThreadingHTTPServer((host, 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://{host}:{server.server_port}"

    def get(path: str, *, adds_address: bool, proxies: list[str], **headers: str) -> str:
        settings.TRUSTED_PROXIES = proxies
        url = start("127.0.0.2", live_server.url, adds_address)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        asked = urllib.request.Request(url + path, headers=headers)  # noqa: S310
        with opener.open(asked, timeout=20) as answer:
            return str(answer.read().decode())

    yield get
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("adds_address", "proxies", "says"),
    [
        (True, ["127.0.0.3"], "<code>127.0.0.1</code>, from the header X-Forwarded-For"),
        (True, [], "Forwarding headers are ignored"),
        (False, ["127.0.0.3"], "Client addresses can be forged"),
        (False, [], "Trusted proxies</dt><dd>none"),
    ],
)
def test_the_security_page_tells_whether_the_proxy_lets_the_address_be_forged(
    behind_proxies: Any, superuser: Any, adds_address: bool, proxies: list[str], says: str
) -> None:
    browser = Client()
    browser.force_login(superuser)
    page = browser.get("/accounts/2fa/").content.decode()
    forged = json.loads(html.unescape(re.search(r'hx-headers="([^"]*)"', page)[1]))  # type: ignore[index]
    path = re.search(r'hx-get="(/access/connection/)"', page)[1]  # type: ignore[index]
    cookie = f"sessionid={browser.cookies['sessionid'].value}"
    said = behind_proxies(path, adds_address=adds_address, proxies=proxies, Cookie=cookie, **forged)
    assert says in said
    assert ("Client addresses can be forged" in said) is (not adds_address and bool(proxies))


def test_the_security_page_says_where_nobody_is_told_apart(settings: Any, superuser: Any) -> None:
    settings.TRUSTED_PROXIES = ["10.0.0.1"]
    browser = Client(REMOTE_ADDR="10.0.0.1")
    browser.force_login(superuser)
    assert (
        "All clients appear with the proxy’s address"
        in browser.get("/accounts/2fa/").content.decode()
    )


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        ({"CONSOLE_URL": "https://warren.example"}, ["console.W009"]),
        ({"CONSOLE_URL": "https://warren.example", "TRUSTED_PROXIES": ["127.0.0.1"]}, []),
        ({"CONSOLE_URL": "https://warren.example", "TRUSTED_PROXIES": ["unix"]}, []),
        ({"CONSOLE_URL": "http://warren.example", "TRUSTED_PROXIES": ["127.0.0.1"]}, ["console.W010"]),
        ({"TRUSTED_PROXIES": ["0.0.0.0/0"]}, ["console.E007"]),
        ({"TRUSTED_PROXIES": ["::/0", "10.0.0.1"]}, ["console.E007"]),
        ({"TRUSTED_PROXIES": ["8.0.0.0/7"]}, ["console.W008"]),
        ({"TRUSTED_PROXIES": ["10.0.0.0/8", "fd00::/8", "104.16.0.0/13", "2400:cb00::/32"]}, []),
        ({"CONSOLE_URL": "https://w.example/x", "TRUSTED_PROXIES": ["127.0.0.1"]}, ["console.E011"]),
        ({"CONSOLE_URL": "https://other.example", "TRUSTED_PROXIES": ["127.0.0.1"],
          "ALLOWED_HOSTS": ["warren.example"]}, ["console.E012"]),
    ],
)  # fmt: skip
def test_checks_complain_of_what_does_not_go_together(
    settings: Any, changed: dict[str, Any], found: list[str]
) -> None:
    settings.CONSOLE_URL, settings.ALLOWED_HOSTS = "http://127.0.0.1:8000", ["*"]
    for name, value in changed.items():
        setattr(settings, name, value)
    said = [*check_trusted_proxies(), *check_console_url()]
    assert [message.id for message in said] == found
    assert all(message.hint for message in said)


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("CONSOLE_TRUST_PROXY", "true", "CONSOLE_TRUSTED_PROXIES"),
        ("CONSOLE_TRUSTED_PROXIES", "proxy.example", "'proxy.example' is none"),
        ("CONSOLE_TRUSTED_PROXIES", "*", "'*' is none"),
        ("CONSOLE_TRUSTED_PROXIES", "10.0.0.1/8", "'10.0.0.1/8' is none"),
    ],
)
def test_a_setting_that_is_gone_or_unreadable_stops_the_start(
    name: str, value: str, says: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import console.settings"],
        env={**os.environ, name: value}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode != 0
    assert says in done.stderr


def test_the_old_setting_turned_off_is_no_trouble(monkeypatch: Any) -> None:
    monkeypatch.setenv("CONSOLE_TRUST_PROXY", "false")
    refuse_gone("CONSOLE_TRUST_PROXY", "advice")


def test_one_ipv6_network_is_one_client_for_limits(rf: Any) -> None:
    networks = {client_network(rf.get("/", REMOTE_ADDR=f"2001:db8::{n:x}")) for n in range(1, 9)}
    assert networks == {"2001:db8::"}
    assert client_network(rf.get("/", REMOTE_ADDR="203.0.113.7")) == "203.0.113.7"
    assert client_network(rf.get("/", REMOTE_ADDR="")) == "unknown"


def test_nothing_else_reads_where_a_request_comes_from() -> None:
    root = Path(__file__).resolve().parents[2]
    reads = re.compile(r"REMOTE_ADDR|FORWARDED_FOR|REAL_IP")
    found = {
        path.relative_to(root).as_posix()
        for package in ("console", "accessctl", "vhosts")
        for path in (root / package).rglob("*.py")
        if reads.search(path.read_text())
    }
    assert found == {"console/client_address.py"}
