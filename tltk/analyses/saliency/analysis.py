"""Where a finished training looks, in pictures, words or columns, beside what random weights would have given."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

import msgspec
import numpy as np
import torch
from PIL import Image
from torch import Tensor

from tltk.analyses.known_pictures import KnownPictures, check_channels, known_pictures
from tltk.analyses.network import TrainedNet, rebuild
from tltk.analyses.predict.inputs import domain_spec
from tltk.analyses.saliency.result import Attribution, Explained, RandomisedLayer, SaliencyResult
from tltk.analyses.saliency.spec import GRADIENTS, PREDICTED, TRUE, SaliencySpec, method_of
from tltk.analyses.saliency.words import MEAN_ROW, MEAN_VECTOR, Attributed, attribute, parts_of
from tltk.analyses.sample import Context, by_turns, find_layer
from tltk.analyses.sheets import Tile, captioned_sheet, overlay, tile_of
from tltk.analyses.trained import open_training
from tltk.data.domain import Domain, Ints
from tltk.data.file_names import picture_names
from tltk.errors import CannotSplit, UnknownName
from tltk.nn.net import Net
from tltk.nn.rows import RowBackbone
from tltk.nn.taps import LayerOutputs
from tltk.nn.text import TextBackbone
from tltk.saliency.attention_rollout import attention_rollout, has_rollout
from tltk.saliency.grad_cam import grad_cam, map_layers, map_shift
from tltk.saliency.randomise import randomise_layer, rank_correlation
from tltk.specs.nouns import PICTURES, ROWS
from tltk.specs.nouns import counted as counted_noun

COLUMNS = 8  # tiles in a row: four pictures, each with its map
BATCH = 16  # pictures whose gradients and attentions are held at a time
RESAMPLES = 2000
FEWEST = 3  # words or columns of which ranks say something
DEPENDS = 0.5  # ρ below which maps of random weights are told to be others


@dataclass(frozen=True)
class Method:
    """How maps are made.

    Attributes:
        name: grad_cam, attention_rollout or integrated_gradients.
        layer: Whose maps, or up to which.
        shift: Of a network and pictures, how far the maps lie beside an even division of the picture, in pixels.
        maps: Of a network, normalised examples and the classes that are explained: a map of each.
        what: What the maps are called.
    """

    name: str
    layer: int
    maps: Callable[[Net, Tensor, Tensor], Tensor | list[Tensor]]
    shift: Callable[[Net, Tensor], tuple[float, float]] = lambda _net, _x: (0.0, 0.0)
    what: str = "maps"


def saliency(spec: SaliencySpec, context: Context) -> tuple[SaliencyResult, Image.Image | None]:
    """Maps of some pictures and the contact sheet of them, or weights of words or columns; with a sanity check.

    Reference:
        Adebayo et al. (2018), Sanity checks for saliency maps, NeurIPS, §3–4, arXiv:1810.03292.

    Raises:
        BadSpec, UnknownName, WeightsMissing: As for `open_training`; a layer or a class that is not there.
        DataProblem: A domain that cannot be read, or has no class that the training knows.
        CannotSplit: The network has neither maps nor attention that could be shown.
    """
    spec.check()
    trained = open_training(spec.run)
    net, name, classes = rebuild(trained), spec.on or trained.spec.target.name, trained.result.classes
    known = known_pictures(name, spec.part, trained, context.load)
    check_channels(known.domain, net)
    noun = known.domain.noun
    method = choose_method(spec, net.net, method_of(spec, trained.spec.net.backbone))
    index, labels = _chosen(spec, known)
    p = net.answer(known.domain.images, index, BATCH, context.callbacks.check)[1].double().softmax(1)
    predicted = p.argmax(1)
    explained = _explained(spec.of, classes, predicted, torch.from_numpy(labels))
    x = _pictures(net, known.domain, index)
    maps = _maps(method, net.net, x, explained, context)
    counted = [i for i, one in enumerate(maps) if one.ndim == 2 or len(one) >= FEWEST]
    correlations, layers = _check(spec, method, net.net, x, explained, maps, counted, context)
    depends, sentence = _verdict(layers, len(counted), method.what, noun)
    names = picture_names(domain_spec(name, trained.spec), known.domain)
    of_class = method.name != "attention_rollout"
    shown = [
        Explained(
            index=int(at),
            name=names[at],
            label=int(labels[i]),
            predicted=int(predicted[i]),
            probability=round(float(p[i].max()), 9),
            explained=int(explained[i]) if of_class else None,
            correlation=None if i not in correlations else round(correlations[i], 6),
            flat=_is_flat(maps[i]),
        )
        for i, at in enumerate(index)
    ]
    flat = sum(one.flat for one in shown)
    remarks = []
    if flat:
        remarks.append(f"{flat} of {len(shown)} {method.what} are the same everywhere, so they show nothing.")
    if len(counted) < len(shown):
        left = len(shown) - len(counted)
        remarks.append(f"{counted_noun(left, noun)} with fewer than {FEWEST} parts to rank: left out of the check.")
    if not of_class:
        remarks.append("Attention rollout is of no class in particular, so other weights of the head change nothing.")
    if net.of_words:
        found = attribute(method.name, net.net, x, explained, method.layer)
        shown = _with_parts(shown, parts_of(net, x, found.weights), found.scores)
        remarks += _of_words(method.name, found)
    result = SaliencyResult(
        run=trained.run.id,
        backbone=trained.spec.net.backbone,
        domain=known.domain.name,
        part=spec.part,
        classes=classes,
        method=method.name,
        layer=method.layer,
        layer_name=net.net.names[method.layer],
        rows=0 if net.of_words else maps[0].shape[0],
        columns=0 if net.of_words else maps[0].shape[1],
        pictures=shown,
        check=layers,
        draws=spec.draws,
        depends=depends,
        sentence=sentence,
        remarks=remarks,
        baseline="" if method.name != GRADIENTS else MEAN_ROW if noun == ROWS else MEAN_VECTOR,
    )
    if net.of_words:
        return result, None
    return result, _sheet(known.domain, shown, maps, method.shift(net.net, x[:BATCH]), classes)


def _with_parts(shown: list[Explained], parts: list[list[Attribution]], scores: Tensor | None) -> list[Explained]:
    """The examples with their words or columns, and the scores that these add up to."""
    found = []
    for i, one in enumerate(shown):
        ends = (None, None) if scores is None else tuple(round(float(v), 9) for v in scores[i])
        found.append(msgspec.structs.replace(one, parts=parts[i], score=ends[0], baseline_score=ends[1]))
    return found


def _of_words(name: str, found: Attributed) -> list[str]:
    """What is to be known of the weights of words or columns."""
    if name != GRADIENTS or found.scores is None:
        return [f"{found.apart:.0%} of the attention lies on marks of a text's beginning and end, which are not shown."]
    total = torch.tensor([float(one.sum()) for one in found.weights], dtype=torch.float64)
    gained = found.scores[:, 0] - found.scores[:, 1]
    return [
        f"The weights of each add up to the score of its class less that of the baseline, within "
        f"{float((total - gained).abs().max()):.1g} of {float(gained.abs().mean()):.2g} on average."
    ]


def choose_method(spec: SaliencySpec, net: Net, name: str = "") -> Method:
    """The method that is asked for, or that suits the network, at the layer that is asked for, or its last.

    Args:
        spec: Method and layer.
        net: The network.
        name: As `method_of` tells it; "" = the layers of a network of pictures do.

    Raises:
        BadSpec, UnknownName: There is no such layer.
        CannotSplit: There is nothing to show.
    """
    asked = min(find_layer(net, spec.layer, 0)[0], net.depth - 1) if spec.layer.strip() else None
    if isinstance(net.backbone, TextBackbone | RowBackbone):
        last = 0 if name == GRADIENTS else net.depth - 1 if asked is None else asked
        return Method(
            name, last, lambda one, x, classes: attribute(name, one, x, classes, last).weights, what="attributions"
        )
    if spec.method == "attention_rollout" or (spec.method == "auto" and has_rollout(net)):
        upto = net.depth - 1 if asked is None else asked
        return Method("attention_rollout", upto, lambda one, x, _: attention_rollout(one, x, upto))
    outputs = LayerOutputs(net)
    layers = map_layers(net, outputs)
    if not layers:
        raise CannotSplit(
            f"A network must have maps, or attention of a plain vision transformer, to be explained. "
            f"With pictures of {net.shape[-1]} px this one has neither; train it with larger ones."
        )
    at = layers[-1] if asked is None else asked
    return Method(
        "grad_cam",
        at,
        lambda one, x, classes: grad_cam(one, x, classes, at, outputs),
        lambda one, x: map_shift(one, x, at, outputs),
    )


def _chosen(spec: SaliencySpec, known: KnownPictures) -> tuple[Ints, Ints]:
    """Positions and labels of the pictures that are shown, class by class."""
    index = by_turns(known.domain, known.index, spec.pictures, spec.seed).index
    labels = known.numbers[known.domain.labels[index]]
    order = np.argsort(labels, kind="stable")
    return index[order], labels[order]


def _explained(of: str, classes: list[str], predicted: Tensor, labels: Tensor) -> Tensor:
    """The class that is explained of each picture, (n,).

    Raises:
        UnknownName: A class that the training does not know.
    """
    if of in (PREDICTED, TRUE):
        return predicted if of == PREDICTED else labels
    if of not in classes:
        raise UnknownName.among("The class to explain", of, [PREDICTED, TRUE, *classes])
    return torch.full_like(predicted, classes.index(of))


def _pictures(net: TrainedNet, domain: Domain, index: Ints) -> Tensor:
    """Normalised, on the device of the network."""
    found = torch.from_numpy(np.ascontiguousarray(domain.images[index])).to(net.device)
    return net.net.normalise(found.float() / 255)


def _maps(method: Method, net: Net, x: Tensor, classes: Tensor, context: Context) -> list[Tensor]:
    """Of each example, (rows, columns) or (parts,), some at a time."""
    parts: list[Tensor] = []
    for pictures, of in zip(torch.split(x, BATCH), torch.split(classes, BATCH), strict=True):
        context.callbacks.check()
        parts += method.maps(net, pictures, of)
    return parts


def _check(
    spec: SaliencySpec,
    method: Method,
    net: Net,
    x: Tensor,
    classes: Tensor,
    maps: list[Tensor],
    counted: list[int],
    context: Context,
) -> tuple[dict[int, float], list[RandomisedLayer]]:
    """The correlation with all layers randomised of each that counts, and the cascade of layers from the head down."""
    if not spec.draws or not counted:
        return {}, []
    x, classes, maps = x[counted], classes[counted], [maps[i] for i in counted]
    found = np.zeros((net.depth + 1, spec.draws, len(x)))
    flat = np.zeros((net.depth + 1, spec.draws))
    for draw in range(spec.draws):
        generator = torch.Generator().manual_seed(spec.seed * 1_000 + draw)
        other = copy.deepcopy(net)
        for layer in range(net.depth, -1, -1):
            context.callbacks.notify(
                f"{method.what.capitalize()} of random weights: network {draw + 1} of {spec.draws}, layer {layer}."
            )
            randomise_layer(other, layer, generator)
            theirs = _maps(method, other, x, classes, context)
            found[layer, draw] = rank_correlation(maps, theirs)
            flat[layer, draw] = np.mean([_is_flat(one) for one in theirs])
    each = found.mean(1)
    resampled = np.random.default_rng(spec.seed).integers(len(x), size=(RESAMPLES, len(x)))
    layers = []
    for layer in range(net.depth, -1, -1):
        lo, hi = np.quantile(each[layer][resampled].mean(1), [0.025, 0.975])
        layers.append(
            RandomisedLayer(
                layer=layer,
                name=net.names[layer],
                correlation=round(float(each[layer].mean()), 6),
                lo=round(float(lo), 6),
                hi=round(float(hi), 6),
                flat=round(float(flat[layer].mean()), 6),
            )
        )
    return dict(zip(counted, each[0].tolist(), strict=True)), layers


def _verdict(
    layers: list[RandomisedLayer], n: int, what: str = "maps", noun: str = "pictures"
) -> tuple[bool | None, str]:
    """Whether maps depend on the weights, and that in words."""
    if not layers:
        return None, f"Whether the {what} depend on the weights was not asked."
    last = layers[-1]
    figure = (
        f"with all layers randomised their rank correlation with the {what} of the training is {last.correlation:.2f} "
        f"(95% interval over {n} {noun} {last.lo:.2f} … {last.hi:.2f})"
    )
    weights = "weights" if noun == PICTURES else "network's weights"
    if last.hi < DEPENDS:
        return True, f"The {what} depend on the {weights}: {figure}."
    if last.lo > DEPENDS:
        return False, (
            f"The {what} hardly depend on the {weights}: {figure}. They show the {noun[:-1]}'s own structure or the "
            f"network's, not what it learned; do not explain anything by them."
        )
    return None, f"Whether the {what} depend on the {weights} cannot be told: {figure}. Show more {noun}."


def _sheet(
    domain: Domain, shown: list[Explained], maps: list[Tensor], shift: tuple[float, float], classes: list[str]
) -> Image.Image:
    """Each picture, and its map over it."""
    by, tiles = (shift[0] / domain.images.shape[2], shift[1] / domain.images.shape[3]), list[Tile]()
    for number, (one, heat) in enumerate(zip(shown, [one.double().numpy() for one in maps], strict=True), 1):
        tile = tile_of(domain, one.index)
        said = f"as {classes[one.predicted]} {one.probability:.3f}"
        tiles.append(Tile(tile, (f"{number}: {classes[one.label]}", said)))
        if one.explained is None:  # each patch enters to some extent, so that only more or less can be seen
            tiles.append(Tile(overlay(tile, heat - heat.min(), by), ("attention",)))
        else:
            of = "the same everywhere" if one.flat else f"map of {classes[one.explained]}"
            tiles.append(Tile(overlay(tile, heat, by), (of,)))
    return captioned_sheet(tiles, COLUMNS)


def _is_flat(heat: Tensor) -> bool:
    return bool(heat.max() == heat.min())
