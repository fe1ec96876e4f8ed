from __future__ import annotations

from typing import Any

import pytest

from benchmarks.defaults.results import Results, Run, to_markdown, to_run


def _figures(value: float) -> dict[str, float]:
    return {"accuracy": value, "macro_f1": value, "micro_f1": value / 2}


def _within(distance: float) -> dict[str, tuple[float, float]]:
    return dict.fromkeys(_figures(0), (0.5 - distance, 0.5 + distance))


def _run(network: float, **changes: Any) -> Run:
    models = {"network": _figures(network), "image": _figures(0.6), "text": _figures(0.7), "both": _figures(0.8)}
    known = {"task": "multiclass", "rows": 1000, "classes": 3, "wall": 100.0, "trainer": 40.0, "blessed": True}
    known |= {"intervals": _within(0.03), "differences": {name: _within(0.02) for name in models}}
    return Run(**{**known, "models": models, **changes})


def test_run_is_read_from_its_summary() -> None:
    summary = {
        "rows": 9,
        "labels": {"a": {"train": 4}, "b": {"test": 5}},
        "seconds": {"Trainer": 3.5, "Pusher": 1.0},
        "blessed": False,
        "metrics": _figures(0.5),
        "intervals": {"accuracy": [0.4, 0.6]},
        "baseline": {"text": _figures(0.4)},
        "comparisons": {"linear text baseline": {"difference_intervals": {"accuracy": [-0.1, 0.3]}}},
    }
    run = to_run(summary, "multiclass", 7.0)
    assert (run.rows, run.classes, run.trainer, run.wall, run.blessed) == (9, 2, 3.5, 7.0, False)
    assert run.models == {"network": _figures(0.5), "text": _figures(0.4)}
    assert run.intervals == {"accuracy": [0.4, 0.6]}
    assert run.differences == {"text": {"accuracy": [-0.1, 0.3]}}
    assert run.describe() == "accuracy / macro_f1: network 0.500 / 0.500, text 0.400 / 0.400; not blessed, 7 s"


def test_margin_is_to_the_best_linear_model_in_the_mean() -> None:
    results = Results("a", "", [_run(0.8), _run(0.84)])
    assert results.margin("accuracy") == pytest.approx(0.02)


@pytest.mark.parametrize(("network", "is_no_worse"), [(0.9, True), (0.796, True), (0.79, False)])
def test_network_may_be_a_little_below(network: float, is_no_worse: bool) -> None:
    assert Results("a", "", [_run(network)]).is_no_worse is is_no_worse


def test_network_must_be_no_worse_by_every_metric() -> None:
    run = _run(0.9)
    run.models["network"]["macro_f1"] = 0.7
    assert not Results("a", "", [run]).is_no_worse


def test_rows_with_several_labels_are_judged_by_f1() -> None:
    assert list(Results("a", "", [_run(0.9, task="multilabel")]).metrics) == ["micro_f1", "macro_f1"]


def test_markdown_has_a_line_for_each_dataset() -> None:
    models = {"network": _figures(0.5), "image": _figures(0.6)}
    good, bad = Results("a", "dots", [_run(0.9)]), Results("b", "dashes", [_run(0, models=models)] * 2)
    assert to_markdown([good, bad]).splitlines()[2:] == [
        "| a: dots | 1,000 rows, 3 labels | 100 (40) | accuracy / macro_f1 | **0.900 ± 0.030 / 0.900 ± 0.030** "
        "| 0.600 / 0.600 | 0.700 / 0.700 | 0.800 / 0.800 | +0.100 ± 0.020 / +0.100 ± 0.020 |",
        "| b: dashes | 1,000 rows, 3 labels | 100 (40) | accuracy / macro_f1 | 0.500 ± 0.030 / 0.500 ± 0.030 "
        "| 0.600 / 0.600 |  |  | -0.100 ± 0.020 / -0.100 ± 0.020 |",
    ]


def test_table_shows_each_model(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    Results("a", "", [_run(0.8), _run(0.9)]).show()
    printed = capsys.readouterr().out
    assert "0.8500 (0.8000 to 0.9000)" in printed
    assert "+0.0500" in printed
    assert all(name in printed for name in ("network", "image", "text", "both", "± 0.0300", "± 0.0200"))
