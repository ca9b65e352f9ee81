"""Read a broker's folder of definitions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from accessctl.passwords.policy import why_weak
from console.errors import InvalidField
from console.kinds.common.kind import Ref
from console.kinds.common.rows import Level
from console.kinds.registry import KINDS, phrase, vhost_of
from console.reconcile.definitions.read import Carried, Definitions, Finding, parse_definitions
from console.reconcile.definitions.text import MOST_BYTES, NotDefinitions, TooLarge
from vhosts.definitions.folder.names import (
    BROKER_FILE,
    SUFFIX,
    is_stem_of,
    name_of,
    stem_of,
)


@dataclass(frozen=True, kw_only=True)
class Folder:
    """The definitions in a broker's folder, of all its files together. `vhosts` are the virtual
    hosts that have a file, `whole_broker` says whether there is a file for the rest."""

    path: Path
    definitions: Definitions
    vhosts: frozenset[str]
    whole_broker: bool


def brokers_in(root: Path) -> list[str]:
    """Return the names of the folders of brokers in `root`, sorted; see `stem_of`."""
    if not root.is_dir():
        return []
    return sorted(path.name for path in root.iterdir() if _is_folder(path))


def read_folder(root: Path, broker: str, *, vhost: str | None) -> Folder:
    """Read the folder of a broker, or only the file of a virtual host. Raises InvalidField if there
    is none, or if a file can't be read; findings about its content are in the definitions."""
    path = root / stem_of(broker)
    if not path.is_dir():
        raise InvalidField(
            "file", f"{root} has no folder {stem_of(broker)} for the broker {broker}."
        )
    files = sorted(one for one in path.glob(f"*{SUFFIX}") if one.is_file())
    if not files:
        # An empty checkout must not look like a folder from which everything was removed.
        raise InvalidField("file", f"{path} has no files with definitions.")
    objects: dict[Ref, dict[str, object]] = {}
    carried: dict[Ref, Carried] = {}
    findings: list[Finding] = []
    implied: set[Ref] = set()
    removed: dict[Ref, frozenset[str]] = {}
    vhosts: set[str] = set()
    for file in files:
        read = _parsed(file)
        inside = _vhost_of(file, read)
        if vhost is not None and inside != vhost:
            continue
        if inside in vhosts:
            raise InvalidField("file", f"{path} has two files for the virtual host {inside}.")
        if inside is not None:
            vhosts.add(inside)
        findings += [replace(one, section=f"{file.name}: {one.section}") for one in read.findings]
        findings += _misplaced(file, inside, read)
        objects |= read.objects
        carried |= read.carried
        implied |= read.implied
        removed |= read.removed_limits
    if vhost is not None and not vhosts:
        raise InvalidField("file", f"{path} has no file for the virtual host {vhost}.")
    definitions = Definitions(
        objects=objects,
        # What a file leaves out isn't there: the folder is the whole truth about its objects.
        sections=frozenset(KINDS),
        findings=tuple(findings),
        implied=frozenset(implied),
        removed_limits=removed,
        carried=carried,
    )
    whole = vhost is None and (path / BROKER_FILE).is_file()
    return Folder(path=path, definitions=definitions, vhosts=frozenset(vhosts), whole_broker=whole)


def _parsed(file: Path) -> Definitions:
    name = None if file.name == BROKER_FILE else name_of(file.stem)
    try:
        with file.open("rb") as opened:
            body = opened.read(MOST_BYTES + 1)
        return parse_definitions(body, vhost=name, why_weak=why_weak)
    except OSError as error:
        raise InvalidField("file", f"Can't read {file}: {error.strerror}.") from None
    except (TooLarge, NotDefinitions) as error:
        raise InvalidField("file", f"{file}: {error}") from None


def _vhost_of(file: Path, read: Definitions) -> str | None:
    """Return the virtual host of the file; None for BROKER_FILE. Raises InvalidField if its name
    and its content don't agree."""
    if file.name == BROKER_FILE:
        return None
    named = name_of(file.stem)
    if named is not None and is_stem_of(file.stem, named):
        return named
    found = sorted({vhost_of(ref) or "" for ref in read.objects})
    if len(found) == 1 and is_stem_of(file.stem, found[0]):
        return found[0]
    right = f" Rename it to {stem_of(found[0])}{SUFFIX}." if len(found) == 1 else ""
    raise InvalidField("file", f"{file} isn't named after its virtual host.{right}")


def _misplaced(file: Path, vhost: str | None, read: Definitions) -> list[Finding]:
    """Return an error for each object that belongs into another file."""
    place = "the whole broker" if vhost is None else f"the virtual host {vhost}"
    return [
        Finding(
            Level.ERROR, file.name, None, "",
            f"The {phrase(ref)} doesn't belong into the file of {place}.", ref,
        )
        for ref in (*read.objects, *read.carried)
        if vhost_of(ref) != vhost
    ]  # fmt: skip


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.name.startswith(".") and any(path.glob(f"*{SUFFIX}"))
