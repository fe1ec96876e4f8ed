"""Labelformat: a YOLO data set converted to COCO."""

import json
import sys
from pathlib import Path

import yaml
from labelformat.formats import COCOObjectDetectionOutput, YOLOv8ObjectDetectionInput

folder, rows = Path(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text())
names = sorted({label for row in rows for label in row["labels"]})
(folder / "images" / "train").mkdir(parents=True)
(folder / "labels" / "train").mkdir(parents=True)
for row in rows:
    (folder / "images" / "train" / f"{row['picture']}.png").write_bytes(Path(row["image"]).read_bytes())
    lines = [f"{names.index(label)} 0.5 0.5 0.{size} 0.{size}" for label in row["labels"] for size in (2, 4)]
    (folder / "labels" / "train" / f"{row['picture']}.txt").write_text("\n".join(lines))
(folder / "data.yaml").write_text(yaml.safe_dump({"path": ".", "train": "images/train", "names": names}))
boxes = YOLOv8ObjectDetectionInput(input_file=folder / "data.yaml", input_split="train")
COCOObjectDetectionOutput(output_file=folder / "train.json").save(label_input=boxes)
