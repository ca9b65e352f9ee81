"""Metrics of processes, queues and background jobs for Prometheus.

An unknown figure has no sample, never a zero.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from console.background.backlog import read_backlogs
from console.background.job_runs import read_jobs
from console.models import Heartbeat


class JobsCollector(Collector):
    def __init__(self, now: datetime) -> None:
        self._now = now

    def collect(self) -> Iterator[Metric]:
        heartbeats = GaugeMetricFamily(
            "warren_heartbeat_age_seconds",
            "Since beat's last sign of life, and since a worker last took a message of life from each "
            "Celery queue (queue.…).",
            labels=["name"],
        )
        for heartbeat in Heartbeat.objects.order_by("name"):
            heartbeats.add_metric([heartbeat.name], self._age(heartbeat.at))
        yield heartbeats
        backlog = GaugeMetricFamily(
            "warren_celery_queue_messages",
            "Messages that no worker has taken yet.",
            labels=["queue"],
        )
        for queue, messages in read_backlogs().items():
            if messages is not None:
                backlog.add_metric([queue], messages)
        yield backlog
        yield from self._jobs()

    def _jobs(self) -> Iterator[Metric]:
        ages = GaugeMetricFamily(
            "warren_job_success_age_seconds",
            "Since a background job, or a step of it (job.step), last succeeded.",
            labels=["job"],
        )
        failures = GaugeMetricFamily(
            "warren_job_failures", "Failed runs of a background job in a row.", labels=["job"]
        )
        trouble = GaugeMetricFamily(
            "warren_job_in_trouble",
            "1 where a background job fails or has not succeeded for too long.",
            labels=["job"],
        )
        for shown in read_jobs(self._now):
            trouble.add_metric([shown.name], float(shown.is_trouble))
            if shown.run is None or shown.job.every_s is None:
                continue
            failures.add_metric([shown.name], shown.run.failures)
            if shown.run.succeeded_at is not None:
                ages.add_metric([shown.name], self._age(shown.run.succeeded_at))
        yield from (ages, failures, trouble)

    def _age(self, at: datetime) -> float:
        return max((self._now - at).total_seconds(), 0)
