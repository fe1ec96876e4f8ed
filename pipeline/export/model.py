"""``diptych export-model``: the network of a pushed model as a TFLite or ONNX file, for use without TensorFlow.

The network takes the tensors that ``NetworkInputs`` describes: pixels, and ids and values of terms. TFLite and ONNX are
not made to decode image files or to look up vocabularies. Therefore a JSON file beside the network has the encoders,
which turn a text into ids, and the labels of the scores.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

from diptych.components.catalogue.storage import write_stream
from diptych.models.os_errors import find_os_error
from diptych.models.pattern_signs import load_saved_model, plain_paths
from diptych.models.serving.card import read_encoders
from diptych.pipeline.export.errors import ExportError
from diptych.pipeline.predict.pushed_model import find_pushed_model, read_model_card

if TYPE_CHECKING:
    import tensorflow as tf

ModelFormat = Literal["tflite", "onnx"]

DESCRIPTION_ENDING = ".json"

_SIGNATURE = "network"
_OPSET = 18


def export_model(model: str, to: ModelFormat, output: str) -> list[str]:
    """Writes the network of a pushed model to a file, and its description beside it.

    The inputs have the names of ``NetworkInputs``, and the output is called ``scores``; in TFLite they are those of the
    signature ``serving_default``.

    Args:
        model: the folder of a pushed model, or of a run.
        output: the file to write; the description has the same name with ``.json`` added.

    Returns:
        The names of both files. The description has ``inputs`` (name to type and shape, in which null is any size),
        ``labels`` in the order of the scores, ``task``, ``image``, ``digest``, and ``encoders``, from which
        ``diptych.models.text.sklearn_encoders.build_encoders`` builds scikit-learn's objects.

    Raises:
        ExportError: the converter is not installed, or cannot convert this network.
        PredictError: there is no model.
        OSError: a file cannot be written.
    """
    folder = find_pushed_model(model)
    card = read_model_card(folder)
    # The converter of TFLite reads the vocabularies' files again.
    with plain_paths([folder]) as links:
        loaded = load_saved_model(links.get(folder, folder))
        inputs: Mapping[str, tf.TensorSpec] = loaded.signatures[_SIGNATURE].structured_input_signature[1]
        content = _CONVERTERS[to](loaded)
    description = {
        "inputs": {name: [spec.dtype.name, spec.shape.as_list()] for name, spec in sorted(inputs.items())},
        **card.model_dump(mode="json", include={"labels", "task", "thresholds", "at_least_one", "image", "digest"}),
        "encoders": read_encoders(folder),
    }
    files = {
        output: content,
        output + DESCRIPTION_ENDING: json.dumps(description, indent=2, ensure_ascii=False).encode(),
    }
    # Both files are written before either takes the place of one that is there.
    with ExitStack() as written:
        for name, part in files.items():
            written.enter_context(write_stream(name)).write(part)
    return list(files)


def _to_tflite(loaded: Any) -> bytes:
    import tensorflow as tf

    # Given the folder itself, TensorFlow 2.16's converter aborts the process on Keras 3's variables.
    converter = tf.lite.TFLiteConverter.from_concrete_functions([loaded.signatures[_SIGNATURE]], loaded)
    try:
        return bytes(converter.convert())
    except Exception as error:  # the converter raises whatever MLIR reports
        if cause := find_os_error(error):
            raise cause from None
        first = str(error).partition("\n")[0]
        raise ExportError(f"TFLite cannot hold this network: {first}; --to onnx may") from None


def _to_onnx(loaded: Any) -> bytes:
    try:
        converter, checker = import_module("tf2onnx.convert"), import_module("onnx.checker")
    except ImportError as error:
        raise ExportError(f"--to onnx needs a package that is not installed: pip install tf2onnx ({error})") from None
    import tensorflow as tf

    network = loaded.signatures[_SIGNATURE]
    inputs = sorted(network.structured_input_signature[1].items())
    names, specs = [name for name, _ in inputs], [spec for _, spec in inputs]

    def positional(*tensors: tf.Tensor) -> Any:
        return network(**dict(zip(names, tensors, strict=True)))

    function = tf.function(positional, input_signature=specs, autograph=False)
    try:
        converted, _ = converter.from_function(function, input_signature=specs, opset=_OPSET)
        # tf2onnx leaves in operations that it does not know, and only logs that.
        checker.check_model(converted)
    except Exception as error:  # tf2onnx has no error of its own
        if cause := find_os_error(error):
            raise cause from None
        first = str(error).strip().partition("\n")[0]
        raise ExportError(f"tf2onnx cannot convert this network: {first}; --to tflite may") from None
    return bytes(converted.SerializeToString())


_CONVERTERS: Mapping[ModelFormat, Callable[[Any], bytes]] = {"tflite": _to_tflite, "onnx": _to_onnx}
