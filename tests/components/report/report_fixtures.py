"""Report data and artifacts for tests: of a run without faults, and of one whose every text is hostile."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from PIL import Image

from diptych.components.report import gallery_rows, report_data
from diptych.components.report.catalogue_page import CataloguePage, LabelRows
from diptych.components.report.report_data import (
    DisplayedRow,
    FeatureStatistics,
    HistogramBucket,
    NumericStatistics,
    ReportData,
    StringStatistics,
    Thumbnail,
)
from diptych.components.report.sprites import make_sheets
from diptych.models.features import SPLITS
from diptych.models.statistics.row_predictions import CalibrationBin
from tests.helpers import SMALL, noise, record_values, write_records
from tests.hostile_texts import ACTING, SECRET

HOSTILE = f"{ACTING}?sig={SECRET}&</text></title><script>alert('x')</script><img src=x onerror=alert(1)>\" onload=\"y"


class TagParser(HTMLParser):
    """Collects the start tags of a page with their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def by_split(make: Callable[[int], FeatureStatistics]) -> dict[str, FeatureStatistics]:
    """Split to what ``make`` returns for its number; the numbers start at 1."""
    return {split: make(number + 1) for number, split in enumerate(SPLITS)}


def numeric_statistics(scale: int) -> FeatureStatistics:
    """Statistics of a feature whose values are 0 to 10 times ``scale``."""
    histogram = (HistogramBucket(0, 5 * scale, 3), HistogramBucket(5 * scale, 10 * scale, 1))
    return FeatureStatistics(4, 1, numbers=NumericStatistics(5.25, 1.5, 0, 4, 10 * scale, histogram))


def make_thumbnail(seed: int = 1) -> Thumbnail:
    """A thumbnail of noise."""
    file = io.BytesIO()
    Image.fromarray(noise(seed)).save(file, "WEBP")
    return Thumbnail(file.getvalue(), 14, 12)


def make_row(text: str) -> DisplayedRow:
    """A row whose texts are all the same."""
    return DisplayedRow(text, "train", text, text, text, make_thumbnail())


def make_profile(text: str) -> report_data.DatasetProfile:
    """A profile of rows whose texts are all the same."""
    rows = [make_row(text), make_row(text)]
    text_profile = report_data.TextProfile(
        lengths={split: [HistogramBucket(0, 10, 4), HistogramBucket(10, 20, 1)] for split in SPLITS},
        terms={split: {text: 3, "other": 2} for split in SPLITS},
        terms_by_label={text: {text: 3}},
        unknown_share={"train": 0.0, "val": 0.25, "test": 0.125},
        scripts={split: {"Latin": 0.9, text: 0.1} for split in SPLITS},
        empty={"train": 1, "val": 0, "test": 0},
        repeated={text: 5},
    )
    return report_data.DatasetProfile(
        read=50,
        rows=100,
        contact_sheet={text: rows},
        sizes={(10, 20): 3, (640, 480): 7},
        formats={split: {text: 2, "PNG": 5} for split in SPLITS},
        extremes=[report_data.ExtremeRows("image/brightness", rows, rows)],
        duplicates=[
            report_data.DuplicateSummary(
                "exact", 3, 6, 1, [report_data.DuplicateGroup(2, ["train", "test"], [text, "a"], rows)]
            ),
            report_data.DuplicateSummary("near", 0, 0, 0, []),
        ],
        groups=report_data.GroupProfile(4, 10, 5, [text]),
        text=text_profile,
    )


def make_gallery_rows(text: str, rows: int = 6) -> gallery_rows.RowGallery:
    """A gallery whose rows have a text as id, label, description, prediction or finding, in turn."""
    described = [
        gallery_rows.GalleryRow(
            id=f"{text} {number}",
            split=SPLITS[number % 3],
            labels=(text,) if number % 2 else ("other",),
            description=text,
            prediction=gallery_rows.Prediction((text,), 0.75) if number % 3 == 2 else None,
            findings=(text,) if number == 0 else (),
        )
        for number in range(rows)
    ]
    picture = Image.fromarray(noise(1))
    return gallery_rows.RowGallery(10 * rows, described, make_sheets([picture] * rows))


def good_data() -> ReportData:
    """The data of a run without any fault."""
    return ReportData(
        title="Demo",
        blessed=True,
        decision=report_data.Decision(
            metrics={"accuracy": 0.9257, "macro_f1": 0.82, "calibration_error": 0.04, "examples": 350.0},
            intervals={"accuracy": (0.8934, 0.9488), "macro_f1": (0.7634, 0.8766)},
            comparisons={
                "linear text baseline": report_data.Comparison(
                    metrics={"accuracy": 0.8971},
                    intervals={"accuracy": (0.861, 0.925)},
                    differences={"accuracy": 0.0286},
                    difference_intervals={"accuracy": (-0.0071, 0.0643)},
                ),
            },
            reasons=["accuracy 0.9257 reaches 0.8971"],
            slices={
                "": {"accuracy": 0.9257, "examples": 350.0},
                "label=good": {"accuracy": 1.0, "examples": 300.0},
                "label=bad": {"accuracy": 0.5, "examples": 50.0},
            },
        ),
        account=report_data.Account(
            rows=12000,
            examples={"train": 10000, "val": 1500, "test": 500},
            rejects={},
            labels={"good": {"train": 9000, "val": 1300, "test": 400}, "bad": {"train": 1000, "val": 200, "test": 100}},
        ),
        verdict=report_data.Verdict(passed=True, findings=[], rules=make_rules("drift")),
        linear_baseline={"text": {"accuracy": 0.8971, "macro_f1": 0.70}},
        statistics={
            "label": by_split(
                lambda n: FeatureStatistics(10, 0, strings=StringStatistics(2, {"bad": 10 - n, "good": n}))
            ),
            "image/brightness": by_split(numeric_statistics),
            "image/phash": by_split(numeric_statistics),
        },
        training_curves={"loss": {"train": [(0, 1.0), (1, 0.5)], "validation": [(0, 1.1), (1, math.nan)]}},
        gallery=make_gallery_rows("good"),
    )


def make_rules(text: str) -> list[report_data.GateRule]:
    """Rules of the data gate: one that was looked for, one that was not, and one that is ignored."""
    applied = report_data.GateRule(
        rule=text, looks_for=text, applied=True, severity="warn", limits={text: 0.5, "near": text}
    )
    return [
        applied,
        applied.model_copy(update={"rule": "unasked", "applied": False}),
        applied.model_copy(update={"rule": "unwanted", "applied": False, "severity": "ignore"}),
    ]


def catalogue_page(text: str) -> CataloguePage:
    """The page of a catalogue in which every text is the given one, with rejects and findings."""
    row = make_row(text)
    finding = report_data.Finding(
        rule=text, severity="stop", feature=text, split=text, message=text, formula=text, measured=0.5, ids=[text, "b"]
    )
    return CataloguePage(
        title=text,
        catalogue=text,
        passes=False,
        rows=60,
        facts={text: text},
        stored=text,
        examples={"train": 20, "val": 10, "test": 0},
        labels={text: {"train": 20, "val": 5, "test": 0}, "other": {"train": 0, "val": 5, "test": 0}},
        label_rows=[LabelRows(text, {"train": 20, "val": 5, "test": 0}, [row, replace(row, thumbnail=None)])],
        rejects=[report_data.RejectedRow(source=text, row=7, id=text, image=text, reason="corrupt", detail=text)] * 30,
        rejects_file=text,
        findings=[finding],
        reject_pictures={0: make_thumbnail()},
        finding_rows={0: [[row, row], [row]]},
        rules=make_rules(text),
        not_applied=[text],
        declared=text,
    )


def images_alone_data() -> ReportData:
    """The data of a run whose examples have no descriptions."""
    row = replace(make_row("kept"), description="", note="")
    profile = replace(make_profile("kept"), contact_sheet={"kept": [row]}, extremes=[], duplicates=[], text=None)
    good = good_data()
    account = good.account.model_copy(update={"descriptions": False}) if good.account else None
    return replace(
        good,
        account=account,
        profile=profile,
        predictions=report_data.PredictionSummary(1, [], [replace(row, note="lost 90.0%")]),
        linear_baseline={"image": {"accuracy": 0.8971, "macro_f1": 0.70}},
    )


def hostile_data() -> ReportData:
    """The data of a run with every fault, in which every text tries to inject HTML."""
    counts = StringStatistics(3, {HOSTILE: 7, "other": 2})
    finding = report_data.Finding(
        rule=HOSTILE,
        severity="stop",
        feature=HOSTILE,
        split=HOSTILE,
        measured=0.5,
        formula=HOSTILE,
        threshold=0.25,
        message=HOSTILE,
        ids=[HOSTILE, "b"],
    )
    metrics = {"accuracy": 0.5, "macro_f1": math.nan, "examples": 4.0}
    return replace(
        good_data(),
        title=HOSTILE,
        finding_rows={0: [[make_row(HOSTILE), make_row(HOSTILE)]]},
        failure=HOSTILE,
        blessed=False,
        missing={"model": HOSTILE},
        decision=report_data.Decision(
            metrics=metrics,
            reasons=[f"accuracy 0.5 is below 0.9 {HOSTILE}"],
            slices={"": metrics, f"label={HOSTILE}": metrics},
            last_blessed_slices={"": {"accuracy": 0.75, "macro_f1": 0.7}},
        ),
        account=report_data.Account(
            rows=1000,
            examples={"train": 700, "val": 90, "test": 90},
            rejects={"missing_file": 20, "not_an_image": 100},
            labels={HOSTILE: {"train": 700, "val": 0, "test": 90}},
        ),
        verdict=report_data.Verdict(
            passed=False,
            findings=[report_data.Finding(rule="rejects", message="a note"), finding],
            rules=make_rules(HOSTILE),
        ),
        rejects=[
            report_data.RejectedRow(
                row=1234,
                id=HOSTILE,
                image=HOSTILE,
                reason="not_an_image",
                detail=HOSTILE,
                source=HOSTILE,
            ),
            report_data.RejectedRow(row=7, id="a.png", image="a.png", reason="missing_file", detail="=HYPERLINK(1)"),
        ],
        reject_thumbnails={0: make_thumbnail()},
        anomalies=[report_data.Anomaly("val", HOSTILE, "ERROR", HOSTILE, HOSTILE)],
        schema=[report_data.SchemaFeature(HOSTILE, "bytes", "always", "1", HOSTILE)],
        statistics={
            "label": by_split(lambda n: FeatureStatistics(10, n, strings=counts)),
            HOSTILE: by_split(lambda n: FeatureStatistics(10, n, strings=counts)),
            f"image/{HOSTILE}": by_split(numeric_statistics),
        },
        reference={
            HOSTILE: FeatureStatistics(10, 0, strings=counts),
            f"image/{HOSTILE}": numeric_statistics(2),
        },
        profile=make_profile(HOSTILE),
        confusion={HOSTILE: {HOSTILE: 3, "other": 1}, "other": {HOSTILE: 1}},
        per_label={HOSTILE: {"precision": 0.5, "recall": 0.5, "f1": 0.5, "support": 4}},
        predictions=report_data.PredictionSummary(
            4,
            [CalibrationBin(3, 0.9, 0.5), CalibrationBin(1, 0.4, 1.0)],
            [make_row(HOSTILE)],
        ),
        gallery=make_gallery_rows(HOSTILE),
        lineage=report_data.Lineage(
            [report_data.LineageArtifact(HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE)],
            {HOSTILE: ["other"], "other": []},
            {HOSTILE: HOSTILE},
        ),
    )


def statistics_message() -> Any:
    """A ``DatasetFeatureStatisticsList`` about one split."""
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


def write_artifacts(folder: Path, rows: int = 6) -> dict[str, str]:
    """Writes the artifacts of a run without a model.

    Args:
        rows: number of examples in each split.

    Returns:
        Name of an artifact to its folder.
    """
    from diptych.components.artifacts import write_json

    names = ("examples", "rejects", "statistics", "schema", "anomalies", "verdict", "linear_baseline", "evaluation")
    uris = {name: str(folder / name) for name in (*names, "blessing", "tuner_results")}
    for uri in uris.values():
        Path(uri).mkdir(parents=True)
    for number, split in enumerate(SPLITS):
        records = (record_values(rows * number + n) for n in range(rows))
        write_records(folder / "examples" / f"Split-{split}" / "data.tfrecord", records)
        for name, file, content in (
            ("statistics", "FeatureStats.pb", statistics_message().SerializeToString()),
            ("anomalies", "SchemaDiff.pb", b""),
        ):
            (folder / name / f"Split-{split}").mkdir()
            (folder / name / f"Split-{split}" / file).write_bytes(content)
    (folder / "schema" / "schema.pbtxt").write_text('feature { name: "label" type: BYTES }')
    (folder / "blessing" / "NOT_BLESSED").write_text("")
    rejects = [{"row": n, "id": "", "image": "", "reason": "missing_file", "detail": f"no {n}.png"} for n in range(30)]
    (folder / "rejects" / "rejects.jsonl").write_text("".join(json.dumps(each) + "\n" for each in rejects))
    labels = {label: dict.fromkeys(SPLITS, rows // 2) for label in ("even", "odd")}
    account = {"rows": 3 * rows + 30, "examples": dict.fromkeys(SPLITS, rows), "rejects": {"missing_file": 30}}
    account |= {"labels": labels, "image": SMALL.model_dump()}
    write_json(uris["rejects"], "account.json", account)
    write_json(uris["verdict"], "verdict.json", {"passed": True, "findings": []})
    write_json(uris["tuner_results"], "tuner_results.json", [{"trial_id": "0001", "score": 0.5, "train.epochs": 3}])
    metrics = {"accuracy": 0.5, "macro_f1": 0.25}
    write_json(uris["linear_baseline"], "metrics.json", {"text": metrics})
    decision = {
        "blessed": False,
        "last_blessed": None,
        "linear_baseline": {"text": metrics},
        "metrics": {**metrics, "examples": 6.0},
        "reasons": ["accuracy 0.5000 is below 0.9000"],
        "slices": {"": {**metrics, "examples": 6.0}},
    }
    write_json(uris["evaluation"], "decision.json", decision)
    write_json(uris["evaluation"], "confusion.json", {"odd": {"odd": 3}, "even": {"odd": 3}})
    write_json(uris["evaluation"], "per_label.json", {"odd": {"precision": 0.5, "recall": 1, "f1": 0.67, "support": 3}})
    return uris
