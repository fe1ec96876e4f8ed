"""Globox: boxes, two of each label, as a COCO document beside its folder of images."""

import json
import sys
from pathlib import Path

from globox import Annotation, AnnotationSet, BoundingBox

folder, rows = Path(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text())
(folder / "images").mkdir()
annotations = AnnotationSet()
for row in rows:
    name = f"{row['picture']}.png"
    (folder / "images" / name).write_bytes(Path(row["image"]).read_bytes())
    boxes = [
        BoundingBox(label=label, xmin=place, ymin=1, xmax=place + 9, ymax=10)
        for label in row["labels"]
        for place in (1, 20)
    ]
    annotations.add(Annotation(image_id=name, image_size=(48, 40), boxes=boxes))
annotations.save_coco(folder / "boxes.json", auto_ids=True)
