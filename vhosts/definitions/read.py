"""Read a broker's definitions live and complete, and export them in RabbitMQ's format."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from accessctl.authorize import AnyUser, require
from accessctl.passwords.policy import why_weak
from accessctl.rights import Permission
from console.audit import record
from console.brokers.connect import connect
from console.engine.applying.broker_objects import BrokerObjects
from console.errors import BrokerTrouble, InvalidField, NotThere
from console.kinds.common.kind import Ref
from console.kinds.refusals.versions import version_of
from console.kinds.registry import CONTAINER, KINDS, phrase, vhost_of
from console.models import Broker
from console.rabbitmq.endpoint import MEGABYTE, Timeouts
from console.rabbitmq.errors import BrokerError
from console.rabbitmq.management.paths import path
from console.rabbitmq.text import printable
from console.reconcile.definitions.compare import Objects, take_vhost, within
from console.reconcile.definitions.emit import emit_definitions
from console.reconcile.definitions.read import (
    Carried,
    Definitions,
    LeftOut,
    parse_definitions,
    parse_live,
)
from console.reconcile.definitions.text import NotDefinitions, why_unreadable
from console.reconcile.definitions.transformations import TRANSFORMATIONS, transform
from console.reconcile.disclose import told_spec

#: Per request. A broker with 100,000 queues takes several seconds.
TIMEOUTS = Timeouts(connect=5.0, read=20.0, total=40.0)
_MOST_BYTES = 128 * MEGABYTE


@dataclass(frozen=True, kw_only=True)
class Live:
    """A broker's current objects, complete. `left_out` names those that can't be read or compared;
    they are left alone."""

    objects: Objects = field(repr=False)
    version: str
    left_out: tuple[LeftOut, ...]
    #: Objects that the console can't address and leaves alone; files include them.
    carried: Mapping[Ref, Carried] = field(default_factory=dict, repr=False)

    def not_addressed(self, vhost: str | None) -> list[LeftOut]:
        """Return the objects that files include but the console can't address, each with the
        reason. `vhost` None: of the whole broker."""
        return [
            LeftOut(vhost_of(ref), f"{printable(phrase(ref), 300)}: {one.why}")
            for ref, one in sorted(self.carried.items())
            if vhost in (None, vhost_of(ref))
        ]

    @property
    def all_objects(self) -> Objects:
        """Return everything that a file of the broker includes: its objects, and those that can't
        be addressed."""
        return {**self.objects, **{ref: one.spec for ref, one in self.carried.items()}}

    def left_out_in(self, vhost: str | None) -> tuple[LeftOut, ...]:
        """Return what is left out in one virtual host; `vhost` None: on the whole broker."""
        if vhost is None:
            return self.left_out
        return tuple(one for one in self.left_out if one.vhost == vhost)


@contextmanager
def open_broker(broker: Broker) -> Iterator[BrokerObjects]:
    """Connect to the broker. Its errors inside the block become BrokerTrouble."""
    if not broker.enabled:
        raise BrokerTrouble(
            f"{broker.name} is disabled in the console. Enable it to read its definitions."
        )
    try:
        with connect(broker, timeouts=TIMEOUTS) as client:
            yield BrokerObjects(client.http)
    except BrokerError as error:
        raise BrokerTrouble(
            f"{broker.name}: {error.detail or error.summary}", {"broker_error": error.code}
        ) from None


def read_live(store: BrokerObjects) -> Live:
    """Read everything in three requests, four from RabbitMQ 4.1 on. Raises BrokerError,
    BrokerTrouble."""
    body = store.raw(path("definitions"))
    try:
        read = parse_live(body, most_bytes=_MOST_BYTES)
    except NotDefinitions as error:
        raise BrokerTrouble(f"The broker's definitions can't be read: {error}") from None
    objects: Objects = dict(read.objects)
    left_out = list(read.left_out)
    # Definitions of older versions contain little more than a virtual host's name.
    for key, spec in store.read_all(CONTAINER.name).items():
        ref = Ref(CONTAINER.name, key)
        if ref not in objects:
            continue
        objects[ref] = {**objects[ref]}
        for name, value in spec.items():
            if why := _why_unreadable(name, value):
                sentence = f'{CONTAINER.noun} "{printable(key[0], 255)}", {name}: {why}'
                left_out.append(LeftOut(key[0], sentence))
            else:
                objects[ref][name] = value
    carried = dict(read.carried)
    for more in _not_exported(store, read):
        objects |= {ref: spec for ref, spec in more.objects.items() if ref not in objects}
        carried |= more.carried
        left_out += more.left_out
    return Live(objects=objects, version=read.version, left_out=tuple(left_out), carried=carried)


def _not_exported(store: BrokerObjects, read: Definitions) -> Iterator[Definitions]:
    """Yield objects that a broker of this version has and its own definitions omit, as if they
    were in them."""
    version = version_of(read.version)
    for kind in KINDS.values():
        if kind.not_exported is None or version is None:
            continue
        since, is_left_out = kind.not_exported
        if version < (version_of(since) or version):
            continue
        rows = [
            row
            for key, spec in store.read_all(kind.name).items()
            if is_left_out(key, spec) and Ref(kind.name, key) not in read.objects
            for _, row in kind.section.emit(key, spec)
        ]
        if rows:
            body = json.dumps({kind.section.name: rows}).encode()
            yield parse_live(body, most_bytes=_MOST_BYTES)


def _why_unreadable(field_name: str, value: Any) -> str:
    try:
        CONTAINER.field(field_name).canonical(value)
    except (TypeError, ValueError) as error:
        return f"{error}."
    return why_unreadable(value)


def export_definitions(
    *,
    broker: Broker,
    acting_user: AnyUser,
    vhost: str | None = None,
    secrets: bool = False,
    transformations: Sequence[str] = (),
) -> dict[str, Any]:
    """Return the definitions of the broker, or of one virtual host, in RabbitMQ's format.

    Without `secrets`, password hashes and passwords in URIs are omitted. What can't be read is
    left out and named in `explanation`. Raises NotAllowed, InvalidField, NotThere, BrokerTrouble.
    """
    require(acting_user, Permission.DEFINITIONS_EXPORT, broker, vhost)
    if secrets:
        require(acting_user, Permission.HASHES_EXPORT, broker, vhost)
    names = check_transformations(transformations)
    with open_broker(broker) as store:
        live = read_live(store)
    objects = live.all_objects
    if vhost is not None:
        objects = within(objects, vhost)
        if Ref(CONTAINER.name, (vhost,)) not in objects:
            raise NotThere(f"There is no virtual host {vhost} on {broker.name}.")
    if names:
        objects = dict(transform(Definitions(objects, frozenset()), names).objects)
    left_out = [str(one) for one in live.left_out_in(vhost)]
    record(
        "definitions:export",
        target_kind="broker" if vhost is None else CONTAINER.name,
        target=broker.name if vhost is None else vhost,
        broker=broker,
        acting_user=acting_user,
        after={"objects": len(objects), "secrets": secrets, "left_out": len(left_out)},
    )
    return emit_definitions(
        objects if secrets else public_objects(objects),
        version=live.version,
        vhost=vhost,
        secrets=secrets,
        left_out=left_out,
    )


def export_for_copy(
    *, broker: Broker, vhost: str, permissions: bool, acting_user: AnyUser
) -> bytes:
    """Return a file with the virtual host, to be planned on another broker.

    It includes the secrets that the person may export; it never leaves the console. Raises like
    `export_definitions`.
    """
    require(acting_user, Permission.DEFINITIONS_EXPORT, broker, vhost)
    with open_broker(broker) as store:
        live = read_live(store)
    # An object that can't be addressed can't be created on the other broker either.
    objects = within(live.objects, vhost)
    if Ref(CONTAINER.name, (vhost,)) not in objects:
        raise NotThere(f"There is no virtual host {vhost} on {broker.name}.")
    if not permissions:
        objects = {ref: spec for ref, spec in objects.items() if KINDS[ref.kind].user_at is None}
    from accessctl.authorize import may

    secrets = may(acting_user, Permission.HASHES_EXPORT, broker, vhost)
    shown = objects if secrets else public_objects(objects)
    left_out = [str(one) for one in (*live.left_out_in(vhost), *live.not_addressed(vhost))]
    return file_bytes(
        emit_definitions(shown, version=live.version, secrets=secrets, left_out=left_out)
    )


def check_transformations(names: Sequence[str]) -> list[str]:
    """Return the names. Raises InvalidField for an unknown name, which rabbitmqadmin silently
    ignores."""
    for name in names:
        if name not in TRANSFORMATIONS:
            raise InvalidField(
                "transformations",
                f"Unknown transformation {name[:60]}. Valid ones: {', '.join(TRANSFORMATIONS)}.",
            )
    return list(names)


def public_objects(objects: Mapping[Ref, Mapping[str, Any]]) -> Objects:
    return {ref: told_spec(ref.kind, spec) for ref, spec in objects.items()}


def file_bytes(definitions: Mapping[str, Any]) -> bytes:
    return json.dumps(definitions, indent=2, ensure_ascii=False).encode() + b"\n"


def digest_of(objects: Mapping[Ref, Mapping[str, Any]]) -> str:
    """Return a digest that is equal exactly if the objects are, including secrets."""
    told = [[ref.kind, list(ref.key), objects[ref]] for ref in sorted(objects)]
    return hashlib.sha256(
        json.dumps(told, sort_keys=True).encode("utf-8", "surrogatepass")
    ).hexdigest()


def read_file(
    body: bytes, *, vhost: str | None, source_vhost: str | None, transformations: Sequence[str]
) -> Definitions:
    """Parse a file: all of it or one virtual host, after transformations. Raises InvalidField, and
    TooLarge (413)."""
    from console.errors import TooLarge
    from console.reconcile.definitions.text import TooLarge as FileTooLarge

    names = check_transformations(transformations)
    try:
        read = parse_definitions(body, vhost=vhost, why_weak=why_weak)
    except FileTooLarge as error:
        raise TooLarge(str(error), {"field": "file"}) from None
    except NotDefinitions as error:
        raise InvalidField("file", str(error)) from None
    if vhost is not None and read.single_vhost is None:
        read = take_vhost(read, source_vhost or vhost, vhost)
    return transform(read, names)


def as_of(now: datetime) -> str:
    return now.strftime("%Y-%m-%dT%H%MZ")
