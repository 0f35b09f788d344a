"""What a finished training says of pictures: files are decoded and shown to it some at a time."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from PIL.Image import Resampling
from torch import Tensor

from tltk.analyses.network import TrainedNet, own_parts, rebuild
from tltk.analyses.predict.inputs import (
    ARCHIVE,
    DOMAIN,
    FILE,
    FOLDER,
    TABLE_FILE,
    TableRows,
    domain_spec,
    list_folder,
    list_rows,
    list_table_texts,
    list_texts,
    understand,
    understand_rows,
    understand_texts,
    unpacked,
)
from tltk.analyses.predict.result import PredictResult, SkippedFile
from tltk.analyses.predict.spec import EVERY, PredictSpec
from tltk.analyses.sample import Context
from tltk.analyses.trained import TrainedRun, open_training
from tltk.data import rows, texts
from tltk.data.decode import Span, decode_all
from tltk.data.domain import Domain, Ints, Pixels
from tltk.data.fit import Change
from tltk.data.known_columns import read_as
from tltk.data.names import escape_name
from tltk.errors import BadSpec, DataProblem
from tltk.nn.rows import RowBackbone
from tltk.specs.nouns import PICTURES, noun_of
from tltk.specs.training import TransferSpec
from tltk.training.callbacks import Callbacks

FILE_NAME = "predictions.safetensors"
MOST_REMARKS = 20  # on rows that name other columns than those before
CHUNK_BYTES = 2**28  # of pictures that are decoded before the network sees them
MOST_THUMBNAILS, THUMBNAIL_PX = 200, 48  # pictures that are kept small, to be shown beside what was predicted

Chunk = tuple[Pixels, Ints, list[str], list[str]]  # pictures, which of them, their names and those of their classes


@dataclass
class Found:
    """What is known of the pictures so far, a chunk at a time."""

    names: list[str] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    features: list[Tensor] = field(default_factory=list)
    logits: list[Tensor] = field(default_factory=list)
    changes: list[NDArray[np.float64]] = field(default_factory=list)
    thumbnails: list[Tensor] = field(default_factory=list)
    remarks: dict[str, None] = field(default_factory=dict)
    network_seconds: float = 0.0


def predict(spec: PredictSpec, context: Context) -> tuple[PredictResult, dict[str, Tensor]]:
    """The classes that a training sees in these pictures, with probabilities and, if asked for, embeddings.

    p(c|x) = exp(z_c) / Σ_k exp(z_k) of the logits z.

    Raises:
        BadSpec, UnknownName, WeightsMissing: As for `open_training`.
        DataProblem: A word that names nothing, pictures with other channels, or none that can be read.
    """
    spec.check()
    start = time.perf_counter()
    trained = open_training(spec.run)
    net = rebuild(trained)
    found = Found()
    _show(net, read_pictures(spec, context, trained, net, found), found, spec.batch, spec.embedding, context.callbacks)
    return _conclude(trained, net, found, spec.part, spec.embedding, start)


def predict_files(
    trained: TrainedRun,
    net: TrainedNet,
    files: Sequence[tuple[str, Path]],
    *,
    embedding: bool = False,
    callbacks: Callbacks | None = None,
) -> tuple[PredictResult, dict[str, Tensor]]:
    """The same of picture files, by a network that is in memory already.

    Args:
        trained: The training.
        net: Its network, of `rebuild`.
        files: The name of each, as it is told, and where it lies.
        embedding: Keep what enters the head, too.
        callbacks: Hears what is done and may end it; None = nobody does.

    Raises:
        DataProblem: The network reads other pictures than files are, or none can be read.
    """
    start, found, callbacks = time.perf_counter(), Found(), callbacks or Callbacks()
    chunks = _decoded(files, callbacks, net, found, _spans(trained, found))
    _show(net, chunks, found, PredictSpec().batch, embedding, callbacks)
    return _conclude(trained, net, found, EVERY, embedding, start)


def predict_texts(
    trained: TrainedRun,
    net: TrainedNet,
    lines: Sequence[str],
    *,
    embedding: bool = False,
    callbacks: Callbacks | None = None,
) -> tuple[PredictResult, dict[str, Tensor]]:
    """The same of texts in memory; each is named by its place, the first `text 1`.

    Args:
        trained: The training.
        net: Its network, which reads texts.
        lines: The texts; what stands around them is cut off.
        embedding: Keep what enters the head, too.
        callbacks: Hears what is done and may end it; None = nobody does.

    Raises:
        DataProblem: None can be read.
    """
    start, found, callbacks = time.perf_counter(), Found(), callbacks or Callbacks()
    plain = [line.strip() for line in lines]
    index = [i for i, line in enumerate(plain) if line and "\0" not in line]
    found.skipped += [(f"text {i + 1}", "it holds a null character") for i, line in enumerate(plain) if "\0" in line]
    found.skipped += [(f"text {i + 1}", "it is empty") for i, line in enumerate(plain) if not line]
    if index:
        read = texts.encode([plain[i] for i in index], net.net.shape[-1])
        chunks = [(read, np.arange(len(index)), [f"text {i + 1}" for i in index], [""] * len(index))]
        _show(net, chunks, found, PredictSpec().batch, embedding, callbacks)
    return _conclude(trained, net, found, EVERY, embedding, start)


def predict_rows(
    trained: TrainedRun,
    net: TrainedNet,
    told: Sequence[Mapping[str, str]],
    *,
    embedding: bool = False,
    callbacks: Callbacks | None = None,
) -> tuple[PredictResult, dict[str, Tensor]]:
    """The same of rows in memory; each is named by its place, the first `row 1`.

    A column that a row does not name is read as its mean in the training, as one that a table lacks; an empty cell is
    missing, which a network may have learned something from.

    Args:
        trained: The training.
        net: Its network, which reads rows.
        told: Of each row, name of a column → its cell as text.
        embedding: Keep what enters the head, too.
        callbacks: Hears what is done and may end it; None = nobody does.

    Raises:
        DataProblem: None names a column that the network knows.
    """
    start, found, callbacks = time.perf_counter(), Found(), callbacks or Callbacks()
    alike: dict[tuple[str, ...], list[int]] = {}
    for i, row in enumerate(told):
        alike.setdefault(tuple(sorted(row)), []).append(i)
    values = np.full((len(told), len(net.columns)), np.nan)
    good: list[int] = []
    for names, index in alike.items():
        callbacks.check()
        first, more = f"row {index[0] + 1}", f" and {len(index) - 1:,} more" if len(index) > 1 else ""
        what = "the rows" if len(index) == len(told) else first + more
        try:
            read = read_as({name: [told[i][name] for i in index] for name in names}, net.columns, what)
        except DataProblem:
            found.skipped += [(f"row {i + 1}", "it names no column that the network knows") for i in index]
            continue
        values[index] = read.values
        good += index
        found.remarks |= dict.fromkeys(read.notes if len(found.remarks) < MOST_REMARKS else ())
    if good:
        good.sort()
        read_rows = rows.encode(net.columns, values[good], net.net.shape[-1], "The request")
        chunks = [(read_rows, np.arange(len(good)), [f"row {i + 1}" for i in good], [""] * len(good))]
        _show(net, chunks, found, PredictSpec().batch, embedding, callbacks)
    return _conclude(trained, net, found, EVERY, embedding, start)


def _show(
    net: TrainedNet, chunks: Iterable[Chunk], found: Found, batch: int, embedding: bool, callbacks: Callbacks
) -> None:
    """Show pictures to the network, chunk by chunk, and note in `found` what it makes of them."""
    for images, index, names, labels in chunks:
        before = time.perf_counter()

        def check(before: float = before, n: int = len(index)) -> None:
            callbacks.check()
            speed = len(found.names) / max(found.network_seconds, 1e-9)
            callbacks.notify(f"Predicted: {len(found.names):,}" + (f", {speed:,.0f} a second." if found.names else "."))

        features, logits = net.answer(images, index, batch, check)
        found.network_seconds += time.perf_counter() - before
        for at, name in zip(index[: max(MOST_THUMBNAILS - len(found.names), 0)], names, strict=False):
            found.thumbnails.append(_thumbnail(images[at], name.partition(": ")[2] if net.of_words else ""))
        found.names += names
        found.labels += labels
        found.logits.append(logits)
        if embedding:
            found.features.append(features)


def _thumbnail(picture: Pixels, said: str) -> Tensor:
    """A small picture in colour, (3, h, w) uint8, its longer side 48; of more than three channels the first three.

    Of a text or a row, what it says on a square.
    """
    if said:
        return torch.from_numpy(np.array(texts.tile(said, THUMBNAIL_PX))).permute(2, 0, 1)
    shown = picture[:3] if len(picture) >= 3 else np.repeat(picture[:1], 3, 0)
    tile = Image.fromarray(np.ascontiguousarray(shown.transpose(1, 2, 0)))
    tile = tile.resize([max(round(side * THUMBNAIL_PX / max(tile.size)), 1) for side in tile.size], Resampling.BOX)
    return torch.from_numpy(np.array(tile)).permute(2, 0, 1)


def _conclude(
    trained: TrainedRun, net: TrainedNet, found: Found, part: str, embedding: bool, start: float
) -> tuple[PredictResult, dict[str, Tensor]]:
    """What was found, as a result and its tensors."""
    if not found.names:
        raise _nothing_read(found.skipped, noun_of(trained.spec.net.backbone))
    logits = torch.cat(found.logits)
    p = logits.double().softmax(1)
    best = p.max(1).values
    tensors = {"probabilities": p.float(), "logits": logits, "thumbnails": torch.stack(found.thumbnails)}
    if embedding:
        tensors["embeddings"] = torch.cat(found.features)
    change = Change.mean(np.concatenate([np.zeros((0, 3)), *found.changes]))
    result = PredictResult(
        run=trained.run.id,
        backbone=trained.spec.net.backbone,
        classes=trained.result.classes,
        names=found.names,
        predicted=logits.argmax(1).tolist(),  # as it was tested: of equal ones the first
        probability=[round(float(v), 9) for v in best],
        labels=found.labels if any(found.labels) else [],
        skipped=[SkippedFile(name, reason) for name, reason in found.skipped],
        part=part,
        size=net.size,
        width=net.net.width if embedding else 0,
        file=FILE_NAME,
        cropped=change.cropped,
        seconds=time.perf_counter() - start,
        network_seconds=found.network_seconds,
        device=str(net.device),
        precision=net.precision,
        remarks=list(found.remarks),
        fit=net.fit,
        empty=change.empty,
        stretched=change.stretched,
    )
    return result, tensors


def read_pictures(
    spec: PredictSpec, context: Context, trained: TrainedRun, net: TrainedNet, found: Found
) -> Iterator[Chunk]:
    """The pictures of each word in turn; files that stand beside each other are decoded together.

    Args:
        spec: Its paths and part.
        context: For domains and progress.
        trained: The training that looks at them.
        net: Its network, which says how they are read.
        found: Where skipped files and remarks are noted.

    Yields:
        Pictures, which of them are meant, their names and those of their classes.
    """
    if isinstance(net.net.backbone, RowBackbone):
        for text in spec.paths:
            row = understand_rows(text, spec.part, trained.spec)
            if row.kind == DOMAIN:
                yield from _of_domain(row.where, spec.part, context, trained.spec, net, found)
            else:
                yield from _of_table(list_rows(row.where, net.columns), net, found)
        return
    if net.net.tokens is not None:
        yield from read_texts(spec.paths, spec.part, context, trained.spec, net, found)
        return
    spans = _spans(trained, found)
    single: list[tuple[str, Path]] = []
    for text in spec.paths:
        one = understand(text, spec.part)
        if one.kind == FILE:
            single.append((one.where, Path(one.where)))
            continue
        yield from _decoded(single, context.callbacks, net, found, spans)
        single = []
        if one.kind == FOLDER:
            listed = list_folder(Path(one.where))
            found.skipped += listed.skipped
            yield from _decoded(listed.files, context.callbacks, net, found, spans)
        elif one.kind == ARCHIVE:
            context.callbacks.notify(f"Unpacking {escape_name(one.where)}.")
            with unpacked(one.where) as listed:
                found.skipped += listed.skipped
                yield from _decoded(listed.files, context.callbacks, net, found, spans)
        else:
            yield from _of_domain(one.where, spec.part, context, trained.spec, net, found)
    yield from _decoded(single, context.callbacks, net, found, spans)


def _spans(trained: TrainedRun, found: Found) -> dict[bool, Span]:
    """The scales that the training's own pictures of more than 8 bits were read with; none = there were none."""
    spans = Span.from_sentences((*trained.result.cautions, *trained.result.notes, *trained.result.remarks))
    if spans:
        found.remarks["Pictures of more than 8 bits are read with the scale of those that it was trained on."] = None
    return spans


def _decoded(
    files: Sequence[tuple[str, Path]], callbacks: Callbacks, net: TrainedNet, found: Found, spans: dict[bool, Span]
) -> Iterator[Chunk]:
    """Picture files as the training's own were read: upright, its fit, its size.

    Raises:
        DataProblem: The network reads pictures of another number of channels than files have.
    """
    if not files:
        return
    _check_channels(3, net, "Picture files")
    step = max(1, CHUNK_BYTES // math.prod(net.net.shape))
    for first in range(0, len(files), step):
        part = files[first : first + step]

        def progress(done: int, total: int, first: int = first) -> None:
            callbacks.check()
            callbacks.notify(f"Reading pictures: {first + done:,} of {len(files):,}.")

        decoded = decode_all([path for _, path in part], net.size, progress, spans, net.fit, identify=False)
        found.skipped += [(escape_name(part[i][0]), decoded.reasons[i]) for i in sorted(decoded.reasons)]
        found.remarks |= dict.fromkeys(decoded.notes)
        good = np.array([i for i in range(len(part)) if i not in decoded.reasons], np.int64)
        found.changes.append(decoded.changes[good])
        if len(good):
            yield decoded.images, good, [escape_name(part[i][0]) for i in good], [""] * len(good)


def _of_domain(
    name: str, part: str, context: Context, trained: TransferSpec, net: TrainedNet, found: Found
) -> Iterator[Chunk]:
    """The pictures of a domain, all or one part, named by their places in it."""
    spec = domain_spec(name, trained)
    domain = context.load(spec)
    _check_channels(domain.images.shape[1], net, name)
    found.skipped += domain.skipped
    if part == EVERY:
        index = np.arange(len(domain.labels))
    elif name == trained.target.name:
        index = getattr(own_parts(trained, context.load).split, part)
    else:
        index = getattr(domain.split(spec, trained.seed), part)
    shown = escape_name(name)
    names = [f"{shown}[{i}]" for i in index]
    said = [domain.modality.sentence(domain, i, texts.MAX_SHOWN_CHARS) for i in index.tolist()]
    names = [f"{name}: {one}" if one else name for name, one in zip(names, said, strict=True)]
    yield domain.images, index, names, _class_names(domain, index)


def _of_table(table: TableRows, net: TrainedNet, found: Found) -> Iterator[Chunk]:
    """The rows of a table, read by the columns that the network knows."""
    found.skipped += table.skipped
    if not table.names:
        return
    own = net.columns
    read = read_as(table.cells, own, table.names[0].rpartition(", line ")[0], table.delimiter)
    found.remarks |= dict.fromkeys((*table.notes, *read.notes))
    said = [rows.in_words(own, row) for row in read.values.tolist()]
    names = [f"{name}: {one}" for name, one in zip(table.names, said, strict=True)]
    yield rows.encode(own, read.values, net.net.shape[-1], "The table"), np.arange(len(names)), names, table.labels


def read_texts(
    paths: Sequence[str], part: str, context: Context, trained: TransferSpec, net: TrainedNet, found: Found
) -> Iterator[Chunk]:
    """The texts of each word in turn: a .txt file holds one a line, a table one a row, a folder files of one each.

    Args:
        paths: Words of the prediction.
        part: Of a domain.
        context: For domains and progress.
        trained: The training that reads them.
        net: Its network.
        found: Where skipped files are noted.

    Yields:
        Bytes, which of them are meant, what they are called, and their classes.
    """
    for text in paths:
        one = understand_texts(text, part, trained)
        if one.kind == DOMAIN:
            yield from _of_domain(one.where, part, context, trained, net, found)
            continue
        if one.kind == TABLE_FILE:
            table = list_table_texts(one.where)
            found.skipped += table.skipped
            found.remarks |= dict.fromkeys(table.notes)
            if table.texts:
                told = zip(table.names, table.texts, strict=True)
                names = [f"{name}: {texts.shorten(line)}" for name, line in told]
                yield texts.encode(table.texts, net.net.shape[-1]), np.arange(len(names)), names, table.labels
            continue
        read, skipped = list_texts(Path(one.where))
        found.skipped += skipped
        if read:
            said = [f"{name}: {texts.shorten(line)}" for name, line in read]
            yield (
                texts.encode([line for _, line in read], net.net.shape[-1]),
                np.arange(len(read)),
                said,
                [""] * len(read),
            )


def typed_text(text: str, net: TrainedNet) -> Iterator[Chunk]:
    """A text that was given as it is, as a chunk of one.

    Args:
        text: What it says.
        net: The network that reads it.

    Yields:
        Its bytes, that it is meant, what it is called, and that its class is not known.

    Raises:
        BadSpec: The network reads pictures or rows.
    """
    if net.net.tokens is None:
        raise BadSpec("A text that is given as it is can be asked about in a training of texts. This one reads others.")
    yield texts.encode([text], net.net.shape[-1]), np.arange(1), [f"text: {texts.shorten(text)}"], [""]


def _class_names(domain: Domain, index: Ints) -> list[str]:
    return [domain.classes[c] for c in domain.labels[index]]


def _check_channels(channels: int, net: TrainedNet, what: str) -> None:
    if channels != net.channels:
        raise DataProblem(
            f"Pictures must have the channels of those that the training learned from, {net.channels}. {what} have "
            f"{channels}; name pictures of the same kind."
        )


def _nothing_read(skipped: Iterable[tuple[str, str]], noun: str) -> DataProblem:
    """The sentence where no example could be read, with the first few reasons."""
    told = [f"{name}: {why}" for name, why in skipped]
    more = f" … ({len(told)} in all)" if len(told) > 5 else ""
    said = "; ".join(told[:5]) if told else "there is no file at all"
    files = "files" if noun == PICTURES else noun
    return DataProblem(f"Some of the {noun} must be readable. None is: {said}{more}. Check the {files}.")
