"""How a kind is asked for by the API, where the general way (console.faces.objects.proposals) doesn't do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from console.engine.proposal import DesiredObject
from console.kinds.common.kind import Key, Kind
from console.models import Broker

#: Gets broker, key and acting_user by name; to create or edit also fields, to edit or delete also
#: expected_generation (None: the present one). Returns the desired_objects; raises ConsoleError.
Make = Callable[..., DesiredObject | Sequence[DesiredObject]]


def by_key(kind: Kind, service: Make) -> Make:
    """Return a `Make` of a service that gets the parts of the key by their names."""

    def make(*, broker: Broker, key: Key, **more: Any) -> DesiredObject | Sequence[DesiredObject]:
        return service(broker=broker, **dict(zip(kind.identity, key, strict=True)), **more)

    return make


def desired_objects_of(made: DesiredObject | Sequence[DesiredObject]) -> Sequence[DesiredObject]:
    """Return what a `Make` returned as several."""
    return [made] if isinstance(made, DesiredObject) else made


def _nothing(fields: dict[str, Any], *, new: bool) -> str:
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """What the API of a kind has of its own. `change` and `new` are the bodies of PATCH and POST; `read` None
    is drawn from the kind's fields."""

    create: Make
    edit: Make
    delete: Make
    change: type[Any]
    new: type[Any]
    read: type[Any] | None = None
    #: Replaces in the checked body what is no field, such as a password. Returns what was generated, which is
    #: shown once; "" for nothing. Raises InvalidField.
    take: Callable[..., str] = _nothing
    #: For the titles of changes: what POST, PATCH and DELETE do, and to what, such as "permission of {1} on {0}".
    verbs: tuple[str, str, str] = ("Create", "Edit", "Delete")
    called: str = ""
    #: The docstrings of the operations, by name; "" is the view's own, "read" that of an object.
    said: Mapping[str, str] = field(default_factory=dict)
    #: (plural, singular) for summaries; empty for the kind's.
    nouns: tuple[str, str] | tuple[()] = ()
    #: In a plan of several objects: creating replaces what is there (and `create` gets `making`, what the
    #: same plan makes); or whether it is there, as far as the person may know. Neither: by the general way.
    replaces: bool = False
    there: Callable[[Broker, Key, Any], bool] | None = None
    #: A class with more operations; their rights and query parameters are its `more_permissions` and
    #: `more_parameters`.
    more: type[Any] | None = None
