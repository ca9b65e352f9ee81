"""What a broker, or whatever answers in its place, may do to us: a typed error, in bounded time and memory."""

from __future__ import annotations

import ssl
import threading
import tracemalloc
from dataclasses import replace
from pathlib import Path

import httpcore2
import pytest

from console.rabbitmq import errors
from console.rabbitmq.endpoint import Credentials, Endpoint, Limits, Secret, Timeouts, Tls
from console.rabbitmq.http.exchange import BoundedHttp
from console.rabbitmq.http.reading import mapped
from console.rabbitmq.management.client import ManagementClient
from console.rabbitmq.network.tls import tls_context
from tests.adapter.conftest import LOCAL, QUICK
from tests.faults.hostile import (
    Behaviour,
    Conversation,
    HostileServer,
    by_path,
    cuts_after,
    dies_when_reused,
    ends_by_closing,
    redirects,
    replies,
    resets_after,
    says_nothing,
    sends_gzip,
    sends_raw,
    streams_for_ever,
    trickles_body,
    trickles_headers,
)
from vhosts.polling.inventory.parts import parts

pytestmark = pytest.mark.faults

PASSWORD = "s3cret-canary"
LARGE = Limits(body_bytes=2_000_000)


def endpoint_of(server: HostileServer, **changes: object) -> Endpoint:
    return Endpoint(
        server.url,
        Credentials("watcher", Secret(PASSWORD)),
        **{"policy": LOCAL, "timeouts": QUICK, "limits": LARGE, **changes},  # type: ignore[arg-type]
    )


def refused(behaviour: Behaviour, **changes: object) -> errors.BrokerError:
    """The error that reading queues from such a server ends in."""
    with (
        HostileServer(behaviour) as server,
        ManagementClient(endpoint_of(server, **changes)) as client,
        pytest.raises(errors.BrokerError) as raised,
    ):
        client.depths()
    assert PASSWORD not in f"{raised.value!r} {raised.value}"
    return raised.value


@pytest.mark.parametrize(
    ("behaviour", "expected"),
    [
        (says_nothing(), errors.TimedOut),
        (trickles_headers(), errors.TimedOut),
        (trickles_body(), errors.TimedOut),
        (redirects("http://169.254.169.254/latest"), errors.Redirected),
        (replies(b"<html>log in</html>", content_type="text/html"), errors.MalformedAnswer),
        (replies(b"[]", content_type="text/plain"), errors.MalformedAnswer),
        (replies(b""), errors.MalformedAnswer),
        (replies(b"[{"), errors.MalformedAnswer),
        (replies(b"null"), errors.MalformedAnswer),
        (replies(b'{"items": []}'), errors.MalformedAnswer),
        (replies(b"[] trailing"), errors.MalformedAnswer),
        (replies(b'[{"vhost":"/","name":"nan","messages":NaN}]'), errors.MalformedAnswer),
        (replies(b'[{"vhost":"/","name":"\\ud800"}]'), errors.MalformedAnswer),
        (replies("[]".encode("utf-16")), errors.MalformedAnswer),
        (replies(b"[" * 200_000), errors.MalformedAnswer),
        (replies(b"[" * 100_000 + b"]" * 100_000), errors.MalformedAnswer),
        (streams_for_ever(), errors.AnswerTooLarge),
        (streams_for_ever(announced=300_000_000), errors.AnswerTooLarge),
        (sends_gzip(300_000_000), errors.MalformedAnswer),
        (cuts_after(b"[]", 100), errors.ConnectionLost),
        (resets_after(b"[]", 100), errors.ConnectionLost),
        (ends_by_closing(b"[]"), errors.MalformedAnswer),
        (sends_raw(b""), errors.ConnectionLost),
        (sends_raw(b"\x00\xff garbage\r\n\r\n"), errors.MalformedAnswer),
        (sends_raw(b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n"), errors.MalformedAnswer),
        (sends_raw(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 100_000), errors.MalformedAnswer),
        (sends_raw(b"AMQP\x00\x00\x09\x01"), errors.ConnectionLost),
        (replies(b"", status="500 Internal Server Error"), errors.BrokerFailed),
        (
            replies(b"<html>", status="502 Bad Gateway", content_type="text/html"),
            errors.Unreachable,
        ),
        (replies(b"", status="503 Service Unavailable"), errors.Unreachable),
        (replies(b"x" * 5_000_000, status="404 Not Found"), errors.NotFound),
        (replies(b"", status="429 Too Many Requests"), errors.Unreachable),
        (replies(b"", status="401 Unauthorized"), errors.LoginRefused),
        (replies(b"", status="403 Forbidden"), errors.AccessRefused),
        (replies(b"", status="404 Not Found"), errors.NotFound),
        (replies(b"", status="405 Method Not Allowed"), errors.Rejected),
        (replies(b"", status="412 Precondition Failed"), errors.Conflict),
        (replies(b'{"error": {"a": 1}}', status="400 Bad Request"), errors.Rejected),
        (replies(b"", status="299 Odd"), errors.MalformedAnswer),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else None,
)
def test_misbehaviour_ends_in_one_typed_error(
    behaviour: Behaviour, expected: type[errors.BrokerError]
) -> None:
    assert isinstance(refused(behaviour), expected)


def test_two_kinds_of_401_are_told_apart_by_one_letter() -> None:
    wrong = replies(b'{"error":"not_authorized","reason":"Login failed"}', status="401 No")
    barred = replies(b'{"error":"not_authorised","reason":"Access refused."}', status="401 No")
    assert type(refused(wrong)) is errors.LoginRefused
    assert type(refused(barred)) is errors.AccessRefused


def test_a_redirect_is_told_but_not_followed_and_gets_no_password() -> None:
    with HostileServer(replies(b"[]")) as target:
        error = refused(redirects(f"http://user:{PASSWORD}@127.0.0.1:{target.port}/api"))
        assert f"http://127.0.0.1:{target.port}" in error.detail
        assert target.connections == 0


def test_a_flood_costs_no_more_memory_than_the_limit_allows() -> None:
    limits = Limits(body_bytes=20_000_000)
    floods = [streams_for_ever(), streams_for_ever(announced=300_000_000), sends_gzip(300_000_000)]
    tracemalloc.start()
    try:
        for flood in floods:
            refused(flood, limits=limits, timeouts=Timeouts(5, 5, 20))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2 * limits.body_bytes


def test_an_odd_row_costs_only_itself() -> None:
    rows = (
        b'[{"vhost":"/","name":"good","messages":1,"messages_ready":1,"messages_unacknowledged":0},'
        b'{"vhost":"/","name":null},{"name":"no vhost"},{"vhost":"/","name":["list"]},7,"x",null,[],'
        b'{"vhost":"/","name":"huge","messages":9223372036854775808},'
        b'{"vhost":"/","name":"float","messages":1.5},{"vhost":"/","name":"nul\\u0000"},'
        b'{"vhost":"/","name":"minus","messages":-1},{"vhost":"/","name":"\xff\xfe"},'
        b'{"vhost":"/","name":"list","messages":[1]},'
        b'{"vhost":"/","name":"missing"},{"vhost":"/","name":"text","messages":"12"},'
        b'{"vhost":"/","name":"unknown","messages":"undefined"},'
        b'{"vhost":"/","name":"first","name":"last"},{"vhost":"/","name":"good","messages":5}]'
    )
    with HostileServer(replies(rows)) as server, ManagementClient(endpoint_of(server)) as client:
        listing = client.depths()
    totals = {item.name: item.total for item in listing.items}
    assert totals == {"good": 1, "missing": None, "text": 12, "unknown": None, "last": None}
    assert len(listing.rejected) == 13
    for row in listing.rejected:
        assert row.reason
        assert len(row.sample) <= 200
        assert row.sample.isprintable()


def test_arguments_nested_too_deep_reject_their_row() -> None:
    deep = b'{"a":' * 65 + b"1" + b"}" * 65
    row = b'{"vhost":"/","name":"%s","arguments":%s}'
    rows = b",".join([row % (b"deep", deep), row % (b"flat", b'{"x-max-length":5}')])
    with (
        HostileServer(replies(b"[%s]" % rows)) as server,
        ManagementClient(endpoint_of(server)) as client,
    ):
        listing = client.queues()
    assert [item.name for item in listing.items] == ["flat"]
    assert len(listing.rejected) == 1


def test_a_row_that_lacks_its_name_costs_no_other_row() -> None:
    whole = b'{"vhost":"/","user":"a","exchange":"e","write":"^a","read":""}'
    nameless = b'{"vhost":"/","user":"b","write":"","read":""}'
    part = next(one for one in parts() if one.face.name == "topic_permission")
    with (
        HostileServer(replies(b"[%s,%s]" % (nameless, whole))) as server,
        ManagementClient(endpoint_of(server)) as client,
    ):
        listing = part.read(client)
    assert listing.items == [(("/", "a", "e"), {"write": "^a", "read": ""})]
    assert [row.said for row in listing.rejected] == [{"vhost": "/", "user": "b"}]


def test_more_rows_than_the_limit_are_refused() -> None:
    rows = b"[" + b",".join([b'{"vhost":"/","name":"q"}'] * 11) + b"]"
    assert isinstance(refused(replies(rows), limits=Limits(rows=10)), errors.AnswerTooLarge)


def test_an_answer_for_another_queue_is_not_taken() -> None:
    other = replies(b'{"vhost":"/","name":"other"}')
    with (
        HostileServer(other) as server,
        ManagementClient(endpoint_of(server)) as client,
        pytest.raises(errors.MalformedAnswer),
    ):
        client.queue_now("/", "mine")


def test_alarms_are_read_from_a_503_and_other_503s_are_not_alarms() -> None:
    body = (
        b'{"status":"failed","reason":"There are alarms in effect in the cluster",'
        b'"alarms":[{"node":"rabbit@a","resource":"memory"},{"node":"rabbit@b","resource":"disk"}]}'
    )
    health = "/api/health/checks/alarms"
    alarmed = by_path({health: replies(body, status="503 Failed")})
    with HostileServer(alarmed) as server, ManagementClient(endpoint_of(server)) as client:
        assert client.alarms() == ["memory on rabbit@a", "disk on rabbit@b"]
        server.behaviour = replies(b"<html>", status="503 Busy", content_type="text/html")
        with pytest.raises(errors.Unreachable):
            client.alarms()


def test_a_dead_idle_connection_is_replaced_once_for_a_read_only() -> None:
    dying = dies_when_reused(b'{"name":"a"}')
    with HostileServer(dying) as server, BoundedHttp(endpoint_of(server)) as http:
        for _ in range(3):
            assert http.get("/api/whoami") == b'{"name":"a"}'
        assert server.connections == 3
        with pytest.raises(errors.ConnectionLost):
            http.exchange("PUT", "/api/vhosts/x", body=b"{}")
        assert [request.method for request in server.requests].count("PUT") == 1


def test_a_fresh_connection_that_breaks_is_not_tried_again() -> None:
    with HostileServer(sends_raw(b"")) as server, BoundedHttp(endpoint_of(server)) as http:
        with pytest.raises(errors.ConnectionLost):
            http.get("/api/whoami")
        assert server.connections == 1


def test_a_kept_connection_that_breaks_within_its_answer_is_not_tried_again() -> None:
    def behave(talk: Conversation) -> None:
        if talk.number > 1:
            cuts_after(b"{", 100)(talk)
        talk.reply(b"{}")

    with HostileServer(behave) as server, BoundedHttp(endpoint_of(server)) as http:
        http.get("/api/whoami")
        with pytest.raises(errors.ConnectionLost):
            http.get("/api/whoami")
        assert server.connections == 1


def test_a_compressed_answer_is_refused_unpacked_or_not() -> None:
    assert "compressed" in refused(sends_gzip(10)).detail


def test_a_kept_connection_is_used_again() -> None:
    with HostileServer(replies(b"{}")) as server, BoundedHttp(endpoint_of(server)) as http:
        for _ in range(5):
            http.get("/api/whoami")
        assert server.connections == 1


def test_one_client_serves_many_threads_at_once() -> None:
    def slowly(talk: Conversation) -> None:
        talk.wait(0.05)
        talk.reply(b'"%s"' % talk.request.target.encode())

    with (
        HostileServer(slowly) as server,
        BoundedHttp(endpoint_of(server, timeouts=Timeouts(5, 5, 5))) as http,
    ):
        wrong: list[object] = []

        def ask(number: int) -> None:
            for turn in range(5):
                path = f"/api/{number}-{turn}"
                if (got := http.get(path)) != b'"%s"' % path.encode():
                    wrong.append((path, got))

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert wrong == []
    assert len(server.requests) == 60


def test_paths_go_out_exactly_as_built_below_the_prefix() -> None:
    with HostileServer(replies(b"{}")) as server:
        endpoint = endpoint_of(server)
        with BoundedHttp(replace(endpoint, url=f"{server.url}/mq/")) as http:
            for path in (
                "/api/queues/%2F/a%252Fb",
                "/api/x/%2e%2E",
                "/api/x?columns=a%2Cb&page=1",
                "/api/~a",
            ):
                http.get(path)
        targets = [request.target for request in server.requests]
    assert targets == [
        "/mq/api/queues/%2F/a%252Fb",
        "/mq/api/x/%2e%2E",
        "/mq/api/x?columns=a%2Cb&page=1",
        "/mq/api/~a",
    ]


@pytest.mark.parametrize(
    "path", ["/api/a/../b", "/api/./b", "/api/é", "/api/a b", "/api/a\r\nX: y"]
)
def test_a_path_that_would_be_changed_on_its_way_is_not_sent(path: str) -> None:
    with HostileServer(replies(b"{}")) as server, BoundedHttp(endpoint_of(server)) as http:
        with pytest.raises(errors.UnaddressableName):
            http.get(path)
        assert server.requests == []


def test_credentials_travel_in_one_header_and_only_to_the_brokers_host() -> None:
    plain = replies(b"x", content_type="text/plain")
    with HostileServer(plain) as server, BoundedHttp(endpoint_of(server)) as http:
        http.get("/api/x", accept="text/plain")
        http.get(f"{server.url}/metrics", accept="text/plain", authenticated=False)
        with http.stream(f"{server.url}/metrics", accept="text/plain") as pieces:
            assert b"".join(pieces) == b"x"
        with pytest.raises(ValueError, match="own host"):
            http.get("http://elsewhere.example/metrics", accept="text/plain")
    first, *others = server.requests
    assert first.headers["authorization"].startswith("Basic ")
    assert first.headers["accept-encoding"] == "identity"
    assert all("authorization" not in request.headers for request in others)
    printed = f"{http!r} {vars(http)!r}"
    assert PASSWORD not in printed
    assert first.headers["authorization"].removeprefix("Basic ") not in printed


def test_a_user_name_with_a_colon_is_refused_before_anything_is_sent() -> None:
    with HostileServer(replies(b"{}")) as server:
        endpoint = replace(endpoint_of(server), credentials=Credentials("a:b", Secret("c")))
        with pytest.raises(errors.LoginRefused):
            BoundedHttp(endpoint)
        assert server.connections == 0


@pytest.fixture
def secure_server(certificate: tuple[Path, Path]) -> HostileServer:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    return HostileServer(replies(b"{}"), tls=context)


def test_a_certificate_is_checked_against_the_given_ca_and_name(
    secure_server: HostileServer, certificate: tuple[Path, Path]
) -> None:
    ca = certificate[0].read_text()
    with secure_server as server:

        def get(tls: Tls) -> bytes:
            with BoundedHttp(endpoint_of(server, tls=tls)) as http:
                return http.get("/api/whoami")

        assert get(Tls(ca_pem=ca, server_name="broker.example")) == b"{}"
        # The one place that switches it off: what a person who chose so for a broker gets.
        assert get(Tls(verify=False)) == b"{}"
        for distrusted in (Tls(), Tls(ca_pem=ca), Tls(ca_pem=ca, server_name="other.example")):
            with pytest.raises(errors.TlsFailed, match="isn't accepted"):
                get(distrusted)
        assert len(server.requests) == 2


@pytest.mark.parametrize(
    "pem",
    ["garbage", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "x" * 2_000_000,
     "Główny urząd", "-----BEGIN CERTIFICATE-----\nMIIB\u0142=\n-----END CERTIFICATE-----\n"],
)  # fmt: skip
def test_an_unreadable_ca_is_said_to_be_so(pem: str) -> None:
    with pytest.raises(errors.TlsFailed, match="CA file"):
        tls_context(Tls(ca_pem=pem))


def test_words_between_the_certificates_of_a_bundle_may_be_in_any_script(
    certificate: tuple[Path, Path],
) -> None:
    pem = certificate[0].read_text()
    bundle = f"# F\u0151tan\u00fas\u00edtv\u00e1ny\n{pem}\n# \u8a3c\u660e\u66f8\n{pem}"
    assert tls_context(Tls(ca_pem=bundle)).cert_store_stats()["x509"] == 1


def test_a_server_that_never_finishes_the_handshake_times_out() -> None:
    with HostileServer(says_nothing()) as server:
        endpoint = replace(endpoint_of(server), url=f"https://127.0.0.1:{server.port}")
        with pytest.raises(errors.TimedOut), BoundedHttp(endpoint) as http:
            http.get("/api/whoami")


_HTTPCORE2 = {
    value
    for value in vars(httpcore2).values()
    if isinstance(value, type) and issubclass(value, Exception)
}


@pytest.mark.parametrize("kind", sorted(_HTTPCORE2, key=lambda kind: kind.__name__))
def test_every_exception_of_httpcore2_has_its_place_in_our_tree(kind: type[Exception]) -> None:
    error = kind.__new__(kind)
    assert isinstance(mapped(error), errors.BrokerError)
    assert type(mapped(error)) is not errors.BrokerError


def test_an_error_of_our_own_making_is_not_dressed_up_as_the_brokers() -> None:
    with pytest.raises(KeyError):
        mapped(KeyError("x"))
