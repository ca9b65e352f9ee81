"""RabbitMQ's users. A PUT without the password hash clears the password, so the hash is always
sent.

Sources: `rabbit_mgmt_wm_user.erl`, `rabbit_auth_backend_internal.erl`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from console.kinds.common.kind import Field, Key, Kind, Line, Op, Spec, SpecError, Step
from console.kinds.common.placeholders import placeholder_in
from console.kinds.common.rows import Level, Row, Section, Taker, some
from console.kinds.common.secrets import HiddenFields
from console.kinds.common.shell import limit_lines, shell_word
from console.kinds.common.values import limits, tags, text
from console.kinds.common.wire import Call, Get, limit_calls, limits_by
from console.kinds.refusals.versions import BrokerFacts, Fault
from console.rabbitmq.endpoint import Secret
from console.rabbitmq.errors import BrokerFailed, MalformedAnswer
from console.rabbitmq.management.answers import rows_of
from console.rabbitmq.passwords import (
    MD5,
    SHA256,
    SHA512,
    hash_password,
    is_hash,
    why_no_password,
)

_PASSWORD = ("password_hash", "hashing_algorithm")
_LIMITS = "user-limits"
_BEFORE_3_6 = ("3.5.", "3.4.", "3.3.", "3.2.", "3.1.", "3.0.", "2.", "1.")


class _UserWire:
    reads_before_delete = False

    def listing(self) -> Sequence[Get]:
        return [Get(("users",)), Get((_LIMITS,))]

    def one(self, key: Key) -> Sequence[Get]:
        return [Get(("users", *key)), Get((_LIMITS, *key))]

    def specs(self, *answers: Sequence[Row]) -> Iterator[tuple[Key, Row]]:
        limited = limits_by(answers[1], "user")
        for row in answers[0]:
            yield (row["name"],), {**_spec(row), "limits": limited.get(row["name"], {})}

    def writes(self, key: Key, spec: Spec, before: Spec | None) -> Iterable[Call]:
        (name,) = key
        # Without the hash RabbitMQ would clear the password and answer 204.
        if "password_hash" not in spec:
            raise BrokerFailed(
                "The console can't read the user's password hash, so it left the user "
                "unchanged. Set a new password."
            )
        yield Call("PUT", ("users", name), _body(spec))
        yield from limit_calls(_LIMITS, name, spec["limits"], (before or {}).get("limits", {}))

    def delete(self, key: Key, answers: Sequence[Row], *, if_empty: bool) -> Call:
        return Call("DELETE", ("users", *key))

    def kept_while_down(self, key: Key) -> Get | None:
        return None

    def located(self, segments: Sequence[str], body: Mapping[str, Any]) -> Key | None:
        if len(segments) == 2 and segments[0] == "users":
            return (segments[1],)
        if len(segments) == 3 and segments[0] == _LIMITS:
            return (segments[1],)
        return None

    def spec_of_body(self, body: Mapping[str, Any]) -> Row:
        return _spec(dict(body))


def _spec(row: Row) -> Row:
    spec: Row = {"tags": row.get("tags") or []}
    if isinstance(row.get("password_hash"), str):
        spec["password_hash"] = row["password_hash"]
        spec["hashing_algorithm"] = row.get("hashing_algorithm") or SHA256
    return spec


def _body(spec: Spec) -> dict[str, Any]:
    return {
        "tags": ",".join(spec["tags"]),
        "password_hash": spec["password_hash"],
        "hashing_algorithm": spec["hashing_algorithm"],
    }


def _held_in(key: Key, get: Callable[..., Any]) -> frozenset[str]:
    """Return the virtual hosts in which the user has a permission or a topic permission."""
    found: set[str] = set()
    for what in ("permissions", "topic-permissions"):
        for row in rows_of(get("users", *key, what)):
            vhost = row.get("vhost")
            if row.get("user") != key[0] or not isinstance(vhost, str):
                raise MalformedAnswer(
                    "The broker answered for another user than the one asked for."
                )
            found.add(vhost)
    return frozenset(found)


_NICKNAMES = {"admin": "administrator", "admins": "administrator", "root": "administrator",
              "monitor": "monitoring", "policy": "policymaker", "manager": "management"}  # fmt: skip
#: From the tag with which the management API shows a user the most, to the least.
_TAGS = ("administrator", "monitoring", "policymaker", "management")


def _locks_out(
    account: str, key: Key, before: Spec | None, after: Spec | None, new_password: bool
) -> tuple[str, str] | None:
    if key[0] != account:
        return None
    if after is None:
        return "name", ": without it the console is locked out."
    if new_password:
        return "password", ": with another password the console is locked out."
    had = _best_tag(before or {})
    if _grade(had) < _grade(_best_tag(after)):
        lost = "change" if had == _TAGS[0] else "see"
        return "tags", f": without the tag {had} it could {lost} nothing there."
    for name, value in (after.get("limits") or {}).items():
        if value == 0 and ((before or {}).get("limits") or {}).get(name) != 0:
            return "limits", f": with {name} 0 it can't read queues over AMQP."
    return None


def _best_tag(spec: Mapping[str, Any]) -> str:
    """Return the tag that decides in the management API; "" if there is none."""
    held = spec.get("tags") or []
    return next((tag for tag in _TAGS if tag in held), "")


def _grade(tag: str) -> int:
    return _TAGS.index(tag) if tag else len(_TAGS)


def _rabbitmqctl(step: Step) -> Sequence[Line]:
    name, spec = shell_word(step.key[0]), step.spec
    if spec is None:
        return [["delete_user", name]]
    lines: list[Line] = []
    if step.op is Op.CREATE:
        lines.append(["add_user", name])
        if not step.secret:
            lines.append(["clear_password", name])
    elif step.secret:
        lines.append(["change_password", name])
    if "tags" in step.changed:
        lines.append(["set_user_tags", name, *map(shell_word, spec["tags"])])
    if "limits" in step.changed:
        lines += limit_lines("user_limits", [name], spec["limits"], step.op, all_of="all")
    return lines


def _read_row(reader: Taker, row: Row) -> None:
    name = reader.name("user", row)
    spec = some(row, "tags")
    if "limits" in row:
        # Some versions give an empty object as a list.
        spec["limits"] = {} if row["limits"] in (None, []) else row["limits"]
    if "password_hash" in row and "password" in row:
        raise SpecError("password", "Give password or password_hash, not both.")
    if "password_hash" in row:
        spec |= _hash(reader, row["password_hash"], row.get("hashing_algorithm"))
    elif "password" in row:
        spec |= _hashed(reader, row["password"])
    else:
        reader.note(
            Level.NOTE,
            "password_hash",
            "The file has no password for this user. An existing user keeps its "
            "password; a new user has none.",
        )
    reader.take("user", (name,), spec)


def _hashed(reader: Taker, clear: Any) -> dict[str, str]:
    if not isinstance(clear, str):
        raise SpecError("password", "password must be text.")
    if found := placeholder_in(clear):
        raise SpecError(
            "password",
            f"The password is the placeholder {found}. Fill it in, then import the file.",
        )
    if reason := why_no_password(clear) or reader.why_weak(clear):
        raise SpecError("password", reason)
    reader.note(
        Level.WARNING,
        "password",
        "The file contains this password in plain text. The console hashes it and doesn't store it.",
    )
    return {"password_hash": hash_password(Secret(clear)).reveal(), "hashing_algorithm": SHA256}


def _hash(reader: Taker, hashed: Any, algorithm: Any) -> dict[str, str]:
    if hashed in ("", None):
        return {"password_hash": "", "hashing_algorithm": SHA256}
    if not isinstance(hashed, str):
        raise SpecError("password_hash", "password_hash must be text.")
    if algorithm is None:
        algorithm = _algorithm_of(reader.version, hashed)
        reader.note(Level.NOTE, "hashing_algorithm", f"The file doesn't say; assumed {algorithm}.")
    if algorithm not in (SHA256, SHA512, MD5):
        raise SpecError("hashing_algorithm", "RabbitMQ doesn't have this hashing algorithm.")
    if not is_hash(hashed, algorithm):
        raise SpecError("password_hash", f"This isn't a valid {algorithm} password hash.")
    return {"password_hash": hashed, "hashing_algorithm": algorithm}


def _algorithm_of(version: str, hashed: str) -> str:
    """Return the algorithm of a hash that comes without one: by the version that wrote the file,
    else by the hash's length. Source: `rabbit_auth_backend_internal:hashing_algorithm/2`."""
    if version.startswith(_BEFORE_3_6):
        return MD5
    if version == "3.6.0":
        return SHA256
    return next((one for one in (SHA256, SHA512, MD5) if is_hash(hashed, one)), SHA256)


def _emit(key: Key, spec: Mapping[str, Any]) -> Iterator[tuple[str, Row]]:
    yield "users", {"name": key[0], **spec}


PROTECTED = "protected"
#: Other tags with a meaning in RabbitMQ, each with the first version that has it.
_OTHER_TAGS = {"impersonator": "", PROTECTED: "4.2.0"}
_MOST_TAGS = 32


def _faults(key: Key, spec: Spec, facts: BrokerFacts) -> Iterable[Fault]:
    for tag in spec["tags"]:
        since = _OTHER_TAGS.get(tag, "")
        if not facts.at_least(since):
            yield Fault(
                "tags", f"The tag {tag} has no power in {facts.called}; {since} and later use it.",
                refuses=False,
            )  # fmt: skip
        elif meant := _meant(tag):
            yield Fault(
                "tags", f"The tag {tag[:80]} has no power in RabbitMQ. The tag {meant} has.",
                refuses=False,
            )  # fmt: skip
    if len(spec["tags"]) > _MOST_TAGS and facts.at_least("4.3"):
        yield Fault("tags", f"{facts.called} takes at most {_MOST_TAGS} tags for a user.")


def _meant(tag: str) -> str:
    """Return the tag with power that a similar word probably means; "" if there is none."""
    known = (*_TAGS, *_OTHER_TAGS)
    if tag in known:
        return ""
    word = tag.strip().lower()
    if word in _NICKNAMES:
        return _NICKNAMES[word]
    return next(iter(get_close_matches(word, known, 1, 0.8)), "")


USER = Kind(
    name="user",
    noun="user",
    identity=("name",),
    fields=(
        Field("tags", [], tags),
        # "" is a user without a password, who authenticates with a certificate.
        Field("password_hash", "", text, secret=True, label="password"),
        Field("hashing_algorithm", SHA256, text),
        Field("limits", {}, limits, apart=True),
    ),
    rank=20,
    user_at=0,
    wire=_UserWire(),
    section=Section(
        name="users",
        order=20,
        keys=frozenset({
            "name", "password_hash", "hashing_algorithm", "password", "tags", "limits",
        }),
        read=_read_row,
        emit=_emit,
        in_vhost_files=False,
    ),
    secrets=HiddenFields(hidden=("password_hash",), beside=_PASSWORD),
    rabbitmqctl=_rabbitmqctl,
    locks_out=_locks_out,
    held_in=_held_in,
    faults=_faults,
    connections_at=lambda key: ("connections", "username", key[0]),
    claimed=True,
    goes_together=lambda before: PROTECTED not in (before or {}).get("tags", ()),
    never_empty=True,
    clears={"tags": (), "password_hash": ("hashing_algorithm",)},
)  # fmt: skip
