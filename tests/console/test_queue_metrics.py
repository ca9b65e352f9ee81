"""Metrics of single queues: opt-in, by pattern, bounded, escaped, with the reading's age."""

from __future__ import annotations

from datetime import timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.factories import HOSTILE, add_broker, add_queue

pytestmark = pytest.mark.django_db


def scraped(answer):
    body = answer.content if not answer.streaming else b"".join(answer.streaming_content)
    found = {}
    for family in text_string_to_metric_families(body.decode()):
        for sample in family.samples:
            if "queue" in sample.labels and "vhost" in sample.labels:
                found[sample.name, sample.labels["queue"]] = sample.value
            elif sample.name == "warren_queues_left_out":
                found[sample.name] = sample.value
    return found


def test_none_without_a_pattern_and_only_for_superusers(client, settings, superuser, now):
    add_queue(add_broker("one", now), "work", now)
    settings.METRICS_QUEUES = ["*"]
    assert client.get("/metrics").status_code == 401
    settings.METRICS_QUEUES = []
    client.force_login(superuser)
    assert not scraped(client.get("/metrics"))


def test_figures_of_the_queues_that_match(client, settings, superuser, now):
    broker = add_broker(
        "one", now, depths_at=now - timedelta(seconds=30), rates_at=now - timedelta(seconds=90)
    )
    add_queue(
        broker, "work a", now, ready=5, unacked=2, consumers=0, publish_rate=1.5, ack_rate=None
    )
    add_queue(broker, "work b", now, ready=None, unacked=None)
    add_queue(broker, "work c", now, noise=True)
    add_queue(broker, "work d", now, gone_at=now)
    add_queue(broker, "other", now)
    settings.METRICS_QUEUES = ["work*", "nothing"]
    client.force_login(superuser)
    found = scraped(client.get("/metrics"))
    assert found["warren_queue_messages_ready", "work a"] == 5
    assert found["warren_queue_messages_unacked", "work a"] == 2
    assert found["warren_queue_consumers", "work a"] == 0
    assert found["warren_queue_publish_rate", "work a"] == 1.5
    assert ("warren_queue_ack_rate", "work a") not in found, "unknown has no sample"
    assert ("warren_queue_messages_ready", "work b") not in found
    assert found["warren_queue_reading_age_seconds", "work b"] >= 30
    assert found["warren_queue_rates_age_seconds", "work a"] >= 90
    assert {key[1] for key in found if isinstance(key, tuple)} == {"work a", "work b"}
    assert found["warren_queues_left_out"] == 0
    settings.METRICS_QUEUES_MOST = 1
    found = scraped(client.get("/metrics"))
    assert {key[1] for key in found if isinstance(key, tuple)} == {"work a"}
    assert found["warren_queues_left_out"] == 1


def test_hostile_names_are_escaped(client, settings, superuser, now):
    names = [*HOSTILE, 'quote"and\\back\nline', "}{", '",broker="x']
    broker = add_broker("one", now)
    for name in names:
        add_queue(broker, name, now, ready=3)
    settings.METRICS_QUEUES = ["*"]
    client.force_login(superuser)
    found = scraped(client.get("/metrics"))
    assert {key[1] for key in found if key[0] == "warren_queue_messages_ready"} == set(names)
