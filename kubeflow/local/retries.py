"""When a step is tried again: Argo's processNodeRetries, in ``workflow/controller/operator.go``.

Source: github.com/argoproj/argo-workflows, August 2026 (KFP 2.17 comes with Argo 4.0).
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from diptych.kubeflow.local.release import Release
from diptych.kubeflow.local.results import DELETED

# Of templateDefaults.retryStrategy.
_DEFAULT_LIMIT = 2


class Clock:
    """The time of a simulation, in seconds: waiting moves it on and takes no time."""

    def __init__(self) -> None:
        self._skipped = 0.0

    def now(self) -> float:
        return time.monotonic() + self._skipped

    def wait(self, seconds: float) -> None:
        self._skipped += seconds


@dataclass(frozen=True)
class Backoff:
    """How long Argo waits before it tries again, in seconds.

    Attributes:
        duration: before the second attempt.
        factor: by which the time grows with each further attempt, where it is not 0.
        max_duration: from the start of the first attempt to the end of the last one.
    """

    duration: float
    factor: float
    max_duration: float


@dataclass(frozen=True)
class RetryStrategy:
    """When a pod is tried again.

    Attributes:
        limit: most attempts after the first one.
        after_failures: whether after a failure: a command that failed, or a container that was killed.
        after_errors: whether after an error, as a pod that was deleted.
        backoff: None to try again at once.
    """

    limit: int
    after_failures: bool
    after_errors: bool
    backoff: Backoff | None = None

    def deadline(self, first_start: float) -> float | None:
        """When an attempt after the first one is killed; None if never.

        Args:
            first_start: when the first attempt began.
        """
        return first_start + self.backoff.max_duration if self.backoff else None

    def seconds_to_next(self, attempts: int, outcome: str, first_start: float, now: float) -> float | None:
        """How long to wait before the next attempt; None if there is none.

        Args:
            attempts: how many there were.
            outcome: of the last one.
            first_start: when the first one began.
            now: when the last one ended.
        """
        wait = 0.0
        if self.backoff:
            wait = self.backoff.duration * (self.backoff.factor ** (attempts - 1) if self.backoff.factor > 0 else 1)
            if now + wait > first_start + self.backoff.max_duration:
                return None
        allowed = self.after_errors if outcome == DELETED else self.after_failures
        return wait if allowed and attempts <= self.limit else None


def retry_strategy(task: Mapping[str, Any], release: Release) -> RetryStrategy:
    """The retryStrategy of a task's pod, by ``backend/src/v2/compiler/argocompiler/container.go`` and the manifests.

    Argo patches ``templateDefaults`` with each template, field by field (mergedTemplateDefaultsInto in
    ``operator.go``). KFP's templates set no retryPolicy: without such defaults it is OnFailure, with them OnError.
    What a task's policy leaves out is 0, and with a max_duration of 0 nothing is tried again.
    """
    errors = release.retries_errors_only
    policy = task.get("retryPolicy")
    if policy is None:
        return RetryStrategy(_DEFAULT_LIMIT if errors else 0, False, errors)
    backoff = Backoff(
        _whole_seconds(policy.get("backoffDuration", "0s")),
        policy.get("backoffFactor", 0),
        _whole_seconds(policy.get("backoffMaxDuration", "0s")),
    )
    return RetryStrategy(int(policy.get("maxRetryCount", 0)), not errors, errors, backoff)


def _whole_seconds(duration: str) -> int:
    """The seconds of a protobuf Duration as JSON, as ``1.5s``; KFP hands on the whole ones."""
    return int(float(duration.removesuffix("s")))
