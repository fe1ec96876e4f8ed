"""A step is tried again when Argo's controller would try its pod again, by the time that a clock shows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from diptych.kubeflow.local.release import LATEST, RELEASES, find_release
from diptych.kubeflow.local.results import DELETED, FAILED, KILLED, TaskResult
from diptych.kubeflow.local.retries import Backoff, Clock, RetryStrategy, retry_strategy
from diptych.kubeflow.local.simulate import Simulation
from diptych.kubeflow.local.step import Cluster
from diptych.kubeflow.spec import SpecError, resolve_parameters
from tests.kubeflow.words_pipeline import make_spec

OLD = RELEASES["2.15.0"]
POLICY = {"maxRetryCount": 2, "backoffDuration": "30s", "backoffFactor": 2.0, "backoffMaxDuration": "300s"}
# Ends of a command, in Python: by itself, alone, with its launcher, with its pod.
FAIL = "sys.exit(1)"
KILL = "os.kill(os.getppid(), 9)"
DELETE_POD = "os.kill(os.getppid(), 15)"


class RecordingClock(Clock):
    """Time passes only while one waits, and then as many seconds as are written down."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float] = []

    def now(self) -> float:
        return sum(self.waits)

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)


def run_ending(end: str, root: Path, cluster: Cluster, policy: dict[str, Any] | None) -> tuple[TaskResult, str]:
    """Runs the small pipeline with an end of its first step; returns its result, and what the exit handler is told."""
    spec = make_spec()
    command = spec["deploymentSpec"]["executors"]["w"]["container"]["command"]
    command[-1] += end
    if policy is not None:
        spec["components"]["both"]["dag"]["tasks"]["write"]["retryPolicy"] = policy
    run = Simulation(spec, str(root), cluster).run(resolve_parameters(spec, {}))
    told = (root / "stores/told.json").read_text()
    return run.tasks["write"], next(state for state in ("FAILED", "RUNNING", "COMPLETE") if f'"{state}"' in told)


@pytest.mark.parametrize(
    ("end", "outcome", "state"), [(FAIL, FAILED, "FAILED"), (KILL, KILLED, "RUNNING"), (DELETE_POD, DELETED, "RUNNING")]
)
def test_an_end_is_told_apart_and_only_a_living_launcher_reports_it(
    end: str, outcome: str, state: str, tmp_path: Path
) -> None:
    result, told = run_ending(end, tmp_path, Cluster(release=OLD), None)
    assert result.attempts == [outcome]
    assert told == state


@pytest.mark.parametrize(
    ("version", "policy", "end", "attempts"),
    [
        ("2.15.0", None, FAIL, 1),
        ("2.15.0", None, DELETE_POD, 1),
        ("2.15.0", POLICY, FAIL, 3),
        ("2.15.0", POLICY, KILL, 3),
        ("2.15.0", POLICY, DELETE_POD, 1),
        # templateDefaults: what has no policy is tried twice more after errors, and what has one after errors only.
        ("2.17.0", None, FAIL, 1),
        ("2.17.0", None, DELETE_POD, 3),
        ("2.17.0", POLICY, FAIL, 1),
        ("2.17.0", POLICY, KILL, 1),
        ("2.17.0", POLICY, DELETE_POD, 3),
    ],
)
def test_how_often_a_step_is_tried(
    version: str, policy: dict[str, Any] | None, end: str, attempts: int, tmp_path: Path
) -> None:
    result, _ = run_ending(end, tmp_path, Cluster(release=RELEASES[version]), policy)
    assert len(result.attempts) == attempts
    assert len(list(tmp_path.glob("runs/*/write-*.log"))) == attempts


def test_the_wait_grows_and_takes_no_time(tmp_path: Path) -> None:
    clock = RecordingClock()
    run_ending(FAIL, tmp_path, Cluster(release=OLD, clock=clock), POLICY)
    assert clock.waits == [30, 60]


@pytest.mark.parametrize(("end_of_first", "wait"), [(1, 30), (270, 30), (271, None), (400, None)])
def test_max_duration_counts_from_the_start_of_the_first_attempt(end_of_first: float, wait: float | None) -> None:
    strategy = retry_strategy({"retryPolicy": POLICY}, OLD)
    assert strategy.seconds_to_next(1, FAILED, first_start=0, now=end_of_first) == wait


def test_an_attempt_after_the_first_one_is_killed_when_max_duration_is_over(tmp_path: Path) -> None:
    policy = POLICY | {"backoffDuration": "9s", "backoffMaxDuration": "10s"}
    # The first attempt fails at once, the second one would take a minute.
    end = """
seen = pathlib.Path(os.environ["DIPTYCH_STORES"], "seen")
if not seen.exists():
    seen.touch()
    sys.exit(1)
import time
time.sleep(60)
"""
    result, told = run_ending(end, tmp_path, Cluster(release=OLD, clock=RecordingClock()), policy)
    assert result.attempts == [FAILED, KILLED]
    assert result.usage is not None
    assert result.usage.seconds < 30
    # The launcher of the first attempt has reported a failure, and none reported another end.
    assert told == "FAILED"


def test_without_a_max_duration_nothing_is_tried_again() -> None:
    strategy = retry_strategy({"retryPolicy": {"maxRetryCount": 2}}, OLD)
    assert strategy == RetryStrategy(2, True, False, Backoff(0, 0, 0))
    assert strategy.seconds_to_next(1, FAILED, first_start=0, now=1) is None


def test_a_version_has_the_rules_of_the_last_known_one_before_it() -> None:
    assert find_release("2.15.3") is OLD
    assert find_release("2.16") is RELEASES["2.16.1"]
    assert find_release("after-2.17.0") is find_release("3.0.0") is LATEST
    with pytest.raises(SpecError, match=r"KFP 2.14.4 is not simulated; known are 2.15.0"):
        find_release("2.14.4")
