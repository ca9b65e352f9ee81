"""The labels of queues and exchanges in metrics, and the names they mean.

Some versions (3.10) write quotes and backslashes in names as they are, others escape them, so
`a\\n` can mean either. Such labels are decoded only by comparing them with both spellings of names
that are known from elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

#: Labels with extra quotes or with backslashes, to the (vhost, name) they mean.
Spellings = Mapping[bytes, tuple[str, str]]


def spellings(names: Iterable[tuple[str, str]], kind: str = "queue") -> Spellings:
    """Return all spellings of the labels of these queues, or exchanges, without those that could
    mean two."""
    found: dict[bytes, tuple[str, str]] = {}
    twins: set[bytes] = set()
    for vhost, name in names:
        for labels in {_labels(kind, vhost, name), _labels(kind, _escaped(vhost), _escaped(name))}:
            if found.setdefault(labels, (vhost, name)) != (vhost, name):
                twins.add(labels)
    return {labels: queue for labels, queue in found.items() if labels not in twins}


def _labels(kind: str, vhost: str, name: str) -> bytes:
    return f'vhost="{vhost}",{kind}="{name}"'.encode("utf-8", "replace")


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _is_odd(labels: bytes) -> bool:
    return labels.count(b'"') != 4 or b"\\" in labels


def names_of(labels: bytes, kind: bytes = b"queue") -> tuple[str, str]:
    """Return (vhost, name). Raises ValueError, or its UnicodeDecodeError, if they can't be read."""
    if _is_odd(labels):
        raise ValueError("The name has quotes or backslashes and isn't in the inventory yet.")
    vhost, separator, name = labels[7:-1].partition(b'",%s="' % kind)
    if not (separator and labels.startswith(b'vhost="') and labels.endswith(b'"')):
        raise ValueError("The row names no queue.")
    return vhost.decode(), name.decode()
