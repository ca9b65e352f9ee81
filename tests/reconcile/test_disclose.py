"""Secrets travel beside the spec: what is shown never holds them, what is sent holds the right ones."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.kinds.common.kind import Ref
from console.kinds.common.secrets import without_userinfo
from console.reconcile.diff import FieldChange
from console.reconcile.disclose import (
    public_change,
    public_spec,
    reaches_elsewhere,
    secrets_of_spec,
    whole_spec,
)

NEW = {"password_hash": "new", "hashing_algorithm": "rabbit_password_hashing_sha256"}
OLD = {"password_hash": "old", "hashing_algorithm": "rabbit_password_hashing_sha512"}


@pytest.mark.parametrize(
    ("secrets", "observed", "expected"),
    [
        (NEW, OLD, NEW),
        (NEW, None, NEW),
        (NEW, {}, NEW),
        (NEW, {"tags": ["monitoring"]}, NEW),
        (None, OLD, OLD),
        ({}, OLD, OLD),
        (None, {"tags": ["monitoring"], "limits": {"max-channels": 1}, **OLD}, OLD),
        (None, {"password_hash": ""}, {"password_hash": ""}),
        (None, {"tags": ["monitoring"]}, {}),
        (None, {}, {}),
        (None, None, {}),
        ({}, None, {}),
    ],
)
def test_a_users_new_password_counts_then_the_brokers_then_none(secrets, observed, expected):
    public = {"tags": ["management"], "limits": {}}
    assert whole_spec("user", public, secrets, observed) == {**public, **expected}


SHOWN = {"src-uri": "amqp://host/v", "dest-uri": ["amqp://", "amqps://z"], "src-queue": "q"}
BROKERS = {
    "src-uri": "amqp://u:p@host/v",
    "dest-uri": ["amqp://", "amqps://x:y@z"],
    "src-queue": "q",
}
OTHERS = {
    "src-uri": "amqp://n:n@host/v",
    "dest-uri": ["amqp://", "amqps://m:m@z"],
    "src-queue": "q",
}


@pytest.mark.parametrize("kind", ["parameter", "global_parameter"])
@pytest.mark.parametrize(
    ("wanted", "secrets", "observed", "expected"),
    [
        (SHOWN, OTHERS, {"value": BROKERS}, OTHERS),
        (SHOWN, OTHERS, None, OTHERS),
        (SHOWN, None, {"value": BROKERS}, BROKERS),
        (SHOWN, None, None, SHOWN),
        (SHOWN, None, {}, SHOWN),
        (SHOWN, None, {"value": "amqp://u:p@host/v"}, SHOWN),
        (SHOWN, None, {"value": None}, SHOWN),
        ("amqp://host/v", None, {"value": "amqp://u:p@host/v"}, "amqp://u:p@host/v"),
        # A password goes to the very same URI only, …
        ("amqp://host/w", None, {"value": "amqp://u:p@host/v"}, "amqp://host/w"),
        ("amqps://host/v", None, {"value": "amqp://u:p@host/v"}, "amqps://host/v"),
        ({"a": "amqp://host"}, None, {"value": {"b": "amqp://u:p@host"}}, {"a": "amqp://host"}),
        # … a new one on the page counts, …
        ("amqp://n:n@host/v", None, {"value": "amqp://u:p@host/v"}, "amqp://n:n@host/v"),
        (["amqp://n:n@a", "amqp://b"], ["amqp://n:n@a", "amqp://b"],
         {"value": ["amqp://u:p@a", "amqp://u:p@b"]}, ["amqp://n:n@a", "amqp://u:p@b"]),
        # … in a list at any place, also if URIs came or went, …
        ("amqp://host/v", None, {"value": ["amqp://u:p@host/v"]}, "amqp://u:p@host/v"),
        (["amqp://host/v", "amqp://b"], None, {"value": "amqp://u:p@host/v"},
         ["amqp://u:p@host/v", "amqp://b"]),
        (["amqp://a", "amqp://b"], None, {"value": ["amqp://u:p@b", "amqp://v:q@a"]},
         ["amqp://v:q@a", "amqp://u:p@b"]),
        (["amqp://a", "amqp://a"], None, {"value": ["amqp://u:p@a", "amqp://v:q@a"]},
         ["amqp://u:p@a", "amqp://v:q@a"]),
        (["amqp://a"], None, {"value": ["amqp://u:p@a", "amqp://u:p@b"]}, ["amqp://u:p@a"]),
        (["amqp://a", "amqp://b"], None, {"value": ["amqp://x", "amqp://u:p@b"]},
         ["amqp://a", "amqp://u:p@b"]),
        # … and nothing else comes from the broker.
        ({"a": 1}, None, {"value": {"a": 2, "b": 3}}, {"a": 1}),
        ({"a": {"b": ["amqp://h"]}}, None, {"value": {"a": {"b": ["amqp://u:p@h"]}}},
         {"a": {"b": ["amqp://u:p@h"]}}),
        (5, None, {"value": "amqp://u:p@h"}, 5),
    ],
)  # fmt: skip
def test_a_uris_new_password_counts_then_the_brokers_then_none(
    kind, wanted, secrets, observed, expected
):
    given_ = None if secrets is None else {"value": json.dumps(secrets)}
    assert whole_spec(kind, {"value": wanted}, given_, observed) == {"value": expected}


def test_an_object_without_secrets_is_as_it_was_asked_for():
    public = {"description": "mine"}
    assert whole_spec("vhost", public, NEW, {"description": "theirs", "tags": ["x"]}) == public
    assert whole_spec("vhost", public, None, {"value": "amqp://u:p@h"}) == public
    assert whole_spec("parameter", {"value": 1}, {"other": "x"}, None) == {"value": 1}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("amqp://u:p@host", "amqp://host"),
        ("amqp://u@host", "amqp://host"),
        ("amqp://:p@host", "amqp://host"),
        ("amqp://u:p@q@host/v", "amqp://host/v"),
        ("amqp+ssl.x-1://u:p%40@host?x=y", "amqp+ssl.x-1://host?x=y"),
        ("see amqp://a:b@c and amqps://d:e@f", "see amqp://c and amqps://f"),
        ("amqp://host/v@w", "amqp://host/v@w"),
        ("amqp://host?mail=a@b", "amqp://host?mail=a@b"),
        ("amqp://host#a@b", "amqp://host#a@b"),
        ("mail a@b", "mail a@b"),
        ("", ""),
    ],
)
def test_user_and_password_are_taken_out_of_every_uri_and_nothing_else_is(text, shown):
    assert without_userinfo(text) == shown
    assert without_userinfo({"a": [text, (text,)], "b": 1}) == {"a": [shown, [shown]], "b": 1}


_TREES = st.recursive(
    st.none() | st.integers() | st.sampled_from(["amqp://host/v", "amqp://u:p@host/v", "plain"]),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=12,
)


@given(_TREES)
def test_what_is_shown_and_what_is_kept_make_the_whole_again(value):
    spec = {"value": value}
    public, secrets = public_spec("parameter", spec), secrets_of_spec("parameter", spec)
    assert "u:p@" not in json.dumps(public)
    assert (secrets is None) is ("u:p@" not in json.dumps(spec))
    assert whole_spec("parameter", public, secrets, None) == spec
    assert whole_spec("parameter", public, None, spec) == spec


def test_secrets_of_a_user_are_hash_and_algorithm_and_only_with_a_hash():
    assert secrets_of_spec("user", {"tags": ["a"], **NEW}) == NEW
    assert secrets_of_spec("user", {"password_hash": "x"}) == {"password_hash": "x"}
    assert secrets_of_spec("user", {"hashing_algorithm": "x", "tags": []}) is None
    assert secrets_of_spec("vhost", {"description": "amqp://u:p@h"}) is None
    assert public_spec("user", {"tags": ["a"], "password_hash": "x"}) == {"tags": ["a"]}
    assert public_spec("vhost", {"description": "amqp://u:p@h"}) == {"description": "amqp://u:p@h"}


def test_a_change_is_told_without_its_secrets():
    moved = public_change("parameter", FieldChange("value", "amqp://a:b@h", "amqp://a:b@i"))
    assert moved == FieldChange("value", "amqp://h", "amqp://i")
    only_password = FieldChange("value", "amqp://a:b@h", "amqp://a:c@h")
    hidden = FieldChange("value", None, None, secret=True)
    assert public_change("global_parameter", only_password) == hidden
    assert public_change("parameter", hidden) is hidden
    elsewhere = FieldChange("description", "amqp://a:b@h", "x")
    assert public_change("vhost", elsewhere) is elsewhere


@pytest.mark.parametrize(
    ("ref", "spec", "reaches"),
    [
        (Ref("shovel", ("a", "s")), {"value": {}}, True),
        (Ref("federation_upstream", ("a", "s")), None, True),
        (Ref("federation_upstream_set", ("a", "s")), {"value": []}, False),
        (Ref("parameter", ("mine", "a", "s")), {"value": {"u": ["amqp://h"]}}, True),
        (Ref("parameter", ("mine", "a", "shovel")), {"value": {"u": "h"}}, False),
        (Ref("parameter", ("mine", "a", "s")), None, False),
        (Ref("global_parameter", ("shovel",)), {"value": "amqp://h"}, False),
        (Ref("policy", ("shovel", "p")), {"pattern": "://"}, False),
    ],
)
def test_what_makes_the_broker_connect_elsewhere_is_known(ref, spec, reaches):
    assert reaches_elsewhere(ref, spec) is reaches
