"""JSON (RFC 8259), also with duplicate keys."""

from __future__ import annotations

import json
from typing import Any

from vhosts.messages.decoding.result import MOST_VALUES, TOO_MANY, Undecodable
from vhosts.messages.decoding.trees import Number, Pairs, check_depth

_DECODER = json.JSONDecoder(
    object_pairs_hook=Pairs, parse_int=Number, parse_float=Number, parse_constant=Number
)


def read_json(text: str) -> Any:
    """Return the tree. Raises Undecodable."""
    # As many values there are at most. Commas in strings count too: better than to take the memory.
    if text.count(",") + text.count("[") + text.count("{") > MOST_VALUES:
        raise Undecodable(TOO_MANY)
    try:
        tree = _DECODER.decode(text.removeprefix("\ufeff"))
    except json.JSONDecodeError as failed:
        where = f"line {failed.lineno}, column {failed.colno}"
        raise Undecodable(f"not JSON: {failed.msg.lower()} at {where}") from None
    except RecursionError:
        raise Undecodable("nested too deep") from None
    check_depth(tree)
    return tree
