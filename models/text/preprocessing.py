"""The ``preprocessing_fn`` of Transform, for texts and labels.

Texts are encoded exactly as scikit-learn encodes them with the same options, and the vocabulary is the one that
scikit-learn learns. Labels are numbered in natural order.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from diptych.models import features
from diptych.models.labels import LabelOptions
from diptych.models.text.options import EncodingOptions, TextOptions, parse_text_options
from diptych.models.text.transform_assets import LABEL_ASSETS, TEXT_ASSETS
from diptych.models.text.vocabulary import escape_term_tensor

if TYPE_CHECKING:
    import tensorflow as tf

    from diptych.models.text.text_encoder import TextEncoder

#: Keys of ``custom_config``.
TEXT_OPTIONS_KEY = "text_options"
LABEL_OPTIONS_KEY = "label_options"
TASK_KEY = "task"


def preprocessing_fn(inputs: dict[str, Any], custom_config: dict[str, Any]) -> dict[str, Any]:
    """Transform's entry point.

    Args:
        inputs: raw features. ``description``: string ``[b, 1]``; not read if there are no texts. ``label``: string
            ``[b, 1]``; for multilabel sparse or ragged string ``[b, <=k]``.
        custom_config: ``text_options``, what ``serialize_text_options`` gives; and optionally ``label_options``, a
            ``LabelOptions`` as JSON, and ``task``.

    Returns:
        The features that ``TextEncoder`` returns, if there are texts, and ``label_id``. For multiclass it is int64
        ``[b]``: the label's index among the labels in natural order, -1 for an unknown label. For multilabel it is a
        ``SparseTensor`` int64 ``[b, <=classes]``: the indices in ascending order, without unknown labels. If
        ``label_options`` names the label that unknown ones count as, they have its index.
    """
    encoding = EncodingOptions(
        text=parse_text_options(custom_config[TEXT_OPTIONS_KEY]),
        label=LabelOptions.model_validate_json(custom_config.get(LABEL_OPTIONS_KEY, "{}")),
        task=custom_config.get(TASK_KEY, "multiclass"),
    )
    labels = inputs[features.LABEL]
    return {
        **(_encode_texts(_to_vector(inputs[features.DESCRIPTION]), encoding.text) if encoding.text else {}),
        features.LABEL_ID: _multilabel_ids(_to_ragged(labels), encoding)
        if encoding.task == "multilabel"
        else _label_ids(_to_vector(labels), encoding),
    }


def _encode_texts(texts: tf.Tensor, options: TextOptions) -> dict[str, Any]:
    return fit_text_encoder(texts, options)(texts)


def fit_text_encoder(texts: tf.Tensor, options: TextOptions) -> TextEncoder:
    """The encoder whose vocabulary Transform learns from texts, string ``[b]``."""
    import tensorflow as tf
    import tensorflow_transform as tft

    from diptych.models.text.text_encoder import TextEncoder
    from diptych.models.text.vocabulary_analyzer import VocabularyAnalyzer

    vocabulary, idf = _run_analyzer(texts, VocabularyAnalyzer(options), TEXT_ASSETS)
    buckets = int(options.oov == "bucket")
    return TextEncoder(
        options,
        look_up_index=lambda terms: tft.apply_vocabulary(terms, vocabulary, default_value=-1, num_oov_buckets=buckets),
        look_up_idf=lambda indices: tf.bitcast(
            tft.apply_vocabulary(indices, idf, lookup_fn=_look_up_integers), tf.float64
        ),
    )


def _label_ids(labels: tf.Tensor, encoding: EncodingOptions) -> tf.Tensor:
    """Ids int64 ``[n]`` of labels, string ``[n]``, among those that Transform learns; -1 for an unknown one."""
    import tensorflow as tf
    import tensorflow_transform as tft

    from diptych.models.text.vocabulary_analyzer import LabelAnalyzer

    vocabulary, _ = _run_analyzer(labels, LabelAnalyzer(encoding), LABEL_ASSETS)
    if encoding.label.unknown is None:
        return tft.apply_vocabulary(escape_term_tensor(labels), vocabulary, default_value=-1)
    # The label that unknown ones count as is looked up in the same call, because each call makes a table.
    labels = tf.concat([labels, [encoding.label.unknown]], 0)
    ids = tft.apply_vocabulary(escape_term_tensor(labels), vocabulary, default_value=-1)
    return tf.where(ids[:-1] < 0, ids[-1], ids[:-1])


def _multilabel_ids(labels: tf.RaggedTensor, encoding: EncodingOptions) -> tf.SparseTensor:
    """The distinct known ids of each row, ascending, int64 ``[b, <=classes]``."""
    from diptych.models.text.ragged import count_values_by_row, mask_values, sparse_from_rows

    ids = labels.with_flat_values(_label_ids(labels.flat_values, encoding))
    rows, distinct, _ = count_values_by_row(mask_values(ids, ids.flat_values >= 0))
    return sparse_from_rows(rows, distinct, ids.nrows())


def _run_analyzer(values: tf.Tensor, analyzer: Any, names: Sequence[str]) -> Sequence[tf.Tensor]:
    """Runs an analyzer that writes one file for each name over all batches of values; returns the files' paths."""
    import tensorflow as tf
    import tensorflow_transform as tft

    for name in names:
        tft.annotate_asset(name, name)
    paths: Sequence[tf.Tensor] = tft.experimental.ptransform_analyzer(
        inputs=[values],
        ptransform=analyzer,
        output_dtypes=[tf.string] * len(names),
        output_shapes=[[]] * len(names),
        # The content that stands for each file until it is written: one line, which can be read as term and as number.
        output_asset_default_values=[b"0"] * len(names),
    )
    return paths


def _look_up_integers(indices: tf.Tensor, file: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """A ``lookup_fn`` of ``tft.apply_vocabulary``: the int64 in the lines of a file, and the number of its lines."""
    import tensorflow as tf

    # TFT makes its own tables in the same way: if the file exists already, the table is made once, outside the graph.
    with contextlib.nullcontext() if tf.is_symbolic_tensor(file) else tf.init_scope():
        table = tf.lookup.StaticHashTable(
            tf.lookup.TextFileInitializer(file, tf.int64, tf.lookup.TextFileIndex.LINE_NUMBER, tf.int64, 0), 0
        )
    return table.lookup(indices), table.size()


def _to_vector(values: Any) -> tf.Tensor:
    """String ``[b, 1]`` as ``[b]``; where the schema gives no shape, it is sparse ``[b, <=1]``."""
    import tensorflow as tf

    if isinstance(values, tf.SparseTensor):
        shape = [values.dense_shape[0], 1]
        values = tf.sparse.to_dense(tf.sparse.reset_shape(values, tf.cast(shape, tf.int64)), default_value="")
    return tf.reshape(values, [-1])


def _to_ragged(values: Any) -> tf.RaggedTensor:
    """String ``[b, k]`` as a ragged tensor; it may be dense, sparse or ragged."""
    import tensorflow as tf

    if isinstance(values, tf.RaggedTensor):
        return values
    if isinstance(values, tf.SparseTensor):
        return tf.RaggedTensor.from_sparse(values)
    return tf.RaggedTensor.from_tensor(values)
