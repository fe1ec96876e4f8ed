"""How the network is built: the options, and whether they suit what is stored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

from pydantic import Field, field_validator, model_validator

from diptych.models.errors import OptionsError, nearest
from diptych.models.images.options import ImageOptions
from diptych.models.options import Options

#: How pixels 0..255 become what a network takes: ``unit`` divides by 255, ``raw`` leaves them, the others are the modes
#: of ``keras.applications.imagenet_utils.preprocess_input``.
Pixels = Literal["unit", "raw", "caffe", "tf", "torch"]

CNN = "cnn"
HOG = "hog"
IMAGENET = "imagenet"


class Application(NamedTuple):
    """A network of ``keras.applications``.

    Attributes:
        pixels: what its ``preprocess_input`` does.
        min_side: the least height and width, in pixels, that it takes without its top layer.
    """

    pixels: Pixels
    min_side: int


APPLICATIONS: Mapping[str, Application] = {
    **{f"ConvNeXt{size}": Application("raw", 32) for size in ("Tiny", "Small", "Base", "Large", "XLarge")},
    **{f"DenseNet{layers}": Application("torch", 32) for layers in (121, 169, 201)},
    **{f"EfficientNetB{size}": Application("raw", 32) for size in range(8)},
    **{f"EfficientNetV2{size}": Application("raw", 32) for size in ("B0", "B1", "B2", "B3", "S", "M", "L")},
    "InceptionResNetV2": Application("tf", 75),
    "InceptionV3": Application("tf", 75),
    "MobileNet": Application("tf", 32),
    "MobileNetV2": Application("tf", 32),
    "MobileNetV3Large": Application("raw", 32),
    "MobileNetV3Small": Application("raw", 32),
    "NASNetLarge": Application("tf", 32),
    "NASNetMobile": Application("tf", 32),
    **{f"ResNet{layers}": Application("caffe", 32) for layers in (50, 101, 152)},
    **{f"ResNet{layers}V2": Application("tf", 32) for layers in (50, 101, 152)},
    "VGG16": Application("caffe", 32),
    "VGG19": Application("caffe", 32),
    "Xception": Application("tf", 71),
}
BACKBONES = (CNN, HOG, *APPLICATIONS)

# Two cells, which make a block.
_HOG_MIN_SIDE = 16


class ImageNetworkOptions(Options):
    """The tower of the image."""

    backbone: str = Field(
        CNN,
        json_schema_extra={"enum": list(BACKBONES)},
        description="'cnn', a compact one trained from the start; 'hog', histograms of edges and colours, which learn "
        "nothing and suit a few thousand images; or a network of keras.applications.",
    )
    filters: tuple[int, ...] = Field(
        (32, 64, 128),
        min_length=1,
        max_length=8,
        description="Of each block of the cnn; each block halves the image.",
    )
    units: int = Field(128, ge=1, description="Size of the image's vector.")
    dropout: float = Field(0.3, ge=0, lt=1, description="Share of what the backbone gives that training drops.")
    pixels: Literal["auto"] | Pixels = Field(
        "auto",
        description="'unit' scales to 0..1, 'raw' leaves 0..255, 'caffe', 'tf' and 'torch' are the modes of "
        "keras.applications; 'auto' is what the backbone was made for.",
    )
    weights: str | None = Field(
        None,
        min_length=1,
        description="What the backbone starts from: 'imagenet', which is downloaded; a .weights.h5, .h5 or .keras file "
        "of the backbone without its top layer; null for random weights.",
    )
    frozen_epochs: int = Field(0, ge=0, description="Epochs before the backbone's weights are trained as well.")
    fine_tuning_rate: float = Field(
        0.1, gt=0, le=1, description="Factor of the learning rate from then on, if the backbone was frozen."
    )

    @field_validator("filters")
    @classmethod
    def _filters_above_zero(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if min(value) < 1:
            raise ValueError(f"each block has at least 1 filter, not {list(value)}")
        return value

    @field_validator("backbone")
    @classmethod
    def _known_backbone(cls, value: str) -> str:
        if value not in BACKBONES:
            raise ValueError(
                f"there is no backbone '{value}'; {nearest(value, BACKBONES)}valid: {', '.join(BACKBONES)}"
            )
        return value

    @model_validator(mode="after")
    def _cnn_starts_from_nothing(self) -> ImageNetworkOptions:
        if self.backbone in (CNN, HOG) and (self.weights or self.frozen_epochs):
            raise ValueError(
                f"weights and frozen_epochs are for a backbone of keras.applications, and this is '{self.backbone}': "
                "leave both out, or set backbone, for example to MobileNetV2"
            )
        return self

    @model_validator(mode="after")
    def _hog_takes_levels(self) -> ImageNetworkOptions:
        if self.backbone == HOG and self.pixels not in ("auto", "raw"):
            raise ValueError(f"backbone 'hog' takes pixels as they are: leave pixels out, not '{self.pixels}'")
        return self

    @property
    def pixel_mode(self) -> Pixels:
        """``pixels``, with what the backbone was made for in place of ``auto``."""
        if self.pixels != "auto":
            return self.pixels
        if self.backbone == HOG:
            return "raw"
        return "unit" if self.backbone == CNN else APPLICATIONS[self.backbone].pixels


class TextNetworkOptions(Options):
    """The tower of the text."""

    tower: Literal["bag", "attention", "transformer"] = Field(
        "bag",
        description="'bag' adds up the vectors of a bag of words; 'attention' weighs those of a sequence; "
        "'transformer' first lets them look at each other.",
    )
    units: int = Field(64, ge=1, description="Size of a term's and of the text's vector.")
    dropout: float = Field(0.3, ge=0, lt=1, description="Share of a text's terms that training drops.")
    wide: bool = Field(True, description="Whether each term also adds to the labels' scores by itself.")
    layers: int = Field(2, ge=1, le=24, description="Of the transformer.")
    heads: int = Field(4, ge=1, description="Of each layer of the transformer.")

    @model_validator(mode="after")
    def _heads_share_units(self) -> TextNetworkOptions:
        if self.tower == "transformer" and self.units % self.heads:
            raise ValueError(f"heads share the units: {self.units} units do not go into {self.heads} heads")
        return self


class FusionOptions(Options):
    """How image and text are joined."""

    kind: Literal["concat", "gated", "late"] = Field(
        "concat",
        description="'concat' joins the two vectors; 'gated' learns for each unit which of both to trust; 'late' "
        "averages what image and text say by themselves.",
    )
    units: int | None = Field(
        None,
        ge=1,
        description="Size of the joined vector; null: both sizes together for concat, the image's for gated.",
    )
    dropout: float = Field(0.3, ge=0, lt=1, description="Share of the joined vector that training drops.")
    drop_image: float = Field(
        0,
        ge=0,
        lt=1,
        description="Share of examples that are trained without their image, so that none is needed later.",
    )
    drop_text: float = Field(
        0, ge=0, lt=1, description="Share of examples that are trained without their text, never those without image."
    )

    @model_validator(mode="after")
    def _something_is_left(self) -> FusionOptions:
        if self.drop_image + self.drop_text > 1:
            raise ValueError(
                "drop_image and drop_text are shares of the examples, none of which loses both: lower one, their sum "
                f"{self.drop_image + self.drop_text:g} is more than 1"
            )
        if self.kind == "late" and self.units is not None:
            raise ValueError("units are the size of a joined vector, and 'late' joins none: leave them out")
        return self


class NetworkOptions(Options):
    """A network of image and text, or of one of both."""

    image: ImageNetworkOptions | None = Field(
        ImageNetworkOptions(), description="The image's tower; null leaves the image out."
    )
    text: TextNetworkOptions | None = Field(
        TextNetworkOptions(), description="The text's tower; null leaves the text out."
    )
    fusion: FusionOptions = FusionOptions()

    @model_validator(mode="after")
    def _both_where_both_are_needed(self) -> NetworkOptions:
        if self.image is None and self.text is None:
            raise ValueError("image and text are both null: a network needs one of them")
        fusion = self.fusion
        if (self.image is None or self.text is None) and (
            fusion.kind != "concat" or fusion.drop_image or fusion.drop_text
        ):
            raise ValueError(
                "fusion.kind gated or late, fusion.drop_image and fusion.drop_text are for a network of image and "
                "text: leave them out, or give both image and text"
            )
        return self


def check_network(options: NetworkOptions, image: ImageOptions, sequence: bool) -> None:
    """Whether a network can be built for what is stored.

    Args:
        image: how images are stored.
        sequence: whether texts are sequences, not bags of words.

    Raises:
        ValueError: the images are too small for the backbone, or the text's tower is for the other encoding.
    """
    if options.image and options.image.backbone != CNN:
        least = _HOG_MIN_SIDE if options.image.backbone == HOG else APPLICATIONS[options.image.backbone].min_side
        if min(image.height, image.width) < least:
            raise OptionsError(
                f"model.image.backbone: {options.image.backbone} needs images of at least {least} x {least}, not "
                f"{image.height} x {image.width}: raise image.height and image.width, or set model.image.backbone: cnn"
            )
    if options.text and sequence and options.text.tower == "bag":
        raise OptionsError(
            "model.text.tower: 'bag' takes a bag of words, and texts are sequences: set it to attention or "
            "transformer, or set text.encoding to counts, binary or tfidf"
        )
    if options.text and not sequence and options.text.tower != "bag":
        raise OptionsError(
            f"model.text.tower: '{options.text.tower}' takes a sequence, and texts are bags of words: set "
            "text.encoding: sequence, or set model.text.tower: bag"
        )
