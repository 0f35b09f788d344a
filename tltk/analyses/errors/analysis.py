"""The most confident mistakes of a finished training, and their contact sheet."""

from __future__ import annotations

import numpy as np
from PIL import Image

from tltk.analyses.errors.result import COLUMNS, ErrorsResult, Mistake
from tltk.analyses.errors.spec import ErrorsSpec
from tltk.analyses.known_pictures import check_channels, known_pictures
from tltk.analyses.network import count_seen, rebuild
from tltk.analyses.predict.inputs import domain_spec
from tltk.analyses.sample import Context
from tltk.analyses.sheets import Tile, captioned_sheet, tile_of
from tltk.analyses.trained import open_training
from tltk.data.file_names import picture_names


def errors(spec: ErrorsSpec, context: Context) -> tuple[ErrorsResult, Image.Image | None]:
    """The pictures that a training takes for another class, by falling p(predicted | picture).

    Raises:
        BadSpec, UnknownName, WeightsMissing: As for `open_training`.
        DataProblem: A domain that cannot be read, or has no class that the training knows.
    """
    spec.check()
    trained = open_training(spec.run)
    net, name = rebuild(trained), spec.on or trained.spec.target.name
    known = known_pictures(name, spec.part, trained, context.load)
    domain, classes = known.domain, trained.result.classes
    check_channels(domain, net)
    context.callbacks.notify(f"Testing on {len(known.index):,} {domain.noun} of {domain.name}.")
    p = net.answer(domain.images, known.index, spec.batch, context.callbacks.check)[1].double().softmax(1).numpy()
    predicted = p.argmax(1)
    wrong = np.flatnonzero(predicted != known.labels)
    shown = wrong[np.argsort(-p[wrong, predicted[wrong]], kind="stable")][: spec.most]
    names = picture_names(domain_spec(name, trained.spec), domain) if len(shown) else []
    mistakes = [
        Mistake(
            index=int(known.index[i]),
            name=names[known.index[i]],
            label=int(known.labels[i]),
            predicted=int(predicted[i]),
            probability=round(float(p[i, predicted[i]]), 9),
            probability_label=round(float(p[i, known.labels[i]]), 9),
        )
        for i in shown
    ]
    seen = count_seen(trained.spec, domain, known.index, context.load)
    remarks = []
    if seen:
        remarks.append(
            f"{seen:,} of the {len(known.index):,} {domain.noun} of {domain.name} are among those that run "
            f"{trained.run.id} learned from: on them it is right more often than on new ones."
        )
    if known.left_out:
        remarks.append(f"{known.left_out:,} {domain.noun} of classes that the training does not know were left out.")
    found = ErrorsResult(
        run=trained.run.id,
        backbone=trained.spec.net.backbone,
        domain=domain.name,
        part=spec.part,
        classes=classes,
        n=len(known.index),
        left_out=known.left_out,
        wrong=len(wrong),
        seen=seen,
        mistakes=mistakes,
        remarks=remarks,
    )
    tiles = [
        Tile(
            tile_of(domain, one.index),
            (f"{i}: {classes[one.label]}", f"as {classes[one.predicted]} {one.probability:.3f}"),
        )
        for i, one in enumerate(mistakes, 1)
    ]
    return found, captioned_sheet(tiles, COLUMNS) if tiles else None
