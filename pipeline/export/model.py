"""``diptych export-model``: the network of a pushed model as a TFLite or ONNX file, for where TensorFlow is not.

The file takes what ``NetworkInputs`` describes: pixels, and ids and values of terms. Neither TFLite nor ONNX decodes
image files or holds vocabularies well: what makes ids of a text, and labels of the scores, lies beside it as JSON.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

from diptych.components.catalogue.storage import write_stream
from diptych.models.errors import DiptychError
from diptych.models.serving.card import read_encoders
from diptych.pipeline.predict.pushed_model import find_pushed_model, read_model_card

if TYPE_CHECKING:
    import tensorflow as tf

Target = Literal["tflite", "onnx"]

DESCRIPTION_ENDING = ".json"

_SIGNATURE = "network"
_OPSET = 18


class ExportModelError(DiptychError):
    """The model cannot be exported; the message says why and what to do."""


def export_model(model: str, to: Target, output: str) -> list[str]:
    """Writes the network of a pushed model to a file, and its description beside it.

    Inputs and output bear the names of ``NetworkInputs`` and ``scores``, in TFLite those of its signature
    ``serving_default``.

    Args:
        model: folder of a pushed model, or of a run.
        output: the file to write; the description's name is that with ``.json`` added.

    Returns:
        The names of both files. The description has ``inputs``, name to type and shape (null for any size), ``labels``
        in the order of the scores, ``task``, ``image``, ``digest``, and ``encoders``, which
        ``diptych.models.text.sklearn_encoders.load_encoders`` makes scikit-learn's objects of.

    Raises:
        ExportModelError: the converter is not installed, or cannot convert this network.
        PredictError: there is no model.
    """
    folder = find_pushed_model(model)
    card = read_model_card(folder)
    import tensorflow as tf

    loaded = tf.saved_model.load(folder)
    inputs: Mapping[str, tf.TensorSpec] = loaded.signatures[_SIGNATURE].structured_input_signature[1]
    content = _CONVERTERS[to](loaded)
    description = {
        "inputs": {name: [spec.dtype.name, spec.shape.as_list()] for name, spec in sorted(inputs.items())},
        **card.model_dump(mode="json", include={"labels", "task", "image", "digest"}),
        "encoders": read_encoders(folder),
    }
    files = {
        output: content,
        output + DESCRIPTION_ENDING: json.dumps(description, indent=2, ensure_ascii=False).encode(),
    }
    for name, part in files.items():
        with write_stream(name) as file:
            file.write(part)
    return list(files)


def _to_tflite(loaded: Any) -> bytes:
    import tensorflow as tf

    # Of the folder itself, TensorFlow 2.16's converter aborts the process on Keras 3's variables.
    converter = tf.lite.TFLiteConverter.from_concrete_functions([loaded.signatures[_SIGNATURE]], loaded)
    try:
        return bytes(converter.convert())
    except Exception as error:  # the converter raises what MLIR tells
        first = str(error).partition("\n")[0]
        raise ExportModelError(f"TFLite cannot hold this network: {first}; --to onnx may") from None


def _to_onnx(loaded: Any) -> bytes:
    try:
        converter, checker = import_module("tf2onnx.convert"), import_module("onnx.checker")
    except ImportError as error:
        raise ExportModelError(
            f"--to onnx needs a package that is not installed: pip install tf2onnx ({error})"
        ) from None
    import tensorflow as tf

    network = loaded.signatures[_SIGNATURE]
    inputs = sorted(network.structured_input_signature[1].items())
    names, specs = [name for name, _ in inputs], [spec for _, spec in inputs]

    def positional(*tensors: tf.Tensor) -> Any:
        return network(**dict(zip(names, tensors, strict=True)))

    function = tf.function(positional, input_signature=specs, autograph=False)
    try:
        converted, _ = converter.from_function(function, input_signature=specs, opset=_OPSET)
        # What tf2onnx does not know it leaves in, and only logs that.
        checker.check_model(converted)
    except Exception as error:  # it lets through whatever its parts raise
        first = str(error).strip().partition("\n")[0]
        raise ExportModelError(f"tf2onnx cannot convert this network: {first}; --to tflite may") from None
    return bytes(converted.SerializeToString())


_CONVERTERS: Mapping[Target, Callable[[Any], bytes]] = {"tflite": _to_tflite, "onnx": _to_onnx}
