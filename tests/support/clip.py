"""A model of picture and text of a few weights, as open_clip keeps it in a folder."""

from __future__ import annotations

import importlib
import importlib.util
import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

IS_INSTALLED = importlib.util.find_spec("open_clip") is not None
CONFIG: dict[str, Any] = {
    "embed_dim": 24,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 32, "head_width": 16, "patch_size": 8},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2},
}


def write_config(folder: Path, **text: Any) -> Path:
    """The description alone, without weights."""
    folder.mkdir(exist_ok=True)
    body = {**CONFIG, "text_cfg": {**CONFIG["text_cfg"], **text}}
    preprocess = {"mean": [0.4, 0.5, 0.6], "std": [0.2, 0.3, 0.25]}
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": body, "preprocess_cfg": preprocess}))
    return folder


def write_checkpoint(folder: Path, name: str = "open_clip_model.safetensors") -> Path:
    """A model of random weights; open_clip must be installed."""
    write_config(folder)
    open_clip = importlib.import_module("open_clip")
    torch.manual_seed(7)
    model = open_clip.create_model(f"local-dir:{folder}", load_weights=False, pretrained_text=False)
    save_file({n: t.contiguous() for n, t in model.state_dict().items()}, folder / name)
    return folder
