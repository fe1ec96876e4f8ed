"""Images of which known_features.npz holds what PyTorch computes."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.datasets import load_sample_image


def known_images() -> dict[str, np.ndarray[Any, Any]]:
    """Images uint8 ``[h, w, 3]`` by name: waves of several sizes, and two photographs of scikit-learn."""
    return {
        "128": _waves(128, 128),
        "224": _waves(224, 224),
        "odd": _waves(97, 131),
        "china": load_sample_image("china.jpg")[:424:2, 108:532:2],
        "flower": load_sample_image("flower.jpg")[:424:2, 108:532:2],
    }


def _waves(height: int, width: int) -> np.ndarray[Any, Any]:
    y, x = np.mgrid[:height, :width].astype(float)
    waves = (np.sin(x / 7) + np.cos(y / 11), np.sin((x + y) / 13), np.cos(np.hypot(x - width / 2, y - height / 3) / 5))
    return np.clip(127.5 + 80 * np.stack(waves, -1), 0, 255).astype(np.uint8)
