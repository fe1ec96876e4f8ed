"""The attempts to run a step, each in a new pod."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from diptych.kubeflow.local.driver import RunInfo, with_logs_name
from diptych.kubeflow.local.launcher import Attempt, Launcher
from diptych.kubeflow.local.platform import pod_environment, pod_seconds
from diptych.kubeflow.local.results import COMPLETE, TaskResult
from diptych.kubeflow.local.retries import retry_strategy
from diptych.kubeflow.local.step import Cluster, Step


class StepRunner:
    """Runs a step until it succeeds or Argo tries it no more.

    Args:
        folder: of the logs.
        run: the run that it belongs to.
        on_failure: is called with a line on each attempt that fails.
    """

    def __init__(
        self,
        step: Step,
        launcher: Launcher,
        cluster: Cluster,
        folder: Path,
        run: RunInfo,
        on_failure: Callable[[str], None],
    ) -> None:
        self._step = step
        self._launcher = launcher
        self._cluster = cluster
        self._folder = folder
        self._run = run
        self._on_failure = on_failure

    def run(self, executor_input: Mapping[str, Any]) -> TaskResult:
        """Runs the step.

        Args:
            executor_input: as the driver makes it, once for all attempts.

        Raises:
            SpecError: its pod would never start.
        """
        clock = self._cluster.clock
        strategy = retry_strategy(self._step.task, self._cluster.release)
        outcomes: list[str] = []
        first_start = clock.now()
        while True:
            deadline = strategy.deadline(first_start) if outcomes else None
            limits = [pod_seconds(self._step.kubernetes), None if deadline is None else deadline - clock.now()]
            attempt = self._run_pod(executor_input, len(outcomes), limits)
            outcomes.append(attempt.outcome)
            if attempt.outcome == COMPLETE:
                break
            self._on_failure(f"attempt {len(outcomes)} {attempt.outcome}")
            wait = strategy.seconds_to_next(len(outcomes), attempt.outcome, first_start, clock.now())
            if wait is None:
                break
            clock.wait(wait)
        return TaskResult(attempt.outcome, outcomes, attempt.artifacts, attempt.parameters, attempt.usage)

    def _run_pod(self, executor_input: Mapping[str, Any], number: int, limits: list[float | None]) -> Attempt:
        """Runs the command once.

        Args:
            number: of the attempt, from 0.
            limits: seconds after which the pod is killed; None where there is no limit.
        """
        release = self._cluster.release
        # SetPodMetadataLabels in backend/src/apiserver/template/v2_template.go.
        pod = {
            "metadata.name": f"{self._run.name}-system-container-impl-{uuid.uuid4().int % 10**10}",
            "metadata.namespace": "kubeflow",
            "metadata.uid": str(uuid.uuid4()),
            "metadata.labels['pipeline/runid']": self._run.id,
        }
        environment = {"KFP_POD_NAME": pod["metadata.name"], "KFP_POD_UID": pod["metadata.uid"]}
        if release.numbers_logs and "retryPolicy" in self._step.task:
            environment["KFP_RETRY_INDEX"] = str(number)
        return self._launcher.run(
            with_logs_name(executor_input, release.logs_name(number)),
            {**environment, **pod_environment(self._step.kubernetes, pod)},
            self._folder / f"{self._step.label}-{number + 1}.log",
            min((seconds for seconds in limits if seconds is not None), default=None),
        )
