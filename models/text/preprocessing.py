"""Text and labels: the ``preprocessing_fn`` that Transform analyses.

Texts become what scikit-learn makes of them with the same options, and the vocabulary is the one that it learns
(``encoder`` and ``vocabulary_analyzer`` beside this module); labels are numbered as its ``LabelEncoder`` numbers them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from diptych.models import features
from diptych.models.labels import LabelOptions
from diptych.models.text.options import EncodingOptions, TextOptions
from diptych.models.text.ragged import count_values_by_row, mask_values, sparse_from_rows
from diptych.models.text.text_encoder import TextEncoder
from diptych.models.text.transform_assets import LABEL_ASSETS, TEXT_ASSETS
from diptych.models.text.vocabulary import escape_term_tensor

if TYPE_CHECKING:
    import tensorflow as tf

TEXT_OPTIONS_KEY = "text_options"
LABEL_OPTIONS_KEY = "label_options"
TASK_KEY = "task"


def preprocessing_fn(inputs: dict[str, Any], custom_config: dict[str, Any]) -> dict[str, Any]:
    """Transform's entry point.

    Args:
        inputs: raw features: ``description`` string ``[batch, 1]``; ``label`` string ``[batch, 1]``, or of multilabel
            sparse or ragged string ``[batch, <=k]``.
        custom_config: ``text_options``, a ``TextOptions`` as JSON; ``label_options``, a ``LabelOptions`` as JSON, and
            ``task``, which may be left out.

    Returns:
        What ``TextEncoder`` gives, and ``label_id``: of multiclass int64 ``[batch]``, the label's place among the
        sorted labels, -1 for an unknown one; of multilabel a ``SparseTensor`` int64 ``[batch, <=classes]``, ascending,
        without unknown ones. ``label.unknown`` leaves none unknown.
    """
    encoding = EncodingOptions(
        text=TextOptions.model_validate_json(custom_config[TEXT_OPTIONS_KEY]),
        label=LabelOptions.model_validate_json(custom_config.get(LABEL_OPTIONS_KEY, "{}")),
        task=custom_config.get(TASK_KEY, "multiclass"),
    )
    texts = _column(inputs[features.DESCRIPTION])
    labels = inputs[features.LABEL]
    return {
        **fit_text_encoder(texts, encoding)(texts),
        features.LABEL_ID: _multilabel_ids(_ragged(labels), encoding.label)
        if encoding.task == "multilabel"
        else _learn_labels(_column(labels), encoding.label),
    }


def fit_text_encoder(texts: tf.Tensor, encoding: EncodingOptions) -> TextEncoder:
    """The encoder whose vocabulary Transform learns from string ``[batch]`` texts."""
    import tensorflow as tf
    import tensorflow_transform as tft

    from diptych.models.text.vocabulary_analyzer import VocabularyAnalyzer

    vocabulary, idf, _ = _learn_files(texts, VocabularyAnalyzer(encoding), TEXT_ASSETS)
    buckets = int(encoding.text.oov == "bucket")
    return TextEncoder(
        encoding.text,
        find=lambda terms: tft.apply_vocabulary(terms, vocabulary, default_value=-1, num_oov_buckets=buckets),
        weigh=lambda indices: tf.bitcast(tft.apply_vocabulary(indices, idf, lookup_fn=_look_up_numbers), tf.float64),
    )


def _learn_labels(labels: tf.Tensor, options: LabelOptions) -> tf.Tensor:
    """Ids int64 ``[n]`` of string ``[n]`` labels, -1 of unknown ones that the options leave so."""
    import tensorflow as tf
    import tensorflow_transform as tft

    from diptych.models.text.vocabulary_analyzer import LabelAnalyzer

    (vocabulary,) = _learn_files(labels, LabelAnalyzer(options), LABEL_ASSETS)
    if options.unknown is None:
        return tft.apply_vocabulary(escape_term_tensor(labels), vocabulary, default_value=-1)
    # One look-up for both: each makes a table of its own.
    labels = tf.concat([labels, [options.unknown]], 0)
    ids = tft.apply_vocabulary(escape_term_tensor(labels), vocabulary, default_value=-1)
    return tf.where(ids[:-1] < 0, ids[-1], ids[:-1])


def _multilabel_ids(labels: tf.RaggedTensor, options: LabelOptions) -> tf.SparseTensor:
    ids = labels.with_flat_values(_learn_labels(labels.flat_values, options))
    rows, distinct, _ = count_values_by_row(mask_values(ids, ids.flat_values >= 0))
    return sparse_from_rows(rows, distinct, ids.nrows())


def _learn_files(values: tf.Tensor, learn: Any, names: Sequence[str]) -> Sequence[tf.Tensor]:
    """The paths of the files, of these names, that a Beam transform of all batches of values writes."""
    import tensorflow as tf
    import tensorflow_transform as tft

    for name in names:
        tft.annotate_asset(name, name)
    paths: Sequence[tf.Tensor] = tft.experimental.ptransform_analyzer(
        inputs=[values],
        ptransform=learn,
        output_dtypes=[tf.string] * len(names),
        output_shapes=[[]] * len(names),
        # Holds the place of each until it is written: a term, or a number.
        output_asset_default_values=[b"0"] * len(names),
    )
    return paths


def _look_up_numbers(places: tf.Tensor, file: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """What ``tft.apply_vocabulary`` asks for: the int64 in some lines of a file, and the number of lines."""
    import tensorflow as tf

    # As TFT makes its own tables: once, outside the graph, where the file lies already.
    with contextlib.nullcontext() if tf.is_symbolic_tensor(file) else tf.init_scope():
        table = tf.lookup.StaticHashTable(
            tf.lookup.TextFileInitializer(file, tf.int64, tf.lookup.TextFileIndex.LINE_NUMBER, tf.int64, 0), 0
        )
    return table.lookup(places), table.size()


def _column(values: Any) -> tf.Tensor:
    """String ``[batch, 1]``, or sparse ``[batch, <=1]`` where the schema gives no shape, as ``[batch]``."""
    import tensorflow as tf

    if isinstance(values, tf.SparseTensor):
        shape = [values.dense_shape[0], 1]
        values = tf.sparse.to_dense(tf.sparse.reset_shape(values, tf.cast(shape, tf.int64)), default_value="")
    return tf.reshape(values, [-1])


def _ragged(values: Any) -> tf.RaggedTensor:
    """String ``[batch, k]``, dense, sparse or ragged, as ragged."""
    import tensorflow as tf

    if isinstance(values, tf.RaggedTensor):
        return values
    if isinstance(values, tf.SparseTensor):
        return tf.RaggedTensor.from_sparse(values)
    return tf.RaggedTensor.from_tensor(values)
