"""``make test-engine``: finds Beam's job servers of Flink and Spark, and runs the pipeline on them and on Python's.

What cannot be had is named, and then the exit code is 77, by which test harnesses know that something was left out.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from apache_beam.utils.subprocess_server import JavaJarServer
from apache_beam.version import __version__ as beam_version

LEFT_OUT = 77
#: The newest of each that both versions of Beam in ``requirements/`` have a job server for.
ARTIFACTS = {"flink": "beam-runners-flink-1.19-job-server", "spark": "beam-runners-spark-3-job-server"}
_GROUP = "org.apache.beam"
_CACHE = Path(__file__).parents[1] / "build" / "engines"
_TESTS = "tests/end_to_end/engines.py"


def find_jar(engine: str, given: str, maven: str) -> str:
    """The path of the jar of an engine's job server, fetched if need be.

    Args:
        given: its path; empty to fetch it.
        maven: URL of a Maven repository.

    Raises:
        FileNotFoundError: it cannot be had; the message names it.
    """
    if not shutil.which("java"):
        raise FileNotFoundError("java, which runs the job server")
    if given:
        if not os.path.isfile(given):
            raise FileNotFoundError(f"the file '{given}' ({engine.upper()}_JAR)")
        return os.path.abspath(given)
    url = JavaJarServer.path_to_maven_jar(ARTIFACTS[engine], _GROUP, beam_version, repository=maven.rstrip("/"))
    try:
        return str(JavaJarServer.local_jar(url, str(_CACHE)))
    except (OSError, RuntimeError) as error:
        raise FileNotFoundError(
            f"the artifact {_GROUP}:{ARTIFACTS[engine]}:{beam_version} ({str(error).partition('. If no')[0]}), which "
            f"make test-engine {engine.upper()}_JAR=PATH takes from a file"
        ) from None


def main(arguments: list[str] | None = None) -> int:
    """Runs the tests on each engine that can be had; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    for engine in ARTIFACTS:
        parser.add_argument(f"--{engine}", default="", help="path of the jar of its job server")
    parser.add_argument("--maven", default="", help="URL of a Maven repository")
    options = parser.parse_args(arguments)
    engines: dict[str, str | None] = {"python": None}
    missing = {}
    for engine in ARTIFACTS:
        try:
            engines[engine] = find_jar(
                engine, getattr(options, engine), options.maven or JavaJarServer.MAVEN_CENTRAL_REPOSITORY
            )
        except FileNotFoundError as error:
            missing[engine] = str(error)
    code = run_tests(engines)
    for engine, what in missing.items():
        print(f"Not run on {engine}. Missing is {what}.", file=sys.stderr)
    return code or (LEFT_OUT if missing else 0)


def run_tests(engines: dict[str, str | None]) -> int:
    """Runs the tests on some engines; returns the exit code of pytest.

    Args:
        engines: the jar of the job server of each; None for the one in Python.
    """
    environment = {**os.environ, "DIPTYCH_ENGINES": json.dumps(engines)}
    return subprocess.run([sys.executable, "-m", "pytest", _TESTS], env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
