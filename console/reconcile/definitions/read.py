"""Read RabbitMQ's definitions files, 3.10 to 4.3, into specs and findings. Supports the form of a
whole cluster and that of a single virtual host.

Sources: `rabbit_definitions.erl`, `rabbit_mgmt_wm_definitions.erl`. Unlike the broker's own import,
nothing is ignored silently: whatever is left out, unknown or impossible becomes a Finding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from console.kinds.common.kind import Key, Ref, SpecError
from console.kinds.common.names import Unaddressable, check_name, name_warnings
from console.kinds.common.rows import Left, Level, ReadRow
from console.kinds.registry import CONTAINER, KINDS
from console.rabbitmq.text import printable
from console.reconcile.definitions.called import called_row
from console.reconcile.definitions.emit import EXPLAINED
from console.reconcile.definitions.result import Carried, Definitions, Finding, LeftOut
from console.reconcile.definitions.rows import COMPONENTS, INSIDE, KINDS_OF, ROW_KEYS, SECTIONS
from console.reconcile.definitions.text import (
    MOST_BYTES,
    read_json,
    read_unchecked,
    readable,
    why_unreadable,
)

_FILE_KEYS = frozenset({
    "rabbit_version", "rabbitmq_version", "product_name", "product_version", "explanation",
    "rabbitmq_definition_format", "original_cluster_name", "original_vhost_name",
})  # fmt: skip
_VERSIONS = ("rabbit_version", "rabbitmq_version")
#: Sections of objects that others depend on.
_STOOD_ON = ("vhosts", "users")
#: Keys with which a file of one virtual host describes the virtual host itself.
_VHOST_KEYS = CONTAINER.section.on_top


__all__ = ["Carried", "Definitions", "Finding", "LeftOut", "parse_definitions", "parse_live"]


def parse_definitions(
    body: bytes,
    *,
    vhost: str | None = None,
    most_bytes: int = MOST_BYTES,
    why_weak: Callable[[str], str] = lambda password: "",
) -> Definitions:
    """Read a file. `vhost` is used for objects that name none, as in a file of one virtual host;
    `why_weak` returns why a clear password is refused. Raises TooLarge or NotDefinitions
    (console.reconcile.definitions.text) if nothing can be read.
    """
    return _Reader(read_json(body, most_bytes), vhost, why_weak=why_weak).read()


def parse_live(body: bytes, *, most_bytes: int) -> Definitions:
    """Read the definitions that a broker reports.

    A row that can't be read is left out and listed in `left_out`, so that one odd name doesn't
    block all others. Of a virtual host or user, only the unreadable field is left out, because
    other objects depend on it. Raises the same errors as `parse_definitions`.
    """
    top, suspect = read_unchecked(body, most_bytes, tolerant=True)
    top = {name: value for name, value in top.items() if name in SECTIONS or name in _VERSIONS}
    return _Reader(top, None, live=True, suspect=suspect).read()


class _Reader:
    def __init__(
        self,
        top: dict[str, Any],
        vhost: str | None,
        *,
        live: bool = False,
        suspect: bool = False,
        why_weak: Callable[[str], str] = lambda password: "",
    ) -> None:
        self.top = top
        self.why_weak = why_weak
        self.live, self.suspect = live, suspect
        self.row: Any = None
        self.left_out: list[LeftOut] = []
        self.vhost = vhost
        self.objects: dict[Ref, dict[str, Any]] = {}
        self.carried: dict[Ref, Carried] = {}
        #: Why the row's object is only carried ("": it isn't), the unaddressable field with its
        #: name, and whether an import skips the object.
        self.why_carried, self.unaddressable, self.skipped = "", "", False
        self.findings: list[Finding] = []
        version = top.get("rabbitmq_version") or top.get("rabbit_version") or ""
        self.version = version if isinstance(version, str) else ""
        self.single = _single_vhost(top)
        #: Virtual hosts for which the file has only limits.
        self.implied: set[Ref] = set()
        self.removed_limits: dict[Ref, frozenset[str]] = {}
        self.section, self.index = "", -1
        self.components = COMPONENTS

    def read(self) -> Definitions:
        self._file_keys()
        told: set[str] = set()
        if self.single is not None and self.vhost is not None and _VHOST_KEYS & set(self.top):
            self._single_vhosts_own()
        for name, reader in SECTIONS.items():
            if name not in self.top:
                continue
            rows = self.top[name]
            self.section, self.index = name, -1
            told |= KINDS_OF[name]
            if not isinstance(rows, list):
                self._find(Level.ERROR, "", f"The section {name} must be a list.")
                continue
            for self.index, row in enumerate(rows):
                self._row(reader, row)
        return Definitions(
            self.objects,
            frozenset(told),
            tuple(self.findings),
            self.version,
            self.single,
            frozenset(self.implied),
            self.removed_limits,
            tuple(self.left_out),
            self.carried,
        )

    def _row(self, reader: ReadRow, row: Any) -> None:
        self.row, self.why_carried, self.unaddressable, self.skipped = row, "", "", False
        try:
            if self.live and (why := why_unreadable(row, suspect=self.suspect)):
                row = self._rest_of(row, why)
            if not isinstance(row, dict):
                raise self.left(Level.ERROR, "", "This entry must be an object.")
            unknown = [key for key in row if key not in ROW_KEYS[self.section]]
            for key in unknown:
                self._find(
                    Level.WARNING,
                    key[:60],
                    "This key is unknown and has no effect. Check the spelling.",
                )
            reader(self, row)
        except Left:
            pass
        except SpecError as error:
            self._find(Level.ERROR, error.field, str(error))
        except (TypeError, ValueError) as error:
            self._find(Level.ERROR, "", f"{error}.")

    def _rest_of(self, row: Any, why: str) -> Any:
        """Return the readable fields of the row if other objects depend on it. Raises Left."""
        rest = readable(row) if self.section in _STOOD_ON and isinstance(row, dict) else {}
        if "name" not in rest:
            raise self.left(Level.ERROR, "", why)
        lost = [name for name in row if name not in rest or rest[name] != row[name]]
        self._find(Level.ERROR, ", ".join(printable(name, 60) for name in lost), why)
        return rest

    def _file_keys(self) -> None:
        known = _FILE_KEYS | set(SECTIONS)
        if self.single is not None:
            known |= _VHOST_KEYS
        for key in self.top:
            if key not in known:
                self._find(Level.WARNING, key[:60], "This section is unknown and has no effect.")
        told = self.top.get("explanation")
        if isinstance(told, str) and told.startswith(EXPLAINED):
            self._find(Level.WARNING, "", printable(told, 20_000))
        if not isinstance(self.top.get("rabbit_version", ""), str):
            self._find(Level.WARNING, "rabbit_version", "rabbit_version must be text; ignored.")
        if self.version and self.version.split(".")[0] not in ("3", "4"):
            self._find(
                Level.WARNING,
                "rabbit_version",
                f"The file is from RabbitMQ {printable(self.version, 20)}. The console "
                "supports files from RabbitMQ 3 and 4.",
            )

    def _single_vhosts_own(self) -> None:
        self.section, self.index = "vhosts", -1
        row = {key: self.top[key] for key in _VHOST_KEYS if key in self.top}
        self._row(SECTIONS["vhosts"], {"name": self.vhost, **row})

    def _find(self, level: Level, name: str, sentence: str, ref: Ref | None = None) -> None:
        index = self.index if self.index >= 0 else None
        self.findings.append(Finding(level, self.section, index, name, sentence, ref))
        if self.live and level is Level.ERROR:
            vhost, called = called_row(self.section, self.row if index is not None else None)
            what = f"{called}, {name}" if name else called
            self.left_out.append(LeftOut(vhost, f"{what}: {sentence}"))

    # For the readers of rows

    def left(self, level: Level, name: str, sentence: str) -> Left:
        self._find(level, name, sentence)
        return Left()

    def skip(self, name: str, sentence: str) -> None:
        if not self.live:
            raise self.left(Level.NOTE, name, sentence)
        self.why_carried, self.skipped = sentence, True

    def note(self, level: Level, name: str, sentence: str) -> None:
        self._find(level, name, sentence)

    def name(self, kind: str, row: Mapping[str, Any], key: str = "name") -> str:
        if key not in row:
            raise SpecError(key, f"{key} is missing.")
        value = row[key]
        if not isinstance(value, str):
            raise SpecError(key, f"{key} must be text.")
        if self.skipped:
            return value
        try:
            check_name(kind, value, key)
        except Unaddressable as error:
            self.why_carried, self.unaddressable = str(error), key
            return value
        for warning in name_warnings(value):
            self.note(Level.WARNING, key, warning)
        return value

    def vhost_of(self, row: Mapping[str, Any]) -> str:
        if "vhost" in row:
            return self.name("vhost", row, "vhost")
        if self.vhost is None:
            raise SpecError(
                "vhost", "The file names no virtual host. Choose the virtual host to import into."
            )
        return self.vhost

    def take(self, kind: str, key: Key, spec: dict[str, Any]) -> None:
        """Check and add one object. If two rows are about one object, the first counts and the
        other becomes a finding."""
        ref = Ref(kind, key)
        whole = KINDS[kind].canonical(spec)
        if "limits" in spec:
            self._note_removed(ref, spec["limits"], whole["limits"])
        spec = {name: whole[name] for name in spec}
        if self.why_carried:
            self.carried.setdefault(ref, Carried(spec, self.why_carried, self.skipped))
            if not self.live:
                self._find(Level.ERROR, self.unaddressable, self.why_carried, ref)
            return
        if ref in self.objects:
            if self.objects[ref] == spec:
                self.note(
                    Level.WARNING, "", f"The {KINDS[kind].noun} appears twice with the same values."
                )
                return
            self._find(
                Level.ERROR, "", f"The {KINDS[kind].noun} appears twice with different values.", ref
            )
            return
        self.objects[ref] = spec

    def _note_removed(self, ref: Ref, said: Mapping[str, int], limits: Mapping[str, int]) -> None:
        removed = frozenset(said) - frozenset(limits)
        if removed:
            self.removed_limits[ref] = self.removed_limits.get(ref, frozenset()) | removed

    def lay_over(self, kind: str, key: Key, spec: dict[str, Any]) -> None:
        """Add fields of an object from another section; values that are objects are merged. Raises
        TypeError, ValueError."""
        ref = Ref(kind, key)
        told = {name: KINDS[kind].field(name).canonical(said) for name, said in spec.items()}
        for name, value in told.items():
            if isinstance(value, dict):
                self._note_removed(ref, spec[name], value)
        if self.why_carried:
            known = self.carried.get(ref, Carried({}, self.why_carried))
            self.carried[ref] = replace(known, spec={**known.spec, **told})
            if not self.live:
                self._find(Level.ERROR, self.unaddressable, self.why_carried, ref)
            return
        if ref not in self.objects:
            self.implied.add(ref)
        fields = self.objects.setdefault(ref, {})
        for name, value in told.items():
            fields[name] = {**fields.get(name, {}), **value} if isinstance(value, dict) else value


def _single_vhost(top: Mapping[str, Any]) -> str | None:
    """Return the virtual host's name, "" if unknown; None: the file is of a cluster. Files from
    before 4.1 don't say which form they have."""
    told = top.get("rabbitmq_definition_format")
    if told is not None:
        return str(top.get("original_vhost_name") or "") if told == "single_virtual_host" else None
    if "vhosts" in top or "users" in top:
        return None
    rows = [row for name in INSIDE for row in _listed(top.get(name))]
    return "" if rows and all("vhost" not in row for row in rows) else None


def _listed(value: Any) -> Iterator[dict[str, Any]]:
    yield from (row for row in value if isinstance(row, dict)) if isinstance(value, list) else ()
