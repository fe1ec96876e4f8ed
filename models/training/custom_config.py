"""The ``custom_config`` of Trainer and Tuner: its keys, and how training reads its options from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from diptych.models.networks.options import NetworkOptions
from diptych.models.progress import report_progress
from diptych.models.training.hyperparameters import apply_hyperparameters, hyperparameter_values
from diptych.models.training.options import TrainOptions

if TYPE_CHECKING:
    from tfx.components.trainer.fn_args_utils import FnArgs

# The values of the options' keys are JSON.
IMAGE_OPTIONS_KEY = "image_options"
TEXT_OPTIONS_KEY = "text_options"
NETWORK_OPTIONS_KEY = "network_options"
TRAIN_OPTIONS_KEY = "train_options"
TUNE_OPTIONS_KEY = "tune_options"
PUSH_DIRECTORY_KEY = "push_directory"
#: ``data.missing_descriptions``: what became of rows without a text.
MISSING_TEXTS_KEY = "missing_texts"
#: Where features of images are kept between trainings; without it none are kept.
FEATURE_FOLDER_KEY = "feature_folder"
#: A fingerprint of the code.
CODE_KEY = "code"


def read_options(fn_args: FnArgs) -> tuple[TrainOptions, NetworkOptions]:
    """The options of training and network, with the hyperparameters that Tuner found in place of their own values.

    Raises:
        OptionsError: the hyperparameters do not suit the options.
    """
    train = TrainOptions.model_validate_json(fn_args.custom_config[TRAIN_OPTIONS_KEY])
    network = NetworkOptions.model_validate_json(fn_args.custom_config[NETWORK_OPTIONS_KEY])
    values = hyperparameter_values(fn_args.hyperparameters)
    if values:
        found = ", ".join(f"{key} {value}" for key, value in values.items())
        report_progress("note", text=f"training takes what the search has found: {found}")
    return apply_hyperparameters(train, network, values)
