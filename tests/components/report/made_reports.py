"""Contents and artifacts made by hand: good ones, and hostile ones."""

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

from diptych.components.report import report_data
from diptych.components.report.report_data import Bucket, Contents, FeatureStatistics, Numbers, Picture, Shown, Strings
from diptych.models.features import SPLITS
from tests.helpers import SMALL, noise, record_values, write_records

EVIL = "</text></title><script>alert('x')</script><img src=x onerror=alert(1)>\" onload=\"y"


class Tags(HTMLParser):
    """The tags of a page with their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def of_each(make: Callable[[int], FeatureStatistics]) -> dict[str, FeatureStatistics]:
    """Split to what is made of its number, from 1."""
    return {split: make(number + 1) for number, split in enumerate(SPLITS)}


def numbers(scale: int) -> FeatureStatistics:
    """Of a number."""
    histogram = (Bucket(0, 5 * scale, 3), Bucket(5 * scale, 10 * scale, 1))
    return FeatureStatistics(4, 1, numbers=Numbers(5.25, 1.5, 0, 4, 10 * scale, histogram))


def picture(seed: int = 1) -> Picture:
    """A picture of noise."""
    file = io.BytesIO()
    Image.fromarray(noise(seed)).save(file, "WEBP")
    return Picture(file.getvalue(), 14, 12)


def shown(text: str) -> Shown:
    """A row all of whose texts are the same."""
    return Shown(text, "train", text, text, text, picture())


def row_facts(text: str) -> report_data.RowFacts:
    """Facts of rows whose every text is the same."""
    rows = [shown(text), shown(text)]
    told = report_data.TextFacts(
        lengths={split: [Bucket(0, 10, 4), Bucket(10, 20, 1)] for split in SPLITS},
        tokens={split: {text: 3, "other": 2} for split in SPLITS},
        tokens_by_label={text: {text: 3}},
        unknown={"train": 0.0, "val": 0.25, "test": 0.125},
        scripts={split: {"Latin": 0.9, text: 0.1} for split in SPLITS},
        empty={"train": 1, "val": 0, "test": 0},
        repeated={text: 5},
    )
    return report_data.RowFacts(
        read=50,
        rows=100,
        sheet={text: rows},
        sizes={(10, 20): 3, (640, 480): 7},
        formats={split: {text: 2, "PNG": 5} for split in SPLITS},
        worst=[report_data.Worst("image/brightness", rows, rows)],
        duplicates=[
            report_data.Duplicates(
                "exact", 3, 6, 1, [report_data.DuplicateGroup(2, ["train", "test"], [text, "a"], rows)]
            ),
            report_data.Duplicates("near", 0, 0, 0, []),
        ],
        groups=report_data.GroupFacts(4, 10, 5, [text]),
        text=told,
    )


def good() -> Contents:
    """Nothing is wrong."""
    return Contents(
        title="Demo",
        blessed=True,
        decision=report_data.Decision(
            metrics={"accuracy": 0.9257, "macro_f1": 0.82, "calibration_error": 0.04, "examples": 350.0},
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
        verdict=report_data.Verdict(passed=True, findings=[]),
        linear_baseline={"accuracy": 0.8971, "macro_f1": 0.70},
        statistics={
            "label": of_each(lambda n: FeatureStatistics(10, 0, strings=Strings(2, {"bad": 10 - n, "good": n}))),
            "image/brightness": of_each(numbers),
            "image/phash": of_each(numbers),
        },
        curves={"loss": {"train": [(0, 1.0), (1, 0.5)], "validation": [(0, 1.1), (1, math.nan)]}},
    )


def bad() -> Contents:
    """Everything is wrong, and every text is hostile."""
    counts = Strings(3, {EVIL: 7, "other": 2})
    finding = report_data.Finding(
        rule=EVIL,
        severity="stop",
        feature=EVIL,
        split=EVIL,
        measured=0.5,
        formula=EVIL,
        threshold=0.25,
        message=EVIL,
        ids=[EVIL, "b"],
    )
    metrics = {"accuracy": 0.5, "macro_f1": math.nan, "examples": 4.0}
    return replace(
        good(),
        title=EVIL,
        failure=EVIL,
        blessed=False,
        missing={"model": EVIL},
        decision=report_data.Decision(
            metrics=metrics,
            reasons=[f"accuracy 0.5 is below 0.9 {EVIL}"],
            slices={"": metrics, f"label={EVIL}": metrics},
            last_blessed_slices={"": {"accuracy": 0.75, "macro_f1": 0.7}},
        ),
        account=report_data.Account(
            rows=1000,
            examples={"train": 700, "val": 90, "test": 90},
            rejects={"missing_file": 20, "not_an_image": 100},
            labels={EVIL: {"train": 700, "val": 0, "test": 90}},
        ),
        verdict=report_data.Verdict(
            passed=False, findings=[report_data.Finding(rule="rejects", message="a note"), finding]
        ),
        rejects=[
            report_data.RejectedRow(row=1234, id=EVIL, image=EVIL, reason="not_an_image", detail=EVIL, source=EVIL),
            report_data.RejectedRow(row=7, id="a.png", image="a.png", reason="missing_file", detail="=HYPERLINK(1)"),
        ],
        reject_pictures={0: picture()},
        anomalies=[report_data.Anomaly("val", EVIL, "ERROR", EVIL, EVIL)],
        schema=[report_data.SchemaRow(EVIL, "bytes", "always", "1", EVIL)],
        statistics={
            "label": of_each(lambda n: FeatureStatistics(10, n, strings=counts)),
            EVIL: of_each(lambda n: FeatureStatistics(10, n, strings=counts)),
            f"image/{EVIL}": of_each(numbers),
        },
        reference={EVIL: FeatureStatistics(10, 0, strings=counts), f"image/{EVIL}": numbers(2)},
        facts=row_facts(EVIL),
        confusion={EVIL: {EVIL: 3, "other": 1}, "other": {EVIL: 1}},
        per_label={EVIL: {"precision": 0.5, "recall": 0.5, "f1": 0.5, "support": 4}},
        scored=report_data.Scored(
            4, [report_data.Confidence(3, 0.9, 0.5), report_data.Confidence(1, 0.4, 1.0)], [shown(EVIL)]
        ),
        lineage=report_data.Lineage(
            [report_data.Product(EVIL, EVIL, EVIL, EVIL, EVIL, EVIL)], {EVIL: ["other"], "other": []}, {EVIL: EVIL}
        ),
    )


def statistics_message() -> Any:
    """``DatasetFeatureStatisticsList`` of one split."""
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
    """What the components of a run leave behind, all but a model: name to folder."""
    from diptych.components.artifacts import write_json

    names = ("examples", "rejects", "statistics", "schema", "anomalies", "verdict", "linear_baseline", "evaluation")
    uris = {name: str(folder / name) for name in (*names, "blessing")}
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
    metrics = {"accuracy": 0.5, "macro_f1": 0.25}
    write_json(uris["linear_baseline"], "metrics.json", metrics)
    decision = {
        "blessed": False,
        "last_blessed": None,
        "linear_baseline": metrics,
        "metrics": {**metrics, "examples": 6.0},
        "reasons": ["accuracy 0.5000 is below 0.9000"],
        "slices": {"": {**metrics, "examples": 6.0}},
    }
    write_json(uris["evaluation"], "decision.json", decision)
    write_json(uris["evaluation"], "confusion.json", {"odd": {"odd": 3}, "even": {"odd": 3}})
    write_json(uris["evaluation"], "per_label.json", {"odd": {"precision": 0.5, "recall": 1, "f1": 0.67, "support": 3}})
    return uris
