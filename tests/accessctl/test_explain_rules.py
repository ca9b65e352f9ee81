"""What is not known is said, and never taken for a yes or a no."""

from __future__ import annotations

from dataclasses import replace

import pytest

from accessctl.explain import (
    ACTS,
    Act,
    ExchangeFacts,
    Facts,
    PermissionFacts,
    Question,
    TopicFacts,
    UserFacts,
    VhostFacts,
    explain,
)

WHOLE = Facts(
    known=frozenset({"users", "vhosts", "permissions", "topic_permissions", "exchanges", "queues"}),
    rabbitmq_version="3.10.8",
    erlang_version="25.2.3",
    user=UserFacts(tags=("administrator",), has_password=True),
    vhost=VhostFacts(cluster_state={"rabbit@a": "running"}),
    permission=PermissionFacts(".*", ".*", ".*"),
    exchanges={"x": ExchangeFacts("direct", False), "y": ExchangeFacts("topic", False)},
    queues=frozenset({"q"}),
)


def ask(act: Act, **more: object) -> Question:
    target = {"queue": "q", "exchange": "x"}.get(ACTS[act].target, "")
    source = "y" if ACTS[act].source else ""
    return replace(Question(act, "ann", "/", target, source), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("act", list(Act))
def test_everything_is_allowed_to_who_may_everything(act: Act) -> None:
    verdict = explain(ask(act), WHOLE)
    assert verdict.allowed is True
    assert verdict.deciding


@pytest.mark.parametrize("act", list(Act))
def test_nothing_is_known_of_a_broker_that_was_never_listed(act: Act) -> None:
    verdict = explain(ask(act), Facts())
    assert verdict.allowed is None
    assert verdict.missing


@pytest.mark.parametrize("act", [act for act in Act if act != Act.ADMINISTER])
def test_unknown_permissions_leave_it_open(act: Act) -> None:
    plain = replace(WHOLE, user=UserFacts(tags=("policymaker",)))
    assert explain(ask(act), plain).allowed is True
    unknown = replace(plain, permission=None, known=plain.known - {"permissions"})
    assert explain(ask(act), unknown).allowed is None


@pytest.mark.parametrize("act", list(Act))
def test_a_user_that_is_not_there_may_nothing(act: Act) -> None:
    verdict = explain(ask(act), replace(WHOLE, user=None))
    assert verdict.allowed is False
    assert [reason.rule for reason in verdict.deciding] == ["user"]


def test_what_is_denied_stays_denied_whatever_else_is_unknown() -> None:
    facts = replace(
        WHOLE, known=WHOLE.known - {"exchanges"}, permission=PermissionFacts(".*", "^$", ".*")
    )
    verdict = explain(ask(Act.PUBLISH, target="z"), facts)
    assert verdict.allowed is False
    assert [reason.rule for reason in verdict.deciding] == ["write"]


def test_an_exchange_that_is_not_known_may_be_an_internal_one() -> None:
    facts = replace(WHOLE, known=WHOLE.known - {"exchanges"}, exchanges={})
    assert explain(ask(Act.PUBLISH, target="z"), facts).allowed is None
    assert explain(ask(Act.PUBLISH, target="amq.direct"), facts).allowed is True


def test_a_topic_permission_wants_the_routing_key() -> None:
    facts = replace(WHOLE, topics={"y": TopicFacts(r"^eu\.", ".*")})
    verdict = explain(ask(Act.PUBLISH, target="y"), facts)
    assert verdict.allowed is None
    assert "routing key" in verdict.missing[0]
    assert explain(ask(Act.PUBLISH, target="y", routing_key="eu.a"), facts).allowed is True
    assert explain(ask(Act.PUBLISH, target="y", routing_key="us.a"), facts).allowed is False
    assert explain(ask(Act.BIND_QUEUE), facts).allowed is True


def test_special_characters_in_a_name_count_only_where_the_version_decides() -> None:
    facts = replace(WHOLE, topics={"y": TopicFacts("^{username}$", ".*")})
    question = ask(Act.PUBLISH, target="y", routing_key="anyone", user="a.*")
    for version, allowed in (("3.13.7", True), ("4.2.0", None), ("4.3.6", False), ("", None)):
        assert explain(question, replace(facts, rabbitmq_version=version)).allowed is allowed
    plain = ask(Act.PUBLISH, target="y", routing_key="ann", user="ann")
    assert explain(plain, replace(facts, rabbitmq_version="4.2.0")).allowed is True


def test_a_passive_declare_between_the_versions_is_left_open() -> None:
    none = replace(WHOLE, permission=PermissionFacts("", "", ""))
    for version, allowed in (("4.0.5", True), ("4.2.0", None), ("4.3.6", False)):
        assert explain(ask(Act.FIND_QUEUE), replace(none, rabbitmq_version=version)).allowed is (
            allowed
        )


def test_guest_from_elsewhere_depends_on_a_setting_that_is_not_shown() -> None:
    assert explain(ask(Act.GET, user="guest", remote=True), WHOLE).allowed is None
    assert explain(ask(Act.GET, user="guest", remote=False), WHOLE).allowed is True
    open_question = explain(ask(Act.GET, user="guest"), WHOLE)
    assert open_question.allowed is True
    assert [note.rule for note in open_question.notes] == ["loopback"]
    assert explain(ask(Act.GET, user="ann", remote=True), WHOLE).notes == ()


def test_a_vhost_that_is_down_takes_nobody() -> None:
    down = replace(WHOLE, vhost=VhostFacts(cluster_state={"rabbit@a": "stopped"}))
    assert explain(ask(Act.GET), down).allowed is False
    half = replace(WHOLE, vhost=VhostFacts(cluster_state={"a": "stopped", "b": "running"}))
    verdict = explain(ask(Act.GET), half)
    assert verdict.allowed is True
    assert "a" in verdict.notes[0].sentence


def test_a_queue_limit_without_a_count_is_not_guessed() -> None:
    limited = replace(WHOLE, vhost=VhostFacts(limits={"max-queues": 5}))
    question = ask(Act.DECLARE_QUEUE, target="new")
    assert explain(question, limited).allowed is None
    assert explain(question, replace(limited, queue_count=4)).allowed is True
    assert explain(question, replace(limited, queue_count=5)).allowed is False


def test_direct_reply_to_needs_no_right() -> None:
    nothing = replace(WHOLE, permission=PermissionFacts("", "", ""))
    assert explain(ask(Act.CONSUME, target="amq.rabbitmq.reply-to"), nothing).allowed is True


def test_hostile_names_are_written_out_as_text() -> None:
    verdict = explain(ask(Act.GET, target="\u202eq\x07\n"), WHOLE)
    said = " ".join(reason.sentence for reason in verdict.reasons)
    assert said.isprintable()
