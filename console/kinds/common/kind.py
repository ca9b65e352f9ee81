"""A kind of object that can be on a broker, as data and a few small functions."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from console.kinds.common.rows import Section
    from console.kinds.common.secrets import Secrets
    from console.kinds.common.wire import Wire

Spec = Mapping[str, Any]
Key = tuple[str, ...]
#: One rabbitmqctl line, as words that a shell can take.
Line = list[str]


class SpecError(ValueError):
    """A spec that no object of its kind can have. `field` names what is wrong."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class Op(StrEnum):
    CREATE = "create"
    UPDATE = "update"
    #: A field that is fixed at declare differs: delete and declare again, with all that this loses.
    REPLACE = "replace"
    DELETE = "delete"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True, order=True)
class Ref:
    """One object on one broker: its kind and its identity, in the order of `Kind.identity`."""

    kind: str
    key: Key

    def __str__(self) -> str:
        return f"{self.kind} {' / '.join(self.key)}"


@dataclass(frozen=True, slots=True)
class Field:
    """`canonical` returns the one form that equal values share; it raises ValueError or TypeError on a
    value that cannot be. `fixed` fields are set when the object is declared: a difference can only be
    applied by deleting and declaring again. `secret` values are compared, never shown. `apart` fields
    have calls of their own in the management API. `label` is what pages call it, "" for the name with
    spaces; `since` is the first RabbitMQ version that has the field, "" for all from 3.10 on."""

    name: str
    default: Any
    canonical: Callable[[Any], Any]
    fixed: bool = False
    secret: bool = False
    apart: bool = False
    label: str = ""
    since: str = ""

    @property
    def title(self) -> str:
        return self.label or self.name.replace("_", " ")


@dataclass(frozen=True, slots=True)
class Step:
    """What rabbitmqctl is to do: `spec` is the canonical spec that is wanted, None to delete; `changed`
    are the names of the fields that differ; `secret` says that a new password is set."""

    key: Key
    op: Op
    spec: Spec | None
    changed: frozenset[str]
    secret: bool = False


def _nothing(*_: object) -> tuple[Any, ...]:
    return ()


def _as_they_are(wanted: dict[str, Any], seen: dict[str, Any]) -> None:
    return None


def _nowhere(key: Key, get: Callable[..., Any]) -> frozenset[str]:
    return frozenset()


def _keeps_in(
    account: str, key: Key, before: Spec | None, after: Spec | None, new_password: bool
) -> tuple[str, str] | None:
    return None


def _stays(key: Key, spec: Spec | None) -> bool:
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """See `docs/adding-a-kind.md` for what each part is for."""

    name: str
    noun: str
    #: "" for the noun with an s.
    nouns: str = ""
    identity: tuple[str, ...]
    fields: tuple[Field, ...]
    #: Objects of a lower rank are created first and deleted last.
    rank: int
    #: Where the vhost stands in the key; None for what belongs to the whole broker.
    vhost_at: int | None = None
    #: Where a RabbitMQ user stands in the key; None where none does.
    user_at: int | None = None
    wire: Wire
    section: Section
    #: "{0} on {1}" of the key, for sentences; "" for the last part of the key alone.
    called: str = ""
    #: What it needs to be there. Deleting that takes this object with it.
    stands_on: Callable[[Key], Iterable[Ref]] = _nothing
    #: Parts of the key, by position, of what goes with that other object: bindings of a queue. What is
    #: in a vhost or of a user goes with it without being said here.
    hangs_on: Callable[[Ref], Iterable[Mapping[int, str]]] = _nothing
    #: Makes two canonical specs alike where RabbitMQ fills in or leaves out what means the same.
    align: Callable[[dict[str, Any], dict[str, Any]], None] = _as_they_are
    secrets: Secrets | None = None
    #: The rabbitmqctl lines of a step; none where rabbitmqctl has no command for it.
    rabbitmqctl: Callable[[Step], Sequence[Line]] = _nothing
    #: Whether the object makes the broker connect elsewhere, with whatever rights that gives.
    reaches_elsewhere: Callable[[Key, Spec | None], bool] = _stays
    #: Of the account that is logged in: which field of `after` (None: deleted) would lock it out where it
    #: can do its work `before`, and the rest of the sentence that says why; None where none would.
    locks_out: Callable[[str, Key, Spec | None, Spec | None, bool], tuple[str, str] | None] = (
        _keeps_in
    )
    #: The virtual hosts in which it holds something, read by `get(*segments)` of the management API right
    #: now. Raises BrokerError; NotFound where it is not there.
    held_in: Callable[[Key, Callable[..., Any]], frozenset[str]] = _nowhere
    #: Creating one that somebody else has created meanwhile is refused, not merged.
    claimed: bool = False
    #: No broker is without any: an empty listing is no evidence.
    never_empty: bool = False
    #: Fields that a file may give as empty without a wish to clear them, with what else goes with each.
    clears: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    #: What is in it dies with it: all that has its name where the vhost stands.
    is_container: bool = False
    #: Many go in one import of definitions, with the body that a single write sends.
    goes_together: bool = False
    #: Deleted only while it holds nothing, unless forced.
    deleted_if_empty: bool = False
    #: Keys that belong to the broker itself: never deleted by a file that lacks them.
    brokers_own: frozenset[Key] = frozenset()

    @property
    def is_account(self) -> bool:
        """Whether it is what `user_at` of other kinds names."""
        return self.user_at == 0 and len(self.identity) == 1

    @property
    def plural(self) -> str:
        return self.nouns or f"{self.noun}s"

    def field(self, name: str) -> Field:
        return next(field for field in self.fields if field.name == name)

    def vhost_of(self, key: Key) -> str | None:
        """None for what belongs to the whole broker."""
        return None if self.vhost_at is None else key[self.vhost_at]

    def user_of(self, key: Key) -> str | None:
        return None if self.user_at is None else key[self.user_at]

    def name_of(self, key: Key) -> str:
        """The object in a sentence, without its kind: "app on /"."""
        return self.called.format(*key) if self.called else key[-1]

    def phrase(self, key: Key) -> str:
        """The object in a sentence: "permission of app on /"."""
        return f"{self.noun} {self.name_of(key)}"

    def canonical(self, spec: Spec) -> dict[str, Any]:
        """The spec with defaults filled in and every value in its one form. Raises SpecError for an
        unknown field or an impossible value."""
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
