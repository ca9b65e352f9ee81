"""Sentences about what a connection test found on a broker."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from console.rabbitmq.errors import BrokerError
from console.rabbitmq.text import printable
from console.rabbitmq.types import Overview

OLDEST = (3, 10)
NEWEST = (4, 3)

Outcome = Literal["ok", "failed", "warning", "skipped"]
OUTCOMES: list[Outcome] = ["ok", "failed", "warning", "skipped"]


StepName = Literal[
    "resolve",
    "connect",
    "tls",
    "login",
    "rights",
    "version",
    "plugins",
    "proxy",
    "amqp",
    # Added by callers that know the other brokers, if there is something to report.
    "duplicate",
    "other_url",
]


@dataclass(frozen=True, slots=True)
class ProbeStep:
    """A step of a connection test. `message` says what was found, `advice` what to do about it (""
    if nothing).
    """

    name: StepName
    outcome: Outcome
    message: str
    advice: str = ""
    took_ms: int = 0


@dataclass(frozen=True, slots=True)
class Found:
    message: str
    advice: str = ""
    outcome: Outcome = "ok"


def rights_of(tags: Collection[str]) -> Found:
    """Describe what a user with these tags can do."""
    listed = ", ".join(printable(tag, 40) for tag in sorted(tags)) or "none"
    if "administrator" in tags:
        return Found(f"Tags: {listed}. The user can read and change everything.")
    limits = []
    if "monitoring" not in tags:
        limits.append("can't read nodes or the queues of other virtual hosts")
    limits.append("can't read or change users, permissions and virtual hosts")
    if "policymaker" not in tags:
        limits.append("can't change policies and parameters")
    return Found(
        f"Tags: {listed}. The user {'; '.join(limits)}.",
        "To manage the broker, give the user the tag administrator. To monitor "
        "it, give the tag monitoring.",
        "warning",
    )


def version_of(overview: Overview) -> Found:
    """Describe whether the console supports the broker's version."""
    said = overview.rabbitmq_version
    name = f"RabbitMQ {printable(said, 40)}"
    version = _major_minor(said)
    known = f"{OLDEST[0]}.{OLDEST[1]} to {NEWEST[0]}.{NEWEST[1]}"
    if version is None:
        return Found(f"{name}.", f"Versions {known} are supported.", "warning")
    if version < OLDEST:
        return Found(f"{name} is too old.", f"Versions {known} are supported.", "warning")
    if version > NEWEST:
        advice = f"Tested versions: {known}. This version should work but may behave differently."
        return Found(f"{name} is newer than this console.", advice, "warning")
    if not overview.stats_enabled:
        return Found(
            f"{name}, with statistics disabled.",
            "Depths are available; rates, connections and consumers aren't.",
            "warning",
        )
    return Found(f"{name}.")


def without_listeners(overview: Overview, tags: Collection[str]) -> Found:
    """Describe a broker that reports no listeners."""
    if {"administrator", "monitoring"}.intersection(tags):
        return Found(
            "The management plugin answers. The broker doesn't report its listeners"
            f"{'' if overview.stats_enabled else ' while its statistics are disabled'}, so it's "
            "unknown whether the Prometheus plugin is enabled.",
            "Run rabbitmq-plugins list -e on a node.",
            "warning",
        )
    return Found(
        "The management plugin answers. This user can't see the other plugins.",
        "To see them, give the user the tag monitoring.",
        "warning",
    )


def _major_minor(version: str) -> tuple[int, int] | None:
    parts = version.split(".")
    if len(parts) < 2 or not all(part.isdecimal() and len(part) < 6 for part in parts[:2]):
        return None
    return int(parts[0]), int(parts[1])


def sentence_of(error: BrokerError) -> str:
    return error.detail or error.summary
