"""Run RabbitMQ's regular expressions under a limit: libpcre2 through ctypes, configured like
Erlang's `re`.

The broker matches a permission's pattern against the bytes of a name: no Unicode mode, ISO Latin-1
character classes (`erts/emulator/pcre`), LF as newline. Erlang has PCRE 8 up to OTP 27, PCRE2 from
OTP 28. Python's own `re` is another dialect and has no limit, so a user's pattern is never run in
it.

Why the system's library is used: docs/decisions/0020-patterns.md.
"""

from __future__ import annotations

import ctypes
import threading
import weakref
from collections.abc import Iterable
from ctypes import POINTER, byref, c_char_p, c_int, c_size_t, c_uint8, c_uint32, c_void_p
from ctypes.util import find_library
from functools import lru_cache
from typing import Any, Literal

Dialect = Literal["pcre8", "pcre2"]

#: Steps per match. The broker's own limit from 4.2.6 on (`rabbit_re.erl`).
MATCH_LIMIT = 50_000
#: Memory per match, in KiB: names and routing keys have at most 255 bytes.
_HEAP_LIMIT = 16 * 1024
_NESTED_PARENTHESES = 250

_NO_MATCH = -1
_OVER_A_LIMIT = (-47, -53, -63)  # match, depth, heap
_NEWLINE_LF = 2
_BSR_UNICODE = 1
#: PCRE 8 treats an unknown escape such as \i as the letter itself; PCRE2 has an option for this.
_UNKNOWN_ESCAPE = 103
_BAD_ESCAPE_IS_LITERAL = 0x2
#: Errors that depend on the version: [\d-z], which PCRE 8 accepts, and a lookbehind of varying
#: length, which PCRE2 accepts from 10.43 on.
_DOUBTFUL: dict[Dialect, int] = {"pcre8": 150, "pcre2": 125}

_TABLE = 256
_CLASS_BITS = (2 * _TABLE, 10 * 32)
_TABLES_SIZE = 3 * _TABLE + 10 * 32

_LOWER = bytes((0xAA, 0xB5, 0xBA, *(byte for byte in range(0xDF, 0x100) if byte != 0xF7)))
_UPPER = bytes(byte for byte in range(0xC0, 0xDF) if byte != 0xD7)
#: Latin-1 bytes, each with an ASCII character of the same classes (`g`: not hexadecimal).
_LIKE_ASCII = {
    **dict.fromkeys(_LOWER, ord("g")),
    **dict.fromkeys(_UPPER, ord("G")),
    **dict.fromkeys(range(0x80, 0xA0), 0x01),
    **{byte: ord("!") for byte in range(0xA0, 0x100) if byte not in _LOWER + _UPPER},
}


class Unavailable(Exception):
    """libpcre2-8 isn't installed on this machine."""


class PatternError(ValueError):
    """Not a regular expression in this dialect. `position` is the byte of the error. `certain` is
    False if the broker's version may accept it."""

    def __init__(self, message: str, position: int, *, certain: bool = True) -> None:
        super().__init__(message)
        self.position = position
        self.certain = certain


class TooCostly(Exception):
    """A match exceeded its limit of steps or memory."""


class Regex:
    """One compiled pattern. Don't share it between threads. Raises PatternError, Unavailable."""

    def __init__(
        self, pattern: str, dialect: Dialect = "pcre2", *, match_limit: int = MATCH_LIMIT
    ) -> None:
        library = _library()
        self._code = _compile(pattern.encode("utf-8", "surrogateescape"), dialect)
        self._data = library.pcre2_match_data_create_8(1, None)
        self._context = library.pcre2_match_context_create_8(None)
        library.pcre2_set_match_limit_8(self._context, match_limit)
        library.pcre2_set_depth_limit_8(self._context, match_limit)
        library.pcre2_set_heap_limit_8(self._context, _HEAP_LIMIT)
        self._match = library.pcre2_match_8
        weakref.finalize(self, _free, self._code, self._data, self._context)

    def matches(self, name: str) -> bool:
        """Return whether the pattern matches anywhere in the name. Raises TooCostly."""
        said = name.encode("utf-8", "surrogateescape")
        found = self._match(self._code, said, len(said), 0, 0, self._data, self._context)
        if found >= 0:
            return True
        if found in _OVER_A_LIMIT:
            raise TooCostly
        # Any other result, such as a name that isn't UTF-8 under (*UTF), is an error on the broker
        # too, which denies.
        return False

    def which(self, names: Iterable[str]) -> list[str]:
        """Return the names that match. Raises TooCostly."""
        return [name for name in names if self.matches(name)]


@lru_cache(maxsize=1)
def _library() -> Any:
    for name in ("libpcre2-8.so.0", find_library("pcre2-8")):
        try:
            library = ctypes.CDLL(name) if name else None
        except OSError:
            continue
        if library is not None:
            return _declared(library)
    raise Unavailable("libpcre2-8 is not installed.")


def _declared(library: Any) -> Any:
    for name, result, arguments in (
        ("maketables", POINTER(c_uint8), (c_void_p,)),
        ("compile_context_create", c_void_p, (c_void_p,)),
        ("set_character_tables", c_int, (c_void_p, c_void_p)),
        ("set_newline", c_int, (c_void_p, c_uint32)),
        ("set_bsr", c_int, (c_void_p, c_uint32)),
        ("set_parens_nest_limit", c_int, (c_void_p, c_uint32)),
        ("set_compile_extra_options", c_int, (c_void_p, c_uint32)),
        (
            "compile",
            c_void_p,
            (c_char_p, c_size_t, c_uint32, POINTER(c_int), POINTER(c_size_t), c_void_p),
        ),
        ("code_free", None, (c_void_p,)),
        ("match_data_create", c_void_p, (c_uint32, c_void_p)),
        ("match_data_free", None, (c_void_p,)),
        ("match_context_create", c_void_p, (c_void_p,)),
        ("match_context_free", None, (c_void_p,)),
        ("set_match_limit", c_int, (c_void_p, c_uint32)),
        ("set_depth_limit", c_int, (c_void_p, c_uint32)),
        ("set_heap_limit", c_int, (c_void_p, c_uint32)),
        (
            "match",
            c_int,
            (c_void_p, c_char_p, c_size_t, c_size_t, c_uint32, c_void_p, c_void_p),
        ),
        ("get_error_message", c_int, (c_int, c_char_p, c_size_t)),
    ):
        function = getattr(library, f"pcre2_{name}_8")
        function.restype, function.argtypes = result, arguments
    return library


def _compile(said: bytes, dialect: Dialect) -> int:
    library, code, offset = _library(), c_int(), c_size_t()
    for lenient in (False, True):
        with _compiling:
            compiled = library.pcre2_compile_8(
                said, len(said), 0, byref(code), byref(offset), _compile_context(lenient)
            )
        if compiled:
            return int(compiled)
        if dialect != "pcre8" or code.value != _UNKNOWN_ESCAPE:
            break
    raise PatternError(
        _message(code.value),
        min(offset.value, len(said)),
        certain=code.value != _DOUBTFUL[dialect],
    )


#: The contexts are shared, and read during compilation.
_compiling = threading.Lock()


@lru_cache(maxsize=2)
def _compile_context(lenient: bool) -> int:
    library = _library()
    context = library.pcre2_compile_context_create_8(None)
    library.pcre2_set_newline_8(context, _NEWLINE_LF)
    library.pcre2_set_bsr_8(context, _BSR_UNICODE)
    library.pcre2_set_parens_nest_limit_8(context, _NESTED_PARENTHESES)
    library.pcre2_set_character_tables_8(context, _latin_1())
    if lenient:
        library.pcre2_set_compile_extra_options_8(context, _BAD_ESCAPE_IS_LITERAL)
    return int(context)


@lru_cache(maxsize=1)
def _latin_1() -> Any:
    """Return PCRE2's character tables for ISO Latin-1: lower case, other case, class bitmaps,
    flags.

    Built from the library's own ASCII tables, so that only their order is assumed. Kept forever,
    because compiled patterns point to them.
    """
    ascii_tables = _library().pcre2_maketables_8(None)
    tables = (c_uint8 * _TABLES_SIZE)(*ascii_tables[:_TABLES_SIZE])
    start, size = _CLASS_BITS
    flags = start + size
    for byte, model in _LIKE_ASCII.items():
        tables[byte] = tables[_TABLE + byte] = byte
        for bitmap in range(start, start + size, 32):
            if tables[bitmap + model // 8] >> (model % 8) & 1:
                tables[bitmap + byte // 8] |= 1 << (byte % 8)
        tables[flags + byte] = tables[flags + model]
    for upper in _UPPER:
        tables[upper] = tables[_TABLE + upper] = upper + 0x20
        tables[_TABLE + upper + 0x20] = upper
    return tables


def _message(code: int) -> str:
    text = ctypes.create_string_buffer(256)
    _library().pcre2_get_error_message_8(code, text, len(text))
    return text.value.decode("ascii", "replace")


def _free(code: int, data: int, context: int) -> None:
    library = _library()
    library.pcre2_code_free_8(code)
    library.pcre2_match_data_free_8(data)
    library.pcre2_match_context_free_8(context)
