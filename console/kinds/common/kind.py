"""`Kind`: a kind of object that can be on a broker, as data and small functions."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from console.kinds.common.acts import Act
    from console.kinds.common.rows import Section
    from console.kinds.common.secrets import Secrets
    from console.kinds.common.wire import Get, Wire
    from console.kinds.refusals.versions import BrokerFacts, Fault

Spec = Mapping[str, Any]
Key = tuple[str, ...]
#: One rabbitmqctl line, as words of a POSIX shell, without "rabbitmqctl" itself.
Line = list[str]


class SpecError(ValueError):
    """A spec that no object of its kind can have. `field` names the field or part of the key."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class Op(StrEnum):
    """What a step does with its object."""

    CREATE = "create"
    UPDATE = "update"
    #: A fixed field differs: delete and declare again, which loses what is in the object.
    REPLACE = "replace"
    DELETE = "delete"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True, order=True)
class Ref:
    """One object on a broker: the kind's name and the key, in the order of `Kind.identity`."""

    kind: str
    key: Key

    def __str__(self) -> str:
        return f"{self.kind} {' / '.join(self.key)}"


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a spec.

    `canonical` returns the one form that equal values share; for an impossible value it raises
    ValueError or TypeError with the end of a sentence. `fixed` fields are set when the object is
    declared: to change one, delete the object and declare it again. `secret` values are compared,
    never shown. `apart` fields have their own calls in the management API. `label` is the name on
    pages; "" for the name with spaces. `since` is the first RabbitMQ version with the field; "" for
    all from 3.10 on. `until` is the first version without it; "" for none. `remedy` names the
    transformation of definitions that removes it.
    """

    name: str
    default: Any
    canonical: Callable[[Any], Any]
    fixed: bool = False
    secret: bool = False
    apart: bool = False
    label: str = ""
    since: str = ""
    until: str = ""
    remedy: str = ""

    @property
    def title(self) -> str:
        """The name on pages."""
        return self.label or self.name.replace("_", " ")


@dataclass(frozen=True, slots=True)
class Step:
    """What rabbitmqctl should do. `spec` is the desired spec in canonical form, None for a
    deletion; `changed` are the names of the fields that differ; `secret`: a new password is set;
    `version`: the broker's, None for unknown.
    """

    key: Key
    op: Op
    spec: Spec | None
    changed: frozenset[str]
    secret: bool = False
    version: tuple[int, int, int] | None = None

    def has(self, least: tuple[int, int, int]) -> bool:
        """Whether rabbitmqctl has a command that came with version `least`; True if the version is
        unknown."""
        return self.version is None or self.version >= least


def _nothing(*_: object) -> tuple[Any, ...]:
    return ()


def _as_they_are(wanted: dict[str, Any], seen: dict[str, Any]) -> None:
    return None


def _nowhere(key: Key, get: Callable[..., Any]) -> frozenset[str]:
    return frozenset()


def _empty(key: Key, get: Callable[..., Any]) -> Mapping[str, int]:
    return {}


def _keeps_in(
    account: str, key: Key, before: Spec | None, after: Spec | None, new_password: bool
) -> tuple[str, str] | None:
    return None


def _stays(key: Key, spec: Spec | None) -> bool:
    return False


def _sound(key: Key) -> None:
    return None


def _passing(key: Key) -> str:
    return ""


def _never(before: Spec | None) -> bool:
    return False


def _faultless(key: Key, spec: Spec, facts: BrokerFacts) -> Iterable[Fault]:
    return ()


def _can(key: Key, row: Mapping[str, Any]) -> str | None:
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind; `docs/adding-a-kind.md` walks through one. Functions are pure."""

    name: str
    noun: str
    #: "" for the noun with an s.
    nouns: str = ""
    identity: tuple[str, ...]
    fields: tuple[Field, ...]
    #: Objects of a lower rank are created first and deleted last.
    rank: int
    #: Index of the virtual host in the key; None if the kind belongs to the whole broker.
    vhost_at: int | None = None
    #: Index of a RabbitMQ user in the key; None if there is none.
    user_at: int | None = None
    #: Index of a part of the key that is a table of AMQP arguments, as JSON text; None if there is
    #: none.
    table_at: int | None = None
    #: Checks the key of a new object, beyond what every name must be. Raises SpecError.
    check_key: Callable[[Key], None] = _sound
    #: False: only acts are requested of it, and it isn't among what is deleted with another object.
    has_state: bool = True
    wire: Wire
    section: Section
    #: Format of the key in sentences, such as "{1} on {0}"; "" for the last part of the key.
    called: str = ""
    #: Objects that must exist first. If one is deleted, the broker deletes this object too.
    stands_on: Callable[[Key], Iterable[Ref]] = _nothing
    #: Objects without which the broker accepts this one but it has no effect. An import that can't
    #: create them leaves this one out too.
    makes_sense_with: Callable[[Key], Iterable[Ref]] = _nothing
    #: Of another object: parts of the key, by index, of objects of this kind that the broker deletes with
    #: it, such as the bindings of a queue. Objects in a virtual host or of a user need no entry.
    hangs_on: Callable[[Ref], Iterable[Mapping[int, str]]] = _nothing
    #: Of another object: the readings that list the objects of this kind that are deleted with it,
    #: and possibly more. Empty: the kind's whole listing.
    listed_with: Callable[[Ref], Sequence[Get]] = _nothing
    #: Of a row of these readings: why the object can't be created again, as a sentence; "" if it
    #: can; None if it comes back by itself or is of another kind.
    why_lost: Callable[[Key, Mapping[str, Any]], str | None] = _can
    #: What RabbitMQ creates together with the object, for the login that creates it.
    made_with: Callable[[Key, str], Iterable[Ref]] = _nothing
    #: Changes two canonical specs (desired, observed) in place, so that values with the same
    #: meaning to RabbitMQ are equal.
    align: Callable[[dict[str, Any], dict[str, Any]], None] = _as_they_are
    secrets: Secrets | None = None
    #: The rabbitmqctl lines of a step; empty if rabbitmqctl has no command for it.
    rabbitmqctl: Callable[[Step], Sequence[Line]] = _nothing
    #: The rabbitmqadmin lines of a step, where rabbitmqctl has no command.
    rabbitmqadmin: Callable[[Step], Sequence[Line]] = _nothing
    #: Whether the object makes the broker connect to another server. Writing it needs rights on the
    #: whole broker.
    reaches_elsewhere: Callable[[Key, Spec | None], bool] = _stays
    #: (login, key, before, after, new password): which field of `after` (None: deleted) would lock
    #: out the account `login`, which can do its work with `before`, and the rest of the sentence
    #: that says why. None if none would.
    locks_out: Callable[[str, Key, Spec | None, Spec | None, bool], tuple[str, str] | None] = (
        _keeps_in
    )
    #: The virtual hosts in which the object holds something, read now with `get(*segments)` of the
    #: management API. Raises BrokerError; NotFound if the object doesn't exist.
    held_in: Callable[[Key, Callable[..., Any]], frozenset[str]] = _nowhere
    #: Why a broker of this version, with these plugins, would refuse the object, given the whole
    #: canonical spec. Fields that a version lacks need no entry: see `Field.since`.
    faults: Callable[[Key, Spec, BrokerFacts], Iterable[Fault]] = _faultless
    #: By limit: the kind whose objects in it are counted, such as the queues of a virtual host.
    counts: Mapping[str, str] = dataclasses.field(default_factory=dict)
    #: Address at which the management API lists the connections that the object's limit
    #: max-connections counts; empty if it has no such limit.
    connections_at: Callable[[Key], tuple[str, ...]] = _nothing
    #: What a broker leaves out of its own definitions although its listing has it: the first
    #: version that does so, and which objects. None for nothing.
    not_exported: tuple[str, Callable[[Key, Spec], bool]] | None = None
    #: What is lost with the object, counted now with `get(*segments, query=...)` of the management
    #: API, such as {"queues": 3, "messages": 120}; empty for most kinds. Raises BrokerError.
    contents: Callable[[Key, Callable[..., Any]], Mapping[str, int]] = _empty
    #: Creating an object that somebody else has created since is refused, not merged.
    claimed: bool = False
    #: Every broker has at least one, so an empty listing proves nothing.
    never_empty: bool = False
    #: Fields that are kept if a definitions file has them empty, each with the fields that go with
    #: it.
    clears: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    #: A virtual host: everything with its name at `vhost_at` is deleted with it.
    is_container: bool = False
    #: Whether many objects can be written with one import of definitions, each with the body of a
    #: single write; given what the broker has. Not if it would refuse the single write, because
    #: an import doesn't.
    goes_together: Callable[[Spec | None], bool] = _never
    #: Deleted only while it is empty, unless forced.
    deleted_if_empty: bool = False
    #: Operations that aren't a desired state, by name.
    acts: Mapping[str, Act] = dataclasses.field(default_factory=dict)
    #: Deleted only while nothing uses it, unless forced.
    deleted_if_unused: bool = False
    #: Why the broker never deletes the object, as a sentence; "" if it does.
    permanent: Callable[[Key], str] = _passing
    #: Keys of the broker's own objects: they are never deleted because a file lacks them.
    brokers_own: frozenset[Key] = frozenset()

    @property
    def is_editable(self) -> bool:
        """Whether an existing object has a field that can be changed."""
        return any(not field.fixed for field in self.fields)

    @property
    def is_account(self) -> bool:
        """Whether this is the kind that `user_at` of other kinds is about."""
        return self.user_at == 0 and len(self.identity) == 1

    @property
    def plural(self) -> str:
        """The noun for several objects."""
        return self.nouns or f"{self.noun}s"

    def field(self, name: str) -> Field:
        """Return the field. Raises StopIteration if there is none."""
        return next(field for field in self.fields if field.name == name)

    def vhost_of(self, key: Key) -> str | None:
        """Return the key's virtual host; None if the kind belongs to the whole broker."""
        return None if self.vhost_at is None else key[self.vhost_at]

    def user_of(self, key: Key) -> str | None:
        """Return the key's RabbitMQ user; None if it has none."""
        return None if self.user_at is None else key[self.user_at]

    def name_of(self, key: Key) -> str:
        """Return the object for a sentence, without its kind, such as "app on /"."""
        return self.called.format(*key) if self.called else key[-1]

    def phrase(self, key: Key) -> str:
        """Return the object for a sentence, such as "permission app on /"."""
        return f"{self.noun} {self.name_of(key)}"

    def canonical(self, spec: Spec) -> dict[str, Any]:
        """Return the spec with defaults filled in and every value in its canonical form. Raises
        SpecError for an unknown field or an impossible value."""
        known = {field.name for field in self.fields}
        for name in spec:
            if name not in known:
                raise SpecError(name, f"A {self.noun} has no field {name!r}.")
        whole: dict[str, Any] = {}
        for field in self.fields:
            value = spec.get(field.name, field.default)
            try:
                whole[field.name] = field.canonical(value)
            except (TypeError, ValueError) as error:
                raise SpecError(field.name, f"{field.name} {error}.") from None
        return whole
