"""One image asked of a pushed model: `diptych predict`, against a script that loads the model and asks it."""

from __future__ import annotations

from statistics import median

from benchmarks.tools import make_parser, print_table, python_command, run_timed

_SCRIPT = """
import sys
import tensorflow as tf
model, image, text = sys.argv[1:]
inputs = {"image": tf.constant([open(image, "rb").read()])}
if text:
    inputs["description"] = tf.constant([text])
print(tf.saved_model.load(model).signatures["classify"](**inputs)["labels"][0, 0])
"""


def main() -> None:
    """Runs both in turn, in processes of their own, and prints their medians."""
    parser = make_parser(__doc__, repeat=3)
    parser.add_argument("model", help="the folder of a pushed model")
    parser.add_argument("image", help="an image file")
    parser.add_argument("--text", default="", help="its description, if the model takes one")
    options = parser.parse_args()
    text = ["--text", options.text] if options.text else []
    commands = {
        "tf.saved_model.load": python_command("-c", _SCRIPT, options.model, options.image, options.text),
        "diptych predict": python_command("-m", "diptych", "predict", options.model, options.image, *text),
    }
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(options.repeat):
        for name, command in commands.items():
            seconds[name].append(run_timed(command))
    script = median(seconds["tf.saved_model.load"])
    rows = [(name, median(values), median(values) / script) for name, values in seconds.items()]
    print_table(f"One image, median of {options.repeat}", ("command", "seconds", "ratio"), rows)


if __name__ == "__main__":
    main()
