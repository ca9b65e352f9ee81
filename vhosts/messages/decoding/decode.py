"""Try the decoders in order of how sure they are."""

from __future__ import annotations

import json

from vhosts.messages.decoding.binary import dump
from vhosts.messages.decoding.result import (
    DECODED_AT_MOST,
    SHOWN_AT_MOST,
    Decoded,
    lines_printable,
)


def decode(
    body: bytes, content_type: str = "", content_encoding: str = "", schema: object = None
) -> Decoded:
    """Return the body as text. Never raises: the last decoder is a hex dump."""
    tried: list[tuple[str, str]] = []
    if len(body) > DECODED_AT_MOST:
        tried.append(("JSON", f"larger than {DECODED_AT_MOST} bytes"))
    else:
        try:
            tree = json.loads(body)
            text = json.dumps(tree, indent=2, ensure_ascii=False)
            return Decoded("JSON", lines_printable(text), tuple(tried), tree)
        except (ValueError, RecursionError):
            tried.append(("JSON", "not valid JSON"))
    try:
        text = body[: SHOWN_AT_MOST * 4].decode()
    except UnicodeDecodeError as failed:
        tried.append(("Text", f"byte {failed.start} isn't UTF-8"))
        return Decoded("Binary", dump(body), tuple(tried))
    return Decoded("Text", lines_printable(text), tuple(tried))
