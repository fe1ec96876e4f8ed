"""A signature that is loaded as TensorFlow Serving does gives the answers of the SavedModel, without Keras."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from diptych.models.serving.signature_session import OutdatedModelError, _load, open_signature
from tests.helpers import SMALL, as_file, noise
from tests.models.serving.exported_models import (
    TEXTS,
    model_of_images_alone,
    model_requiring_both,
    model_requiring_neither,
)

FILES = [as_file(noise(seed, SMALL.height, SMALL.width)) for seed in range(len(TEXTS))]


@pytest.mark.parametrize("make", [model_requiring_both, model_requiring_neither, model_of_images_alone])
def test_the_answers_are_those_of_the_saved_model(make: Any) -> None:
    exported = make()
    inputs: dict[str, Any] = {"image": FILES, **({} if make is model_of_images_alone else {"description": TEXTS})}
    expected = exported.signatures["classify"](**{name: np.array(value, object) for name, value in inputs.items()})
    with open_signature(exported.folder, "classify") as classify:
        found = classify(**inputs)
    assert set(found) == set(expected)
    np.testing.assert_allclose(found["scores"], expected["scores"].numpy(), rtol=1e-5)
    for name in ("labels", "predicted", "error"):
        np.testing.assert_array_equal(found[name], expected[name].numpy())


def test_a_model_whose_weights_only_python_finds_is_told(tmp_path: Path) -> None:
    import keras
    import tensorflow as tf

    module, row = tf.Module(), keras.Input((2,))
    # Keras's own variables are saved in such a form.
    module.network = keras.Model(row, keras.layers.Dense(1)(row))
    call = tf.function(lambda row: {"y": module.network(row)}, [tf.TensorSpec([None, 2])], autograph=False)
    tf.saved_model.save(module, str(tmp_path), signatures=call)
    with open_signature(str(tmp_path), "serving_default") as ask, pytest.raises(OutdatedModelError, match="run again"):
        ask(row=np.ones((1, 2), np.float32))


def test_keras_is_not_imported_and_can_be_later() -> None:
    code = (
        "import sys\n"
        "from diptych.models.serving.signature_session import open_signature\n"
        "with open_signature(sys.argv[1], 'describe') as describe: labels = describe()['labels'].tolist()\n"
        "assert 'keras' not in sys.modules\n"
        "import keras\n"
        "keras.layers.Dense(2)\n"
        "print(*(label.decode() for label in labels))"
    )
    exported = model_requiring_both()
    done = subprocess.run([sys.executable, "-c", code, exported.folder], capture_output=True, text=True, check=True)
    assert done.stdout.split() == list(exported.decoder.labels)


def test_no_function_of_the_graph_is_optimised_before_it_answers() -> None:
    import tensorflow as tf

    v1 = tf.compat.v1
    options = v1.ConfigProto()
    options.graph_options.rewrite_options.disable_meta_optimizer = True
    with v1.Graph().as_default() as graph, v1.Session() as session:
        _load(model_requiring_both().folder, session, options)
        loaded = graph.as_graph_def()
    nodes = [*loaded.node, *(node for function in loaded.library.function for node in function.node_def)]
    of_calls = [node.attr["config_proto"].s for node in nodes if "config_proto" in node.attr]
    assert of_calls and set(of_calls) == {options.SerializeToString()}


def test_a_folder_without_a_model_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="SavedModel file does not exist"), open_signature(str(tmp_path), "classify"):
        pass
