"""What RabbitMQ checks for each act, in its order.

Sources: `rabbit_reader.erl` (connection.open), `rabbit_channel.erl` (AMQP 0-9-1 methods),
`rabbit_access_control.erl`, `rabbit_vhost_limit.erl`, `rabbit_mgmt_util.erl` of 3.10.8, 4.0.5 and
4.3.6, and RabbitMQ's access control guide. Checked against live brokers by
tests/accessctl/test_explain_live.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from accessctl.explain.facts import Facts
from accessctl.explain.methods import METHODS
from accessctl.explain.question import Act, Question
from accessctl.explain.verdict import Reason, Verdict, quoted, settle

MANAGEMENT_TAGS = ("administrator", "monitoring", "policymaker", "management")


def explain(question: Question, facts: Facts) -> Verdict:
    """Decide by the broker's internal users and permissions. If the broker uses LDAP, OAuth 2 or
    another backend, that one decides instead."""
    return settle(_reasons(question, facts))


def _reasons(question: Question, facts: Facts) -> Iterator[Reason]:
    yield from _user(question, facts)
    if question.act in (Act.USE_MANAGEMENT, Act.SET_POLICY, Act.ADMINISTER):
        yield from _management(question, facts)
        return
    yield from _open_vhost(question, facts)
    if question.act == Act.OPEN_VHOST:
        return
    if (facts.user.limits.get("max-channels", -1) if facts.user else -1) == 0:
        yield Reason(
            "user limit",
            "denies",
            "The user's limit max-channels is 0, so it can't open a channel.",
        )
    if facts.permission is not None:
        yield from METHODS[question.act](question, facts, facts.permission)


def _user(question: Question, facts: Facts) -> Iterator[Reason]:
    if facts.user_hidden:
        yield Reason(
            "user",
            "unknown",
            f"You can't see a user {quoted(question.user)} on this broker. The user "
            "doesn't exist, or belongs to virtual hosts that you can't access.",
        )
        return
    if facts.user is None:
        if "users" in facts.known:
            yield Reason(
                "user",
                "denies",
                f"The broker has no internal user {quoted(question.user)}. Another "
                "authentication backend may have one.",
            )
        else:
            yield Reason("user", "unknown", "The broker's users are unknown.")
        return
    if facts.user.has_password is False:
        yield Reason("user", "note", "The user has no password: it needs a client certificate.")
    if question.user == "guest":
        if question.remote:
            yield Reason(
                "loopback",
                "unknown",
                "By default guest can connect only from the broker's own machine. It's unknown "
                "whether this broker's setting loopback_users allows more.",
            )
        elif question.remote is None:
            yield Reason(
                "loopback",
                "note",
                "By default guest can connect only from the broker's own machine.",
            )


def _open_vhost(question: Question, facts: Facts) -> Iterator[Reason]:
    yield from _exists(question, facts)
    vhost_limits = facts.vhost.limits if facts.vhost else {}
    yield from _connections("The virtual host", "vhost limit", vhost_limits)
    yield from _connections("The user", "user limit", facts.user.limits if facts.user else {})
    yield _permission(question, facts)
    states = set(facts.vhost.cluster_state.values()) if facts.vhost else set()
    if states and "running" not in states:
        yield Reason("vhost state", "denies", "The virtual host is down on every node.")
    elif len(states) > 1:
        down = sorted(n for n, s in facts.vhost.cluster_state.items() if s != "running")  # type: ignore[union-attr]
        yield Reason(
            "vhost state",
            "note",
            f"The virtual host is down on {', '.join(down)}: these nodes refuse connections to it.",
        )


def _exists(question: Question, facts: Facts) -> Iterator[Reason]:
    if facts.vhost is None and "vhosts" in facts.known:
        yield Reason("vhost", "denies", f"The virtual host {quoted(question.vhost)} doesn't exist.")
    elif facts.vhost is None:
        yield Reason("vhost", "unknown", "The broker's virtual hosts are unknown.")


def _connections(whose: str, rule: str, limits: Mapping[str, int]) -> Iterator[Reason]:
    most = limits.get("max-connections", -1)
    if most == 0:
        yield Reason(rule, "denies", f"{whose}'s limit max-connections is 0: none can be opened.")
    elif most > 0:
        yield Reason(
            rule,
            "note",
            f"{whose}'s limit max-connections is {most:,}: once that many are open, "
            "the broker refuses new ones.",
        )


def _permission(question: Question, facts: Facts) -> Reason:
    if facts.permission is not None:
        return Reason(
            "vhost access", "allows", f"The user has a permission in {quoted(question.vhost)}."
        )
    if "permissions" in facts.known:
        return Reason(
            "vhost access",
            "denies",
            f"The user has no permission in {quoted(question.vhost)}. To connect, it "
            "needs one, even with three empty patterns.",
        )
    return Reason("vhost access", "unknown", "The broker's permissions are unknown.")


def _management(question: Question, facts: Facts) -> Iterator[Reason]:
    """Check tags, like `is_admin`, `is_policymaker`, `is_mgmt_user` of rabbit_mgmt_util.erl."""
    if facts.user is None:
        return
    tags = facts.user.tags
    useful = [tag for tag in MANAGEMENT_TAGS if tag in tags]
    if not useful:
        yield Reason(
            "tags",
            "denies",
            f"The management interface requires one of the tags {', '.join(MANAGEMENT_TAGS)}.",
        )
        return
    if "administrator" in tags:
        yield Reason("tags", "allows", "The tag administrator allows everything there.")
        if question.act != Act.ADMINISTER:
            yield from _exists(question, facts)
        return
    if question.act == Act.ADMINISTER:
        yield Reason("tags", "denies", "This requires the tag administrator.")
        return
    if question.act == Act.SET_POLICY and "policymaker" not in tags:
        yield Reason("tags", "denies", "This requires the tag policymaker or administrator.")
        return
    yield Reason("tags", "allows", f"The tag {useful[0]} gives access to the management interface.")
    yield from _exists(question, facts)
    if question.act == Act.USE_MANAGEMENT and "monitoring" in tags:
        yield Reason(
            "tags",
            "note",
            "The tag monitoring shows all nodes, connections and channels, but queues "
            "and exchanges only where the user has a permission.",
        )
    yield _permission(question, facts)
