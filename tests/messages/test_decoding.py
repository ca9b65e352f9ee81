"""Decoders: what they read, why they fail, and that hostile bodies cost little."""

from __future__ import annotations

import base64
import gzip
import json
import subprocess
import sys
import zlib
from pathlib import Path

import msgpack
import pytest
from google.protobuf import descriptor_pb2
from hypothesis import given
from hypothesis import strategies as st

from vhosts.messages.decoding.decode import decode
from vhosts.messages.decoding.result import DECODED_AT_MOST, MOST_VALUES
from vhosts.messages.decoding.schemas import Schema

ROOT = Path(__file__).parents[2]
DOCUMENT = b'{"a": 1, "a": 2.50, "b": [1, "\xe2\x80\xae", 12345678901234567890123]}'
RECORD = json.dumps({
    "type": "record", "name": "Order", "namespace": "shop",
    "fields": [
        {"name": "id", "type": "string"},
        {"name": "lines", "type": {"type": "array", "items": {
            "type": "record", "name": "Line", "fields": [{"name": "qty", "type": "int"}]}}},
        {"name": "state", "type": ["null", {"type": "enum", "name": "State", "symbols": ["NEW", "OLD"]}]},
        {"name": "last", "type": ["null", "shop.Line"]},
        {"name": "more", "type": {"type": "map", "values": "double"}},
    ],
}).encode()  # fmt: skip
DATUM = b"\x06abc" + b"\x04\x02\x04\x00" + b"\x02\x02" + b"\x02\x0e" + b"\x00"


def descriptor_set() -> bytes:
    one = descriptor_pb2.FileDescriptorProto(name="shop.proto", package="shop", syntax="proto3")
    message = one.message_type.add(name="Order")
    message.field.add(name="id", number=1, type=9, label=1)
    message.field.add(name="qty", number=2, type=5, label=3)
    return descriptor_pb2.FileDescriptorSet(file=[one]).SerializeToString()


@pytest.mark.parametrize(
    ("body", "decoder"),
    [
        (DOCUMENT, "JSON"),
        (gzip.compress(DOCUMENT), "JSON, gzip decoded"),
        (gzip.compress(DOCUMENT[:9]) + gzip.compress(DOCUMENT[9:]), "JSON, gzip decoded"),
        (zlib.compress(DOCUMENT), "JSON, zlib decoded"),
        (base64.b64encode(DOCUMENT), "JSON, base64 decoded"),
        (base64.encodebytes(DOCUMENT), "JSON, base64 decoded"),
        (base64.b64encode(gzip.compress(DOCUMENT)), "JSON, base64, gzip decoded"),
        (DOCUMENT.hex().encode(), "JSON, hex decoded"),
    ],
)
def test_a_document_is_found_and_kept_exactly(body, decoder):
    """Duplicate keys, digits and order stay; what could turn a line round is escaped."""
    found = decode(body)
    assert found.decoder == decoder
    assert found.text == (
        '{\n  "a": 1,\n  "a": 2.50,\n  "b": [\n    1,\n    "\\u202e",\n    12345678901234567890123\n  ]\n}'
    )
    assert json.loads(found.text)["b"][1] == "\u202e"


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [
        ("gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("deflate", lambda data: zlib.compress(data)[2:-4]),
        ("base64, gzip", lambda data: gzip.compress(base64.b64encode(data))),
    ],
)
def test_the_stated_encoding_is_undone(encoding, pack):
    assert decode(pack(b'{"a":1}'), "application/json", encoding).text == '{\n  "a": 1\n}'


def test_message_pack_and_cbor():
    packed = decode(msgpack.packb({"a": 1, "b": b"xx", 3: [1.5, None, True]}))
    assert packed.decoder == "MessagePack"
    assert json.loads(packed.text) == {"a": 1, "b": "0x7878", "3": [1.5, None, True]}
    # {"a": 1, "a": [_ -2, "x"], "t": 1(0), "f": 1.5, "s": (_ h'01', h'02')}
    cbor = bytes.fromhex("a561610161619f216178ff6174c1006166f93e0061735f41014102ff")
    found = decode(cbor, "application/cbor")
    assert found.decoder == "CBOR"
    assert found.text.count('"a"') == 2
    assert json.loads(found.text) == {
        "a": [-2, "x"],
        "t": {"tag": 1, "value": 0},
        "f": 1.5,
        "s": "0x0102",
    }


def test_avro_with_a_schema_and_in_a_container():
    expected = {
        "id": "abc",
        "lines": [{"qty": 1}, {"qty": 2}],
        "state": "OLD",
        "last": {"qty": 7},
        "more": {},
    }
    for body in (DATUM, b"\0\0\0\0\x07" + DATUM, b"\xc3\x01" + b"12345678" + DATUM):
        found = decode(body, schema=Schema("avro", RECORD))
        assert (found.decoder, json.loads(found.text)) == ("Avro", expected)
    for codec, pack in ((b"null", bytes), (b"deflate", lambda data: zlib.compress(data)[2:-4])):
        assert json.loads(decode(container(codec, pack(DATUM))).text) == [expected]


def container(codec: bytes, block: bytes, records: int = 1) -> bytes:
    def long(number: int) -> bytes:
        number, parts = number << 1, bytearray()
        while number > 0x7F:
            parts.append(number & 0x7F | 0x80)
            number >>= 7
        return bytes([*parts, number])

    def text(data: bytes) -> bytes:
        return long(len(data)) + data

    meta = text(b"avro.codec") + text(codec) + text(b"avro.schema") + text(RECORD)
    return b"Obj\x01" + long(2) + meta + b"\0" + b"s" * 16 + long(records) + text(block) + b"s" * 16


def test_protobuf_with_a_descriptor_set():
    body = b"\x0a\x03abc\x12\x02\x01\x02"
    for content in (descriptor_set(), base64.b64encode(descriptor_set())):
        found = decode(body, schema=Schema("protobuf", content))
        assert (found.decoder, json.loads(found.text)) == ("Protobuf", {"id": "abc", "qty": [1, 2]})
    wrong = decode(body, schema=Schema("protobuf", descriptor_set(), "shop.Other"))
    assert ("Protobuf", "the descriptor set has no message shop.Other") in wrong.tried
    proto = decode(body, schema=Schema("protobuf", b'syntax = "proto3";'))
    assert "protoc" in dict(proto.tried)["Protobuf"]


def test_each_decoder_says_why_it_failed():
    tried = dict(decode(b"\x1f\x8b\x08 broken\xff", schema=Schema("avro", b"no")).tried)
    assert "damaged" in tried["gzip"]
    assert tried["Avro"] == "the schema isn't JSON"
    assert tried["JSON"] == "byte 1 isn't UTF-8"
    assert tried["MessagePack"].startswith("not MessagePack")
    assert tried["CBOR"]
    assert dict(decode(b'{"a": }').tried)["JSON"] == "not JSON: expecting value at line 1, column 7"


def test_text_binary_and_character_sets():
    assert decode(b"hello\r\nworld\x1b[2J").text == "hello\nworld\\x1b[2J"
    assert decode("é".encode("latin-1"), "text/plain; charset=iso-8859-1").text == "é"
    assert decode(b"[1]", "application/json", "utf-8").decoder == "JSON"
    for unsafe in ("zlib", "unicode_escape", "punycode", "rot13", "utf-7", "no such"):
        assert decode(b"+ADw-a", f"text/plain; charset={unsafe}").text == "+ADw-a"
    dumped = decode(bytes(range(256)))
    assert dumped.decoder == "Binary"
    assert dumped.text.startswith("00000000  00 01 02")


def test_words_are_not_taken_for_base64_or_hex():
    for word in (b"aaaaaaaaaaaaaaaa", b"deadbeefdeadbeef", b"Configuration123", b""):
        assert decode(word).decoder in ("Text", "Binary")


LAUGHS = json.dumps({
    "type": "record", "name": "Top", "fields": [
        {"name": "r0", "type": {"type": "record", "name": "R0", "fields": [{"name": "n", "type": "null"}]}},
        *({"name": f"r{level}", "type": {"type": "record", "name": f"R{level}", "fields": [
            {"name": f"f{each}", "type": f"R{level - 1}"} for each in range(10)]}} for level in range(1, 12)),
    ]}).encode()  # fmt: skip
HOSTILE = {
    "zip bomb": (lambda: gzip.compress(b"0" * 300_000_000, 1), None),
    "zip bomb of many members": (lambda: gzip.compress(b"0" * 1000) * 20_000, None),
    "zip bomb of brackets": (lambda: gzip.compress(b"[" * 1_000_000), None),
    "deep JSON": (lambda: b"[" * 500_000 + b"]" * 500_000, None),
    "deep objects": (lambda: b'{"a":' * 170_000, None),
    "big integer": (lambda: b"9" * 1_000_000, None),
    "big exponent": (lambda: b"1e999999999", None),
    "wide JSON": (lambda: b"[" + b"{}," * 349_000 + b"1]", None),
    "long escapes": (lambda: b'"' + "\u202e".encode() * 340_000 + b'"', None),
    "a billion in MessagePack": (lambda: b"\xdd\x3b\x9a\xca\x00", None),
    "wide MessagePack": (lambda: b"\xdd\x00\x0f\xde\x80" + b"\xc0" * 1_040_000, None),
    "deep MessagePack": (lambda: b"\x91" * 1_000_000, None),
    "a billion in CBOR": (lambda: b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff", None),
    "wide CBOR": (lambda: b"\x9f" + b"\xa0" * 1_040_000 + b"\xff", None),
    "deep CBOR": (lambda: b"\x81" * 1_000_000, None),
    "deep CBOR tags": (lambda: b"\xc2" * 1_000_000, None),
    "CBOR string of exabytes": (lambda: b"\x81\x7b\x7f" + b"\xff" * 7, None),
    "a billion Avro nulls": (lambda: b"\x80\x94\xeb\xdc\x03\x00", Schema("avro", b'{"type":"array","items":"null"}')),
    "Avro type within itself": (
        lambda: b"\x02" * 1_000_000,
        Schema("avro", b'{"type":"record","name":"N","fields":[{"name":"n","type":["null","N"]}]}'),
    ),
    "Avro type that is itself": (lambda: b"\x02", Schema("avro", b'{"type":"record","name":"N","fields":[{"name":"n","type":"N"}]}')),
    "Avro records of nothing": (lambda: b"\x02", Schema("avro", LAUGHS)),
    "deep Avro schema": (lambda: b"\x02", Schema("avro", b'{"type":' * 20_000 + b'"null"' + b"}" * 20_000)),
    "odd Avro schema": (lambda: b"\x02", Schema("avro", b'{"type":"record","fields":7,"name":["x"]}')),
    "endless Avro number": (lambda: b"\xff" * 100, Schema("avro", b'"long"')),
    "random descriptor set": (lambda: b"\x0a\x01a", Schema("protobuf", bytes(range(1, 255)))),
    "base64 in base64": (lambda: base64.b64encode(base64.b64encode(base64.b64encode(base64.b64encode(base64.b64encode(b"x" * 200_000))))), None),
    "hex of everything": (lambda: b"00" * 500_000, None),
    "128 MB": (lambda: b"a" * 128_000_000, None),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_bodies_are_shown_somehow(name):
    make, schema = HOSTILE[name]
    found = decode(make(), schema=schema)
    assert found.decoder
    assert len(found.text) <= 40 * DECODED_AT_MOST


@given(st.binary(max_size=60), st.sampled_from(["", "application/msgpack", "application/cbor"]), st.sampled_from(
    ["", "gzip", "deflate", "base64", "hex", "zlib, base64"]))  # fmt: skip
def test_no_bytes_raise(body, content_type, encoding):
    for before in (b"", b"\x1f\x8b\x08", b"\x78\x9c", b"Obj\x01", b"\x84", b"\xa4"):
        assert decode(before + body, content_type, encoding).decoder


@given(st.binary(max_size=40), st.recursive(
    st.sampled_from(["null", "int", "string", "bytes", "N", 7, None, "record"]),
    lambda below: st.lists(below, max_size=3) | st.fixed_dictionaries({}, optional={
        "type": below | st.sampled_from(["array", "map", "record", "enum", "fixed"]), "name": st.just("N"), "items": below,
        "values": below, "fields": below | st.lists(st.fixed_dictionaries({"name": below, "type": below}), max_size=3),
        "symbols": below, "size": st.integers(-2, 99)}), max_leaves=12))  # fmt: skip
def test_no_avro_schema_raises(body, schema):
    assert decode(body, schema=Schema("avro", json.dumps(schema).encode())).decoder


def test_what_is_too_large_is_said():
    found = decode(b"{" + b"a" * (DECODED_AT_MOST + 1))
    assert found.cut
    assert found.tried == (("All decoders", f"the body is larger than {DECODED_AT_MOST} bytes"),)
    assert found.text.startswith("{aaa")
    assert dict(decode(b"[" + b"1," * MOST_VALUES + b"1]").tried)["JSON"].startswith(
        "contains more than"
    )
    bomb = dict(decode(gzip.compress(b"0" * (DECODED_AT_MOST + 1))).tried)
    assert bomb["gzip"] == f"unpacks to more than {DECODED_AT_MOST} bytes"


@pytest.mark.slow
def test_hostile_bodies_take_less_than_200_mb():
    """In a process of its own. VmHWM: what getrusage says begins with the parent's peak."""
    script = (
        "from vhosts.messages.decoding.decode import decode\n"
        "for body in (b'['+b'{},'*33_000+b'1]', b'\"'+b'\\xe2\\x80\\xae'*340_000+b'\"',"
        " b'\\xdd\\x00\\x01\\x80\\x00'+b'\\xc0'*98_304, b'\\x9f'+b'\\xa0'*99_000+b'\\xff', b'a'*128_000_000):\n"
        "    decode(body)\n"
        "print(open('/proc/self/status').read().split('VmHWM:')[1].split()[0])\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert int(ended.stdout) < 200 * 1024, "the largest body included"
