"""The report shows what it is told, escapes all text, and loads nothing."""

from __future__ import annotations

import io
import json
import math
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from components.report import contents, page
from components.report.contents import Bucket, Contents, FeatureStatistics, Numbers, Strings
from models.images import ImageOptions
from tests.helpers import SMALL, as_file, noise, record_values, write_records

EVIL = "<script>alert('x')</script>\" onload=\"y"
SPLITS = ("train", "val", "test")


class Tags(HTMLParser):
    """The tags of a page with their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def of_each(make: Any) -> dict[str, FeatureStatistics]:
    return {split: make(number + 1) for number, split in enumerate(SPLITS)}


def numbers(scale: int) -> FeatureStatistics:
    histogram = (Bucket(0, 5 * scale, 3), Bucket(5 * scale, 10 * scale, 1))
    return FeatureStatistics(4, 1, numbers=Numbers(5.25, 1.5, 0, 4, 10 * scale, histogram))


def good() -> Contents:
    """Nothing is wrong."""
    return Contents(
        title="Demo",
        blessed=True,
        decision=contents.Decision(
            metrics={"accuracy": 0.9257, "macro_f1": 0.82, "examples": 350.0},
            reasons=["accuracy 0.9257 reaches 0.8971"],
            slices={
                "": {"accuracy": 0.9257, "examples": 350.0},
                "label=good": {"accuracy": 1.0, "examples": 300.0},
                "label=bad": {"accuracy": 0.5, "examples": 50.0},
            },
        ),
        account=contents.Account(rows=12000, examples={"train": 10000, "val": 1500, "test": 500}, rejects={}),
        verdict=contents.Verdict(passed=True, findings=[]),
        linear_baseline={"accuracy": 0.8971, "macro_f1": 0.70},
        statistics={
            "label": of_each(lambda n: FeatureStatistics(10, 0, strings=Strings(2, {"bad": 10 - n, "good": n}))),
            "image/brightness": of_each(numbers),
            "image/phash": of_each(numbers),
        },
    )


def bad() -> Contents:
    """Everything is wrong, and every text is hostile."""
    sample = contents.Sample(EVIL, EVIL, as_file(noise(1)), 14, 12)
    counts = Strings(3, {EVIL: 7, "other": 2})
    return replace(
        good(),
        title=EVIL,
        blessed=False,
        decision=contents.Decision(
            metrics={"accuracy": 0.5, "macro_f1": math.nan, "examples": 4.0},
            reasons=[f"accuracy 0.5 is below 0.9 {EVIL}"],
            slices={"": {"accuracy": 0.5, "examples": 4.0}, f"label={EVIL}": {"accuracy": 0.5, "examples": 4.0}},
        ),
        account=contents.Account(
            rows=1000,
            examples={"train": 700, "val": 90, "test": 90},
            rejects={"missing_file": 20, "not_an_image": 100},
        ),
        verdict=contents.Verdict(
            passed=False,
            findings=[contents.Finding(stops=True, message=EVIL), contents.Finding(stops=False, message="a note")],
        ),
        rejects=[
            contents.RejectedRow(row=1234, id=EVIL, image=EVIL, reason="not_an_image", detail=EVIL),
            contents.RejectedRow(row=7, id="a.png", image="a.png", reason="missing_file", detail="there is no file"),
        ],
        anomalies=[contents.Anomaly("val", EVIL, "ERROR", EVIL, EVIL)],
        schema=[contents.SchemaRow(EVIL, "bytes", "always", "1", EVIL)],
        statistics={
            "label": of_each(lambda n: FeatureStatistics(10, n, strings=counts)),
            EVIL: of_each(lambda n: FeatureStatistics(10, n, strings=counts)),
        },
        samples={EVIL: [sample]},
        last_blessed={"": {"accuracy": 0.75, "macro_f1": 0.7}},
    )


@pytest.mark.parametrize("make", [good, bad])
def test_nothing_is_loaded_or_run(make: Any) -> None:
    tags = Tags(page.render(make())).found
    assert not {"script", "link", "iframe", "object", "base", "form"} & {tag for tag, _ in tags}
    attributes = [(name, value or "") for _, of_tag in tags for name, value in of_tag.items()]
    assert not [name for name, _ in attributes if name.startswith("on")]
    loaded = [value for name, value in attributes if name in ("src", "href", "srcset", "poster")]
    assert loaded
    assert all(value.startswith(("#", "data:image/png;base64,")) for value in loaded)


@pytest.mark.parametrize("make", [good, bad])
def test_no_address_stands_in_the_page(make: Any) -> None:
    text = page.render(make())
    assert "http://" not in text
    assert "https://" not in text
    assert "@import" not in text
    assert "url(" not in text


def test_all_text_is_escaped() -> None:
    text = page.render(bad())
    assert "<script" not in text
    assert '" onload="' not in text
    # Title twice, reason, finding, reject (id, image are equal, detail), anomaly and so on.
    assert text.count("&lt;script&gt;") >= 14


def test_a_good_run_says_so() -> None:
    text = page.render(good())
    assert ">Blessed<" in text
    assert "accuracy 0.9257 reaches 0.8971" in text
    assert "12,000 rows = 12,000 examples + 0 rejects" in text
    assert "No row was rejected." in text
    assert "No split has any." in text
    assert "Nothing was found." in text
    assert "Last blessed" not in text
    assert "+2.9" in text


def test_a_bad_run_says_so() -> None:
    text = page.render(bad())
    assert ">Not blessed<" in text
    assert "1,000 rows = 880 examples + 120 rejects" in text
    assert text.index(">not_an_image<") < text.index(">missing_file<")
    assert "and 99 more in rejects.jsonl" in text
    assert "1,234" in text
    assert "stops the run" in text
    assert "Last blessed model" in text
    assert "−25.0" in text


def test_a_run_of_almost_nothing_has_a_page() -> None:
    account = contents.Account(rows=0, examples={"train": 0, "val": 0, "test": 0}, rejects={})
    decision = contents.Decision(metrics={"accuracy": 0.0, "macro_f1": 0.0, "examples": 0}, reasons=[], slices={})
    empty = FeatureStatistics(0, 9)
    statistics = {"label": {"train": empty}, "image/brightness": {"train": numbers(1), "val": empty}}
    text = page.render(replace(good(), account=account, decision=decision, statistics=statistics))
    assert "No slice was asked for." in text


@pytest.mark.parametrize(
    ("show", "value", "shown"),
    [
        (page.count, 1234567, "1,234,567"),
        (page.count, 350.0, "350"),
        (page.count, None, "–"),
        (page.figure, 195.98329, "196"),
        (page.figure, 0.0123456, "0.01235"),
        (page.figure, 19584.2, "19,584"),
        (page.figure, -3.38e18, "-3.38e+18"),
        (page.figure, 0, "0"),
        (page.figure, math.nan, "–"),
        (page.percent, 0.92571, "92.6%"),
        (page.percent, 0.0001, "<0.1%"),
        (page.percent, 0.0, "0.0%"),
        (page.percent, None, "–"),
        (page.points, -0.42, "−0.4"),
        (page.points, 2.857, "+2.9"),
        (page.points, -1e-9, "0.0"),
    ],
)
def test_numbers_read_well(show: Any, value: float | None, shown: str) -> None:
    assert show(value) == shown


def test_histograms_share_their_axes() -> None:
    bars = page.histogram_bars({"train": [Bucket(0, 10, 30), Bucket(10, 20, 10)], "val": [Bucket(0, 10, 1)]})
    first, second = bars["train"]
    (only,) = bars["val"]
    assert (first.x, first.width, second.x, only.x) == (0, 50, 50, 0)
    assert [round(bar.height, 6) for bar in (first, second, only)] == [27, 9, 36]
    assert all(bar.y + bar.height == pytest.approx(36) for bar in (first, second, only))


def test_histograms_of_odd_buckets_stay_in_their_place() -> None:
    buckets = [Bucket(-math.inf, 0, 3), Bucket(1, 1, 2), Bucket(0, 1, 0)]
    for bar in page.histogram_bars({"train": buckets})["train"]:
        assert 0 <= bar.x <= bar.x + bar.width <= 100
        assert 0 <= bar.y <= bar.y + bar.height <= 36.001
    assert page.histogram_bars({"train": [Bucket(3, 3, 5)]})["train"]
    assert page.histogram_bars({"train": []}) == {}


def test_features_with_nothing_to_draw_share_a_table() -> None:
    def constant(_: int) -> FeatureStatistics:
        return FeatureStatistics(4, 0, numbers=Numbers(8, 0, 8, 8, 8, (Bucket(8, 8, 4),)))

    statistics = {
        "image/width": of_each(constant),
        "id": of_each(lambda n: FeatureStatistics(2, 0, strings=Strings(2, {f"a{n}": 1, f"b{n}": 1}))),
        "image/format": of_each(lambda n: FeatureStatistics(2, 0, strings=Strings(1, {"PNG": 2}))),
        "image/phash": of_each(numbers),
        "image/brightness": of_each(numbers),
        "group": of_each(lambda n: FeatureStatistics(3, 0, strings=Strings(2, {"a": 2, "b": 1}))),
        "empty": of_each(lambda n: FeatureStatistics(0, 3)),
    }
    notes = {row.feature: row.note for row in page.plain_rows(statistics)}
    assert notes == {
        "image/width": "always 8",
        "id": "no value occurs twice in a split",
        "image/format": "always PNG",
        "image/phash": "a hash",
        "empty": "no value",
    }


def test_values_come_by_their_frequency_in_train() -> None:
    splits = {
        "train": FeatureStatistics(10, 0, strings=Strings(2, {"a": 6, "b": 4})),
        "val": FeatureStatistics(20, 0, strings=Strings(30, {"c": 15, "b": 5})),
    }
    found = page.shares("label", splits, 2)
    assert [row.value for row in found.rows] == ["a", "b"]
    assert found.rows[0].counts == {"train": 6, "val": None}  # beyond the thousand values that TFDV counts
    assert found.left == 1
    assert found.most == 0.6
    assert found.share(found.rows[1], "val") == 0.25


def test_slices_come_worst_first() -> None:
    slices = {
        "": {"accuracy": 0.1, "examples": 9},
        "b": {"accuracy": 1.0, "examples": 5},
        "a": {"accuracy": 1.0, "examples": 6},
        "c": {"accuracy": 0.5, "examples": 1},
    }
    rows = page.slice_rows(slices, {"c": {"accuracy": 0.25}})
    assert [row.name for row in rows] == ["c", "a", "b"]
    assert [row.last_blessed for row in rows] == [0.25, None, None]


def test_the_schema_in_words() -> None:
    from google.protobuf import text_format
    from tensorflow_metadata.proto.v0 import schema_pb2

    from components.report.protos import read_schema

    schema = text_format.Parse(
        """
        feature { name: "label" type: BYTES domain: "names" presence { min_fraction: 1 min_count: 1 }
                  shape { dim { size: 1 } } }
        feature { name: "group" type: BYTES presence { min_count: 3 } value_count { min: 0 max: 1 } }
        feature { name: "level" type: FLOAT presence { min_fraction: 0.95 } float_domain { min: 10 max: 250 } }
        feature { name: "width" type: INT int_domain { min: 1000 } value_count { min: 1 } }
        string_domain { name: "names" value: "a" value: "b" }
        """,
        schema_pb2.Schema(),
    )
    assert [tuple(vars(row).values()) for row in read_schema(schema)] == [
        ("label", "bytes", "always", "1", "a, b"),
        ("group", "bytes", "in 3 rows or more", "0 to 1", ""),
        ("level", "float", "in 95.0% of rows or more", "any number", "10 to 250"),
        ("width", "int", "optional", "1 or more", "1,000 or more"),
    ]


def test_statistics_and_anomalies_of_tfdv() -> None:
    from google.protobuf import text_format
    from tensorflow_metadata.proto.v0 import anomalies_pb2

    from components.report.protos import read_anomalies, read_statistics

    found = read_statistics(statistics_message())
    assert found["image/brightness"].numbers == Numbers(5.0, 1.0, 2.0, 5.5, 9.0, (Bucket(2.0, 9.0, 4.0),))
    assert (found["image/brightness"].count, found["image/brightness"].missing) == (4, 2)
    assert found["label"].strings == Strings(2, {"odd": 3, "even": 3})
    assert found["group"].strings == Strings(1, {"a": 6})
    message = text_format.Parse(
        """
        anomaly_info { key: "label" value { severity: ERROR short_description: "New" description: "'x' is new" } }
        dataset_anomaly_info { severity: WARNING short_description: "Few" }
        """,
        anomalies_pb2.Anomalies(),
    )
    assert list(read_anomalies("val", message)) == [
        contents.Anomaly("val", "dataset", "WARNING", "Few", ""),
        contents.Anomaly("val", "label", "ERROR", "New", "'x' is new"),
    ]


def statistics_message() -> Any:
    from google.protobuf import text_format
    from tensorflow_metadata.proto.v0 import statistics_pb2

    return text_format.Parse(
        """
        datasets {
          num_examples: 6
          features { path { step: "image/brightness" } type: FLOAT num_stats {
            common_stats { num_non_missing: 4 num_missing: 2 }
            mean: 5 std_dev: 1 min: 2 median: 5.5 max: 9
            histograms { buckets { low_value: 2 high_value: 9 sample_count: 4 } type: STANDARD }
            histograms { buckets { low_value: 2 high_value: 5 sample_count: 2 } type: QUANTILES } } }
          features { path { step: "label" } type: STRING string_stats {
            common_stats { num_non_missing: 6 } unique: 2
            rank_histogram { buckets { label: "odd" sample_count: 3 } buckets { label: "even" sample_count: 3 } } } }
          features { path { step: "group" } type: STRING string_stats {
            common_stats { num_non_missing: 6 } unique: 1 top_values { value: "a" frequency: 6 } } }
        }
        """,
        statistics_pb2.DatasetFeatureStatisticsList(),
    )


@pytest.mark.parametrize("encoding", ["raw", "png"])
def test_samples_are_the_stored_images(tmp_path: Path, encoding: Any) -> None:
    from components.report.samples import SAMPLES_PER_LABEL, read_samples

    options = SMALL.model_copy(update={"encoding": encoding})
    images = [noise(n, SMALL.height, SMALL.width) for n in range(20)]
    stored = [as_file(image) if encoding == "png" else image.tobytes() for image in images]
    path = write_records(tmp_path / "data.tfrecord", [record_values(n, image=stored[n]) for n in range(20)])
    samples = read_samples([str(path)], {"odd": 10, "even": 3, "absent": 4}, options)
    assert {label: len(of_label) for label, of_label in samples.items()} == {"odd": SAMPLES_PER_LABEL, "even": 3}
    second = samples["odd"][1]
    assert (second.id, second.description, second.width, second.height) == ("row-3", "text 3", 10, 8)
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(second.png))), images[3])


def test_large_images_become_small_ones(tmp_path: Path) -> None:
    from components.report.samples import read_samples

    options = ImageOptions(height=100, width=200)
    record = record_values(1, image=noise(1, 100, 200).tobytes())
    path = write_records(tmp_path / "data.tfrecord", [record])
    (sample,) = read_samples([str(path)], {"odd": 1}, options)["odd"]
    assert (sample.width, sample.height) == (64, 32)


@pytest.fixture
def inputs(tmp_path: Path) -> dict[str, Any]:
    """What other components leave behind, made by hand."""
    from tfx.types import artifact_utils, standard_artifacts

    from components import artifacts
    from components.artifacts import write_json

    kinds = {
        "examples": standard_artifacts.Examples,
        "rejects": artifacts.Rejects,
        "statistics": standard_artifacts.ExampleStatistics,
        "schema": standard_artifacts.Schema,
        "anomalies": standard_artifacts.ExampleAnomalies,
        "verdict": artifacts.Verdict,
        "linear_baseline": artifacts.Metrics,
        "evaluation": standard_artifacts.ModelEvaluation,
        "blessing": standard_artifacts.ModelBlessing,
    }
    found = {name: kind() for name, kind in kinds.items()}
    for name, artifact in found.items():
        artifact.uri = str(tmp_path / name)
        (tmp_path / name).mkdir()
    for name in ("examples", "statistics", "anomalies"):
        found[name].split_names = artifact_utils.encode_split_names(["test", "train", "val"])
    for split in SPLITS:
        write_records(tmp_path / "examples" / f"Split-{split}" / "data.tfrecord", map(record_values, range(6)))
        for name, file, content in (
            ("statistics", "FeatureStats.pb", statistics_message().SerializeToString()),
            ("anomalies", "SchemaDiff.pb", b""),
        ):
            folder = tmp_path / name / f"Split-{split}"
            folder.mkdir()
            (folder / file).write_bytes(content)
    (tmp_path / "schema" / "schema.pbtxt").write_text('feature { name: "label" type: BYTES }')
    (tmp_path / "blessing" / "NOT_BLESSED").write_text("")
    rejects = [{"row": n, "id": "", "image": "", "reason": "missing_file", "detail": f"no {n}.png"} for n in range(8)]
    (tmp_path / "rejects" / "rejects.jsonl").write_text("".join(json.dumps(each) + "\n" for each in rejects))
    account = {"rows": 26, "examples": dict.fromkeys(SPLITS, 6), "rejects": {"missing_file": 8}}
    write_json(str(tmp_path / "rejects"), "account.json", account)
    write_json(str(tmp_path / "verdict"), "verdict.json", {"passed": True, "findings": []})
    metrics = {"accuracy": 0.5, "macro_f1": 0.25}
    write_json(str(tmp_path / "linear_baseline"), "metrics.json", metrics)
    decision = {
        "blessed": False,
        "last_blessed": None,
        "linear_baseline": metrics,
        "metrics": {**metrics, "examples": 6.0},
        "reasons": ["accuracy 0.5000 is below 0.9000"],
        "slices": {"": {**metrics, "examples": 6.0}},
    }
    write_json(str(tmp_path / "evaluation"), "decision.json", decision)
    return {name: [artifact] for name, artifact in found.items()}


def run(inputs: dict[str, Any], folder: Path) -> str:
    from components.artifacts import Report
    from components.report.executor import ReportExecutor

    report = Report()
    report.uri = str(folder)
    ReportExecutor().Do(inputs, {"report": [report]}, {"title": "Täglich", "image_options": SMALL.model_dump_json()})
    return (folder / "report.html").read_text(encoding="utf-8")


def test_the_executor_writes_the_page(inputs: dict[str, Any], tmp_path: Path) -> None:
    text = run(inputs, tmp_path / "report")
    assert "<title>Täglich: report</title>" in text
    assert ">Not blessed<" in text
    assert "26 rows = 18 examples + 8 rejects" in text
    assert "no 4.png" in text
    assert "no 5.png" not in text
    assert "and 3 more in rejects.jsonl" in text
    assert len(re.findall(r"data:image/png;base64,", text)) == 6
    # Splits come in their natural order, whatever the artifact's.
    assert text.index(">train</th>") < text.index(">val</th>") < text.index(">test</th>")
    assert run(inputs, tmp_path / "again") == text


def test_the_blessing_is_the_one_that_pusher_obeys(inputs: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "blessing" / "NOT_BLESSED").rename(tmp_path / "blessing" / "BLESSED")
    assert ">Blessed<" in run(inputs, tmp_path / "report")


def test_title_image_options_and_code_are_part_of_the_cache_key() -> None:
    from tfx import types

    from components.report.component import Report, ReportSpec

    channels = {name: types.Channel(type=parameter.type) for name, parameter in ReportSpec.INPUTS.items()}
    component = Report(**channels, image=SMALL, title="Demo", code="abc")
    assert component.exec_properties == {"title": "Demo", "image_options": SMALL.model_dump_json(), "code": "abc"}
    assert component.outputs["report"].type.TYPE_NAME == "components.Report"


def test_the_artifact_type_can_be_imported_by_its_name() -> None:
    import components
    from components.artifacts import Report

    assert components.Report is Report
