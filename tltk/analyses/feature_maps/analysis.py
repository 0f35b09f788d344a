"""The strongest feature maps of every layer for one picture, and what the head says of it."""

from __future__ import annotations

import io
from base64 import b64encode
from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from tltk.analyses.feature_maps.result import ClassAnswer, FeatureMap, FeatureMapsResult, MappedLayer
from tltk.analyses.feature_maps.spec import FeatureMapsSpec
from tltk.analyses.network import rebuild
from tltk.analyses.sample import Context, Sample, network
from tltk.analyses.trained import PREFIX, open_training
from tltk.data.domain import Domain, Ints
from tltk.data.rows import KIND as TABLE
from tltk.errors import BadSpec, CannotSplit
from tltk.nn.cut import evaluation_mode
from tltk.nn.decoder import grid as token_grid
from tltk.nn.net import Net
from tltk.nn.taps import LayerOutputs, places
from tltk.specs.size import channels_and_size

LARGEST_MAP, LARGEST_PICTURE = 64, 96  # pixels of a side, of what is kept
FLAT = 128  # grey of a map that is the same everywhere


def feature_maps(spec: FeatureMapsSpec, context: Context) -> FeatureMapsResult:
    """The answer to `tltk feature-maps`.

    For each layer the channels c of the largest 1/P Σ_p |a_cp|, a the output at the end of the layer (after its last
    activation, where it ends with one), p one of P places; tokens of a transformer are folded to the grid of patches
    that they stand for, those that stand for none are left out.

    Raises:
        BadSpec: There are fewer pictures in that part.
        CannotSplit: The domain has no pictures.
        WeightsMissing: Weights that are not there, or do not fit.
    """
    domain = context.load(spec.target)
    if domain.images.ndim != 4:
        raise CannotSplit(f"Feature maps are of pictures. {spec.target.name} has none; take another domain.")
    part = _part(spec, domain)
    if spec.picture >= len(part):
        raise BadSpec(
            f"picture must be a place among the {len(part):,} pictures of {spec.target.name} ({spec.part}), from 0. "
            f"Got {spec.picture:,}."
        )
    at = int(part[spec.picture])
    net, classes, reason = _network(spec, domain, at)
    pixels = torch.from_numpy(np.array(domain.images[at : at + 1])).to(next(net.parameters()).device)
    outputs = LayerOutputs(net)
    with evaluation_mode(net), torch.no_grad(), outputs.collect(net, 0, 1) as found:
        logits = net(net.normalise(pixels.float() / 255))[1][0].double()
    p = logits.softmax(0)
    prefix = int(getattr(net.backbone, "num_prefix_tokens", 0) or 0)
    return FeatureMapsResult(
        domain=domain.name,
        part=spec.part,
        picture=spec.picture,
        label=domain.classes[int(domain.labels[at])],
        png=_as_text(domain.modality.thumbnail(domain, at, LARGEST_PICTURE)),
        backbone=spec.net.backbone,
        weights=spec.net.weights,
        layers=[_layer(net, layer, found.get(layer), prefix, spec.maps) for layer in range(net.depth)],
        head=[ClassAnswer(classes[int(c)], round(float(p[c]), 9)) for c in p.argsort(descending=True)]
        if classes
        else [],
        head_reason=reason,
    )


def _part(spec: FeatureMapsSpec, domain: Domain) -> Ints:
    """Positions of the pictures of the part that is asked for."""
    if spec.part == "all":
        return np.arange(len(domain.labels))
    found: Ints = getattr(domain.split(spec.target, 0), spec.part)
    return found


def _network(spec: FeatureMapsSpec, domain: Domain, at: int) -> tuple[Net, list[str], str]:
    """The network; the classes of its head, none where it has not been trained on those of the domain, and why."""
    channels, size = channels_and_size(domain.images.shape)
    reason = "The head says nothing: these weights have not been trained on classes here."
    if spec.net.weights.startswith(PREFIX):
        try:
            trained = open_training(spec.net.weights)
        except BadSpec:  # without labels, or no training: a backbone alone
            trained = None
        if trained is not None:
            known = rebuild(trained)
            if (known.size, known.channels) == (size, channels) and set(domain.classes) <= set(trained.result.classes):
                return known.net, list(trained.result.classes), ""
            reason = "The head says nothing: it was trained on other classes, or on pictures of another size."
    # Rows that are learned from tell means and deviations of tables; of pictures their shape is enough.
    index = domain.split(spec.target, 0).train if domain.kind == TABLE else np.array([at])
    sample = Sample(domain, index, torch.from_numpy(domain.labels[index]))
    return network(spec.net, sample, 0), [], reason


def _layer(net: Net, layer: int, output: Tensor | None, prefix: int, most: int) -> MappedLayer:
    """The strongest channels of one layer."""
    if output is None:
        return MappedLayer(layer, net.names[layer], 0, 0, 0, [])
    grid = as_grid(output.float().cpu(), prefix, net.shape)
    if grid is None:
        return MappedLayer(layer, net.names[layer], int(output.shape[-1]), 0, 0, [])
    strength = grid.double().abs().mean((1, 2))
    chosen = strength.argsort(descending=True, stable=True)[:most]
    maps = [_map(int(c), float(strength[c]), grid[c].numpy()) for c in chosen]
    return MappedLayer(layer, net.names[layer], len(grid), grid.shape[1], grid.shape[2], maps)


def as_grid(output: Tensor, prefix: int, picture: Sequence[int]) -> Tensor | None:
    """A layer's output for one picture as (channels, rows, columns); None where it is not spread over the picture.

    Args:
        output: (1, c, h, w), (1, h, w, c), (1, tokens, c) or (1, c).
        prefix: Tokens before those of the patches, such as a class token.
        picture: Shape of what the network reads, of which height and width are the last.
    """
    if output.ndim == 4:
        return output[0].permute(2, 0, 1) if places(output, picture) == (1, 2) else output[0]
    if output.ndim != 3:
        return None
    for skipped in (prefix, 0):  # some layers give the tokens of the patches alone
        n = output.shape[1] - skipped
        rows, columns = token_grid(n, (picture[-2], picture[-1])) if n > 0 else (0, 0)
        if n > 0 and rows * columns == n:
            return output[0, skipped:].T.reshape(-1, rows, columns)
    return None


def _map(channel: int, strength: float, values: np.ndarray) -> FeatureMap:
    """A channel as a grey picture, black at its least and white at its largest value."""
    lo, hi = float(values.min()), float(values.max())
    levels = np.rint(255 * (values.astype(np.float64) - lo) / (hi - lo)) if hi > lo else np.full(values.shape, FLAT)
    image = Image.fromarray(levels.astype(np.uint8))
    if max(image.size) > LARGEST_MAP:
        by = LARGEST_MAP / max(image.size)
        image = image.resize((round(image.width * by), round(image.height * by)), Image.Resampling.BOX)
    return FeatureMap(channel, round(strength, 9), round(lo, 9), round(hi, 9), _as_text(image))


def _as_text(image: Image.Image) -> str:
    """A PNG in base64."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return b64encode(buffer.getvalue()).decode()
