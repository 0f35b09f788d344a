"""Labels that are likely wrong, by a probe of frozen features that has not seen them."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from tltk.analyses.label_noise.result import LabelNoiseResult, Suspect
from tltk.analyses.label_noise.spec import LabelNoiseSpec
from tltk.analyses.sample import Context, by_turns, features, find_layer, network
from tltk.analyses.sheets import Tile, captioned_sheet, tile_of
from tltk.data import family
from tltk.data.domain import Domain
from tltk.data.file_names import picture_names
from tltk.data.parts import PARTS
from tltk.errors import BadSpec
from tltk.probes.confident_learning import find_label_issues
from tltk.probes.linear import out_of_fold_probabilities
from tltk.runs.run import Run
from tltk.specs.nouns import reword
from tltk.specs.training import TransferSpec

SHOWN, COLUMNS = 64, 8
WEAK = 0.6  # accuracy of the probe, as a share of the way from chance to 1, below which its word is doubtful


def label_noise(spec: LabelNoiseSpec, context: Context) -> tuple[LabelNoiseResult, Image.Image | None]:
    """Confident learning on out-of-fold probabilities of a logistic probe; see `find_label_issues`.

    Copies of a picture are judged by fits that have seen none of them.

    Raises:
        BadSpec: A layer that is not there, or features that are not finite.
    """
    domain = context.load(spec.target)
    part_of = _parts(domain, spec)
    among = np.arange(len(domain.labels)) if spec.part == "all" else np.flatnonzero(part_of == spec.part)
    sample = by_turns(domain, among, spec.pictures, spec.seed)
    net = network(spec.net, sample, spec.seed)
    layer, layer_name = find_layer(net, spec.layer, 0)
    context.callbacks.notify(f"Features of {len(sample):,} {domain.noun}.")
    x = features(net, sample, context, spec.pooling)[layer]
    if not bool(x.isfinite().all()):
        raise BadSpec(f"Features of {layer_name} must be finite. Some are not; these weights have diverged.")
    context.callbacks.notify(f"Probing {len(sample):,} {domain.noun} in {spec.folds} folds.")
    twins = torch.from_numpy(domain.twins[sample.index])
    present, labels = np.unique(sample.labels.numpy(), return_inverse=True)
    p = out_of_fold_probabilities(x, sample.labels, folds=spec.folds, seed=spec.seed, groups=twins).numpy()
    issues = find_label_issues(p, labels.astype(np.int64))
    wrong = np.flatnonzero(issues.wrong)
    wrong = wrong[np.argsort(issues.margin[wrong], kind="stable")]
    names = picture_names(spec.target, domain) if len(wrong) else []
    suspects = [
        Suspect(
            index=int(sample.index[i]),
            name=names[sample.index[i]],
            part=str(part_of[sample.index[i]]),
            label=int(present[labels[i]]),
            likely=int(present[issues.likely[i]]),
            probability_label=round(float(p[i, labels[i]]), 9),
            probability=round(float(p[i, issues.likely[i]]), 9),
        )
        for i in wrong
    ]
    accuracy = float((p.argmax(1) == labels).mean())
    thresholds: list[float | None] = [None] * len(domain.classes)
    joint = np.zeros((len(domain.classes),) * 2, np.int64)
    joint[np.ix_(present, present)] = issues.joint
    for c, t in zip(present, issues.thresholds, strict=True):
        thresholds[c] = round(float(t), 9)
    result = LabelNoiseResult(
        domain=domain.name,
        part=spec.part,
        classes=list(domain.classes),
        n=len(sample),
        backbone=spec.net.backbone,
        weights=spec.net.weights,
        layer=layer,
        layer_name=layer_name,
        folds=spec.folds,
        accuracy=accuracy,
        noise=issues.noise,
        thresholds=thresholds,
        joint=joint.tolist(),
        suspects=suspects,
        shown=min(SHOWN, len(suspects)),
        remarks=[
            reword(one, domain.noun) for one in _remarks(spec, len(among) - len(sample), accuracy, 1 / len(present))
        ],
    )
    return result, _sheet(domain, suspects[:SHOWN])


def _parts(domain: Domain, spec: LabelNoiseSpec) -> NDArray[np.str_]:
    """The part of each picture."""
    split = domain.split(spec.target, spec.seed)
    found = np.full(len(domain.labels), "none", dtype="<U5")
    for name in PARTS.values():
        found[getattr(split, name)] = name
    return found


def _remarks(spec: LabelNoiseSpec, left: int, accuracy: float, chance: float) -> list[str]:
    """What must be known before labels are changed."""
    found = []
    if left:
        found.append(f"{left:,} pictures were not judged; --pictures judges more.")
    if (accuracy - chance) / (1 - chance) < WEAK:
        found.append(
            f"The probe names only {accuracy:.0%} of the labels, so these features tell the classes badly apart and "
            f"what is listed may be hard pictures with the right label; take better weights."
        )
    if spec.net.weights.startswith("run:"):
        source = Run.at(spec.net.weights.removeprefix("run:").partition("@")[0]).spec
        if isinstance(source, TransferSpec) and family(source.target.name) == family(spec.target.name):
            found.append(
                "The features were learned by a training on pictures of the same family: labels that it learned by "
                "heart, wrong ones too, look right here."
            )
    return found


def _sheet(domain: Domain, suspects: list[Suspect]) -> Image.Image | None:
    """The worst of them, each with the label that it has and the likely one."""
    tiles = [
        Tile(
            tile_of(domain, one.index),
            (f"{i}: {domain.classes[one.label]}", f"as {domain.classes[one.likely]} {one.probability:.3f}"),
        )
        for i, one in enumerate(suspects, 1)
    ]
    return captioned_sheet(tiles, COLUMNS) if tiles else None
