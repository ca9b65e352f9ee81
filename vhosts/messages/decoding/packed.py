"""Unpack gzip, zlib and deflate, and decode base64 and hex, within a limit of bytes."""

from __future__ import annotations

import base64
import binascii
import re
import zlib

from vhosts.messages.decoding.result import DECODED_AT_MOST, Undecodable

_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]+={0,2}")
_HEX = re.compile(rb"(?:[0-9A-Fa-f]{2})+")
_SPACE = b" \t\r\n"


def gunzip(data: bytes) -> bytes:
    """Return what one or more gzip members contain. Raises Undecodable, also for bytes behind."""
    if not data.startswith(b"\x1f\x8b"):
        raise Undecodable("doesn't start like gzip")
    return _inflated(data, 31)


def inflate(data: bytes) -> bytes:
    """Return what a zlib or raw deflate stream contains."""
    try:
        return _inflated(data, 15)
    except Undecodable as failed:
        if "more than" in failed.reason:
            raise
        return inflate_raw(data)


def inflate_raw(data: bytes) -> bytes:
    """Return what a raw deflate stream contains."""
    return _inflated(data, -15)


def unzlib(data: bytes) -> bytes:
    """Return what a zlib stream contains."""
    if len(data) < 6 or data[0] != 0x78 or int.from_bytes(data[:2], "big") % 31:
        raise Undecodable("doesn't start like zlib")
    return _inflated(data, 15)


def unbase64(data: bytes) -> bytes:
    """Return the bytes of base64, of the usual or the URL alphabet, in lines or not."""
    packed = data.translate(None, _SPACE)
    if not packed or not _BASE64.fullmatch(packed):
        raise Undecodable("contains characters that aren't base64")
    stripped = packed.rstrip(b"=").translate(bytes.maketrans(b"-_", b"+/"))
    try:
        return base64.b64decode(stripped + b"=" * (-len(stripped) % 4), validate=True)
    except binascii.Error:
        raise Undecodable("base64 of an impossible length") from None


def unhex(data: bytes) -> bytes:
    """Return the bytes of hex digits, with blanks or colons between them or not."""
    found = data.translate(None, _SPACE + b":").removeprefix(b"0x")
    if not _HEX.fullmatch(found):
        raise Undecodable("contains characters that aren't pairs of hex digits")
    return bytes.fromhex(found.decode())


def _inflated(data: bytes, bits: int) -> bytes:
    """Return at most DECODED_AT_MOST bytes. A member that unpacks to more raises: nothing beyond
    the limit is ever unpacked, whatever the ratio."""
    parts: list[bytes] = []
    room = DECODED_AT_MOST + 1
    while data:
        member = zlib.decompressobj(bits)
        try:
            part = member.decompress(data, room)
        except zlib.error as failed:
            raise Undecodable(f"damaged: {failed}") from None
        parts.append(part)
        room -= len(part)
        if room <= 0:
            raise Undecodable(f"unpacks to more than {DECODED_AT_MOST} bytes")
        if not member.eof:
            raise Undecodable("cut off before its end")
        data = member.unused_data
        if data and bits != 31:
            raise Undecodable("has bytes behind its end")
        if len(parts) > 1000:
            raise Undecodable("consists of more than 1000 parts")
    return b"".join(parts)
