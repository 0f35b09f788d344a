"""Arrays as other programs write them."""

from __future__ import annotations

from pathlib import Path

import numpy as np


def npz_forms(root: Path) -> None:
    """One set of 60 pictures of three classes under other keys, shapes and types."""
    draw = np.random.default_rng(0)
    x = draw.integers(0, 255, (60, 32, 32, 3)).astype(np.uint8)
    y = np.arange(60) % 3
    few: dict[str, np.ndarray] = {
        "val_images": x[:9],
        "val_labels": y[:9, None],
        "test_images": x[9:18],
        "test_labels": y[9:18, None],
    }
    forms: dict[str, dict[str, np.ndarray]] = {
        "plain": {"x": x, "y": y},
        "channels_first_rgb": {"x": x.transpose(0, 3, 1, 2), "y": y},
        "channels_first_grey": {"x": x[..., :1].transpose(0, 3, 1, 2), "y": y},
        "flat_rows": {"x": x.reshape(60, -1), "y": y},
        "float01": {"x": x.astype(np.float32) / 255, "y": y},
        "uint16": {"x": x.astype(np.uint16) * 257, "y": y},
        "onehot": {"x": x, "y": np.eye(3)[y]},
        "float_labels": {"x": x, "y": y.astype(float)},
        "half_labels": {"x": x, "y": y + 0.5},
        "soft_labels": {"x": x, "y": np.eye(3)[y] * 0.9},
        "many_labels": {"x": x, "y": np.array([(1, 1, 0), (0, 1, 1), (1, 0, 1)])[y]},
        "text_labels": {"x": x, "y": np.array(["cat", "dog", "fox"])[y]},
        "medmnist": {"train_images": x[18:], "train_labels": y[18:, None], **few},
        "keras": {"X_train": x[9:], "Y_train": y[9:], "X_test": x[:9], "Y_test": y[:9]},
        "with_val": {
            "x_train": x[18:],
            "y_train": y[18:],
            "x_val": x[:9],
            "y_val": y[:9],
            "x_test": x[9:18],
            "y_test": y[9:18],
        },
        "images_labels": {"images": x, "labels": y},
        "test_lacks_class": {"x_train": x, "y_train": y, "x_test": x[:6], "y_test": np.array([0, 1] * 3)},
        "gappy_labels": {"x": x, "y": y * 7 - 7},
        "bool_masks": {"x": x[..., 0] > 128, "y": y},
        "column_labels": {"x": x, "y": y[:, None].astype(np.uint8)},
        "rgba": {"x": np.concatenate([x, np.full((60, 32, 32, 1), 255, np.uint8)], 3), "y": y},
        "many_channels": {"x": draw.integers(0, 255, (60, 24, 24, 13)).astype(np.uint8), "y": y},
    }
    for name, arrays in forms.items():
        np.savez(root / f"{name}.npz", **arrays)  # type: ignore[arg-type]
    objects = np.empty(60, object)
    objects[:] = list(x)
    np.savez(root / "pickled.npz", x=objects, y=y)
    np.save(root / "bare.npy", x)
