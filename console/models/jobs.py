from __future__ import annotations

from django.db import models


class JobRun(models.Model):
    """How the last runs of a background job, or of one step of it, went (console.background.jobs names them).
    Written by console.background.job_runs only."""

    #: `keep_history`, or `keep_history.settle` for a step.
    name = models.CharField(max_length=64, primary_key=True)
    #: When beat, or a first run, began to count on it: a job that never succeeds is late from here on.
    expected_since = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    succeeded_at = models.DateTimeField(null=True)
    failed_at = models.DateTimeField(null=True)
    #: Of the last failure: short, without values and secrets. Kept when a later run succeeds.
    error = models.TextField(blank=True)
    #: Failures in a row; 0 when the last run succeeded.
    failures = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name = "background job"

    def __str__(self) -> str:
        return self.name
