"""Find out how to read a body: by what the message states, then by what its bytes look like."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from vhosts.messages.decoding.binary import dump
from vhosts.messages.decoding.formats.avro import read_avro, read_container
from vhosts.messages.decoding.formats.cbor import read_cbor
from vhosts.messages.decoding.formats.json_text import read_json
from vhosts.messages.decoding.formats.message_pack import read_message_pack
from vhosts.messages.decoding.formats.protobuf import read_protobuf
from vhosts.messages.decoding.packed import gunzip, inflate, unbase64, unhex, unzlib
from vhosts.messages.decoding.result import (
    DECODED_AT_MOST,
    SHOWN_AT_MOST,
    Decoded,
    Undecodable,
    lines_printable,
)
from vhosts.messages.decoding.schemas import Schema
from vhosts.messages.decoding.text import charset_of, read_text
from vhosts.messages.decoding.trees import written

#: Encodings in encodings at most.
_LAYERS = 4
_BY_ENCODING: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", gunzip),
    "x-gzip": ("gzip", gunzip),
    "deflate": ("deflate", inflate),
    "zlib": ("zlib", unzlib),
    "base64": ("base64", unbase64),
    "hex": ("hex", unhex),
}
#: Decoders whose failure says that bytes were packed.
UNPACKERS = ("gzip", "zlib", "deflate")
_BINARY: tuple[tuple[str, Callable[[bytes], Any]], ...] = (
    ("MessagePack", read_message_pack),
    ("CBOR", read_cbor),
)
_MEDIA = {"MessagePack": re.compile("message-?pack|msgpack"), "CBOR": re.compile("cbor")}
#: Characters that text needs to be taken for base64 or hex: less is so by chance.
_LEAST_ENCODED = 16


class _Attempt:
    """One body and the decoders that failed on it."""

    def __init__(self, content_type: str, content_encoding: str, schema: Schema | None) -> None:
        self.content_type = content_type.strip().lower()[:200]
        self.encodings = [one.strip() for one in content_encoding.lower()[:200].split(",")]
        self.charset = charset_of(content_type[:200], self.encodings[-1])
        self.schema = schema
        self.tried: list[tuple[str, str]] = []
        self.layers: tuple[str, ...] = ()

    def run(self, name: str, decoder: Callable[..., Any], *given: Any) -> Any:
        """Return what the decoder returns, or the Undecodable that it raised."""
        try:
            return decoder(*given)
        except Undecodable as failed:
            self.tried.append((name, failed.reason))
            return failed


def decode(
    body: bytes,
    content_type: str = "",
    content_encoding: str = "",
    schema: Schema | None = None,
) -> Decoded:
    """Return the body as text. Never raises: the last way to show it is a hex dump."""
    attempt = _Attempt(content_type, content_encoding, schema)
    if len(body) > DECODED_AT_MOST:
        return _beginning(body, attempt)
    data = _unpacked(body, attempt)
    found = _structured(data, attempt) or _text(data, attempt)
    return found or _result("Binary", dump(data), attempt)


def _beginning(body: bytes, attempt: _Attempt) -> Decoded:
    """Return the first part of a body that is too large to be decoded."""
    attempt.tried.append(("All decoders", f"the body is larger than {DECODED_AT_MOST} bytes"))
    try:
        # A character may be cut in half at the end, which this decoder doesn't mind.
        text = codecs.getincrementaldecoder("utf-8")().decode(body[:SHOWN_AT_MOST])
        kind, text = "Text", lines_printable(read_text(text.encode()))
    except (UnicodeDecodeError, Undecodable):
        kind, text = "Binary", dump(body)
    return replace(_result(kind, text, attempt), cut=True)


def _unpacked(body: bytes, attempt: _Attempt) -> bytes:
    """Return the body without the encodings that the message states or that its bytes show."""
    for encoding in reversed(attempt.encodings[:_LAYERS]):
        if encoding in _BY_ENCODING:
            name, decoder = _BY_ENCODING[encoding]
            body = _layer(name, decoder, body, attempt)
    while len(attempt.layers) < _LAYERS:
        if body.startswith(b"\x1f\x8b\x08"):
            inner = _layer("gzip", gunzip, body, attempt)
        elif body[:1] == b"\x78" and body[1:2] in (b"\x01", b"\x5e", b"\x9c", b"\xda"):
            inner = _layer("zlib", unzlib, body, attempt)
        else:
            return body
        if inner is body:
            return body
        body = inner
    return body


def _layer(name: str, decoder: Callable[[bytes], bytes], data: bytes, attempt: _Attempt) -> bytes:
    """Return what is within, or the same bytes if they aren't so encoded."""
    found = attempt.run(name, decoder, data)
    if not isinstance(found, bytes) or len(found) > DECODED_AT_MOST:
        return data
    attempt.layers += (name,)
    return found


def _structured(data: bytes, attempt: _Attempt) -> Decoded | None:
    """Return the body as a tree, None if no decoder reads it as one."""
    for name, tree in _trees(data, attempt):
        if not isinstance(tree, Undecodable):
            found = _result(name, written(tree), attempt)
            return replace(found, is_tree=True, tree=tree)
    return None


def _trees(data: bytes, attempt: _Attempt) -> Iterator[tuple[str, Any]]:
    """Yield (decoder, tree or Undecodable) one after another, the surest first."""
    if attempt.schema is not None:
        avro = attempt.schema.kind == "avro"
        name = "Avro" if avro else "Protobuf"
        yield (
            name,
            attempt.run(name, read_avro if avro else read_protobuf, data, attempt.schema),
        )
    stated = [each for each in _BINARY if _MEDIA[each[0]].search(attempt.content_type)]
    for name, decoder in stated:
        yield name, attempt.run(name, decoder, data)
    text = attempt.run("JSON", read_text, data, attempt.charset)
    if isinstance(text, str):
        yield "JSON", attempt.run("JSON", read_json, text)
        return
    if data.startswith(b"Obj\x01"):
        yield "Avro container", attempt.run("Avro container", read_container, data)
    for name, decoder in _BINARY:
        if (name, decoder) not in stated:
            yield name, attempt.run(name, decoder, data)


def _text(data: bytes, attempt: _Attempt) -> Decoded | None:
    """Return the body as text; text that is base64 or hex of something readable as that."""
    text = attempt.run("Text", read_text, data, attempt.charset)
    if not isinstance(text, str):
        return None
    if len(data) >= _LEAST_ENCODED:
        for name, decoder in (("hex", unhex), ("base64", unbase64)):
            inner = attempt.run(name, decoder, data)
            within = _within(name, inner, attempt) if isinstance(inner, bytes) else None
            if within is not None:
                return within
    return _result("Text", lines_printable(text), attempt)


def _within(name: str, data: bytes, around: _Attempt) -> Decoded | None:
    """Return the bytes that were base64 or hex, if they are a tree or packed. None: they only look
    so, as many words do."""
    if len(around.layers) >= _LAYERS:
        return None
    attempt = _Attempt("", "", around.schema)
    attempt.layers = (*around.layers, name)
    inner = _unpacked(data, attempt)
    found = _structured(inner, attempt)
    if found is None and inner is not data:
        return _text(inner, attempt)
    if found is None:
        around.tried.extend(each for each in attempt.tried if each[0] in UNPACKERS)
    return found


def _result(name: str, text: str, attempt: _Attempt) -> Decoded:
    return Decoded(name, text, tuple(attempt.tried), attempt.layers)
