"""Whatever is sent: 4xx, JSON of one shape, the field named, nothing stored, never a 5xx."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from console.models import Broker

pytestmark = pytest.mark.django_db

BROKERS = "/api/v1/brokers/"
GOOD = {
    "name": "orders",
    "management_url": "http://10.0.0.1:15672",
    "username": "warren",
    "password": "a password",
}


def refused(answer: Any, status: int = 400) -> list[dict[str, Any]]:
    assert answer.status_code == status, answer.content[:500]
    assert answer["Content-Type"] == "application/json"
    body = answer.json()
    assert set(body) == {"type", "errors", "request_id"}
    assert body["request_id"]
    assert body["errors"]
    for fault in body["errors"]:
        assert set(fault) == {"code", "detail", "attr"}
        assert fault["code"]
        assert len(fault["detail"]) < 500
    assert not Broker.objects.filter(name=GOOD["name"]).exists()
    return list(body["errors"])


def post_raw(api: Any, body: bytes, **headers: Any) -> Any:
    content_type = headers.pop("content_type", "application/json")
    return api.generic("POST", BROKERS, body, content_type=content_type, **headers)


def with_field(name: str, text: str) -> bytes:
    """A good body in which one field has this JSON text as its value."""
    fields = {key: json.dumps(value) for key, value in GOOD.items()} | {name: text}
    return ("{" + ",".join(f'"{key}":{value}' for key, value in fields.items()) + "}").encode()


@pytest.mark.parametrize(
    "body",
    [
        b"", b"null", b'""', b"5", b"[]", b"true", b"{}", b"{", b"{'name':'x'}", b"{} {}",
        b"{}x", b"\xef\xbb\xbf{}", b"{}// comment", b"\xff\xfe{\x00}\x00", b'{"name":"\xff"}',
        b'{"name":"a\nb"}', b"[" * 200_000, b'{"a":' * 1000 + b"1" + b"}" * 1000,
        b'{"name":' + b"[" * 65 + b"]" * 65 + b"}", b"{" * 100_000,
    ],
    ids=lambda body: repr(body[:20]),
)  # fmt: skip
def test_a_body_that_is_no_object_is_refused(api: Any, body: bytes) -> None:
    refused(post_raw(api, body))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("name", '"a\\u0000b"'), ("name", '"\\ud800"'), ("name", '""'), ("name", '"   "'),
        ("name", "5"), ("name", "null"), ("name", "true"), ("name", "[]"), ("name", "{}"),
        ("name", json.dumps("x" * 101)), ("name", '"a\\nb"'), ("name", '"a\\u202eb"'),
        ("username", '"a:b"'), ("username", json.dumps("é" * 128)), ("username", '"a\\u0007"'),
        ("password", '""'), ("password", "5"), ("password", '"\\udfff"'),
        ("password", json.dumps("x" * 1001)), ("password", "null"),
        ("environment", '"nope"'), ("environment", "1"), ("environment", "[]"),
        ("tls_verify", '"yes"'), ("tls_verify", "1"), ("tls_verify", "null"),
        ("enabled", '"false"'), ("enabled", "0"),
        ("poll_interval_s", "4"), ("poll_interval_s", "3601"), ("poll_interval_s", "-1"),
        ("poll_interval_s", "10.5"), ("poll_interval_s", '"10"'), ("poll_interval_s", "true"),
        ("poll_interval_s", "NaN"), ("poll_interval_s", "Infinity"), ("poll_interval_s", "1e400"),
        ("poll_interval_s", "9" * 900), ("poll_interval_s", "9" * 5000),
        ("tls_ca_pem", '"garbage"'), ("tls_ca_pem", json.dumps("x" * 200_001)),
        ("tls_server_name", json.dumps("x" * 254)),
        ("nope", "1"), ("id", "7"), ("status", "{}"), ("generation", "7"), ("has_password", "true"),
        ("password_encrypted", '"x"'), ("created_at", '"2026-01-01T00:00:00Z"'),
    ],
    ids=lambda text: text[:24],
)  # fmt: skip
def test_a_field_that_cannot_be_used_is_named(api: Any, name: str, text: str) -> None:
    faults = refused(post_raw(api, with_field(name, text)))
    assert [fault["attr"] for fault in faults] == [name]


def test_a_field_given_twice_is_refused(api: Any) -> None:
    body = with_field("name", '"a"')[:-1] + b',"name":"b"}'
    assert refused(post_raw(api, body))[0]["attr"] == "name"


@pytest.mark.parametrize("key", ["\\u0000", "\\ud800", "", "<img src=x>", "x" * 5000, "a.b"])
def test_an_odd_key_is_refused_and_shown_harmlessly(api: Any, key: str) -> None:
    fault = refused(post_raw(api, b'{"' + key.encode() + b'":1}'))[0]
    assert len(fault["attr"]) <= 110
    assert fault["attr"].isascii()


@pytest.mark.parametrize(
    "url",
    [
        "", " ", "x", "10.0.0.1:15672", "//evil", "http:/\\evil", "http://", "http:///x", "javascript:1",
        "file:///etc/passwd", "gopher://h/", "unix:/run/x", "ftp://h", "amqp://h",
        "http://user:pw@h/", "http://allowed@evil/", "http://evil#@allowed/", "http://h#x",
        "http://h?x=1", "http://h/api/../x", "http://h/..", "http://h/%00", "http://h\n/", "http://h\t",
        "http://h:0", "http://h:65536", "http://h:", "http://h:x", "http://[::1", "http://[fe80::1%25eth0]",
        "http://" + "h" * 300, "http://b\u00fccher.example", "http://%00", "http://a b",
        "http://169.254.169.254", "http://[::ffff:169.254.169.254]", "http://[fd00:ec2::254]",
        "http://0.0.0.0", "http://[::]", "http://224.0.0.1", "http://100.100.100.200",
    ],
)  # fmt: skip
@pytest.mark.parametrize("path", [BROKERS, f"{BROKERS}test/"])
def test_an_address_that_no_broker_may_have_is_refused(api: Any, path: str, url: str) -> None:
    faults = refused(api.post(path, {**GOOD, "management_url": url}))
    assert [fault["attr"] for fault in faults] == ["management_url"]


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "0x7f000001", "2130706433", "127.1", "[::1]", "[::ffff:127.0.0.1]"],
)
def test_this_machine_is_refused_unless_a_setting_allows_it(
    api: Any, settings: Any, host: str
) -> None:
    settings.ALLOW_LOOPBACK_BROKERS = False
    faults = refused(api.post(BROKERS, {**GOOD, "management_url": f"http://{host}:5432"}))
    assert [fault["attr"] for fault in faults] == ["management_url"]
    faults = refused(api.post(BROKERS, {**GOOD, "amqp_url": f"amqp://{host}:5432"}))
    assert [fault["attr"] for fault in faults] == ["amqp_url"]


@pytest.mark.parametrize(
    "headers",
    [
        {"content_type": "application/json; charset=zlib"},
        {"content_type": "application/json; charset=utf-16"},
        {"content_type": "application/json; charset=nope"},
        {"content_type": "text/plain"},
        {"content_type": "application/xml"},
        {"content_type": "application/x-www-form-urlencoded"},
        {"content_type": "multipart/form-data"},
        {"content_type": "multipart/form-data; boundary=x"},
        {"content_type": ""},
        {"HTTP_CONTENT_ENCODING": "gzip"},
    ],
    ids=str,
)
def test_another_kind_of_body_is_refused(api: Any, headers: dict[str, str]) -> None:
    refused(post_raw(api, json.dumps(GOOD).encode(), **headers), 415)


def test_a_compressed_bomb_is_not_opened(api: Any) -> None:
    bomb = gzip.compress(b" " * 10_000_000)
    refused(post_raw(api, bomb, HTTP_CONTENT_ENCODING="gzip"), 415)


@pytest.mark.parametrize("size", [300_000, 3_000_000])
def test_a_large_body_is_refused(api: Any, size: int) -> None:
    refused(post_raw(api, json.dumps({**GOOD, "name": "x" * size}).encode()), 413)


def test_a_huge_body_is_refused_by_what_it_declares(api: Any) -> None:
    refused(post_raw(api, b"{}", CONTENT_LENGTH="2147483648"), 413)


@pytest.mark.parametrize("length", ["-1", "x", "1e3", "٣"])
def test_a_lying_length_is_refused(api: Any, length: str) -> None:
    refused(post_raw(api, b"{}", CONTENT_LENGTH=length))


@pytest.mark.parametrize(
    "query",
    [
        "page=0", "page=-1", "page=abc", "page=1e9", "page=10000000000000000000000", "page=",
        "page_size=0", "page_size=1001", "page_size=-5", "page_size=1e9", "page_size=٣",
        "page=1&page=2", "a[]=1", "nope=1", "sort=password", "ordering=password",
        "ordering=__class__", "ordering=-1;--", "ordering=", "ordering=name,nope",
        "ordering=user__password", "filter[user__password__startswith]=p", "format=admin",
        "environment=nope", "enabled=yes", "enabled=1", "name=%00", "name=%ff", "search=",
        "search=" + "x" * 1001, "search=" + "x" * 10_000, "_method=DELETE", "=1",
    ],
    ids=lambda query: query[:30],
)  # fmt: skip
def test_a_query_that_is_not_understood_is_refused(api: Any, query: str) -> None:
    faults = refused(api.get(f"{BROKERS}?{query}"))
    name = query.partition("=")[0]
    if "%ff" not in query and len(query) < 8000:
        assert faults[0]["attr"] == (name or '""')


def test_a_page_beyond_the_last_is_not_found(api: Any) -> None:
    refused(api.get(f"{BROKERS}?page=9999"), 404)


@pytest.mark.parametrize(
    "address",
    ["/api/v1/nope/", "/api/v1/brokers", "/api/v1/brokers/x/", "/api/v1/brokers/-1/",
     "/api/v1/brokers/999999999999/", f"/api/v1/brokers/{2**70}/", "/api/v1/queues/../brokers/",
     "/api/v1/queues/9999999999/history/", "/api/v1/brokers/%00/", "/api/v1/brokers/1.json",
     "/api/v1/tokens/99999999999999999/", "/api/", "/api/v2/brokers/"],
)  # fmt: skip
def test_an_unknown_address_is_not_found(api: Any, address: str) -> None:
    refused(api.get(address), 404)


@pytest.mark.parametrize(
    ("method", "address"),
    [("delete", BROKERS), ("put", BROKERS), ("put", "/api/v1/queues/"), ("put", "/api/v1/users/1/"),
     ("delete", "/api/v1/polls/"), ("get", f"{BROKERS}test/"), ("get", f"{BROKERS}1/test/"),
     ("post", "/api/v1/whoami/"), ("put", "/api/v1/tokens/1/"), ("trace", BROKERS),
     ("trace", f"{BROKERS}?page=1"), ("delete", f"{BROKERS}?a=b"), ("put", "/api/v1/queues/?name=")],
)  # fmt: skip
def test_a_method_that_is_not_there_is_told_apart(api: Any, method: str, address: str) -> None:
    answer = api.generic(method.upper(), address, b"{}", content_type="application/json")
    refused(answer, 405)
    assert method.upper() not in answer["Allow"]


def test_methods_cannot_be_overridden(api: Any) -> None:
    broker = api.post(BROKERS, GOOD).json()
    address = f"{BROKERS}{broker['id']}/"
    assert api.get(address, HTTP_X_HTTP_METHOD_OVERRIDE="DELETE").status_code == 200
    answer = api.post(address, {}, HTTP_X_HTTP_METHOD_OVERRIDE="DELETE")
    assert answer.status_code == 405
    assert Broker.objects.filter(pk=broker["id"]).exists()


def test_options_tells_the_methods_and_nothing_else(api: Any) -> None:
    answer = api.options(BROKERS)
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer["Allow"] == "GET, POST, HEAD, OPTIONS"


def test_only_json_is_given(api: Any) -> None:
    refused(api.get(BROKERS, HTTP_ACCEPT="text/html"), 406)
    assert api.get(BROKERS, HTTP_ACCEPT="text/html, */*;q=0.1").status_code == 200


def test_a_foreign_host_is_refused_in_json(api: Any) -> None:
    answer = api.get(BROKERS, HTTP_HOST="evil.example")
    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/json"
    assert b"evil" not in answer.content


def test_an_uncaught_error_tells_nothing_but_its_id(api: Any, monkeypatch: Any) -> None:
    def fail(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("internals: SELECT secret FROM somewhere")

    monkeypatch.setattr("console.pages.rest.brokers.add_broker", fail)
    api.raise_request_exception = False
    answer = api.post(BROKERS, GOOD)
    refused(answer, 500)
    assert b"internals" not in answer.content


def test_a_lost_database_is_told_as_such(api: Any, monkeypatch: Any) -> None:
    from django.db import OperationalError

    def fail(*args: Any, **kwargs: Any) -> None:
        raise OperationalError("connection to server at 10.0.0.9 failed")

    monkeypatch.setattr("console.pages.rest.brokers.add_broker", fail)
    api.raise_request_exception = False
    answer = api.post(BROKERS, GOOD)
    refused(answer, 503)
    assert answer["Retry-After"] == "5"
    assert b"10.0.0.9" not in answer.content


def test_too_many_requests_are_told_to_wait(api: Any, monkeypatch: Any) -> None:
    from console.faces.rest.throttles import PerUserProbes

    monkeypatch.setattr(PerUserProbes, "THROTTLE_RATES", {"probes": "1/min"})
    api.post(f"{BROKERS}test/", {})
    answer = api.post(f"{BROKERS}test/", {})
    refused(answer, 429)
    assert int(answer["Retry-After"]) >= 1


@pytest.mark.parametrize("name", ["audit", "changes", "polls"])
@pytest.mark.parametrize("text", ["null", "0551-07-08T11:42:25Z", "2026-11-23T15:04:05"])
def test_a_time_that_is_none_is_refused_with_a_code(api: Any, name: str, text: str) -> None:
    for parameter in ("from", "to"):
        faults = refused(api.get(f"/api/v1/{name}/", {parameter: text}))
        assert [(fault["attr"], fault["code"]) for fault in faults] == [(parameter, "invalid")]


def test_methods_that_are_not_there_are_405_whatever_the_query(api: Any) -> None:
    for query in ("", "?nope=1", "?page=x"):
        refused(api.generic("TRACE", BROKERS + query), 405)
        refused(api.generic("PROPFIND", BROKERS + query), 405)
