"""Every target by its name."""

from __future__ import annotations

from collections.abc import Mapping

from tests.fuzz.target import Target
from tests.fuzz.targets import archives, columns, executor_inputs, images, pickles, served_images, settings, tables

TARGETS: Mapping[str, Target] = {
    **tables.TARGETS,
    **columns.TARGETS,
    **archives.TARGETS,
    **images.TARGETS,
    **served_images.TARGETS,
    **settings.TARGETS,
    **executor_inputs.TARGETS,
    **pickles.TARGETS,
}
