"""The ``module_file`` of the stock DAG, modelled on TFX's penguin and MNIST examples.

The encoding of texts and the network are Diptych's, so that both sides compute the same.
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf
import tensorflow_transform as tft
from tfx import v1 as tfx
from tfx_bsl.public import tfxio

from diptych.models.decoders.bag_of_words import BagOfWords, padded_inputs
from diptych.models.images.options import ImageOptions
from diptych.models.inputs import IMAGE_INPUT, NetworkInputs
from diptych.models.networks.build import NetworkOptions, build_network
from diptych.models.text.options import TextOptions
from diptych.models.text.preprocessing import fit_text_encoder

_LABEL = "label_id"


def preprocessing_fn(inputs: dict[str, Any]) -> dict[str, Any]:
    """Transform's entry point; the image passes through, because Trainer reads only transformed examples."""
    texts = tf.reshape(inputs["description"], [-1])
    return {
        "image": inputs["image"],
        **fit_text_encoder(texts, TextOptions())(texts),
        _LABEL: tft.compute_and_apply_vocabulary(inputs["label"], vocab_filename="label"),
    }


def run_fn(fn_args: tfx.components.FnArgs) -> None:
    """Trainer's entry point: fits on the materialised examples and saves the model with two signatures."""
    config = fn_args.custom_config
    image = ImageOptions.model_validate_json(config["image"])
    transform = tft.TFTransformOutput(fn_args.transform_output)
    terms = transform.vocabulary_size_by_name("description")
    classes = transform.vocabulary_size_by_name("label")
    network = NetworkOptions.model_validate_json(config["model"])
    model = build_network(network, NetworkInputs((image.height, image.width), terms), classes, "multiclass")
    # Users have the default, jit_compile="auto", which chooses XLA on a CPU.
    model.compile(
        optimizer=keras.optimizers.Adam(config["learning_rate"]),
        loss=keras.losses.SparseCategoricalCrossentropy(),
        metrics=["accuracy"],
        jit_compile=config["jit_compile"],
    )
    model.fit(
        _input_fn(fn_args.train_files, fn_args, transform, image, terms),
        epochs=config["epochs"],
        steps_per_epoch=fn_args.train_steps,
        validation_data=_input_fn(fn_args.eval_files, fn_args, transform, image, terms),
        validation_steps=fn_args.eval_steps,
        callbacks=[keras.callbacks.TensorBoard(log_dir=fn_args.model_run_dir, update_freq="epoch")],
    )
    served = _ServedModel(model, transform, image, terms)
    signatures = {"serving_default": served.serve, "transform_features": served.transform}
    tf.saved_model.save(served, fn_args.serving_model_dir, signatures=signatures)


def _input_fn(
    files: list[str], fn_args: tfx.components.FnArgs, transform: tft.TFTransformOutput, image: ImageOptions, terms: int
) -> tf.data.Dataset:
    batches = fn_args.data_accessor.tf_dataset_factory(
        files,
        tfxio.TensorFlowDatasetOptions(batch_size=fn_args.custom_config["batch_size"], label_key=_LABEL),
        transform.transformed_metadata.schema,
    )
    return batches.map(
        lambda features, label: (_network_input(features, image, terms), label), num_parallel_calls=tf.data.AUTOTUNE
    ).repeat()


def _network_input(features: dict[str, Any], image: ImageOptions, terms: int) -> dict[str, tf.Tensor]:
    pixels = tf.reshape(tf.io.decode_raw(features["image"], tf.uint8), [-1, image.height, image.width, 3])
    return {
        IMAGE_INPUT: pixels,
        **padded_inputs(BagOfWords(features["description_index"], features["description_value"], terms)),
    }


class _ServedModel(tf.Module):
    """Wraps the model, because a Keras 3 model cannot be saved with signatures as the examples' Keras 2 models are."""

    def __init__(self, model: keras.Model, transform: tft.TFTransformOutput, image: ImageOptions, terms: int) -> None:
        super().__init__()
        self.model = model
        self.tft_layer = transform.transform_features_layer()
        self._spec = transform.raw_feature_spec()
        self._image = image
        self._terms = terms

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def serve(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        """Scores serialised examples."""
        spec = {name: feature for name, feature in self._spec.items() if name != "label"}
        transformed = self.tft_layer(tf.io.parse_example(examples, spec))
        return {"scores": self.model(_network_input(transformed, self._image, self._terms))}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def transform(self, examples: tf.Tensor) -> dict[str, Any]:
        """Transforms serialised examples; Evaluator takes the label from the result."""
        return dict(self.tft_layer(tf.io.parse_example(examples, self._spec)))
