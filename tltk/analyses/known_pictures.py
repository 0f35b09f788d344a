"""The pictures that a question about a finished training is about: a part of a domain, classes matched by name."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tltk.analyses.network import TrainedNet, own_parts
from tltk.analyses.predict.inputs import domain_spec
from tltk.analyses.trained import TrainedRun, no_shared_class
from tltk.data.classes import UNKNOWN, match_classes
from tltk.data.domain import Domain, Ints
from tltk.errors import DataProblem
from tltk.training.compose import Load


@dataclass(frozen=True, eq=False)
class KnownPictures:
    """Pictures whose class a training knows by name.

    Attributes:
        domain: Their domain.
        index: Their positions in it, (n,).
        labels: Their class numbers as the training counts classes, (n,).
        numbers: Class number of the domain → that of the training; `UNKNOWN` where it has no such class.
        left_out: Pictures of the part that are of other classes.
    """

    domain: Domain
    index: Ints
    labels: Ints
    numbers: Ints
    left_out: int


def known_pictures(name: str, part: str, trained: TrainedRun, load: Load) -> KnownPictures:
    """A part of a domain as a training reads it; of its own target and source the parts are those that it had.

    Args:
        name: Of the domain.
        part: train, val, test or all.
        trained: The training.
        load: Where domains come from.

    Raises:
        DataProblem: The domain has no class that the training knows.
    """
    domain, index = _part(name, part, trained, load)
    classes = trained.result.classes
    numbers = match_classes(list(domain.classes), classes)
    labels = numbers[domain.labels[index]]
    known = labels != UNKNOWN
    if not known.any():
        raise no_shared_class(trained, domain.name, domain.classes)
    return KnownPictures(domain, index[known], labels[known], numbers, int((~known).sum()))


def check_channels(domain: Domain, net: TrainedNet) -> None:
    """Refuse pictures of other channels than the network reads.

    Raises:
        DataProblem: They are.
    """
    channels = domain.images.shape[1]
    if channels != net.channels:
        raise DataProblem(
            f"Pictures must have the channels of those that the training learned from, {net.channels}. "
            f"{domain.name} has {channels}; name pictures of the same kind."
        )


def _part(name: str, part: str, trained: TrainedRun, load: Load) -> tuple[Domain, Ints]:
    """A domain as this training reads it, and which of its pictures are asked for."""
    asked = trained.spec
    data = domain_spec(name, asked)
    domain = load(data)
    if part == "all":
        return domain, np.arange(len(domain.labels))
    if name == asked.target.name:
        return domain, getattr(own_parts(asked, load).split, part)
    if asked.source is not None and name == asked.source.name and asked.labels != "target":
        source = own_parts(asked, load).source
        assert source is not None
        return domain, getattr(source[1], part)
    return domain, getattr(domain.split(data, asked.seed), part)
