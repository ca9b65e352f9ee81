"""What a file that lacks it deletes, said outright: the worst to get wrong of all that a file can do."""

from __future__ import annotations

import json

import pytest

from console.kinds.common.kind import Ref
from console.reconcile.definitions.compare import prunable, touched_by
from console.reconcile.definitions.read import parse_definitions

A, B = Ref("vhost", ("a",)), Ref("vhost", ("b",))
QUEUE_A, QUEUE_B = Ref("queue", ("a", "q")), Ref("queue", ("b", "q"))
APP, OWN = Ref("user", ("app",)), Ref("user", ("own",))
APP_A, OWN_A = Ref("permission", ("a", "app")), Ref("permission", ("a", "own"))
TOPIC, OWN_TOPIC = (Ref("topic_permission", ("a", user, "e")) for user in ("app", "own"))
MINE = Ref("global_parameter", ("mine",))
CLUSTERS = [
    Ref("global_parameter", (name,))
    for name in ("cluster_name", "cluster_tags", "internal_cluster_id")
]
OF_USERS = [APP, OWN, APP_A, OWN_A, TOPIC, OWN_TOPIC]
SEEN: dict[Ref, dict[str, str]] = {
    ref: {} for ref in (A, B, QUEUE_A, QUEUE_B, *OF_USERS, MINE, *CLUSTERS)
}
ALL_KINDS = {"users": [], "permissions": [], "topic_permissions": [], "queues": [],
             "global_parameters": []}  # fmt: skip
IN_A = [{"vhost": "a", "name": "other"}]


@pytest.mark.parametrize(
    ("file", "vhost", "deleted"),
    [
        ({}, None, []),
        ({"vhosts": [{"name": "a"}]}, None, [B]),
        ({"vhosts": [{"name": "a"}], **ALL_KINDS}, None,
         [B, QUEUE_A, QUEUE_B, APP, APP_A, TOPIC, MINE]),
        # Without the virtual hosts a file speaks only of those that it names.
        (ALL_KINDS, None, [APP, MINE]),
        ({**ALL_KINDS, "queues": IN_A}, None, [QUEUE_A, APP, APP_A, TOPIC, MINE]),
        ({"queues": [{"vhost": "a", "name": "q"}]}, None, []),
        # Into one virtual host nothing outside of it goes, nor it itself.
        ({"vhosts": [], **ALL_KINDS}, "a", [QUEUE_A, APP_A, TOPIC]),
        ({"vhosts": [], **ALL_KINDS}, "b", [QUEUE_B]),
        ({**ALL_KINDS, "queues": IN_A}, "b", []),
    ],
)  # fmt: skip
def test_only_what_a_file_speaks_of_and_lacks_is_deleted(file, vhost, deleted):
    read = parse_definitions(json.dumps(file).encode(), vhost=vhost)
    assert read.errors == []
    assert prunable(read, SEEN, vhost=vhost, own_user="own") == deleted


def test_bindings_go_with_either_end_and_no_others_do():
    def binding(vhost: str, source: str, kind: str, destination: str) -> Ref:
        return Ref("binding", (vhost, source, kind, destination, "", "{}"))

    to_queue, to_exchange = binding("a", "e", "queue", "q"), binding("a", "f", "exchange", "e")
    others = [binding("b", "e", "queue", "q"), binding("a", "q", "exchange", "q")]
    seen = {ref: {} for ref in (to_queue, to_exchange, *others, QUEUE_A)}
    assert touched_by({QUEUE_A}, seen) == [to_queue]
    assert touched_by({Ref("exchange", ("a", "e"))}, seen) == [to_queue, to_exchange]
    assert touched_by(set(), seen) == []
