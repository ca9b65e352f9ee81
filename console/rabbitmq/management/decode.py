"""Decode a broker's JSON into typed rows, one by one: a malformed row is lost, and no other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

import msgspec

from console.rabbitmq.endpoint import Limits
from console.rabbitmq.errors import AnswerTooLarge, MalformedAnswer
from console.rabbitmq.text import printable
from console.rabbitmq.types import Listing, RejectedRow

Row = TypeVar("Row", bound=msgspec.Struct)
Item = TypeVar("Item")

_ODD = (msgspec.MsgspecError, RecursionError, ValueError, OverflowError)
_NUL = b"\\u0000"
_raw_list = msgspec.json.Decoder(list[msgspec.Raw])


class Rows(Generic[Row, Item]):
    """How rows of one kind are read: a struct of what the broker sends, and a function for our
    type.

    Fields without a default identify a row; the others can be missing or malformed.
    """

    def __init__(self, struct: type[Row], build: Callable[[Row], Item]) -> None:
        self.struct = struct
        self._decoder = msgspec.json.Decoder(struct, strict=False)
        self._build = build
        fields = msgspec.structs.fields(struct)
        self._required = {field.encode_name for field in fields if field.required}
        self._optional = {field.encode_name: field for field in fields if not field.required}

    def listing(self, body: bytes, limits: Limits) -> Listing[Item]:
        """Return all rows of a JSON list. Raises MalformedAnswer for anything else, AnswerTooLarge."""
        return self.of(raw_rows(body, limits), limits)

    def of(self, rows: list[msgspec.Raw], limits: Limits) -> Listing[Item]:
        listing: Listing[Item] = Listing([])
        for raw in rows:
            try:
                listing.items.append(self._build(self._row(raw, limits)))
            except _ODD as error:
                reason = printable(str(error) or type(error).__name__)
                rejected = RejectedRow(reason, printable(bytes(raw)), self._identity(raw))
                listing.rejected.append(rejected)
        return listing

    def _identity(self, raw: msgspec.Raw) -> dict[str, str]:
        """Return the readable fields of the row's identity."""
        try:
            row = msgspec.json.decode(raw)
        except _ODD:
            return {}
        if not isinstance(row, dict):
            return {}
        named = {name: row.get(name) for name in self._required}
        return {name: value for name, value in named.items() if isinstance(value, str)}

    def one(self, body: bytes, limits: Limits) -> Item:
        """Return the one object in `body`. Raises MalformedAnswer."""
        try:
            return self._build(self._row(msgspec.Raw(body), limits))
        except _ODD as error:
            raise MalformedAnswer(printable(str(error)), status=200) from error

    def _row(self, raw: msgspec.Raw, limits: Limits) -> Row:
        if _NUL not in memoryview(raw).tobytes():
            try:
                row = self._decoder.decode(raw)
            except msgspec.ValidationError:
                row = self._mended(raw)
        else:
            row = self._mended(raw)
        for value in (getattr(row, name) for name in self.struct.__struct_fields__):
            if isinstance(value, (dict, list)):
                _check_depth(value, limits.json_depth)
        return row

    def _mended(self, raw: msgspec.Raw) -> Row:
        """Decode the row without its malformed fields. Raises ValueError if one identifies the row."""
        value = msgspec.json.decode(raw)
        if not isinstance(value, dict):
            raise ValueError("Expected an object.")
        for name in self._required & value.keys():
            if isinstance(value[name], str) and "\x00" in value[name]:
                raise ValueError(f"The {name} contains a NUL character.")
        mended = {}
        for name, field in value.items():
            known = self._optional.get(name)
            if known is not None and not _accepts(field, known.type):
                if field in ("", []) and _accepts({}, known.type):
                    # Before 4.2.6 an empty object is sometimes written like this: the value is
                    # known.
                    field = {}
                elif field == [] or isinstance(field, str):
                    # "undefined", "disk_free_monitoring_disabled": the broker doesn't know the
                    # value.
                    continue
            mended[name] = _without_nul(field)
        return msgspec.convert(mended, self.struct, strict=False)


def raw_rows(body: bytes, limits: Limits) -> list[msgspec.Raw]:
    """Return the undecoded rows of a JSON list. Raises MalformedAnswer, AnswerTooLarge."""
    try:
        rows = _raw_list.decode(body)
    except _ODD as error:
        raise MalformedAnswer(f"Expected a list: {printable(str(error))}", status=200) from error
    if len(rows) > limits.rows:
        raise AnswerTooLarge(f"{len(rows):,} rows; the limit is {limits.rows:,}.", status=200)
    return rows


def _accepts(value: Any, kind: Any) -> bool:
    try:
        msgspec.convert(value, kind, strict=False)
    except msgspec.ValidationError:
        return False
    return True


def _without_nul(value: Any) -> Any:
    """Return `value` with NUL, which Postgres can't store, as the replacement character."""
    if isinstance(value, str):
        return value.replace("\x00", "\ufffd")
    if isinstance(value, list):
        return [_without_nul(item) for item in value]
    if isinstance(value, dict):
        return {_without_nul(key): _without_nul(item) for key, item in value.items()}
    return value


def _check_depth(value: Any, left: int) -> None:
    if left <= 0:
        raise ValueError("The answer is nested too deeply.")
    for item in value.values() if isinstance(value, dict) else value:
        if isinstance(item, (dict, list)):
            _check_depth(item, left - 1)
