from __future__ import annotations

import secrets
import socket
import ssl
from dataclasses import replace
from pathlib import Path

import pytest

from console.rabbitmq.endpoint import AddressPolicy, Credentials, Endpoint, Secret, Timeouts, Tls
from console.rabbitmq.findings import ProbeStep
from console.rabbitmq.management.paths import path
from console.rabbitmq.probe import probe
from tests.adapter.conftest import LOCAL, LiveBroker
from tests.certificates import Authority
from tests.faults.gate import (
    Gate,
    as_nginx_does,
    encoded_twice,
    refused_by_apache,
    without_merging,
)
from tests.faults.hostile import (
    HostileServer,
    by_path,
    redirects,
    replies,
    says_nothing,
    trickles_headers,
)

STEPS = ["resolve", "connect", "tls", "login", "rights", "version", "plugins", "proxy", "amqp"]
PASSWORD = "s3cret-canary"


def outcomes(steps: list[ProbeStep]) -> dict[str, str]:
    assert [step.name for step in steps] == STEPS
    for step in steps:
        assert step.message
        assert PASSWORD not in f"{step}"
        assert step.advice or step.outcome in ("ok", "skipped")
    return {step.name: step.outcome for step in steps}


def first_trouble(steps: list[ProbeStep]) -> ProbeStep:
    outcomes(steps)
    at = next(index for index, step in enumerate(steps) if step.outcome == "failed")
    assert all(step.outcome == "skipped" for step in steps[at + 1 :])
    return steps[at]


def endpoint_at(url: str, **changes: object) -> Endpoint:
    endpoint = Endpoint(
        url, Credentials("u", Secret(PASSWORD)), policy=LOCAL, timeouts=Timeouts(0.5, 0.5, 0.5)
    )
    return replace(endpoint, **changes)  # type: ignore[arg-type]


def test_every_step_of_a_good_connection_is_ok(broker: LiveBroker) -> None:
    for amqp in (None, replace(broker.amqp, vhost=broker.vhost)):
        for _ in range(3):
            # Each step has 5 s, which a node that creates a hundred virtual hosts may exceed.
            steps = probe(broker.endpoint, amqp)
            if all(step.outcome == "ok" for step in steps):
                break
        # Whole steps, so that a failure says which one, why, and how long it took.
        assert [step for step in steps if step.outcome != "ok"] == []
    assert f"RabbitMQ {broker.version[0]}.{broker.version[1]}." in steps[5].message


def test_a_wrong_password_fails_the_log_in(broker: LiveBroker) -> None:
    wrong = replace(broker.endpoint, credentials=Credentials("guest", Secret(PASSWORD)))
    failed = first_trouble(probe(wrong))
    assert failed.name == "login"
    assert "password" in failed.message


def test_a_given_amqp_address_is_tried_even_where_http_fails(broker: LiveBroker) -> None:
    with HostileServer(says_nothing()) as server:
        closed = server.url
    steps = probe(replace(broker.endpoint, url=closed), broker.amqp)
    assert outcomes(steps)["connect"] == "failed"
    assert outcomes(steps)["amqp"] == "ok"


def test_what_each_tag_leaves_out_is_said(broker: LiveBroker) -> None:
    user = f"adapter-{secrets.token_hex(4)}"
    try:
        broker.put(path("users", user), {"password": "x", "tags": ""})
        failed = first_trouble(probe(broker.as_user(user, "x")))
        assert (failed.name, "set_user_tags" in failed.advice) == ("login", True)
        for tag, says in [
            ("management", "nodes"),
            ("monitoring", "users"),
            ("policymaker", "nodes"),
        ]:
            broker.put(path("users", user), {"password": "x", "tags": tag})
            rights = probe(broker.as_user(user, "x"))[4]
            assert (rights.name, rights.outcome) == ("rights", "warning")
            assert tag in rights.message
            assert says in rights.message
            assert ("policies" in rights.message) == (tag != "policymaker")
        amqp = replace(broker.amqp, credentials=Credentials(user, Secret("x")), vhost=broker.vhost)
        assert outcomes(probe(broker.as_user(user, "x"), amqp))["amqp"] == "warning"
    finally:
        broker.delete(path("users", user))


@pytest.mark.parametrize(
    ("url", "step", "says"),
    [
        ("http://no-such-host.invalid:15672", "resolve", "doesn't resolve to an address"),
        ("http://169.254.169.254", "resolve", "metadata"),
        ("ftp://rabbit", "resolve", "http"),
        ("http://127.0.0.1:1", "connect", "Nothing listens"),
    ],
)
def test_the_way_there_says_where_it_ends(url: str, step: str, says: str) -> None:
    failed = first_trouble(probe(endpoint_at(url)))
    assert failed.name == step
    assert says in failed.message


def test_this_machine_is_not_probed_where_the_policy_forbids_it() -> None:
    with HostileServer(replies(b"{}")) as server:
        failed = first_trouble(probe(endpoint_at(server.url, policy=AddressPolicy())))
        assert failed.name == "resolve"
        assert server.connections == 0


@pytest.mark.parametrize(
    ("behaviour", "says"),
    [
        (redirects("http://elsewhere.example/login"), "http://elsewhere.example"),
        (replies(b"<html>", content_type="text/html"), "JSON"),
        (replies(b"", status="404 Not Found"), "isn't RabbitMQ"),
        (replies(b'{"name": 5}'), "name"),
    ],
)
def test_another_web_server_is_seen_for_what_it_is(behaviour: object, says: str) -> None:
    with HostileServer(behaviour) as server:  # type: ignore[arg-type]
        failed = first_trouble(probe(endpoint_at(server.url)))
    assert failed.name == "login"
    assert says in failed.message


def test_a_plain_port_is_said_not_to_speak_tls() -> None:
    with HostileServer(replies(b"{}")) as server:
        failed = first_trouble(probe(endpoint_at(server.url.replace("http:", "https:"))))
    assert failed.name == "tls"


@pytest.mark.slow
@pytest.mark.parametrize("behaviour", [says_nothing(), trickles_headers()])
def test_a_server_that_never_ends_its_answer_times_out(behaviour: object) -> None:
    with HostileServer(behaviour) as server:  # type: ignore[arg-type]
        failed = first_trouble(probe(endpoint_at(server.url)))
    assert failed.name == "login"
    assert failed.took_ms < 15_000


@pytest.mark.parametrize(
    ("version", "outcome"),
    [
        ("3.9.29", "warning"),
        ("3.10.0", "ok"),
        ("4.3.9", "ok"),
        ("4.4.0", "warning"),
        ("5", "warning"),
    ],
)
def test_a_version_outside_the_supported_range_is_said_and_no_hindrance(
    version: str, outcome: str
) -> None:
    answers = {
        "/api/whoami": replies(b'{"name":"u","tags":"administrator"}'),
        "/api/overview": replies(b'{"rabbitmq_version":"%s"}' % version.encode()),
    }
    with HostileServer(by_path(answers)) as server:
        found = outcomes(probe(endpoint_at(server.url)))
    assert found["login"] == "ok"
    assert found["version"] == outcome


def proxy_step(broker: LiveBroker, **gate: object) -> ProbeStep:
    with Gate(broker.endpoint.url, **gate) as way:  # type: ignore[arg-type]
        steps = probe(replace(broker.endpoint, url=way.url))
        assert outcomes(steps)["login"] == "ok"
        assert not [write for write in way.writes if "warren-probe-" not in write[1]]
    return next(step for step in steps if step.name == "proxy")


@pytest.mark.parametrize(
    ("rewrite", "server", "directive"),
    [
        (as_nginx_does, "nginx/1.22.1", "proxy_pass"),
        (without_merging, "nginx", "proxy_pass"),
        (encoded_twice, "nginx/1.29", "proxy_pass"),
        (refused_by_apache, "Apache/2.4.57 (Debian)", "AllowEncodedSlashes NoDecode"),
        (as_nginx_does, "Apache", "nocanon"),
        (as_nginx_does, "", "normalize-uri"),
    ],
)
def test_a_proxy_that_rewrites_paths_is_found_with_what_makes_it(
    rewrite: object, server: str, directive: str, broker: LiveBroker
) -> None:
    step = proxy_step(broker, rewrite=rewrite, server=server)
    assert step.outcome == "failed"
    assert "%2F" in step.message
    assert directive in step.advice
    assert ("AllowEncodedSlashes" in step.advice) == ("nginx" not in server)


def test_a_proxy_that_lets_only_reads_pass_is_found_with_what_makes_it(broker: LiveBroker) -> None:
    step = proxy_step(broker, only_reads=True)
    assert step.outcome == "warning"
    assert "PUT, POST, DELETE (403)" in step.message
    assert "limit_except" in step.advice
    both = proxy_step(broker, only_reads=True, rewrite=as_nginx_does)
    assert both.outcome == "failed"
    assert "limit_except" in both.advice
    assert "proxy_pass" in both.advice


def test_a_proxy_that_changes_nothing_is_fine_for_every_user(broker: LiveBroker) -> None:
    assert proxy_step(broker).outcome == "ok"
    user = f"adapter-{secrets.token_hex(4)}"
    try:
        broker.put(path("users", user), {"password": "x", "tags": "management"})
        steps = probe(broker.as_user(user, "x"))
        # From 4.0 on, RabbitMQ lets no such user ask for what tells it.
        allowed = {"ok"} if broker.version < (4, 0) else {"ok", "warning"}
        assert outcomes(steps)["proxy"] in allowed
    finally:
        broker.delete(path("users", user))


def test_plain_http_to_a_port_that_speaks_tls_is_told_to_use_https(tmp_path: Path) -> None:
    files = Authority().issue("broker").write(tmp_path, "server")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*files)
    with HostileServer(replies(b"{}"), tls=context) as server:
        failed = first_trouble(probe(endpoint_at(server.url.replace("https:", "http:"))))
    assert failed.name == "login"
    assert failed.advice == "This port speaks TLS. Start the address with https://."


def _plugins_step(overview: object, tags: bytes = b"administrator") -> ProbeStep:
    answers = {
        "/api/whoami": replies(b'{"name":"u","tags":"%s"}' % tags),
        "/api/overview": overview,
    }
    with HostileServer(by_path(answers)) as server:  # type: ignore[arg-type]
        steps = probe(endpoint_at(server.url))
    return next(step for step in steps if step.name == "plugins")


def test_no_password_goes_to_a_plain_amqp_listener_of_a_broker_with_https(
    certificate: tuple[Path, Path],
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    trusted = Tls(ca_pem=certificate[0].read_text(), server_name="broker.example")
    with socket.create_server(("127.0.0.1", 0)) as plain:
        plain.setblocking(False)
        port = plain.getsockname()[1]
        listener = b'{"node":"a","protocol":"amqp","ip_address":"::","port":%d}' % port
        answers = {
            "/api/whoami": replies(b'{"name":"u","tags":"administrator"}'),
            "/api/overview": replies(
                b'{"rabbitmq_version":"3.10.8","listeners":[' + listener + b"]}"
            ),
        }
        with HostileServer(by_path(answers), tls=context) as server:
            steps = probe(endpoint_at(server.url, tls=trusted))
        step = next(step for step in steps if step.name == "amqp")
        assert step.outcome == "warning", step
        assert "without TLS only" in step.message
        with pytest.raises(BlockingIOError):
            plain.accept()


def test_a_broker_that_was_slow_is_not_said_to_lack_a_plugin() -> None:
    step = _plugins_step(says_nothing())
    assert step.outcome == "warning"
    assert "unknown whether the Prometheus plugin is enabled" in step.message
    assert "isn't enabled" not in step.message


@pytest.mark.parametrize(
    ("overview", "tags", "says", "not_said"),
    [
        # Statistics off: no listeners are told, to nobody.
        (b'{"rabbitmq_version":"3.10.8","disable_stats":true}', b"administrator",
         "while its statistics are disabled", "This user can't see"),
        (b'{"rabbitmq_version":"3.10.8"}', b"monitoring", "doesn't report its listeners", "This user can't see"),
        (b'{"rabbitmq_version":"3.10.8"}', b"management", "This user can't see", "statistics"),
        (b'{"rabbitmq_version":"3.10.8","listeners":[{"node":"a","protocol":"amqp","ip_address":"::","port":5672}]}',
         b"administrator", "The Prometheus plugin isn't enabled", "unknown"),
    ],
)  # fmt: skip
def test_what_is_known_of_plugins_is_said_with_its_reason(
    overview: bytes, tags: bytes, says: str, not_said: str
) -> None:
    step = _plugins_step(replies(overview), tags)
    assert says in step.message
    assert not_said not in step.message
