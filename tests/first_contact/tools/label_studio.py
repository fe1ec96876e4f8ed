"""Annotated images as Label Studio exports them, with the images as its folder of media holds them.

The third argument is Label Studio's name of the format, the fourth what its tasks have before the name of a file.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from label_studio_converter import Converter

folder, listed = Path(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text(encoding="utf-8"))
format_name, prefix = sys.argv[3:5]
config = """<View>
<Image name="picture" value="$image"/><Text name="words" value="$text"/>
<Choices name="choice" toName="picture"><Choice value="cat"/><Choice value="dog"/><Choice value="bird"/></Choices>
</View>"""
media = folder / "upload" / "1"
media.mkdir(parents=True)
tasks = []
for number, row in enumerate(listed, start=1):
    name = f"{0x3FA9D100 + number:08x}-photo_{row['picture']}.png"
    shutil.copy(row["image"], media / name)
    choice = {
        "id": f"r{number}",
        "type": "choices",
        "from_name": "choice",
        "to_name": "picture",
        "value": {"choices": row["labels"]},
    }
    annotation = {
        "id": 100 + number,
        "result": [choice],
        "completed_by": {"id": 1, "email": "ann@example.com"},
        "created_at": "2024-05-01T10:00:00Z",
        "updated_at": "2024-05-01T10:00:00Z",
        "lead_time": 7.5,
        "was_cancelled": False,
    }
    data = {"image": prefix + name, "text": row["text"]}
    tasks.append({"id": number, "data": data, "annotations": [annotation], "predictions": []})
with TemporaryDirectory() as scratch:
    (Path(scratch) / "tasks.json").write_text(json.dumps(tasks), encoding="utf-8")
    converter = Converter(config, scratch, download_resources=False)
    converter.convert(str(Path(scratch) / "tasks.json"), str(folder), format_name, is_dir=False)
