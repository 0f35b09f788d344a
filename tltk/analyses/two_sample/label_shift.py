"""The target's class shares, estimated without its labels."""

from __future__ import annotations

import torch
from torch import Tensor

from tltk.analyses.sample import Sample, shared_classes
from tltk.analyses.two_sample.result import ClassShare
from tltk.errors import BadSpec, TltkError
from tltk.shift.bbse import bbse


def label_shift(x: Tensor, source: Sample, y: Tensor, target: Sample, seed: int) -> dict[str, ClassShare] | str:
    """Shares of each class by black-box shift estimation; or why there is no estimate.

    Args:
        x: Features of the source, (n, d).
        source: Its pictures.
        y: Features of the target, (m, d).
        target: Its pictures; their labels are for comparison alone.
        seed: Of the folds.
    """
    pairs = shared_classes(source, target)
    if len(pairs) < max(2, len(source.domain.classes), len(target.domain.classes)):
        return "The domains must have the same classes by name for this estimate. They do not."
    try:
        held, asked = predict_classes(x, source.labels, y, seed)
        weights = bbse(held, source.labels, asked)
    except (TltkError, ValueError) as fault:
        return str(fault)
    share = torch.bincount(source.labels, minlength=len(pairs)).double() / len(source)
    estimate = weights.double() * share
    if not float(estimate.sum()) > 0:
        return "The estimate must leave a share to some class. It leaves none: the predictions tell too little."
    true = torch.bincount(target.labels, minlength=len(target.domain.classes)).double() / len(target)
    return {
        name: ClassShare(float(share[i]), float(estimate[i] / estimate.sum()), float(true[pairs[i][0]]))
        for i, name in enumerate(source.domain.classes)
    }


def predict_classes(x: Tensor, labels: Tensor, asked: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    """Class probabilities of the source's samples, each by a fit without it, and of the target's.

    Args:
        x: Features of the source, (n, d).
        labels: Its class numbers, (n,).
        asked: Features of the target, (m, d).
        seed: Of the folds.

    Returns:
        (n, classes) and (m, classes); rows sum to 1.

    Raises:
        BadSpec: A class with a single picture.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    fewest = int(torch.unique(labels, return_counts=True)[1].min())
    if fewest < 2:
        raise BadSpec("Each class of the source must have two pictures for this estimate. One has a single one.")
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=1000))
    folds = StratifiedKFold(min(5, fewest), shuffle=True, random_state=seed)
    held = cross_val_predict(model, x.numpy(), labels.numpy(), cv=folds, method="predict_proba")
    return torch.from_numpy(held), torch.from_numpy(model.fit(x.numpy(), labels.numpy()).predict_proba(asked.numpy()))
