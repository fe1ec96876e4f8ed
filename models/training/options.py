"""The options of training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, model_validator

from diptych.models.images.options import AugmentOptions
from diptych.models.labels import Task
from diptych.models.options import Options
from diptych.models.thresholds import ThresholdOptions

#: One device, all devices of this machine, or the workers that ``TF_CONFIG`` names.
Distribution = Literal["none", "mirrored", "multi_worker"]


class TensorBoardOptions(Options):
    """What TensorBoard shows of some records of val, or else of train, in addition to the metrics of each epoch."""

    images: bool = Field(False, description="Whether it shows the stored images.")
    text: bool = Field(False, description="Whether it shows the texts of the same records, with labels and scores.")
    embeddings: bool = Field(
        False, description="Whether its projector shows the fused vectors of records, with label, answer and text."
    )


class TrainOptions(Options):
    """How the network is fitted."""

    task: Task = Field("multiclass", description="Whether a row has exactly one label, or any number of them.")
    epochs: int = Field(30, ge=1, description="Maximum number of passes over the training split.")
    steps: int | None = Field(
        None, ge=1, description="Maximum number of batches, instead of epochs; rounded up to epochs of equal length."
    )
    minutes: float | Literal["auto"] | None = Field(
        "auto",
        description="Budget of time for training the network, in which it is trained for as many epochs as fit. 'auto' "
        "goes by the rows of train and the machine: 1 minute and, for each 1,000 rows, 1 divided by the cores, at most "
        "60; with a GPU, 10 and 1 for each 1,000 rows, at most 240. null is no limit, and the default where epochs or "
        "steps are given.",
    )
    batch_size: int | Literal["auto"] = Field(
        64, description="Records in a batch; 'auto' chooses by the number of records and the size of the images."
    )
    optimizer: Literal["adam", "adamw", "sgd", "rmsprop", "lion"] = Field("adam", description="Optimizer of Keras.")
    learning_rate: float = Field(1e-3, gt=0, description="Greatest learning rate.")
    schedule: Literal["constant", "plateau", "cosine", "linear"] = Field(
        "plateau",
        description="How the learning rate falls: never (constant), when val stops improving (plateau), or to 0 at the "
        "end of training (cosine, linear).",
    )
    warmup: float = Field(
        0.0, ge=0, description="Number of epochs, which may be a fraction, in which the learning rate rises from 0."
    )
    weight_decay: float | None = Field(
        None,
        ge=0,
        description="Share of each weight that a step at learning rate 1 would subtract; null is 0.004 for adamw, "
        "otherwise 0.",
    )
    clip_norm: float | None = Field(None, gt=0, description="Maximum norm of the gradient of all weights together.")
    ema: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="Momentum of a moving average of the weights, which is then evaluated and served.",
    )
    loss: Literal["crossentropy", "focal"] = Field("crossentropy", description="Loss function.")
    focal_gamma: float = Field(
        2.0, ge=0, description="Focusing parameter of focal loss: the greater, the less easy examples count."
    )
    label_smoothing: float = Field(0.0, ge=0, lt=1, description="Share of the truth that is spread over all labels.")
    class_weights: Literal["auto", "none", "sqrt", "balanced"] = Field(
        "auto",
        description="Weight of a label in the loss: 1 (none), its inverse frequency (balanced), or the square root of "
        "that (sqrt). 'auto' is 1 in the loss; afterwards, the scores of rare labels are raised as far as accuracy and "
        "macro-F1 of held-out rows gain by it.",
    )
    thresholds: ThresholdOptions = ThresholdOptions()
    mixed_precision: Literal["none", "float16", "bfloat16"] = Field(
        "none", description="Type in which the network computes; its weights stay float32. Faster on accelerators only."
    )
    patience: int | None = Field(
        5, ge=1, description="Epochs without improvement on val before training stops; null trains all epochs."
    )
    monitor: Literal["loss", "accuracy"] = Field("loss", description="Metric of val by which epochs compare.")
    shuffle_buffer: int = Field(4096, ge=1, description="Number of records among which each next one is drawn.")
    memory_map_gb: float = Field(
        50,
        ge=0,
        description="Most space on the disk, in gigabytes (10^9 bytes), that decoded rows take while a network is "
        "trained, in TMPDIR: they are mapped into memory and read in each epoch instead of the records. It is at most "
        "half of what is free. What is larger is read from the records each time; 0 does so always. The network is the "
        "same.",
    )
    augment: AugmentOptions = AugmentOptions()
    seed: int = Field(0, ge=0, description="Seed of initial weights, dropout, augmentation and shuffling.")
    resume: bool = Field(
        True, description="Whether a killed training resumes after its last completed epoch; not with multi_worker."
    )
    warm_start: bool = Field(False, description="Whether training starts from the weights of the last blessed model.")
    distribute: Distribution = Field(
        "none",
        description="'none' trains on one device, 'mirrored' on all devices of this machine, 'multi_worker' on the "
        "workers that TF_CONFIG names.",
    )
    tensorboard: TensorBoardOptions = TensorBoardOptions()

    @model_validator(mode="before")
    @classmethod
    def _given_length_is_kept(cls, values: Any) -> Any:
        """Who says how long to train in epochs or steps gets that, on any machine."""
        if not isinstance(values, Mapping) or "minutes" in values or not {"epochs", "steps"} & values.keys():
            return values
        return {**values, "minutes": None}

    @model_validator(mode="after")
    def _check_combinations(self) -> TrainOptions:
        if self.batch_size != "auto" and self.batch_size < 1:
            raise ValueError("batch_size is at least 1, or 'auto'")
        if isinstance(self.minutes, float) and self.minutes <= 0:
            raise ValueError("minutes is above 0, 'auto' for a budget by rows and machine, or null for no limit")
        if isinstance(self.minutes, float) and self.distribute == "multi_worker":
            raise ValueError("minutes limits one process, and multi_worker trains in several: leave minutes out")
        if self.schedule == "plateau" and self.warmup:
            raise ValueError("warmup goes by steps and plateau by epochs: set schedule to constant, cosine or linear")
        return self
