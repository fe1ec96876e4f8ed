"""``diptych doctor`` finds what is missing, and says what to do."""

from __future__ import annotations

import sys
import tempfile
from types import ModuleType
from typing import Any

import pytest

from diptych.pipeline.cli import doctor


@pytest.fixture
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sound installation: nothing is required, and there is no component to import."""
    monkeypatch.setattr(doctor, "requires", lambda name: [])
    monkeypatch.setattr(doctor, "_COMPONENTS", {})
    monkeypatch.setattr(doctor, "_MIN_FREE_BYTES", 0)
    monkeypatch.setattr(sys, "platform", "linux")


def problems() -> list[str]:
    return [problem.message for problem in doctor.find_problems()]


@pytest.mark.usefixtures("quiet")
def test_a_sound_installation_has_no_problem() -> None:
    assert problems() == []
    assert doctor.installed_versions()["tfx"] != "missing"


@pytest.mark.usefixtures("quiet")
def test_packages_that_lack_or_do_not_suit_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = ["pydantic>=1", "pydantic<1", "no-such-package", "other; sys_platform == 'none'"]
    monkeypatch.setattr(doctor, "requires", lambda name: wanted)
    unsuitable, missing = problems()
    assert unsuitable.startswith("pydantic ")
    assert unsuitable.endswith("does not meet '<1'")
    assert missing == "no-such-package is not installed"


@pytest.mark.usefixtures("quiet")
def test_components_that_tfx_left_out_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    module: Any = ModuleType("left_out")
    module.Pusher = None
    monkeypatch.setitem(sys.modules, "left_out", module)
    monkeypatch.setattr(doctor, "_COMPONENTS", {"left_out": "Pusher", "no_such_module": "Trainer"})
    left_out, missing = problems()
    assert left_out.startswith("TFX has no Pusher")
    assert missing.startswith("Trainer cannot be imported")


@pytest.mark.usefixtures("quiet")
def test_little_disk_and_other_systems_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_MIN_FREE_BYTES", 2**80)
    monkeypatch.setattr(sys, "platform", "plan9")
    here, temporary, system = problems()
    assert here.endswith("GiB are free here")
    assert temporary.endswith("GiB are free for temporary files")
    assert system.startswith("plan9")


@pytest.mark.usefixtures("quiet")
def test_a_machine_without_a_folder_for_temporary_files_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", lambda: ["/nowhere"])
    assert problems() == ["No usable temporary directory found in ['/nowhere']"]
