"""Makes the table of the catalogue: `python -m tltk.weights.survey`, some minutes after timm has changed.

Every model is built and run on the meta device, so that nothing is computed and the largest takes no memory.
"""

from __future__ import annotations

import warnings
from typing import Any

import timm
import torch
from timm.models._registry import _model_to_module
from torch import Tensor, nn
from tqdm import tqdm

from tltk import home
from tltk.nn.flops import Shapes
from tltk.nn.net import Net
from tltk.weights.catalogue import TABLE, Backbone, Pretrained, fingerprint, written

# Parts of timm's tags that name pictures. Other parts name recipes, people and sizes.
SETS = {
    "in1k": "ImageNet-1k", "in12k": "ImageNet-12k", "in21k": "ImageNet-21k", "in22k": "ImageNet-22k",
    "inw21k": "ImageNet-21k", "jft": "JFT-300M", "webli": "WebLI", "openai": "WIT-400M", "laion400m": "LAION-400M",
    "laion2b": "LAION-2B", "laiona": "LAION-Aesthetics", "datacompxl": "DataComp-1B", "datacomp1b": "DataComp-1B",
    "dfn2b": "DFN-2B", "dfn5b": "DFN-5B", "dfndr2b": "DFNDR-2B", "mclip": "DataCompDR-1B", "merged2b": "Merged-2B",
    "m30m": "Merged-30M", "m38m": "Merged-38M", "yfcc15m": "YFCC-15M", "yfcc100m": "YFCC-100M", "cc12m": "CC-12M",
    "ig1b": "Instagram-1B", "seer": "Instagram-1B without labels", "swag": "Instagram-3.6B",
    "lvd142m": "LVD-142M", "lvd1689m": "LVD-1689M", "sat493m": "SAT-493M", "sa1b": "SA-1B", "bamboo": "Bamboo",
    "metaclip": "MetaCLIP", "metaclip2": "MetaCLIP 2",
    "stage2": "ImageNet-22k and ImageNet-1k",  # of SSLD, whose first stage saw both
}  # fmt: skip
UNLABELLED = ("mae", "fcmae", "dino", "ijepa", "mim")  # their first pictures came without labels
ON_IMAGENET = ("mae", "fcmae", "dino")  # where the tag names no pictures, these saw ImageNet-1k


def seen(tag: str) -> str:
    """What weights with this tag were trained on; "" where the tag does not say.

    Example:
        >>> seen("clip_laion2b_soup_ft_in12k_in1k_384")
        'LAION-2B, then ImageNet-12k, then ImageNet-1k'
    """
    first, *later = f"_{tag}_".replace("_ft_", "|", 1).split("|")
    names = [SETS[word] for word in first.split("_") if word in SETS]
    methods = set(first.split("_"))
    if not names and methods & set(ON_IMAGENET):
        names = [SETS["in1k"]]
    start = " and ".join(names)
    if start and methods & set(UNLABELLED):
        start += " without labels"
    then = [SETS[word] for word in "_".join(later).split("_") if word in SETS]
    if then and not start:
        return f"not stated, then {', then '.join(then)}"
    return ", then ".join([start, *then]) if start else ""


def pretrained(name: str) -> tuple[Pretrained, ...]:
    """The weights that timm knows of for a model, its default first."""
    default = timm.get_pretrained_cfg(name)
    found = []
    for full in timm.list_pretrained(name):
        tag = full.partition(".")[2]
        config = timm.get_pretrained_cfg(full)
        found.append(Pretrained(tag, config.hf_hub_id or "", seen(tag), config.license or "", config.num_classes))
    first = (default.tag or "") if default is not None else ""
    return tuple(sorted(found, key=lambda w: w.tag != first))  # stable: the others stay in timm's order


def count(model: nn.Module, channels: int, size: int) -> tuple[int | None, Tensor | None]:
    """FLOPs of one picture's forward pass, a multiply-add counts two, and its answer; None where it cannot run so."""
    counter = Shapes()
    try:
        with counter, torch.no_grad():
            answer = Net.pooled(model(torch.zeros(1, channels, size, size, device="meta")))
    except Exception:  # whatever an architecture does that needs numbers; the table has a gap there
        return None, None
    return (counter.flops or None) if counter.whole else None, answer


def survey(name: str) -> Backbone:
    """One model of timm, as a line of the table."""
    config: Any = timm.get_pretrained_cfg(name)
    channels, size = (config.input_size[0], config.input_size[-1]) if config is not None else (3, 224)
    with torch.device("meta"), Shapes():
        model = timm.create_model(name, num_classes=0).eval()
    flops, answer = count(model, channels, size)
    features = answer.shape[1] if answer is not None else getattr(model, "head_hidden_size", model.num_features)
    return Backbone(
        name=name,
        family=_model_to_module[name],
        parameters=sum(p.numel() for p in model.parameters()),
        size=size,
        features=features,
        keys=fingerprint({n: tuple(t.shape) for n, t in model.state_dict().items()}),
        flops=flops,
        fixed=bool(config is not None and config.fixed_input_size),
        weights=pretrained(name),
    )


def main() -> None:
    """Survey every model of timm and write the table."""
    warnings.simplefilter("ignore")  # timm's own, such as a renamed model
    names = timm.list_models()
    found = [survey(name) for name in tqdm(names, unit="model")]
    home.write_whole(TABLE, written(timm.__version__, found))
    gaps = [b.name for b in found if b.flops is None]
    mute = sorted({w.tag for b in found for w in b.weights if not w.data})
    print(f"{len(found)} models of timm {timm.__version__} in {TABLE.name}, {TABLE.stat().st_size / 1e3:.0f} kB.")
    print(f"{len(gaps)} without FLOPs: {', '.join(gaps) or 'none'}.")
    print(f"{len(mute)} tags that do not say what the weights saw: {', '.join(mute) or 'none'}.")


if __name__ == "__main__":
    main()
