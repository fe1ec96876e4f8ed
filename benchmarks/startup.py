"""Start-up: commands without TensorFlow, and the time to the first component, against `from tfx import v1`."""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from pathlib import Path
from statistics import median

from benchmarks.tools import (
    ROOT,
    BenchmarkError,
    child_environment,
    make_parser,
    print_table,
    python_command,
    run_timed,
)

_ROWS = 40
_FIRST = "Component ImageTextExampleGen is running."
_POLL_SECONDS = 0.02
_LIMIT_SECONDS = 600.0

_STOCK = 'python -c "from tfx import v1"'
_HELP = "diptych --help"
_CONFIG = "diptych config"
_INIT = "diptych init, 40 rows"
_COMPONENT = "diptych run, to its first component"


def main() -> None:
    """Runs the commands in turn and prints their medians."""
    repeat = make_parser(__doc__, repeat=5).parse_args().repeat
    seconds: dict[str, list[float]] = {name: [] for name in (_STOCK, _HELP, _CONFIG, _INIT, _COMPONENT)}
    with tempfile.TemporaryDirectory() as name:
        config = _write_config(Path(name))
        # The first turn is not counted, because it also compiles byte code and fills the file cache.
        for turn in range(repeat + 1):
            measured = {
                _STOCK: run_timed(python_command("-c", "from tfx import v1")),
                _HELP: run_timed(python_command("-m", "diptych", "--help")),
                _CONFIG: run_timed(python_command("-m", "diptych", "config", str(config))),
                _INIT: run_timed(_init_command(config, Path(name, f"{turn}.yaml"))),
                _COMPONENT: _first_component(config, Path(name, str(turn))),
            }
            if turn:
                for command, value in measured.items():
                    seconds[command].append(value)
    stock = median(seconds[_STOCK])
    rows = [(command, median(values), median(values) / stock) for command, values in seconds.items()]
    print_table(f"Start-up, median of {repeat}", ("command", "seconds", "ratio"), rows)


def _write_config(folder: Path) -> Path:
    """Writes the settings of a small catalogue, and returns their path."""
    from diptych.pipeline.demo.digits import write_digits_catalogue

    catalogue = Path(write_digits_catalogue(str(folder)))
    lines = catalogue.read_text(encoding="utf-8").splitlines(keepends=True)
    catalogue.write_text("".join(lines[: _ROWS + 1]), encoding="utf-8")
    config = folder / "diptych.yaml"
    config.write_text(json.dumps({"data": {"catalogue": str(catalogue)}}), encoding="utf-8")
    return config


def _init_command(config: Path, output: Path) -> list[str]:
    catalogue = json.loads(config.read_text(encoding="utf-8"))["data"]["catalogue"]
    return python_command("-m", "diptych", "init", catalogue, "--output", str(output))


def _first_component(config: Path, folder: Path) -> float:
    """Seconds from the start of the process until the log names the first component; then the run is killed.

    Raises:
        BenchmarkError: the run ended or the time limit passed before.
    """
    log = folder / "pipeline.log"
    started = time.monotonic()
    command = python_command("-m", "diptych", "run", str(config), "--output", str(folder))
    with subprocess.Popen(
        command, cwd=ROOT, env=child_environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            while process.poll() is None and time.monotonic() - started < _LIMIT_SECONDS:
                if log.exists() and _FIRST in log.read_text(encoding="utf-8", errors="replace"):
                    return time.monotonic() - started
                time.sleep(_POLL_SECONDS)
        finally:
            process.kill()
    raise BenchmarkError(f"{' '.join(command)} reached no component in {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
