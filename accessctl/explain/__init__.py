"""Decide whether a RabbitMQ user may do something: rules over observed facts. Nothing here calls a
broker."""

from accessctl.explain.facts import (
    ExchangeFacts,
    Facts,
    PermissionFacts,
    TopicFacts,
    UserFacts,
    VhostFacts,
)
from accessctl.explain.question import ACTS, Act, ActWords, Question
from accessctl.explain.rules import explain
from accessctl.explain.verdict import Reason, Verdict

__all__ = [
    "ACTS",
    "Act",
    "ActWords",
    "ExchangeFacts",
    "Facts",
    "PermissionFacts",
    "Question",
    "Reason",
    "TopicFacts",
    "UserFacts",
    "Verdict",
    "VhostFacts",
    "explain",
]
