from __future__ import annotations

from django.db import models


class JobRun(models.Model):
    """The outcome of the last runs of a background job, or of one of its steps
    (console.background.jobs names them). Only console.background.job_runs writes it."""

    #: `keep_history`, or `keep_history.settle` for a step.
    name = models.CharField(max_length=64, primary_key=True)
    #: When beat, or a first run, began to expect the job: a job that never succeeds counts as late
    #: from then on.
    expected_since = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    succeeded_at = models.DateTimeField(null=True)
    failed_at = models.DateTimeField(null=True)
    #: The last failure: short, without values and secrets. Kept when a later run succeeds.
    error = models.TextField(blank=True)
    #: Failures in a row; 0 when the last run succeeded.
    failures = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name = "background job"

    def __str__(self) -> str:
        return self.name
