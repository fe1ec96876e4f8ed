"""How the network is fitted: the options."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from diptych.models.images.augmentation import AugmentOptions
from diptych.models.labels import Task
from diptych.models.options import Options


class TensorBoardOptions(Options):
    """What TensorBoard shows of some records, of val or else of train, beside the figures of each epoch."""

    images: bool = Field(False, description="Images as they are stored.")
    text: bool = Field(False, description="The same records' texts, labels, answers and scores.")
    embeddings: bool = Field(False, description="The projector: records' joined vectors, with label, answer and text.")


class TrainOptions(Options):
    """How the network is fitted."""

    task: Task = Field("multiclass", description="Whether a row has one label of several, or any number of them.")
    epochs: int = Field(30, ge=1, description="Most passes over the training split.")
    steps: int | None = Field(
        None, ge=1, description="Most batches in all, instead of epochs; rounded up to epochs of equal length."
    )
    batch_size: int | Literal["auto"] = Field(
        64, description="Records of a batch; 'auto' chooses by the number of records and the size of the images."
    )
    optimizer: Literal["adam", "adamw", "sgd", "rmsprop", "lion"] = Field("adam")
    learning_rate: float = Field(1e-3, gt=0)
    schedule: Literal["constant", "plateau", "cosine", "linear"] = Field(
        "plateau", description="How the learning rate falls: never, when val stops getting better, or to 0 at the end."
    )
    warmup: float = Field(0.0, ge=0, description="Epochs, or parts of one, in which the learning rate rises from 0.")
    weight_decay: float | None = Field(
        None, ge=0, description="Share of each weight that a step at rate 1 would take away; null: adamw 0.004, else 0."
    )
    clip_norm: float | None = Field(None, gt=0, description="Longest gradient, all weights taken together.")
    ema: float | None = Field(
        None, gt=0, lt=1, description="Momentum of the moving average of the weights, which is judged and served."
    )
    loss: Literal["crossentropy", "focal"] = Field("crossentropy")
    focal_gamma: float = Field(2.0, ge=0, description="How far focal loss turns away from what is well classified.")
    label_smoothing: float = Field(0.0, ge=0, lt=1, description="Share of the truth that is spread over all labels.")
    class_weights: Literal["none", "sqrt", "balanced"] = Field(
        "sqrt", description="Weight of a class: 1, or its inverse frequency, square-rooted or plain."
    )
    mixed_precision: Literal["none", "float16", "bfloat16"] = Field(
        "none", description="What the network computes in; its weights stay float32. Pays on accelerators only."
    )
    patience: int | None = Field(
        5, ge=1, description="Epochs without a better val before training stops; null trains all epochs, without val."
    )
    monitor: Literal["loss", "accuracy"] = Field("loss", description="What of val says whether an epoch is better.")
    shuffle_buffer: int = Field(4096, ge=1, description="Records held in memory for shuffling.")
    augment: AugmentOptions = AugmentOptions()
    seed: int = Field(0, ge=0, description="Of initial weights, dropout, augmentation and shuffling.")
    resume: bool = Field(
        True, description="Whether a training that was killed goes on after its last whole epoch; not with workers."
    )
    warm_start: bool = Field(False, description="Whether training starts from the last blessed model's weights.")
    distribute: Literal["none", "mirrored", "multi_worker"] = Field(
        "none", description="One device, all of this machine, or the workers that TF_CONFIG names."
    )
    tensorboard: TensorBoardOptions = TensorBoardOptions()

    @model_validator(mode="after")
    def _fit_together(self) -> TrainOptions:
        if self.batch_size != "auto" and self.batch_size < 1:
            raise ValueError("batch_size is at least 1, or 'auto'")
        if self.schedule == "plateau" and self.warmup:
            raise ValueError("warmup goes by steps and plateau by epochs: set schedule to constant, cosine or linear")
        return self
