"""Definitions files that hurt: refused whole, with the row and the field that is wrong."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from console.rabbitmq.endpoint import Secret
from console.rabbitmq.passwords import SHA512, hash_password
from tests.inputs.names import REFUSED

_HASH = hash_password(Secret("x")).reveal()
FULL = {"configure": ".*", "write": ".*", "read": ".*"}


@dataclass(frozen=True)
class File:
    """`content`: the file, as JSON or bytes. `said` is in the sentence, which begins with `at`."""

    id: str
    content: Any
    said: str
    at: str = ""
    status: int = 400

    @property
    def body(self) -> bytes:
        given = self.content
        return given if isinstance(given, bytes) else json.dumps(given).encode()


def _vhost(id_: str, said: str, field: str, **row: Any) -> File:
    return File(id_, {"vhosts": [{"name": "in-v", **row}]}, said, f"vhosts[0].{field}")


def _user(id_: str, said: str, field: str, **row: Any) -> File:
    return File(id_, {"users": [{"name": "in-u", **row}]}, said, f"users[0].{field}")


def _bare(id_: str, said: str, **row: Any) -> File:
    return _user(id_, said, next(iter(row)), **{"password_hash": "", "tags": [], **row})


def _limits(id_: str, said: str, limits: Any) -> File:
    return File(id_, {"vhosts": [{"name": "in-v", "limits": limits}]}, said)


def _rights(id_: str, said: str, at: str = "", **row: Any) -> File:
    cell = {"vhost": "in-v", "user": "in-u", **FULL, **row}
    kept = {name: value for name, value in cell.items() if value is not ...}
    content = {
        "vhosts": [{"name": "in-v"}],
        "users": [{"name": "in-u", "password_hash": "", "tags": []}],
        "permissions": [kept],
    }
    return File(id_, content, said, at)


def _raw(id_: str, text: str, said: str) -> File:
    return File(id_, text.encode("latin-1"), said)


def _names() -> list[File]:
    found = []
    for row in REFUSED:
        for kind in row.kinds:
            section = [{"name": row.name, **({"password_hash": ""} if kind == "user" else {})}]
            # A NUL is refused of the file as a whole, before any row is looked at.
            at = "" if "\0" in row.name else f"{kind}s[0].name"
            found.append(File(f"{row.id} {kind}", {f"{kind}s": section}, "", at))
    return found


def _topic(id_: str, said: str, field: str, **row: Any) -> File:
    given = {"vhost": "/", "user": "guest", "write": "", "read": "", **row}
    return File(id_, {"topic_permissions": [given]}, said, f"topic_permissions[0].{field}")


def _deep(number: int) -> str:
    return '{"vhosts": ' + "[" * number + "]" * number + "}"


REFUSED_FILES = [
    *_names(),
    File("N27", b'{"vhosts": [{"name": "a\xff"}]}', "isn't valid UTF-8"),
    _topic("N5 none", "exchange is missing", "exchange"),
    File("N23", {"exchanges": [{"vhost": "/", "name": "amq.foo", "type": "direct"}]},
         "RabbitMQ reserves", "exchanges[0].name"),
    # Patterns
    _rights("R1 (", "Configure: Not a valid regular expression", configure="("),
    _rights("R1 *a", "at character 1", read="*a"),
    _rights("R1 backslash", "Write: Not a valid regular expression", write="\\"),
    _rights("R6", "1,025 bytes", read="x" * 1025),
    _rights("R10", "NUL", read="a\\x00"),
    _rights("R10 itself", "NUL", read="a\0"),
    _rights("R12", "read is missing", "permissions[0].read", read=...),
    _rights("R14 user", "The user nobody is neither", user="nobody"),
    _rights("R14 vhost", "The virtual host nowhere is neither", vhost="nowhere"),
    _rights("J7", "read must be text", "permissions[0].read", read=5),
    # Users
    _user("U3", "isn't a valid rabbit_password_hashing", "password_hash", password_hash="nope"),
    _user("U3 short", "isn't a valid rabbit_password_hashing", "password_hash", password_hash=_HASH[:-8]),
    _user("U3 other", "isn't a valid rabbit_password_hashing", "password_hash", password_hash=_HASH, hashing_algorithm=SHA512),
    _user("U3 none", "doesn't have this hashing algorithm", "hashing_algorithm", password_hash=_HASH, hashing_algorithm="rot13"),
    _user("U3 list", "doesn't have this hashing algorithm", "hashing_algorithm", password_hash=_HASH, hashing_algorithm=[SHA512]),
    _user("U4", "can't be empty", "password", password=""),
    _user("U4 both", "not both", "password", password="x", password_hash=_HASH),
    _user("U5", "must be text", "password", password=5),
    _user("U5 hash", "must be text", "password_hash", password_hash=5),
    _bare("U5 tags", "tags must be a list of text values", tags=5),
    _bare("U5 tag", "tags must be text", tags=[5]),
    _user("U7 long", "at most 1024 bytes", "password", password="x" * 1025),
    _user("U7 2 MB", "at most 1024 bytes", "password", password="x" * 2_000_000),
    File("U7 NUL", {"users": [{"name": "in-u", "password": "a\0b"}]}, "NUL"),
    File("T1", {"users": [{"name": "in-u", "password_hash": "", "tags": ["a,b"]}]}, "can't contain a comma"),
    File("T2", {"users": [{"name": "in-u", "password_hash": "", "tags": [str(n) for n in range(33)]}]},
         "the limit is 32"),
    _bare("T5", "tags must be a list of text values", tags={"a": 1}),
    File("T6", {"vhosts": [{"name": "in-v", "tags": ["x" * 256]}]}, "has 256 bytes"),
    # Limits
    _limits("L2", "must be a whole number", {"max-queues": 1.5}),
    _limits("L3", "max-queues must be a whole number from 0", {"max-queues": 2**40}),
    _limits("L3 64", "64 bits", {"max-queues": 2**63}),
    _limits("L4", "Unknown limit 'max-nope'", {"max-nope": 1}),
    _limits("L4 list", "must be an object", [1]),
    _limits("J7 limit", "must be a whole number", {"max-queues": "7"}),
    _limits("J8 limit", "must be a whole number", {"max-queues": True}),
    _vhost("J7 description", "description must be text", "description", description=7),
    _vhost("J7 no text", "description must be text", "description", description=False),
    _vhost("J8", "tracing must be true or false", "tracing", tracing=1),
    _vhost("J8 text", "tracing must be true or false", "tracing", tracing="true"),
    File("N9 description", {"vhosts": [{"name": "in-v", "description": "a\nb"}]}, "control characters"),
    File("J7 type", {"vhosts": [{"name": "in-v", "default_queue_type": "lazy"}]}, "classic, quorum, stream"),
    # JSON
    _raw("J1", '{"vhosts": [{"name": "a", "name": "b"}]}', "appears twice"),
    _raw("J1 section", '{"vhosts": [], "vhosts": []}', "appears twice"),
    _raw("J2", '{"vhosts": [{"name": "\\ud800"}]}', "surrogate"),
    _raw("J2 key", '{"vhosts": [{"name": "a", "\\udfff": 1}]}', "surrogate"),
    _raw("J3", '{"vhosts": [{"name": "\xff"}]}', "isn't valid UTF-8"),
    _raw("J3 overlong", '{"vhosts": [{"name": "\xc0\xaf"}]}', "isn't valid UTF-8"),
    _raw("J4 65", _deep(65), "nested deeper"),
    _raw("J4 1000", _deep(1000), "nested deeper"),
    _raw("J4 100000", _deep(100_000), "nested deeper"),
    _raw("J4 open", "[" * 200_000, "nested deeper"),
    _raw("J5 NaN", '{"vhosts": [{"name": "a", "limits": {"max-queues": NaN}}]}', "NaN"),
    _raw("J5 Infinity", '{"vhosts": [{"name": "a", "limits": {"max-queues": -Infinity}}]}', "Infinity"),
    _raw("J5 1e400", '{"vhosts": [{"name": "a", "limits": {"max-queues": 1e400}}]}', "isn't finite"),
    _raw("J6 900", '{"vhosts": [{"name": "a", "limits": {"max-queues": %s}}]}' % ("9" * 900), "64 bits"),
    _raw("J6 5000", '{"vhosts": [{"name": "a", "limits": {"max-queues": %s}}]}' % ("9" * 5000), "64 bits"),
    *(_raw(f"J10 {text!r}", text, "JSON") for text in ("null", "[]", "5", "{", "{} {}", "{'a': 1}", "\0")),
    # Files
    File("F1", {"vhosts": [{"name": "a", "tracing": True}, {"name": "a", "tracing": False}]},
         "twice with different values", "vhosts[1]"),
    File("F1 user", {"users": [{"name": "a", "password": "x"}, {"name": "a", "password": "x"}]},
         "twice with different values", "users[1]"),
    File("F4", b" " * (20 * 1024 * 1024 + 1), "larger than 20 MB", status=413),
    File("F5", b"\x1f\x8b\x08\x00rest", "compressed (gzip)"),
    File("F5 zip", b"PK\x03\x04rest", "compressed (zip)"),
    File("F6", "{}".encode("utf-16"), "UTF-16"),
    File("F6 big", b"\xfe\xff\x00{\x00}", "UTF-16"),
    File("F8", {"vhosts": {"name": "a"}}, "must be a list", "vhosts"),
    File("F8 rows", {"vhosts": [5, None, [], "a"]}, "must be an object", "vhosts[0]"),
    File("F8 metadata", {"vhosts": [{"name": "a", "metadata": 5}]}, "must be an object", "vhosts[0].metadata"),
    File("F8 no name", {"users": [{"password_hash": ""}]}, "name is missing", "users[0].name"),
]  # fmt: skip
