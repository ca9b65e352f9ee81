"""How the API changes a kind, if the general functions (console.faces.objects.proposals) don't
fit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from console.engine.proposal import DesiredObject
from console.kinds.common.kind import Key, Kind
from console.models import Broker

#: Gets broker, key and acting_user by name; to create or edit also fields, to edit or delete also
#: expected_generation (None: the current one). Returns the desired objects. Raises ConsoleError.
Make = Callable[..., DesiredObject | Sequence[DesiredObject]]


def by_key(kind: Kind, service: Make) -> Make:
    """Return a `Make` of a service that takes the parts of the key by name."""

    def make(*, broker: Broker, key: Key, **more: Any) -> DesiredObject | Sequence[DesiredObject]:
        return service(broker=broker, **dict(zip(kind.identity, key, strict=True)), **more)

    return make


def desired_objects_of(made: DesiredObject | Sequence[DesiredObject]) -> Sequence[DesiredObject]:
    """Return the result of a `Make` as a sequence."""
    return [made] if isinstance(made, DesiredObject) else made


def _nothing(fields: dict[str, Any], *, new: bool) -> str:
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """What is special in the API of a kind. `change` and `new` are the bodies of PATCH and POST;
    `read` None is drawn from the kind's fields."""

    create: Make
    edit: Make
    delete: Make
    change: type[Any]
    new: type[Any]
    read: type[Any] | None = None
    #: Takes values that aren't fields, such as a password, from the checked body. Returns a
    #: generated password, which is shown once, or "". Raises InvalidField.
    take: Callable[..., str] = _nothing
    #: For titles of changes: the verbs of POST, PATCH and DELETE, and the object, such as
    #: "permission of {1} on {0}".
    verbs: tuple[str, str, str] = ("Create", "Edit", "Delete")
    called: str = ""
    #: Docstrings of the operations, by name; "" is the view's own, "read" that of an object.
    said: Mapping[str, str] = field(default_factory=dict)
    #: (plural, singular) for summaries; empty for the kind's own.
    nouns: tuple[str, str] | tuple[()] = ()
    #: In a plan of several objects: whether creating replaces an existing object (then `create`
    #: also gets `making`, the refs that the same plan creates); or whether it exists, within what
    #: the person may know. Neither: the general rule.
    replaces: bool = False
    there: Callable[[Broker, Key, Any], bool] | None = None
    #: A class with more operations; it has their rights in `more_permissions` and their query
    #: parameters in `more_parameters`.
    more: type[Any] | None = None
