"""Probabilities, a map and neighbours of one picture, each as `predict`, `saliency` and `nearest` find them."""

from __future__ import annotations

import io

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
    method, layer_name, shown, flat, why = _map(spec, net, one, predicted, seen)
    near, sheet = nearest(NearestSpec(spec.run, (spec.picture,), k=spec.k), context)
    result = ExplainResult(
        run=trained.run.id,
        backbone=trained.spec.net.backbone,
        name=names[0],
        classes=trained.result.classes,
        probabilities=[round(float(v), 9) for v in p],
        predicted=predicted,
        method=method,
        layer_name=layer_name,
        flat=flat,
        why=why,
        nearest=near.pictures[0],
        n=near.n,
        domain=near.domain,
        remarks=near.remarks,
    )
    files = {"seen.png": _as_png(seen)} | ({} if shown is None else {"map.png": _as_png(shown)})
    return result, sheet, files


def _map(
    spec: ExplainSpec, net: TrainedNet, one: np.ndarray, predicted: int, seen: Image.Image
) -> tuple[str, str, Image.Image | None, bool, str]:
    """Method, layer, the map over the picture, whether it is flat; or why there is none."""
    try:
        method = choose_method(SaliencySpec(spec.run, method=spec.method), net.net)
        x = net.net.normalise(torch.from_numpy(one).to(net.device).float() / 255)
        heat = method.maps(net.net, x, torch.tensor([predicted], device=net.device))[0].double().cpu().numpy()
        down, right = method.shift(net.net, x)
    except CannotSplit as fault:
        return "", "", None, False, str(fault)
    if method.name == "attention_rollout":  # each patch enters to some extent, so that only more or less can be seen
        heat = heat - heat.min()
    side = one.shape[-1]
    shown = overlay(seen, heat, (down / side, right / side))
    return method.name, net.net.names[method.layer], shown, bool(heat.max() == heat.min()), ""


def _enlarged(picture: np.ndarray) -> Image.Image:
    """A picture, (c, h, w), in colour and large enough to be looked at."""
    shown = picture[:3] if len(picture) >= 3 else np.repeat(picture[:1], 3, 0)
    image = Image.fromarray(np.ascontiguousarray(shown.transpose(1, 2, 0)))
    how = Image.Resampling.NEAREST if image.width < SIDE_PX // 4 else Image.Resampling.BICUBIC
    return image.resize((SIDE_PX, SIDE_PX), how)


def _as_png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()
