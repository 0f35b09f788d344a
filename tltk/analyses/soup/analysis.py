"""The weights of several trainings, averaged: one network at the price of one."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from tltk import data, home
from tltk.analyses.import_weights.analysis import for_timm
from tltk.analyses.network import rebuild
from tltk.analyses.sample import Context
from tltk.analyses.soup.result import SoupResult, TasteResult
from tltk.analyses.soup.spec import SoupSpec
from tltk.analyses.trained import open_training
from tltk.data.domain import Domain, Ints
from tltk.errors import BadSpec, WeightsMissing
from tltk.nn.net import Net, config_value
from tltk.results.training import TrainingResult
from tltk.runs.run import Run
from tltk.specs.nouns import PICTURES, ROWS, noun_of
from tltk.specs.parts import ViewSpec
from tltk.specs.size import channels_and_size
from tltk.specs.training import TransferSpec
from tltk.training.batches import LiveBatches
from tltk.training.compose import divide
from tltk.training.optimizer import pick_device
from tltk.verdicts.judge import format_points, paired_interval
from tltk.weights import store, weightfile
from tltk.weights.load import build_net
from tltk.weights.reader import read

State = dict[str, Tensor]
CHUNK_PICTURES = 256


def soup(spec: SoupSpec, context: Context) -> SoupResult:
    """Uniform and greedy soup of finished trainings, and the ensemble of all, on their common test.

    uniform: θ = (1/k) Σ θ_i. greedy: from the run with the best validation accuracy on, each next one stays in the
    average if the validation accuracy does not fall. Running statistics are averaged like weights.

    Reference:
        Wortsman, Ilharco, Gadre et al. (2022), Model soups: averaging weights of multiple fine-tuned models improves
        accuracy without increasing inference time, ICML, Algorithm 1. arXiv:2203.05482.

    Raises:
        BadSpec: What `spec.check` refuses; runs that are no trainings of one network on one target.
        WeightsMissing: A run that has not finished.
        UnknownName: No such run.
    """
    spec.check()
    if spec.name:
        store.check_name(spec.name)
    runs = [Run.open(name) for name in spec.runs]
    first = _common(runs)
    noun = noun_of(first.net.backbone)
    if spec.name and noun != PICTURES:
        raise BadSpec(
            f"The store holds networks of pictures. This soup reads {noun}; leave out --name, and it is measured alone."
        )
    parts = divide(first, context.load)
    domain, split = parts.domain, parts.split
    channels, size = channels_and_size(domain.modality.shape(domain))
    if noun == ROWS:  # what its columns are called is told with its weights
        net = rebuild(open_training(runs[0].id)).net
    else:
        net = build_net(first.net, len(domain.classes), size, channels, first.seed).to(pick_device("auto")).eval()
    states = {run.id: load_file(store.run_weights(run.id)[1]) for run in runs}

    if noun == ROWS:
        _check_columns(states)

    def ask(state: State, index: Ints) -> Tensor:
        context.callbacks.check()
        return logits(net, state, domain, index)

    labels = {part: domain.labels[index] for part, index in (("val", split.val), ("test", split.test))}
    of_val = {name: ask(state, split.val) for name, state in states.items()}
    val = {name: _right(x, labels["val"]).mean() for name, x in of_val.items()}
    order = sorted(states, key=lambda name: -val[name])
    context.callbacks.notify("Averaging the weights.")
    taken, best = [order[0]], val[order[0]]
    for name in order[1:]:
        score = _right(ask(average([states[n] for n in (*taken, name)]), split.val), labels["val"]).mean()
        if score >= best:
            taken, best = [*taken, name], score
    soups = {"uniform": average(list(states.values())), "greedy": average([states[name] for name in taken])}
    of_test = {name: ask(state, split.test) for name, state in states.items()}
    rows = {name: (val[name], _right(of_test[name], labels["test"]), [name]) for name in order}
    for name, state in soups.items():
        made = list(states) if name == "uniform" else taken
        rows[name] = (
            _right(ask(state, split.val), labels["val"]).mean(),
            _right(ask(state, split.test), labels["test"]),
            made,
        )
    together = [torch.stack([x.softmax(1) for x in every.values()]).mean(0) for every in (of_val, of_test)]
    rows["ensemble"] = (
        _right(together[0], labels["val"]).mean(),
        _right(together[1], labels["test"]),
        list(states),
    )
    yard = rows[order[0]][1]
    found = []
    for name, (score, right, made) in rows.items():
        gap, lo, hi = paired_interval((right - yard)[None]) if name != order[0] else (0.0, 0.0, 0.0)
        found.append(TasteResult(name, float(score), float(right.mean()), gap, lo, hi, made))
    kept = _keep(spec.name, soups["greedy"], runs, taken, domain, first) if spec.name else ""
    return SoupResult(
        found, _sentence(found, order[0], data.noun_learned(first)), _remarks(runs), len(split.test), kept
    )


def _check_columns(states: Mapping[str, State]) -> None:
    """Refuse networks of rows that read other columns, or standardise them otherwise: their weights mean other things.

    Raises:
        BadSpec: They do.
    """
    first, *others = states
    read = [name for name in states[first] if name.startswith("backbone.columns.")]
    for one in others:
        if not all(torch.equal(states[first][name], states[one][name]) for name in read):
            raise BadSpec(
                f"The runs of a soup must read the same columns, standardised alike. Run {one} reads others "
                f"than {first}; train both from one start."
            )


def average(states: Sequence[State]) -> State:
    """The mean of tensors of the same names; those that are no floating numbers are the first's.

    Args:
        states: Name → tensor, of one network each.

    Raises:
        BadSpec: They have other names or shapes.
    """
    shapes = [{name: tuple(tensor.shape) for name, tensor in state.items()} for state in states]
    if any(shape != shapes[0] for shape in shapes):
        raise BadSpec("A soup needs networks of the same tensors. These have others; train one network with one head.")
    return {
        name: torch.stack([state[name].double() for state in states]).mean(0).to(first.dtype)
        if first.is_floating_point()
        else first
        for name, first in states[0].items()
    }


def logits(net: Net, state: State, domain: Domain, index: Ints) -> Tensor:
    """Logits of a network with these weights, (n, classes): the second of `outputs`.

    Args:
        net: Its weights are overwritten.
        state: Name → tensor, as a run keeps them.
        domain: The pictures.
        index: Which, (n,).
    """
    return outputs(net, state, domain, index)[1]


@torch.no_grad()
def outputs(net: Net, state: State, domain: Domain, index: Ints) -> tuple[Tensor, Tensor]:
    """Features (n, d) and logits (n, classes) with these weights, head included, in evaluation mode, on the CPU.

    Args:
        net: Its weights are overwritten.
        state: Name → tensor, as a run keeps them.
        domain: The pictures.
        index: Which, (n,).
    """
    net.load_state_dict(state)
    feed = LiveBatches(net, domain, index, ViewSpec(), next(net.parameters()).device)
    generator = torch.Generator()
    parts = torch.split(torch.arange(len(index)), CHUNK_PICTURES)
    found = [[x.float().cpu() for x in feed.forward(feed.rows(part, generator))] for part in parts]
    features, scores = (torch.cat(every) for every in zip(*found, strict=True))
    return features, scores


def _right(x: Tensor, labels: Ints) -> np.ndarray:
    found: np.ndarray = np.equal(x.argmax(1).numpy(), labels).astype(np.float64)
    return found


def _common(runs: Sequence[Run]) -> TransferSpec:
    """What the runs have in common: the first one's spec.

    Raises:
        BadSpec: One is no training, or they are of other networks, heads, targets or divisions.
        WeightsMissing: One has not finished.
    """
    specs = []
    for run in runs:
        spec = run.spec
        if not isinstance(spec, TransferSpec):
            raise BadSpec(f"A soup is made of trainings. Run {run.id} is of kind {spec.kind}.")
        if run.read(TrainingResult) is None:
            raise WeightsMissing(
                f"Run {run.id} must have finished before it goes into a soup. It is {run.status.state}."
            )
        if spec.labels != "target":
            raise BadSpec(f"A soup is of trainings on the target's labels. Run {run.id} learned from {spec.labels!r}.")
        specs.append(spec)
    first = specs[0]
    for run, spec in zip(runs, specs, strict=True):
        same = [(one.target, one.net.backbone, one.net.head, one.labels, one.source) for one in (first, spec)]
        if same[0] != same[1]:
            raise BadSpec(
                f"The runs of a soup must be of one network and head on one target. Run {run.id} is not: it is "
                f"{spec.net.backbone} on {spec.target.name}, the first is {first.net.backbone} on {first.target.name}."
            )
    return first


def _remarks(runs: Sequence[Run]) -> list[str]:
    """What must be known before the figures are trusted."""
    starts = {run.spec.net.weights for run in runs if isinstance(run.spec, TransferSpec)}
    if starts == {"scratch"} or len(starts) > 1:
        return [
            "These trainings did not begin with the same weights. Averages of such networks are usually poor: soups "
            "are of trainings that share a start."
        ]
    return []


def _sentence(rows: Sequence[TasteResult], best: str, noun: str) -> str:
    greedy = next(row for row in rows if row.name == "greedy")
    single = next(row for row in rows if row.name == best)
    told = "better" if greedy.lo > 0 else "worse" if greedy.hi < 0 else "not told apart"
    gap = f"{format_points(greedy.gap)} points, 95% interval {format_points(greedy.lo)} … {format_points(greedy.hi)}"
    if len(greedy.parts) == 1:
        alone = format_points(single.accuracy, False)
        return f"The greedy soup is the best run alone ({best}, {alone}%): no other one helps."
    mixed, alone = (format_points(row.accuracy, False) for row in (greedy, single))
    return (
        f"The greedy soup of {len(greedy.parts)} runs gets {mixed}% of the test {noun} right, the best run "
        f"{alone}%: {told} ({gap})."
    )


def _keep(
    name: str, state: State, runs: Sequence[Run], taken: Sequence[str], domain: Domain, spec: TransferSpec
) -> str:
    """Put the soup into the store, as timm loads it; `store:NAME`."""
    scratch = home.folder("weights") / f".{name}.soup.safetensors"
    told = dict(weightfile.identify(store.run_weights(taken[0])[1]).told)
    try:
        home.write_atomic(scratch, weightfile.tensor_pieces(state, told))
        found = read(Path(scratch), spec.net.backbone)
        classifier = (*config_value(found.shell.pretrained_cfg, "classifier"), "head")[0]
        header = {"backbone": found.backbone, "classifier": classifier, "classes": json.dumps(list(domain.classes))}
        card = store.Card(
            name,
            found.backbone,
            "",
            0,
            sum(p.numel() for p in found.shell.parameters()),
            found.channels,
            f"greedy soup of {', '.join(taken)}, of {len(runs)} runs",
            domain.licence,
            classes=tuple(domain.classes),
        )
        store.put(home.folder("weights"), weightfile.pack_tensors(for_timm(found, classifier), header), card)
    finally:
        scratch.unlink(missing_ok=True)
    return f"store:{name}"
