"""String literals by the rules of each language: ASCII only, in double quotes, on one line."""

from __future__ import annotations

from collections.abc import Callable, Mapping

_SHORT = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def python_literal(text: str) -> str:
    return _quoted(text, _SHORT, lambda code: f"\\x{code:02x}", _long)


def csharp_literal(text: str) -> str:
    """Not \\x: in C# it takes as many hexadecimal digits as follow."""
    return _quoted(text, _SHORT, lambda code: f"\\u{code:04x}", _long)


def go_literal(text: str) -> str:
    return _quoted(text, _SHORT, lambda code: f"\\u{code:04x}", _long)


def java_literal(text: str) -> str:
    """Java replaces \\uXXXX before it looks for strings, so control characters are octal: \\u000a
    would end the line. Characters beyond \\uffff are two code units."""
    return _quoted(
        text, _SHORT, lambda code: f"\\{code:03o}" if code < 0x80 else _unit(code), _units
    )


def javascript_literal(text: str) -> str:
    """In double quotes, where ${} means nothing."""
    return _quoted(text, _SHORT, _unit, _units)


def _quoted(
    text: str, short: Mapping[str, str], low: Callable[[int], str], high: Callable[[int], str]
) -> str:
    """`low` writes a control character or one up to \\xff, `high` any other beyond ASCII."""
    return '"' + "".join(_written(one, short, low, high) for one in text) + '"'


def _written(
    one: str, short: Mapping[str, str], low: Callable[[int], str], high: Callable[[int], str]
) -> str:
    if one in short:
        return short[one]
    code = ord(one)
    if 0x20 <= code < 0x7F:
        return one
    return low(code) if code < 0x100 else high(code)


def _unit(code: int) -> str:
    return f"\\u{code:04x}"


def _long(code: int) -> str:
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _units(code: int) -> str:
    if code < 0x10000:
        return _unit(code)
    beyond = code - 0x10000
    return _unit(0xD800 + (beyond >> 10)) + _unit(0xDC00 + (beyond & 0x3FF))
