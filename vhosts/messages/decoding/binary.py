"""Show bytes as a hex dump."""

from __future__ import annotations


def dump(body: bytes, most: int = 4096) -> str:
    """Return lines of offset, 16 bytes in hex and their ASCII, for at most `most` bytes."""
    lines = []
    for start in range(0, min(len(body), most), 16):
        row = body[start : min(start + 16, most)]
        hexed = " ".join(f"{byte:02x}" for byte in row)
        shown = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in row)
        lines.append(f"{start:08x}  {hexed:<47}  {shown}")
    return "\n".join(lines)
