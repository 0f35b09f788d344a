"""The config.json that timm and the hub read beside weights."""

from __future__ import annotations

from typing import Any

import timm

from tltk.analyses.export.network import Trained
from tltk.data.fit import CROP, PAD, SQUASH

CROP_MODES = {CROP: "center", PAD: "border", SQUASH: "squash"}  # timm.data.create_transform's


def config(trained: Trained) -> dict[str, Any]:
    """Architecture, classes and preprocessing of a training, as `timm.create_model("local-dir:…")` takes them.

    Args:
        trained: The training.
    """
    theirs = timm.get_pretrained_cfg(trained.spec.net.backbone)
    mean, std = trained.statistics
    arguments = {name: value for name, value in trained.timm_arguments.items() if name != "num_classes"}
    found: dict[str, Any] = {
        "architecture": trained.spec.net.backbone.partition(".")[0],
        "num_classes": len(trained.classes),
        "num_features": trained.net.width,
        "pretrained_cfg": {
            "custom_load": False,
            "input_size": [trained.channels, *trained.shape],
            "fixed_input_size": bool(theirs and theirs.fixed_input_size),
            "interpolation": "bicubic",
            "crop_pct": 1.0,
            "crop_mode": CROP_MODES[trained.fit],
            "mean": mean,
            "std": std,
            "num_classes": len(trained.classes),
            "first_conv": theirs.first_conv if theirs else None,
            "classifier": theirs.classifier if theirs else None,
        },
    }
    if trained.classes:
        found["label_names"] = list(trained.classes)
    if arguments:
        found["model_args"] = arguments
    return found
