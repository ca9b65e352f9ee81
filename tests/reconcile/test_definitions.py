from __future__ import annotations

import json

import pytest

from console.kinds.common.kind import Op, Ref
from console.reconcile.definitions.compare import check_references, prunable, take_vhost
from console.reconcile.definitions.emit import emit_definitions
from console.reconcile.definitions.kept import complete
from console.reconcile.definitions.read import parse_definitions
from console.reconcile.definitions.text import MOST_BYTES, NotDefinitions, TooLarge
from console.reconcile.definitions.transformations import transform
from console.reconcile.diff import FieldChange, compare
from console.reconcile.disclose import (
    public_change,
    public_spec,
    reaches_elsewhere,
    secrets_of_spec,
    whole_spec,
)

SHA256_HASH = "45Dc2/4Fnd9uE/lY95qgMSJ6KEEWzFLQNLvrrPbvELx/9Ig7"
MD5_HASH = "AQIDBAECAwQFBgcICQoLDA0ODxA="
FILE = {
    "rabbit_version": "4.3.6",
    "users": [
        {
            "name": "app",
            "password_hash": SHA256_HASH,
            "hashing_algorithm": "rabbit_password_hashing_sha256",
            "tags": ["monitoring"],
            "limits": {},
        }
    ],
    "vhosts": [
        {
            "name": "a",
            "metadata": {"description": "d", "tags": ["x"], "default_queue_type": "classic"},
            "limits": {"max-queues": 5},
        }
    ],
    "permissions": [
        {"user": "app", "vhost": "a", "configure": ".*", "write": "", "read": ".*"},
    ],
    "topic_permissions": [
        {"user": "app", "vhost": "a", "exchange": "amq.topic", "write": "", "read": "x"}
    ],
    "parameters": [
        {
            "component": "operator_policy",
            "vhost": "a",
            "name": "op",
            "value": {"apply-to": "queues", "definition": {"max-length": 5}, "pattern": ".*"},
        },
        {"component": "vhost-limits", "vhost": "a", "name": "limits", "value": {"max-queues": 5}},
        {
            "component": "shovel",
            "vhost": "a",
            "name": "s",
            "value": {"src-uri": "amqp://u:p%40@host/v", "dest-uri": ["amqp://", "amqps://x:y@z"]},
        },
    ],
    "global_parameters": [
        {"name": "internal_cluster_id", "value": "x"},
        {"name": "mine", "value": {"a": 1}},
    ],
    "policies": [
        {
            "vhost": "a",
            "name": "p",
            "pattern": "^q",
            "apply-to": "queues",
            "definition": {"max-length": 5, "ha-mode": "all"},
            "priority": 1,
        }
    ],
    "queues": [
        {
            "vhost": "a",
            "name": "q",
            "durable": True,
            "auto_delete": False,
            "type": "quorum",
            "arguments": {"x-queue-type": "quorum"},
        }
    ],
    "exchanges": [
        {
            "vhost": "a",
            "name": "e",
            "type": "headers",
            "durable": True,
            "auto_delete": False,
            "internal": False,
            "arguments": {},
        }
    ],
    "bindings": [
        {
            "vhost": "a",
            "source": "e",
            "destination_type": "queue",
            "destination": "q",
            "routing_key": "k",
            "arguments": {"x-match": "all", "n": 1},
        }
    ],
}


def parsed(value, **more):
    return parse_definitions(json.dumps(value).encode(), **more)


def test_a_file_of_a_cluster_is_read_whole_and_written_again():
    read = parsed(FILE)
    assert read.errors == []
    assert {ref.kind for ref in read.objects} == {
        "vhost", "user", "permission", "topic_permission", "exchange", "queue", "binding",
        "policy", "operator_policy", "shovel", "global_parameter",
    }  # fmt: skip
    assert read.objects[Ref("vhost", ("a",))] == {
        "description": "d",
        "tags": ["x"],
        "default_queue_type": "classic",
        "limits": {"max-queues": 5},
    }
    again = parsed(emit_definitions(read.objects, secrets=True))
    assert again.objects == read.objects
    assert [str(f) for f in read.findings] == [
        "global_parameters[0].name: Skipped because internal_cluster_id is specific to its cluster."
    ]


def test_without_secrets_no_hash_is_written_and_a_user_keeps_what_the_broker_has():
    read = parsed(FILE)
    text = json.dumps(emit_definitions(read.objects))
    assert SHA256_HASH not in text
    user = Ref("user", ("app",))
    bare = parsed(json.loads(text))
    assert "password_hash" not in bare.objects[user]
    for whole_truth in (False, True):
        whole, _ = complete(bare, bare.objects, read.objects, whole_truth=whole_truth)
        assert compare(user, whole[user], read.objects[user]).equal


def test_a_file_of_one_virtual_host_names_none_and_goes_where_it_is_told():
    one = emit_definitions(parsed(FILE).objects, vhost="a")
    assert one["rabbitmq_definition_format"] == "single_virtual_host"
    assert all(
        "vhost" not in row for rows in one.values() if isinstance(rows, list) for row in rows
    )
    assert "users" not in one
    read = parsed(one, vhost="b")
    assert read.errors == []
    assert read.single_vhost == "a"
    assert read.objects[Ref("vhost", ("b",))]["description"] == "d"
    assert Ref("queue", ("b", "q")) in read.objects
    unplaced = parsed(one)
    assert unplaced.errors
    assert "Choose the virtual host" in unplaced.errors[0].sentence


def test_one_virtual_host_of_a_file_can_go_to_another():
    taken = take_vhost(parsed(FILE), "a", "b")
    assert {ref.kind for ref in taken.objects} >= {"vhost", "queue", "binding", "permission"}
    assert Ref("binding", ("b", "e", "queue", "q", "k", '{"n":1,"x-match":"all"}')) in taken.objects
    assert Ref("user", ("app",)) not in taken.objects


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"[1]", "one JSON object"),
        (b"{", "isn't valid JSON (line 1, column 2)"),
        (b'{"a": "\xff"}', "isn't valid UTF-8"),
        (
            b'{"queues": [{"name": "q", "name": "r"}]}',
            "'name' of the object named 'q' appears twice",
        ),
        (b'{"a": "\\u0000"}', "NUL"),
        (b'{"a": "\\ud800"}', "surrogate"),
        (b'{"a": NaN}', "NaN"),
        (b'{"a": 1e999}', "isn't finite"),
        (b'{"a": ' + b"9" * 30 + b"}", "64 bits"),
        (b'{"a":' * 80 + b"1" + b"}" * 80, "deeper than 64"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "deeper than 64"),
    ],
)
def test_what_two_parsers_could_read_differently_is_refused(body, told):
    with pytest.raises(NotDefinitions) as refused:
        parse_definitions(body)
    assert told in str(refused.value)


def test_an_escaped_emoji_and_an_escaped_backslash_are_neither():
    read = parse_definitions(b'{"vhosts": [{"name": "\\ud83d\\ude00"}, {"name": "\\\\u0000"}]}')
    assert set(read.objects) == {Ref("vhost", ("\U0001f600",)), Ref("vhost", ("\\u0000",))}


def test_a_file_over_20_mb_is_refused_before_it_is_parsed():
    with pytest.raises(TooLarge):
        parse_definitions(b"x" * (MOST_BYTES + 1))


def test_an_empty_object_asks_for_nothing():
    read = parse_definitions(b"{}")
    assert (read.objects, read.findings) == ({}, ())


@pytest.mark.parametrize(
    ("section", "row", "told"),
    [
        ("queues", {"name": "q"}, "queues[0].vhost: The file names no virtual host"),
        ("queues", {"vhost": "a", "name": "q", "durable": "troo"}, "queues[0].durable: durable"),
        ("queues", {"vhost": "a", "name": "a\nb"}, "queues[0].name: A name can't contain control"),
        ("queues", {"vhost": "a", "name": "é" * 128}, "queues[0].name: The name has 256 bytes"),
        ("queues", {"vhost": "..", "name": "q"}, "queues[0].vhost: A name that consists only of dots"),
        ("exchanges", {"vhost": "a", "name": "amq.zzz", "type": "direct"}, "exchanges[0].name"),
        ("exchanges", {"vhost": "a", "name": "e"}, "exchanges[0].type: type is missing"),
        ("users", {"name": "u", "password_hash": "abc", "tags": []}, "users[0].password_hash"),
        ("users", {"name": "u", "tags": 5}, "users[0].tags: tags must be a list of text values."),
        ("policies", {"vhost": "a", "name": "p", "pattern": ".", "definition": {}}, "policies[0].def"),
        ("policies", {"vhost": "a", "name": "p", "pattern": ".", "definition": {"a": 1},
                      "apply-to": "everything"}, "policies[0].apply-to"),
        ("permissions", {"vhost": "a", "user": "u", "write": "", "read": ""},
         "permissions[0].configure: configure is missing."),
        ("parameters", {"component": "..", "vhost": "a", "name": "x", "value": 1}, "parameters[0]"),
        ("bindings", {"vhost": "a", "source": "e", "destination": "q", "destination_type": "queue",
                      "routing_key": "a~b", "arguments": {"x": 1}}, "bindings[0].routing_key"),
        ("vhosts", 5, "vhosts[0]: This entry must be an object."),
    ],
)  # fmt: skip
def test_an_impossible_row_is_told_with_section_index_and_field_and_the_rest_is_taken(
    section, row, told
):
    fine = {"vhosts": [{"name": "fine"}]} if section != "vhosts" else {}
    read = parsed({section: [row], **fine})
    assert len(read.errors) == 1
    assert str(read.errors[0]).startswith(told)
    assert len(read.objects) == len(fine)


def test_a_misspelt_key_is_told():
    read = parsed({"queues": [{"vhost": "a", "name": "q", "durabel": True}], "quees": []})
    assert [str(f) for f in read.findings] == [
        "quees: This section is unknown and has no effect.",
        "queues[0].durabel: This key is unknown and has no effect. Check the spelling.",
    ]


def test_two_rows_for_one_object_are_an_error_unless_they_are_the_same():
    row = {"vhost": "a", "name": "q", "durable": True}
    assert parsed({"queues": [row, row]}).errors == []
    read = parsed({"queues": [row, {**row, "durable": False}]})
    assert "twice with different values" in read.errors[0].sentence


@pytest.mark.parametrize("name", ["", "amq.gen-JzTY20BRgKO-HjmUJj0wLg"])
def test_queues_that_the_server_named_and_exclusive_ones_are_left_out_with_their_bindings(name):
    read = parsed(
        {
            "queues": [
                {"vhost": "a", "name": name},
                {"vhost": "a", "name": "mine", "exclusive": True},
            ],
            "bindings": [
                {"vhost": "a", "source": "amq.topic", "destination": name,
                 "destination_type": "queue", "routing_key": "", "arguments": {}}
            ],
        }
    )  # fmt: skip
    assert (read.objects, read.errors) == ({}, [])
    assert len(read.findings) == 3


@pytest.mark.parametrize(
    ("version", "hashed", "algorithm"),
    [
        ("3.5.7", MD5_HASH, "rabbit_password_hashing_md5"),
        ("3.6.0", SHA256_HASH, "rabbit_password_hashing_sha256"),
        ("4.0.5", SHA256_HASH, "rabbit_password_hashing_sha256"),
    ],
)
def test_old_files_have_the_hash_algorithm_of_their_version(version, hashed, algorithm):
    rows = [{"name": "u", "password_hash": hashed, "tags": "administrator,monitoring"}]
    read = parsed({"rabbit_version": version, "users": rows})
    spec = read.objects[Ref("user", ("u",))]
    assert spec["hashing_algorithm"] == algorithm
    assert spec["tags"] == ["administrator", "monitoring"]


def test_a_clear_password_is_hashed_and_never_kept():
    read = parsed({"users": [{"name": "u", "password": "hunter2", "tags": []}]})
    assert "hunter2" not in repr(read) + str(read.objects) + "".join(map(str, read.findings))
    assert read.objects[Ref("user", ("u",))]["password_hash"]


def test_what_stands_on_something_absent_is_refused_and_what_stands_on_that_too():
    read = parsed(
        {
            "exchanges": [{"vhost": "nowhere", "name": "e", "type": "direct"}],
            "queues": [{"vhost": "there", "name": "q"}],
            "bindings": [
                {"vhost": "there", "source": "e", "destination": "q", "destination_type": "queue",
                 "routing_key": ""},
                {"vhost": "there", "source": "amq.direct", "destination": "q",
                 "destination_type": "queue", "routing_key": ""},
            ],
            "permissions": [{"vhost": "there", "user": "u", "configure": "", "write": "", "read": ""}],
            "parameters": [{"component": "vhost-limits", "vhost": "bare", "name": "limits",
                            "value": {"max-queues": 1}}],
        }
    )  # fmt: skip
    refused = check_references(read, {Ref("vhost", ("there",)): {}})
    assert {ref.kind for ref in refused} == {"exchange", "binding", "permission", "vhost"}
    assert refused[Ref("vhost", ("bare",))].startswith("The virtual host bare is neither")


def test_a_file_that_does_not_speak_of_a_kind_deletes_nothing_of_it():
    observed = parsed(FILE).objects
    lacking = parsed({"vhosts": FILE["vhosts"], "queues": []})
    assert [ref.kind for ref in prunable(lacking, observed, vhost=None, own_user="app")] == [
        "queue"
    ]
    own = parsed({"users": [], "permissions": []})
    assert prunable(own, observed, vhost=None, own_user="app") == []
    assert {
        r.kind for r in prunable(parsed({"users": []}), observed, vhost=None, own_user="x")
    } == {"user"}
    elsewhere = parsed({"queues": [{"vhost": "other", "name": "x"}]})
    assert prunable(elsewhere, observed, vhost=None, own_user="x") == []


def test_transformations_have_the_effect_their_names_say():
    read = parsed(FILE)
    policy = Ref("policy", ("a", "p"))
    stripped = transform(read, ["strip_cmq_keys_from_policies"])
    assert stripped.objects[policy]["definition"] == {"max-length": 5}
    empty = parsed(
        {**FILE, "policies": [{**FILE["policies"][0], "definition": {"ha-mode": "all"}}]}
    )
    dropped = transform(empty, ["strip_cmq_keys_from_policies", "drop_empty_policies"])
    assert policy not in dropped.objects
    hidden = transform(read, ["obfuscate_usernames"])
    assert hidden.objects[Ref("user", ("obfuscated-username-1",))] == {
        "tags": ["monitoring"],
        "limits": {},
    }
    assert Ref("permission", ("a", "obfuscated-username-1")) in hidden.objects
    left = transform(read, ["exclude_users", "exclude_permissions", "exclude_policies"])
    assert not {"user", "permission", "policy"} & {ref.kind for ref in left.objects}
    assert "user" not in left.sections
    lazy = parsed({"queues": [{"vhost": "a", "name": "q", "arguments": {
        "x-queue-mode": "lazy", "x-overflow": "reject-publish-dlx"}}]})  # fmt: skip
    made = transform(lazy, ["prepare_for_quorum_queue_migration"])
    assert made.objects[Ref("queue", ("a", "q"))]["arguments"] == {"x-overflow": "reject-publish"}


def test_passwords_in_uris_are_shown_nowhere_and_kept_where_none_is_given():
    ref = Ref("shovel", ("a", "s"))
    spec = parsed(FILE).objects[ref]
    public = public_spec("shovel", spec)
    assert public["value"] == {"src-uri": "amqp://host/v", "dest-uri": ["amqp://", "amqps://z"]}
    secrets = secrets_of_spec("shovel", spec)
    assert whole_spec("shovel", public, secrets, None) == spec
    assert whole_spec("shovel", public, None, spec) == spec
    other = {"value": {**public["value"], "src-uri": "amqp://elsewhere/v"}}
    assert whole_spec("shovel", other, None, spec)["value"]["src-uri"] == "amqp://elsewhere/v"
    assert public_change("shovel", FieldChange("value", "amqp://a:b@h", "amqp://a:c@h")).secret
    assert reaches_elsewhere(ref, spec)
    assert not reaches_elsewhere(Ref("policy", ("a", "p")), {})


def test_a_queue_without_a_type_equals_what_its_virtual_host_made_of_it():
    ref = Ref("queue", ("a", "q"))
    assert compare(ref, {}, {"durable": True, "arguments": {"x-queue-type": "quorum"}}).equal
    classic = {"arguments": {"x-queue-type": "classic"}}
    assert compare(ref, classic, {"arguments": {}}).equal
    quorum = {"arguments": {"x-queue-type": "quorum"}}
    assert compare(ref, quorum, {"arguments": {}}).op is Op.REPLACE


def test_a_default_queue_type_that_nobody_asked_for_is_the_brokers_own():
    ref = Ref("vhost", ("a",))
    assert compare(ref, {}, {"default_queue_type": "classic"}).equal
    asked = {"default_queue_type": "quorum"}
    assert compare(ref, asked, {"default_queue_type": "classic"}).op is Op.UPDATE
