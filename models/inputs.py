"""The inputs of a network: their names, types and shapes, on which tf.data, networks, training and serving agree.

A missing image is one whose pixels are all 0; a missing text is one whose ids are all 0, as are those of a text
without a known term. Every network answers examples with a missing image or text. A network that was trained with
``model.fusion.drop_image`` or ``drop_text`` replaces the missing part's vector by one that it has learned, and
``diptych.models.networks.build.requires_modality`` says so; the price is that it takes an image that is black all over
for a missing one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import tensorflow as tf

IMAGE_INPUT = "image"
IDS_INPUT = "description_ids"
VALUES_INPUT = "description_values"

Modality = Literal["image", "text"]
#: How texts are encoded: as bags of words, or as sequences of ids.
TextKind = Literal["bag", "sequence"]

#: The id that pads short texts; a term's id is its index in the vocabulary plus one.
PADDING = 0


@dataclass(frozen=True)
class NetworkInputs:
    """The inputs of a network.

    Attributes:
        image_size: height and width in pixels of the images, which are uint8 ``[b, height, width, 3]`` under
            ``IMAGE_INPUT``.
        vocabulary_size: number of terms, including the bucket of unknown terms where there is one. Ids run from 1 to
            ``vocabulary_size``; 0 is padding. None for records without texts, of which the image is the only input.
        sequence_length: for texts as sequences: ids int64 ``[b, sequence_length]``, in the order of the text. None for
            bags of words: ids int64 ``[b, k]``, each term once, ascending, and values float32 ``[b, k]`` under
            ``VALUES_INPUT``, both padded with 0; ``k`` is the number of terms in the batch's longest text, at least 1.
    """

    image_size: tuple[int, int]
    vocabulary_size: int | None
    sequence_length: int | None = None

    @property
    def text_kind(self) -> TextKind | None:
        """How texts are encoded; None if there are none."""
        if self.vocabulary_size is None:
            return None
        return "bag" if self.sequence_length is None else "sequence"

    def spec(self) -> dict[str, tf.TensorSpec]:
        """The type and shape of each input, by name."""
        import tensorflow as tf

        specs = {IMAGE_INPUT: tf.TensorSpec([None, *self.image_size, 3], tf.uint8)}
        if self.text_kind:
            specs[IDS_INPUT] = tf.TensorSpec([None, self.sequence_length], tf.int64)
        if self.text_kind == "bag":
            specs[VALUES_INPUT] = tf.TensorSpec([None, None], tf.float32)
        return specs
