"""What a network takes: the names, types and shapes that tf.data, networks, training and serving agree on.

A missing image is one whose pixels are all 0, a missing text one whose ids are all 0 (and so is a text without a known
term). Every network takes both without a crash; one trained with ``model.fusion.drop_image`` or ``drop_text`` has a
vector of its own for what is missing (``networks.build.needs`` tells), at the price that it takes an image that
is black all over for a missing one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from diptych.models.images.options import ImageOptions

if TYPE_CHECKING:
    import tensorflow as tf

IMAGE_INPUT = "image"
IDS_INPUT = "description_ids"
VALUES_INPUT = "description_values"

#: The id that fills up short texts; a term's id is its index in the vocabulary plus one.
PADDING = 0


@dataclass(frozen=True)
class NetworkInputs:
    """The inputs of a network.

    Attributes:
        image: how images are stored: uint8 ``[b, height, width, 3]`` under ``IMAGE_INPUT``.
        terms: size of the vocabulary, with the bucket of unknown terms where there is one. Ids run from 1 to ``terms``;
            0 pads.
        length: of a sequence: ids int64 ``[b, length]``, in the order of the text. None for a bag of words: ids int64
            ``[b, k]``, each term once, ascending, and as many values float32 ``[b, k]`` under ``VALUES_INPUT``, both 0
            where they pad; ``k`` is that of the batch's longest text, at least 1.
    """

    image: ImageOptions
    terms: int
    length: int | None = None

    def spec(self) -> dict[str, tf.TensorSpec]:
        """Each input's type and shape."""
        import tensorflow as tf

        found = {
            IMAGE_INPUT: tf.TensorSpec([None, self.image.height, self.image.width, 3], tf.uint8),
            IDS_INPUT: tf.TensorSpec([None, self.length], tf.int64),
        }
        if self.length is None:
            found[VALUES_INPUT] = tf.TensorSpec([None, None], tf.float32)
        return found
