"""Every target by its name."""

from __future__ import annotations

from collections.abc import Mapping

from tests.fuzz.target import Target
from tests.fuzz.targets import archives, executor_inputs, images, pickles, settings, tables

TARGETS: Mapping[str, Target] = {
    **tables.TARGETS,
    **archives.TARGETS,
    **images.TARGETS,
    **settings.TARGETS,
    **executor_inputs.TARGETS,
    **pickles.TARGETS,
}
