"""Workers of the runner in the step's own process that are processes: a job fails when one of them is killed.

Beam's own handler starts a process and waits for its answers for ever.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import Any

from apache_beam.portability import python_urns
from apache_beam.runners.portability import local_job_service
from apache_beam.runners.portability.fn_api_runner.worker_handlers import (
    BeamFnControlServicer,
    SubprocessSdkWorkerHandler,
    WorkerHandler,
)

# An answer may be asked for after the process has ended, which is then to be given up as well.
_PERIOD_SECONDS = 0.5


class WatchedWorkerHandler(SubprocessSdkWorkerHandler):
    """Starts a worker's process, and gives up what is asked of it when it ends by itself with an error."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._is_stopped = threading.Event()

    def start_worker(self) -> None:
        """Starts the process."""
        self.worker = local_job_service.SubprocessSdkWorker(
            self._worker_command_line, self.control_address, self.provision_info, self.worker_id
        )
        self.worker_thread = threading.Thread(name="run_worker", target=self._run)
        self.worker_thread.start()

    def stop_worker(self) -> None:
        """Waits until the process has ended."""
        self._is_stopped.set()
        # Beam tells only those that have connected. One that was still starting would wait for work for ever.
        self.control_conn.push(BeamFnControlServicer._DONE_MARKER)
        super().stop_worker()

    def _run(self) -> None:
        try:
            self.worker.run()
        except RuntimeError as error:
            while not self._is_stopped.wait(_PERIOD_SECONDS):
                # Questions may be added meanwhile.
                with suppress(RuntimeError):
                    self.control_conn.abort(error)


def watch_direct_workers() -> None:
    """Lets Beam start workers that are processes by ``WatchedWorkerHandler``."""
    WorkerHandler.register_environment(python_urns.SUBPROCESS_SDK, bytes)(WatchedWorkerHandler)
