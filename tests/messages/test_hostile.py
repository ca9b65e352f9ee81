"""200 hostile payloads, headers, properties and exception texts: nothing runs, nothing raises."""

from __future__ import annotations

import base64
import gzip
import itertools
import json
from decimal import Decimal
from html.parser import HTMLParser

import msgpack
import pika
import pytest
from django.template.loader import render_to_string

from console.rabbitmq.amqp.message import Message
from vhosts.messages.matching import Match, match
from vhosts.messages.serializers import ShownMessageSerializer
from vhosts.messages.showing import raw, reader_of, shown
from vhosts.models import MaskingRule

pytestmark = pytest.mark.django_db
TEXTS = [
    "<script>alert(1)</script>", "</pre><script>alert(1)</script>", "</textarea><img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>', "' onmouseover='alert(1)", "javascript:alert(1)", "{{ 7|add:7 }}{% debug %}",
    "<!--", "-->", "<![CDATA[", "]]>", "&lt;script&gt;", "&#60;script&#62;", "\\u003cscript\\u003e",
    "<iframe srcdoc='<script>alert(1)</script>'>", "<base href=//evil>", "<meta http-equiv=refresh content=0>",
    "<form action=//evil><button>", "<a href='data:text/html,<script>'>", "<style>*{display:none}</style>",
    "<template><script></template>", "<math><mtext><script>", "x-data x-init=alert(1)", "hx-get=/logout",
    "@click=alert(1)", "\0", "\x1b[2J\x1b]0;x\x07", "\r\nSet-Cookie: a=b", "\u202egnp.exe", "\u2066\u2069\u200b\ufeff",
    "\u2028\u2029", "\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"), "a" * 100_000,
    "Z\u0351\u036b\u0343" * 300, "=cmd|' /C calc'!A0", "${jndi:ldap://evil}", "%00%0a%n%s", "../../etc/passwd",
    "Traceback (most recent call last):\n  <b>File</b>", "NaN", "1e400", "-0", "",
]  # fmt: skip
BODIES = [
    *(text.encode() for text in TEXTS),
    *(json.dumps({text: text}).encode() for text in TEXTS),
    *(gzip.compress(text.encode()) for text in TEXTS[:12]),
    *(base64.b64encode(json.dumps([text]).encode()) for text in TEXTS[:12]),
    *(msgpack.packb({text: text.encode()}) for text in TEXTS[:12]),
    b"\xff\xfe<\x00s\x00c\x00", b"\xf0\x28\x8c\x28", b'"\\ud800"', b'{"a":"\\ud800\\u0000"}', bytes(256), b"\x00" * 9,
]  # fmt: skip
HEADERS = [
    *({text or "empty": text} for text in TEXTS),
    *({"t": {text or "empty": [text, {"k": text.encode()}]}} for text in TEXTS[:12]),
    *({"x-death": odd} for odd in (
        None, 7, "no", [], {}, [None], [[]], [{}], [{"count": "9"}], [{"count": -1, "time": 5}], [{"count": 2**63}],
        [{"queue": {"a": 1}, "routing-keys": "no", "reason": b"\xff"}], [{"routing-keys": [None, 1, {}]}], [{}] * 5000)),
    *({"x-exception-message": text, "x-exception-stacktrace": text * 3} for text in TEXTS[:20]),
    {"n": Decimal("1E+999999")}, {"n": 10**5000}, {"n": float("nan")}, {"n": float("inf")}, {"f": object()},
]  # fmt: skip
PROPERTIES = [
    *({name: text[:200]} for name, text in itertools.product(
        ("content_type", "content_encoding", "correlation_id", "message_id"), TEXTS[:12])),
    {"timestamp": 2**62}, {"timestamp": -1}, {"priority": 255}, {"delivery_mode": 9}, {"content_type": 7},
    {"content_type": "text/html"}, {"content_type": "image/svg+xml"}, {"content_encoding": "gzip," * 500},
]  # fmt: skip
#: What the templates themselves contain.
_TAGS = {
    "div", "input", "label", "section", "p", "b", "span", "pre", "details", "summary", "dl", "dt", "dd", "bdi", "code",
    "ol", "li", "br", "time", "button", "svg", "path",
}  # fmt: skip


class Tags(HTMLParser):
    """The elements and attributes of a page as a browser reads them."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)


def messages():
    for body in BODIES:
        yield Message("", "", False, pika.BasicProperties(content_type="application/json"), body)
    for headers in HEADERS:
        yield Message("e", "k", True, pika.BasicProperties(headers=headers), b"{}")
    for properties in PROPERTIES:
        yield Message("e", "k", False, pika.BasicProperties(**properties), b'{"a": "<b>"}')
    for text in TEXTS:
        yield Message(text[:255], text[:255], False, pika.BasicProperties(), b"")


def test_there_are_more_than_200():
    assert len(list(messages())) > 200


@pytest.mark.parametrize("masked", [False, True])
def test_hostile_messages_are_only_text(masked, broker, reading, now):
    if masked:
        for subject, target in (("header", "x-token"), ("body", "$..number")):
            MaskingRule.objects.create(
                subject=subject, target=target, action="mask", created_at=now
            )
    reader = reader_of(reading, broker.pk, "/")
    wanted = Match.of({"header": "t=x", "body": "<b>"})
    for at, one in enumerate(messages()):
        found = shown(one, reader)
        page = render_to_string(
            "vhosts/messages/_message.html", {"message": found, "at": at, "now": now}
        )
        read = Tags()
        read.feed(page)
        assert read.tags <= _TAGS, one
        assert not {
            name for name in read.attributes if name.startswith(("on", "hx-", "x-", "@", "style"))
        }, one
        # Nothing moves a cursor or turns a line round; the page's own line ends and the data of a
        # copy button are text.
        assert not any(hidden in page for hidden in "\0\x1b\x07\u202e\u2066\u200b\ufeff\u2028"), one
        json.dumps(ShownMessageSerializer(found).data, default=str)
        json.dumps(found.exported())
        raw(one, reader)
        match(one, reader, wanted)
