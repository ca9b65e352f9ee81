"""MessagePack."""

from __future__ import annotations

from typing import Any

import msgpack

from vhosts.messages.decoding.foreign import tree_of
from vhosts.messages.decoding.result import Undecodable
from vhosts.messages.decoding.trees import check_depth


class _Pairs(list[tuple[Any, Any]]):
    """A map's keys and values; keys are of any type."""


def read_message_pack(data: bytes) -> Any:
    """Return the tree. The library refuses lengths beyond the body's, and more than 1024 levels.
    Raises Undecodable."""
    if not data:
        raise Undecodable("empty")
    try:
        found = msgpack.unpackb(
            data, object_pairs_hook=_Pairs, strict_map_key=False, unicode_errors="replace",
            timestamp=0,
        )  # fmt: skip
    except (ValueError, RecursionError, OverflowError, TypeError) as failed:
        raise Undecodable(f"not MessagePack: {str(failed) or 'nested too deep'}") from None
    if not isinstance(found, list):
        raise Undecodable("a single value, which any byte can be")
    tree = tree_of(found, _Pairs)
    check_depth(tree)
    return tree
