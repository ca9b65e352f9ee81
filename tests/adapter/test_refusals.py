"""What brokers and proxies say when they refuse, in every shape that is known of: their words, once and whole."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from console.rabbitmq import errors
from console.rabbitmq.http.refusals import error_for_status
from console.rabbitmq.management.paths import path
from tests.adapter.conftest import LiveBroker

#: As RabbitMQ of three versions answered: Erlang's tuples are lists, its strings lists of characters.
_REGEXP = (
    b'{"error":"bad_request","reason":["invalid_regexp",[40,63,97,41,97],[[117,110,114,101,99,111,103,110,'
    b"105,122,101,100,32,99,104,97,114,97,99,116,101,114,32,97,102,116,101,114,32,40,63,32,111,114,32,40,"
    b"63,45],2]]}"
)
_POLICY_310 = (
    b'{"error":"bad_request","reason":"Validation failed\\n\\n[{&lt;&lt;\\"foo\\"&gt;&gt;,1}] are not recognised '
    b"policy settings\\napply-to 'streams' unrecognised; should be 'queues', 'exchanges' or 'all'\\n\"}"
)
_POLICY_436 = b'{"error":"bad_request","reason":"Validation failed\\n\\n<<>> is not a valid consumer timeout\\n"}'
_NGINX = (
    b"<html>\r\n<head><title>413 Request Entity Too Large</title></head>\r\n<body>\r\n<center><h1>413 Request "
    b"Entity Too Large</h1></center>\r\n<hr><center>nginx/1.22.1</center>\r\n</body>\r\n</html>\r\n"
)
_HAPROXY = b"<html><body><h1>403 Forbidden</h1>\nRequest forbidden by administrative rules.\n</body></html>\n"


def _reason(value: Any, code: Any = "bad_request") -> bytes:
    return json.dumps({"error": code, "reason": value}).encode()


@pytest.mark.parametrize(
    ("status", "body", "kind", "words"),
    [
        # RabbitMQ
        (400, _reason("invalid arg 'x-max-age' for queue 'q'"), errors.Rejected,
         "invalid arg 'x-max-age' for queue 'q'"),
        (400, _reason(["no_such_exchange", "x"]), errors.Rejected, "no_such_exchange: x"),
        (400, _reason(["key_missing", "value"]), errors.Rejected, "key_missing: value"),
        (400, _reason(["a", 5, None, True]), errors.Rejected, "a: 5, true"),
        (400, _reason("no_such_vhost"), errors.Rejected, "no_such_vhost"),
        (400, _REGEXP, errors.Rejected,
         "invalid_regexp: (?a)a, (unrecognized character after (? or (?-, 2)"),
        (400, _reason({"vhost": "orders", "fault": ["not_found", "q"]}), errors.Rejected,
         "vhost: orders, fault: not_found: q"),
        (400, _POLICY_310, errors.Rejected,
         'Validation failed: [{<<"foo">>,1}] are not recognised policy settings; apply-to \'streams\' '
         "unrecognised; should be 'queues', 'exchanges' or 'all'"),
        (400, _POLICY_436, errors.Rejected, "Validation failed: <<>> is not a valid consumer timeout"),
        (400, _reason("queue '&lt;b&gt; &amp;lt; &eacute;'"), errors.Rejected,
         "queue '<b> &lt; &eacute;'"),
        (400, _reason("inequivalent arg 'durable' for queue 'q': received 'true'"), errors.Conflict,
         "inequivalent arg 'durable' for queue 'q': received 'true'"),
        (400, _reason(""), errors.Rejected, "bad_request"),
        (400, _reason(None), errors.Rejected, "bad_request"),
        (400, _reason([]), errors.Rejected, "bad_request"),
        (400, b'{"error":"json_decode","reason":{}}', errors.Rejected, "json_decode"),
        (400, b'{"error":{"a":1}}', errors.Rejected, "a: 1"),
        (400, _reason("Stats in management UI are disabled on this node"), errors.StatsDisabled, ""),
        (401, _reason("Access refused.", "not_authorised"), errors.AccessRefused, "Access refused."),
        (401, _reason("Not_Authorized", "not_authorized"), errors.LoginRefused, ""),
        (401, _reason("Login failed", "not_authorized"), errors.LoginRefused, ""),
        (404, _reason("no exchange 'missing' in vhost 'v'", "not_found"), errors.NotFound,
         "no exchange 'missing' in vhost 'v'"),
        (404, _reason("Not Found", "Object Not Found"), errors.NotFound, ""),
        (405, b"", errors.Rejected, "The broker answered 405."),
        (500, b"", errors.BrokerFailed, "The broker answered 500."),
        (500, _reason(["badmatch", "x"], "internal_error"), errors.BrokerFailed, "badmatch: x"),
        (503, b'{"status":"failed","reason":"Not a quorum queue"}', errors.Unreachable,
         "The broker, or a proxy in front of it, is not available (503): Not a quorum queue"),
        # Others
        (400, b"", errors.Rejected, "The broker answered 400."),
        (400, b"Bad Request: header too long\r\n", errors.Rejected, "Bad Request: header too long"),
        (400, b'"only text"', errors.Rejected, "only text"),
        (400, b'["one", "two"]', errors.Rejected, "one: two"),
        (413, _NGINX, errors.Rejected, "413 Request Entity Too Large"),
        (403, _HAPROXY, errors.AccessRefused, "403 Forbidden"),
        (400, b"<html><body>nothing that has a title</body></html>", errors.Rejected,
         "The broker answered 400."),
        (400, b"<title>A &amp; B &lt;x&gt;</title>", errors.Rejected, "A & B <x>"),
        (502, b"<html>", errors.Unreachable,
         "The broker, or a proxy in front of it, is not available (502)."),
        # Hostile
        (400, b"\xff\xfe\x00", errors.Rejected, "\ufffd\ufffd\\x00"),
        (400, _reason("\x1b[2J\u202egnp"), errors.Rejected, "\\x1b[2J\\u202egnp"),
        (400, _reason("x" * 50_000), errors.Rejected, "x" * 400),
        (400, _reason([[[[[[[[["deep"]]]]]]]]]), errors.Rejected, "…"),
        (400, _reason([-1, 2**31]), errors.Rejected, "-1, 2147483648"),
        (400, b"[" * 60_000, errors.Rejected, "[" * 400),
    ],
    ids=lambda value: value[:40] if isinstance(value, (str, bytes)) else None,
)  # fmt: skip
def test_a_refusal_keeps_the_words_of_whoever_refuses(
    status: int, body: bytes, kind: type[errors.BrokerError], words: str
) -> None:
    error = error_for_status(status, body)
    assert isinstance(error, kind)
    assert (error.detail, error.status) == (words, status)


@pytest.mark.parametrize(
    ("segments", "body", "words"),
    [
        (("permissions", "{vhost}", "{user}"),
         {"configure": "[a", "write": "", "read": ""}, "[a"),
        (("policies", "{vhost}", "p"),
         {"pattern": "^a", "definition": {"a<b>&c": 1}, "apply-to": "all"}, "a<b>&c"),
        (("exchanges", "{vhost}", "e"), {"type": "<no & such>"}, "<no & such>"),
        (("parameters", "no-component", "{vhost}", "p"), {"value": {}}, "no-component"),
    ],
    ids=["permission", "policy", "exchange", "parameter"],
)  # fmt: skip
def test_a_live_broker_is_quoted_with_what_it_refuses(
    broker: LiveBroker, segments: Any, body: Any, words: str
) -> None:
    names = {"vhost": broker.vhost, "user": broker.endpoint.credentials.username}
    answer = broker.send("PUT", path(*(segment.format(**names) for segment in segments)), body)
    assert answer.status == 400
    assert words in error_for_status(answer.status, answer.body).detail


#: (method, segments, body): what every version from 3.10 to 4.3 refuses, each through another part of its API.
_REFUSED: list[tuple[str, tuple[str, ...], Any]] = [
    ("PUT", ("vhosts", "{vhost}x", "y"), None),
    ("PUT", ("vhost-limits", "{vhost}", "max-queues"), {"value": "many"}),
    ("PUT", ("vhost-limits", "{vhost}", "no-such-limit"), {"value": 1}),
    ("PUT", ("user-limits", "{user}", "max-connections"), {"value": "many"}),
    ("PUT", ("users", "adapter-refused"), {"password_hash": "!!!", "tags": ""}),
    ("PUT", ("users", "adapter-refused"), {"password": "x"}),
    ("PUT", ("users", "adapter-refused"), {"password_hash": "", "tags": 5}),
    ("PUT", ("permissions", "{vhost}", "nobody at all"), {"configure": "", "write": "", "read": ""}),
    ("PUT", ("permissions", "no such vhost", "{user}"), {"configure": "", "write": "", "read": ""}),
    ("PUT", ("permissions", "{vhost}", "{user}"), {"configure": "(", "write": "", "read": ""}),
    ("PUT", ("permissions", "{vhost}", "{user}"), {"configure": ""}),
    ("PUT", ("topic-permissions", "{vhost}", "{user}"), {"exchange": "amq.topic", "write": "[", "read": ""}),
    ("PUT", ("queues", "{vhost}", "q"), {"durable": True, "arguments": {"x-max-length": "many"}}),
    ("PUT", ("queues", "{vhost}", "q"), {"durable": True, "arguments": {"x-queue-type": "quorom"}}),
    ("PUT", ("queues", "{vhost}", "q"), {"durable": False, "arguments": {"x-queue-type": "quorum"}}),
    ("PUT", ("queues", "{vhost}", "amq.mine"), {"durable": True}),
    ("PUT", ("exchanges", "{vhost}", "e"), {"type": "nope", "durable": True}),
    ("PUT", ("exchanges", "{vhost}", "amq.direct"), {"type": "fanout", "durable": True}),
    ("POST", ("bindings", "{vhost}", "e", "no-exchange", "q", "no-queue"), {"routing_key": ""}),
    ("PUT", ("policies", "{vhost}", "p"), {"pattern": "^a", "definition": {"max-length": "x"}, "apply-to": "all"}),
    ("PUT", ("policies", "{vhost}", "p"), {"pattern": "(", "definition": {"max-length": 1}, "apply-to": "all"}),
    ("PUT", ("policies", "{vhost}", "p"), {"pattern": "^a", "definition": {}, "apply-to": "nowhere"}),
    ("PUT", ("policies", "{vhost}", "p"), {"definition": {"max-length": 1}}),
    ("PUT", ("operator-policies", "{vhost}", "p"), {"pattern": "^a", "definition": {"alternate-exchange": "x"}}),
    ("PUT", ("parameters", "no-component", "{vhost}", "p"), {"value": {}}),
    ("POST", ("definitions",), {"users": [{"name": 5}]}),
    ("POST", ("definitions", "{vhost}"), {"queues": [{"name": "q", "durable": True, "auto_delete": False,
                                                       "arguments": {"x-max-length": "many"}}]}),
    ("DELETE", ("exchanges", "{vhost}", "amq.direct"), None),
    ("POST", ("vhosts", "{vhost}", "start", "rabbit@nowhere"), None),
]  # fmt: skip


@pytest.mark.parametrize(
    ("method", "segments", "body"),
    _REFUSED,
    ids=[
        f"{method} {'-'.join(segments)} {number}"
        for number, (method, segments, _) in enumerate(_REFUSED)
    ],
)
def test_no_part_of_the_api_refuses_without_its_words(
    broker: LiveBroker, method: str, segments: tuple[str, ...], body: Any
) -> None:
    """Whatever shape its reason has: text, list, list of lists, characters, nothing but a status."""
    names = {"vhost": broker.vhost, "user": broker.endpoint.credentials.username}
    target = path(*(segment.format(**names) for segment in segments))
    try:
        answer = broker.send(method, target, body)
    except errors.ConnectionLost:
        # The broker closed a connection that was idle. Nothing of what is sent here is carried out.
        answer = broker.send(method, target, body)
    if answer.ok:
        pytest.fail(f"{answer.status}: this version takes it", pytrace=False)
    error = error_for_status(answer.status, answer.body)
    if answer.body and not isinstance(error, errors.NotFound | errors.LoginRefused):
        assert error.detail, answer.body
        assert not error.detail.startswith("The broker answered"), answer.body
    # Neither characters as numbers, nor escapes of HTML, nor the JSON around them.
    assert not re.search(
        r"\[\d+,\d+|\d+, \d+, \d+, \d+, \d+|&(lt|gt|amp);|bad_request\b.*reason", error.detail
    )
