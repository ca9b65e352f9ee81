"""A kind has one home: what is mirrored has a face with its rights, and general modules name no kind."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.urls import reverse

from accessctl.rights import Permission
from accessctl.users.model import SeenOnBroker
from console.faces.face import FACES, Intent, drawn_faces
from console.faces.rest.drawn.objects import planned_of
from console.kinds.registry import KINDS, OWNERS
from vhosts.models import Queue
from vhosts.polling.inventory.parts import parts, table_of

ROOT = Path(__file__).resolve().parents[2]
#: Kinds that no inventory reads, so that they have no face, and why.
NOT_MIRRORED = {
    "whole_cluster": "Only acts are requested of it; polls read its nodes and name.",
    "connection": "Only closing is requested of it; it is read when somebody looks (vhosts.live).",
}
#: Modules and folders of general code.
GENERAL = (
    "console/rabbitmq",
    "console/reconcile",
    "console/engine",
    "console/faces",
    "console/pages",
    "vhosts/polling/inventory",
    "vhosts/drift",
    "vhosts/definitions/import_checks.py",
    "vhosts/definitions/import_file.py",
    "vhosts/definitions/import_losses.py",
    "vhosts/definitions/planning",
    "vhosts/definitions/read.py",
    "vhosts/definitions/rights.py",
    "vhosts/administration/drift.py",
    "vhosts/administration/seen.py",
    "accessctl/authorize.py",
)
#: (module, word): why the word stands there, which is a kind's name too.
ALLOWED = {
    ("console/rabbitmq/http/wire.py", "exchange"): "an exchange of request and answer",
    ("console/rabbitmq/amqp/objects.py", "exchange"): "a method of AMQP",
    ("console/rabbitmq/amqp/objects.py", "queue"): "a method of AMQP",
    ("console/rabbitmq/prometheus/counters.py", "queue"): "a label",
    ("console/rabbitmq/prometheus/labels.py", "queue"): "a label",
    ("console/reconcile/definitions/called.py", "vhost"): "a field of a file's rows",
    ("console/reconcile/definitions/emit.py", "vhost"): "a field of a file's rows",
    ("console/reconcile/definitions/read.py", "vhost"): "a field of a file's rows",
    ("console/reconcile/definitions/kept.py", "parameter"): "where a file keeps limits",
    ("console/engine/proposals/retry.py", "permission"): "the console's right that is lacking",
    ("console/pages/reverts/rights.py", "permission"): "the console's right that is lacking",
    ("console/pages/rest/changes.py", "vhost"): "a field of the request",
    ("vhosts/drift/resolve.py", "permission"): "the console's right that is lacking",
    ("accessctl/authorize.py", "permission"): "the console's right that is lacking",
    ("console/faces/objects/cells.py", "vhost"): "a column",
    ("console/faces/objects/pages.py", "vhost"): "a parameter of the scope",
    ("console/faces/objects/pages.py", "permission"): "the console's right that is lacking",
    ("console/faces/rest/drawn/lists.py", "vhost"): "a parameter of the scope",
    ("console/pages/audit.py", "user"): "a person of the console: a column and a filter",
    ("console/pages/broker_form.py", "user"): "a harmless name to log in with",
    ("console/pages/cluster/acts.py", "global_parameter"): "the parameter with the cluster's name",
    ("console/pages/cluster/acts.py", "queue"): "the word that is counted",
    ("console/pages/context.py", "connection"): "a route: a page of its own in the rail",
    ("vhosts/definitions/planning/limits.py", "connection"): "the word that is counted",
    ("console/rabbitmq/management/messages/got.py", "exchange"): "a field of a message",
    ("console/pages/context.py", "queue"): "a route: pages of their own in the rail",
}
#: Rewrites particular kinds, each transformation under the name that RabbitMQ's tools have for it.
EXCEPT = {"console/reconcile/definitions/transformations.py"}


def _modules() -> Iterator[Path]:
    for place in GENERAL:
        path = ROOT / place
        yield from [path] if path.is_file() else sorted(path.rglob("*.py"))


def _named_kinds(path: Path) -> set[str]:
    """Kinds whose name stands in the module as a text of its own, or whose home it imports."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Constant) and node.value in KINDS:
            found.add(str(node.value))
        modules = []
        if isinstance(node, ast.ImportFrom) and node.module:
            modules = [node.module, *(f"{node.module}.{one.name}" for one in node.names)]
        elif isinstance(node, ast.Import):
            modules = [one.name for one in node.names]
        found |= {kind for kind in KINDS if f"console.kinds.{kind}" in modules}
    return found


def test_general_modules_name_no_kind() -> None:
    named = {
        (path.relative_to(ROOT).as_posix(), kind)
        for path in _modules()
        for kind in _named_kinds(path)
        if path.relative_to(ROOT).as_posix() not in EXCEPT
    }
    assert named - set(ALLOWED) == set(), "what is special about a kind is a hook in its own home"
    assert set(ALLOWED) - named == set(), "these exceptions are no longer needed"


def test_every_kind_has_a_face_or_a_reason_to_have_none() -> None:
    assert set(KINDS) - set(FACES) == set(NOT_MIRRORED)
    assert list(FACES) == [name for name in KINDS if name in FACES], "in the registry's order"
    assert set(OWNERS) <= set(FACES)
    mirrors = {model for model in SeenOnBroker.__subclasses__() if not model._meta.abstract}
    for abstract in SeenOnBroker.__subclasses__():
        mirrors |= {model for model in abstract.__subclasses__() if not model._meta.abstract}
    assert mirrors | {Queue} == {face.model for face in FACES.values()}


@pytest.mark.parametrize("name", FACES)
def test_a_face_says_which_rights_every_act_takes(name: str) -> None:
    face = FACES[name]
    rights = face.rights
    assert face.kind is KINDS[name]
    assert all(
        isinstance(right, Permission)
        for right in (rights.view, rights.create, rights.edit, rights.delete)
    )
    spec = face.kind.canonical({})
    every = {field.name for field in face.kind.fields}
    for before, after in ((None, spec), (spec, spec), (spec, None)):
        for by_file in (False, True):
            needed = face.rights_for(
                Intent(before=before, after=after, changed=every, by_file=by_file)
            )
            assert needed
            assert all(isinstance(right, Permission) for right in needed)
            assert rights.view not in needed, "to see is not to change"


@pytest.mark.parametrize("name", FACES)
def test_a_mirror_has_a_column_for_all_that_is_kept(name: str) -> None:
    face = FACES[name]
    columns = {field.name for field in face.model._meta.concrete_fields}
    assert set(face.kind.identity) <= columns
    assert set(table_of(name).values) <= columns
    assert {face.mirror.touched, *([face.mirror.leaves] if face.mirror.leaves else [])} <= columns
    assert name in [part.face.name for part in parts()]
    if face.mirror.of_spec is not None:
        key = tuple("a" for _ in face.kind.identity)
        told = face.mirror.of_spec(key, face.kind.canonical({}))
        assert len(told) == len(table_of(name, told_by_spec=True).values)
    if face.mirror.compared:
        assert set(face.spec_of(face.model())) <= {field.name for field in face.kind.fields}


@pytest.mark.parametrize("name", FACES)
def test_a_kind_that_is_compared_can_be_asked_for_in_a_plan(name: str) -> None:
    face = FACES[name]
    if not face.mirror.compared:
        assert not face.is_drawn
        return
    planned = face.planned or planned_of(face)
    assert {"broker", *face.kind.identity} <= set(planned.body().fields)
    if face.object_route:
        assert reverse(face.object_route, args=[1])
    assert (face in drawn_faces()) is face.is_drawn
