"""What ``diptych doctor CONFIG`` asks the engine on which Beam's jobs would run: its job server, workers and store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from diptych.models.errors import DiptychError
from diptych.pipeline.cli.doctor import Problem

if TYPE_CHECKING:
    from diptych.pipeline.settings import Settings

# A person waits for it.
_CONNECT_SECONDS = 10.0
_MINUTES = 5.0


def diagnose_engine(settings: Settings) -> tuple[dict[str, str], list[Problem]]:
    """What an engine does when it is asked, and what is wrong with it; nothing where Beam runs in the step itself."""
    options = settings.beam
    if options.runner == "direct":
        return {}, []
    from diptych.components.engines.probe import probe_engine
    from diptych.components.engines.reaching import check_job_server

    # A run on this machine has no such store.
    store = settings.kubeflow.pipeline_root if settings.kubeflow.model_fields_set else None
    limited = options.model_copy(update={"timeout_minutes": min(options.timeout_minutes or _MINUTES, _MINUTES)})
    facts: dict[str, str] = {"beam runner": options.runner}
    try:
        if options.endpoint:
            check_job_server(options.endpoint, _CONNECT_SECONDS)
            facts["beam job server"] = f"answers at {options.endpoint}"
        probe_engine(limited.pipeline_args(settings.kubeflow.image), store)
    except (DiptychError, RuntimeError) as error:
        return facts, [Problem(str(error), "mend this first: what else is wrong there is not known yet")]
    facts["beam workers"] = "have done a job; their versions are those here"
    facts["beam store"] = (
        f"a worker has written and read a file below {store}" if store else "not tried: the settings have no kubeflow"
    )
    return facts, []
