"""Which network will transfer best to the target? Scored from its features, before any is trained."""

from __future__ import annotations

import math
import time

import msgspec
import torch
from torch import Tensor

from tltk import data
from tltk.analyses.rank.result import Candidate, RankResult
from tltk.analyses.rank.scoring import OF_SOURCE_HEAD, Material, Scores
from tltk.analyses.rank.spec import PROBE, RankSpec, candidate
from tltk.analyses.sample import Context, Sample, draw, features, network
from tltk.errors import TltkError
from tltk.specs.nouns import reword
from tltk.specs.parts import NetSpec
from tltk.transferability.jackknife import rank_ranges
from tltk.weights.load import source_head


def rank(spec: RankSpec, context: Context) -> RankResult:
    """Scores of every candidate on the target's training pictures; best first by the first score.

    How well they agree with the user's own trainings is found when the ranking is shown (`agreement`): trainings go
    on after the asking.

    Raises:
        UnknownName, BadSpec: What `spec.check` refuses.
    """
    spec.check()
    sample = draw(context.load(spec.target), spec.target, spec.pictures, spec.seed)
    found = []
    for number, text in enumerate(spec.candidates):
        context.callbacks.check()
        context.callbacks.notify(f"Looking through {text}: {number + 1} of {len(spec.candidates)}.")
        found.append(_score(candidate(text), sample, context, spec))
    by = spec.scores[0] if spec.scores else PROBE
    rows = _with_places(spec.scores, found)
    rows.sort(key=lambda row: -row.scores.get(by, -math.inf))
    counts = torch.bincount(sample.labels, minlength=len(sample.domain.classes))
    fewest = int(counts.min())
    return RankResult(
        rows=tuple(rows),
        scores=list(spec.scores),
        by=by,
        order=reword(_order(by, rows, len(sample), fewest), data.noun_of(spec.target.name)),
        n=len(sample),
        fewest=fewest,
        classes=len(sample.domain.classes),
        majority=int(counts.max()) / len(sample),
    )


def _score(net_spec: NetSpec, sample: Sample, context: Context, spec: RankSpec) -> tuple[Candidate, dict[str, Tensor]]:
    """One candidate without its places, and replicates of its scores; what cannot be scored says why, others go on."""
    start = time.perf_counter()
    found = Scores()
    width: int | msgspec.UnsetType = msgspec.UNSET
    parameters: int | msgspec.UnsetType = msgspec.UNSET
    try:
        net = network(net_spec, sample, spec.seed)
        x = features(net, sample, context, "avg")[-1]
        head = source_head(net_spec) if set(spec.scores) & set(OF_SOURCE_HEAD) else None
    except TltkError as fault:
        found.why.update(dict.fromkeys(spec.scores, str(fault)))
    else:
        width, parameters = net.width, sum(p.numel() for p in net.backbone.parameters())
        for name in spec.scores:
            found.add(name, Material(x, sample.labels, head, spec.seed), context.callbacks)
    row = Candidate(
        backbone=net_spec.backbone,
        weights=net_spec.weights,
        scores=found.value,
        interval=found.interval,
        why=found.why,
        notes=found.notes,
        width=width,
        parameters=parameters,
        seconds=round(time.perf_counter() - start, 3),
    )
    return row, found.replicates


def _with_places(names: tuple[str, ...], found: list[tuple[Candidate, dict[str, Tensor]]]) -> list[Candidate]:
    """The candidates with the places between which each is, score by score."""
    ends: list[dict[str, tuple[int, int]]] = [{} for _ in found]
    for name in names:
        scored = [i for i, (row, _) in enumerate(found) if name in row.scores]
        its = rank_ranges([found[i][0].scores[name] for i in scored], [found[i][1].get(name) for i in scored])
        for i, pair in zip(scored, its, strict=True):
            ends[i][name] = pair
    return [msgspec.structs.replace(row, places=its) for (row, _), its in zip(found, ends, strict=True)]


def _order(by: str, rows: list[Candidate], n: int, fewest: int) -> str:
    """What can be told of the order, and from how many pictures."""
    scored = [row for row in rows if by in row.scores]
    over = f"by {by}, over {n:,} pictures with {fewest:,} of the smallest class"
    if len(scored) < 2:
        return f"There is no order of {len(scored)} candidate{'' if len(scored) == 1 else 's'} {over}."
    ends = [row.places[by] for row in scored]
    first = [f"{row.backbone}@{row.weights}" for row in scored if row.places[by][0] == 1]
    notes = list(dict.fromkeys(row.notes[by] for row in scored if by in row.notes))
    if all(best == worst for best, worst in ends):
        text = f"Every place is told {over}: {first[0]} comes first."
    elif len(first) == 1:
        text = f"{first[0]} comes first {over}; some of the others cannot be told apart and share their places."
    elif len(first) == len(scored) and all(worst == len(scored) for _, worst in ends):
        text = f"No order can be told {over}: the differences are within what other pictures would give."
    else:
        text = f"Which comes first cannot be told {over}: {', '.join(first)} cannot be told apart."
    return " ".join([text, *notes])
