"""Predictions for a notebook: `tltk.predict(run, paths)`."""

from __future__ import annotations

import os
from collections.abc import Sequence

from tltk.analyses.predict.files import Predictions
from tltk.analyses.predict.spec import EVERY, PredictSpec
from tltk.jobs import launch
from tltk.runs.run import Run


def predict(
    run: Run | str,
    paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    *,
    part: str = EVERY,
    embedding: bool = False,
    batch: int = 64,
    again: bool = False,
) -> Predictions:
    """What a finished training says of pictures; a worker looks at them.

    Args:
        run: The training, or its id.
        paths: Pictures, folders, archives and domains, one or several.
        part: Of a domain that is divided: all, train, val or test.
        embedding: Keep what enters the head, too.
        batch: Pictures that go through the network at a time.
        again: Look once more, though nothing changed since.

    Returns:
        Names, classes, probabilities and, if asked for, embeddings as arrays, and the files that were not read.

    Raises:
        TltkError: It cannot be meant; nothing was queued.
        RunProblem: It failed.

    Example:
        found = tltk.predict("4f1c2ab90d3e", "photos/")
        dict(zip(found.result.names, found.classes))
    """
    several = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    name = run.id if isinstance(run, Run) else whole_id(run)
    spec = PredictSpec(name, tuple(os.fspath(one) for one in several), part, embedding, batch)
    return Predictions.of(launch(spec, again=again))


def whole_id(text: str) -> str:
    """The id that its first digits begin."""
    short, at, epoch = text.removeprefix("run:").partition("@")
    return f"{Run.open(short).id}{at}{epoch}"
