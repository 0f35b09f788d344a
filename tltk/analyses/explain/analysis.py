"""Probabilities, a map and neighbours of one picture, each as `predict`, `saliency` and `nearest` find them."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image

from tltk.analyses.explain.result import ExplainResult
from tltk.analyses.explain.spec import ExplainSpec
from tltk.analyses.nearest.analysis import nearest
from tltk.analyses.nearest.spec import NearestSpec
from tltk.analyses.network import TrainedNet, rebuild
from tltk.analyses.predict.analysis import Found, read_pictures
from tltk.analyses.predict.spec import PredictSpec
from tltk.analyses.saliency.analysis import choose_method
from tltk.analyses.saliency.spec import SaliencySpec
from tltk.analyses.sample import Context
from tltk.analyses.sheets import overlay
from tltk.analyses.trained import open_training
from tltk.errors import CannotSplit, DataProblem

SIDE_PX = 256  # of the picture as it is shown


def explain(spec: ExplainSpec, context: Context) -> tuple[ExplainResult, Image.Image, dict[str, bytes]]:
    """What a training sees in a picture, where it looks, and which training pictures it finds most like it.

    Raises:
        BadSpec, UnknownName, WeightsMissing: As for `open_training`.
        DataProblem: No picture that can be read, or training pictures that are gone.
    """
    spec.check()
    trained = open_training(spec.run)
    net, found = rebuild(trained), Found()
    chunk = next(read_pictures(PredictSpec(spec.run, (spec.picture,)), context, trained, net, found), None)
    if chunk is None:
        told = "; ".join(why for _, why in found.skipped) or "it holds none"
        raise DataProblem(f"The picture must be readable. It is not: {told}. Choose another file.")
    images, index, names, _ = chunk
    one = np.ascontiguousarray(images[index[:1]])
    logits = net.answer(one, np.array([0]), 1, context.callbacks.check)[1]
    p = logits.double().softmax(1)[0]
    predicted = int(logits.argmax(1))
    seen = _enlarged(one[0])
    map_ = _map(spec, net, one, predicted, seen)
    near, sheet = nearest(NearestSpec(spec.run, (spec.picture,), k=spec.k), context)
    result = ExplainResult(
        run=trained.run.id,
        backbone=trained.spec.net.backbone,
        name=names[0],
        classes=trained.result.classes,
        probabilities=[round(float(v), 9) for v in p],
        predicted=predicted,
        method=map_.method,
        layer_name=map_.layer_name,
        rows=map_.places[0],
        columns=map_.places[1],
        flat=map_.flat,
        why=map_.why,
        nearest=near.pictures[0],
        n=near.n,
        domain=near.domain,
        remarks=near.remarks,
    )
    files = {"seen.png": _as_png(seen)} | ({} if map_.image is None else {"map.png": _as_png(map_.image)})
    return result, sheet, files


@dataclass(frozen=True)
class _Map:
    """Where the network looks: method, layer, rows and columns, the map over the picture; or why there is none."""

    method: str = ""
    layer_name: str = ""
    places: tuple[int, int] = (0, 0)
    image: Image.Image | None = None
    flat: bool = False
    why: str = ""


def _map(spec: ExplainSpec, net: TrainedNet, one: np.ndarray, predicted: int, seen: Image.Image) -> _Map:
    """The map of the class that is named."""
    try:
        method = choose_method(SaliencySpec(spec.run, method=spec.method), net.net)
        x = net.net.normalise(torch.from_numpy(one).to(net.device).float() / 255)
        heat = method.maps(net.net, x, torch.tensor([predicted], device=net.device))[0].double().cpu().numpy()
        down, right = method.shift(net.net, x)
    except CannotSplit as fault:
        return _Map(why=str(fault))
    if method.name == "attention_rollout":  # each patch enters to some extent, so that only more or less can be seen
        heat = heat - heat.min()
    shown = overlay(seen, heat, (down / one.shape[-2], right / one.shape[-1]))
    return _Map(method.name, net.net.names[method.layer], heat.shape, shown, bool(heat.max() == heat.min()))


def _enlarged(picture: np.ndarray) -> Image.Image:
    """A picture, (c, h, w), in colour and large enough to be looked at."""
    shown = picture[:3] if len(picture) >= 3 else np.repeat(picture[:1], 3, 0)
    image = Image.fromarray(np.ascontiguousarray(shown.transpose(1, 2, 0)))
    how = Image.Resampling.NEAREST if max(image.size) < SIDE_PX // 4 else Image.Resampling.BICUBIC
    times = SIDE_PX / max(image.size)
    return image.resize((round(times * image.width), round(times * image.height)), how)


def _as_png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()
