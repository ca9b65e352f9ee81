"""Text in the character set that the message states, otherwise UTF-8."""

from __future__ import annotations

import codecs
import re

from vhosts.messages.decoding.result import Undecodable

#: Character sets only. Python's other codecs unpack, run or take quadratic time.
_CHARSETS = re.compile(
    r"(us-)?ascii|utf-?8|utf-?(16|32)(-?[lb]e)?|latin-?1|iso-?8859-?\d{1,2}|windows-?125\d|cp125\d"
    r"|koi8-[ru]|shift[_-]?jis|euc-(jp|kr)|gb18030|gbk|gb2312|big5"
)
_CHARSET = re.compile(r";\s*charset\s*=\s*\"?([A-Za-z0-9_.:-]{1,40})", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f]")


def charset_of(content_type: str, content_encoding: str) -> str:
    """Return the character set in the content type, or in the content encoding, where Celery puts
    it. "utf-8" if neither names one."""
    stated = _CHARSET.search(content_type)
    for name in (stated.group(1) if stated else "", content_encoding):
        if _CHARSETS.fullmatch(name.strip().lower()):
            return codecs.lookup(name.strip()).name if _known(name.strip()) else "utf-8"
    return "utf-8"


def read_text(data: bytes, charset: str = "utf-8") -> str:
    """Return the text. Raises Undecodable for bytes that aren't in the character set, and for what
    contains so many control characters that it is binary."""
    try:
        text = data.decode(charset)
    except UnicodeDecodeError as failed:
        raise Undecodable(f"byte {failed.start} isn't {charset.upper()}") from None
    if len(_CONTROL.findall(text)) > len(text) // 20:
        raise Undecodable("contains control characters")
    return text


def _known(name: str) -> bool:
    try:
        codecs.lookup(name)
    except LookupError:
        return False
    return True
