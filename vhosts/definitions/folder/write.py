"""Write a broker's definitions into a folder, so that its Git diffs are small."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accessctl.authorize import AnyUser, require
from accessctl.rights import Permission
from console.audit import record
from console.errors import InvalidField, NotThere
from console.kinds.common.kind import Ref
from console.kinds.registry import CONTAINER, KINDS, vhost_of
from console.models import Broker
from console.reconcile.definitions.emit import emit_definitions
from vhosts.definitions.folder.names import BROKER_FILE, SUFFIX, stem_of, stems_of
from vhosts.definitions.read import open_broker, public_objects, read_live


@dataclass(frozen=True, kw_only=True)
class Written:
    """The broker's folder and its files. `stale`: other files there, such as those of virtual hosts
    that don't exist.
    `left_out`: what can't be read, in sentences."""

    folder: Path
    files: tuple[str, ...]
    stale: tuple[str, ...]
    left_out: tuple[str, ...]


def write_folder(root: Path, *, broker: Broker, vhost: str | None, acting_user: AnyUser) -> Written:
    """Write the files of the broker, or of one virtual host, without secrets. Raises NotAllowed,
    NotThere, InvalidField, BrokerTrouble, OSError. The audit entry comes first."""
    require(acting_user, Permission.DEFINITIONS_EXPORT, broker, vhost)
    with open_broker(broker) as store:
        live = read_live(store)
    by_vhost: dict[str | None, dict[Ref, Mapping[str, Any]]] = {None: {}}
    for ref, spec in public_objects(live.all_objects).items():
        # The console's own user isn't exported: it would lock the console out elsewhere.
        if KINDS[ref.kind].user_of(ref.key) != broker.username:
            by_vhost.setdefault(vhost_of(ref), {})[ref] = spec
    names = [name for name in by_vhost if name is not None]
    if vhost is not None:
        if Ref(CONTAINER.name, (vhost,)) not in live.objects:
            raise NotThere(f"There is no virtual host {vhost} on {broker.name}.")
        by_vhost = {vhost: by_vhost[vhost]}
    stems = stems_of(names)
    folder = root / stem_of(broker.name)
    folder.mkdir(parents=True, exist_ok=True)
    files = {
        BROKER_FILE if name is None else stems[name] + SUFFIX: file_text(objects)
        for name, objects in by_vhost.items()
    }
    for file in files:
        if (folder / file).is_symlink():
            raise InvalidField(
                "file", f"{folder / file} is a symbolic link. Replace it with a file."
            )
    left_out = tuple(str(one) for one in live.left_out_in(vhost))
    record(
        "definitions:export",
        target_kind="broker" if vhost is None else CONTAINER.name,
        target=broker.name if vhost is None else vhost,
        broker=broker,
        acting_user=acting_user,
        after={"files": len(files), "secrets": False, "left_out": len(left_out)},
    )
    for file, text in files.items():
        (folder / file).write_bytes(text)
    stale = () if vhost is not None else tuple(_stale(folder, files))
    return Written(folder=folder, files=tuple(sorted(files)), stale=stale, left_out=left_out)


def file_text(objects: Mapping[Ref, Mapping[str, Any]]) -> bytes:
    """Return the objects in RabbitMQ's format, in a fixed order, without what changes by itself,
    such as the version."""
    emitted = emit_definitions(objects)
    sections = {name: rows for name, rows in emitted.items() if isinstance(rows, list) and rows}
    text = json.dumps(sections, indent=2, ensure_ascii=False, sort_keys=True)
    return text.encode() + b"\n"


def _stale(folder: Path, written: Collection[str]) -> Iterator[str]:
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        if path.name not in written:
            yield path.name
