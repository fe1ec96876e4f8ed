"""What differs between the releases of Kubeflow Pipelines that can be simulated.

Each fact is read from the sources of the release (github.com/kubeflow/pipelines) or recorded; ``tests/conformance``
holds it against the recordings.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from diptych.kubeflow.spec import SpecError


@dataclass(frozen=True)
class Release:
    """A release of Kubeflow Pipelines, installed from its own manifests.

    Attributes:
        version: the first version of which this holds.
        store: address of the object store behind ``minio://``: ``backend/src/v2/objectstore/config.go``.
        keeps_logs_of_failures: whether the log of a command that failed is uploaded: uploadOutputArtifacts there.
        numbers_logs: whether the name of the output ``executor-logs`` ends with the number of the attempt, from 0:
            qualifyExecutorLogsForRetry in ``backend/src/v2/component/launcher_v2.go``.
        retries_errors_only: whether Argo's controller is given ``templateDefaults.retryStrategy`` of limit 2 and policy
            OnError, in ``manifests/kustomize/third-party/argo/base/workflow-controller-configmap-patch.yaml``.
    """

    version: str
    store: str
    keeps_logs_of_failures: bool = False
    numbers_logs: bool = False
    retries_errors_only: bool = False

    def logs_name(self, attempt: int) -> str:
        """The name of the output ``executor-logs`` in its URI, of an attempt, which are counted from 0."""
        return f"executor-logs-{attempt}" if self.numbers_logs else "executor-logs"


_MINIO, _SEAWEEDFS = "minio-service.kubeflow:9000", "seaweedfs.kubeflow:9000"
#: By version, the oldest first.
RELEASES = {
    release.version: release
    for release in (
        Release("2.15.0", _MINIO),
        Release("2.16.0", _SEAWEEDFS, keeps_logs_of_failures=True),
        Release("2.16.1", _SEAWEEDFS, keeps_logs_of_failures=True, numbers_logs=True),
        Release("2.17.0", _SEAWEEDFS, keeps_logs_of_failures=True, numbers_logs=True, retries_errors_only=True),
    )
}
LATEST = list(RELEASES.values())[-1]


def find_release(version: str) -> Release:
    """The release whose rules hold for a version: of those that are known, the last one that is not newer.

    Raises:
        SpecError: the version is older than all that are known, or no version.
    """
    numbers = re.search(r"\d+(\.\d+)+", version)
    wanted = _as_numbers(numbers[0]) if numbers else ()
    found = [release for known, release in RELEASES.items() if _as_numbers(known)[: len(wanted)] <= wanted]
    if not found:
        raise SpecError(f"KFP {version} is not simulated; known are {', '.join(RELEASES)} and what follows")
    return found[-1]


def _as_numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in version.split("."))
