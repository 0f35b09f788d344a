"""Whether two domains differ at one layer: measures and classes against chance, and the pictures that show it."""

from __future__ import annotations

import time
from dataclasses import dataclass

import msgspec
import torch
from PIL import Image
from torch import Tensor

from tltk.analyses.chance import is_constant, null_without_shift, with_null
from tltk.analyses.sample import (
    Context,
    Sample,
    contact_sheet,
    features,
    network,
    samples,
    sentences,
    shared_classes,
    strangers,
    whole_texts,
)
from tltk.analyses.two_sample.columns import telling_columns
from tltk.analyses.two_sample.label_shift import label_shift
from tltk.analyses.two_sample.pictures import witnesses
from tltk.analyses.two_sample.result import ClassTest, MeasureTest, PermutationTest, TwoSampleResult
from tltk.analyses.two_sample.spec import TwoSampleSpec
from tltk.analyses.two_sample.words import telling_words
from tltk.errors import BadSpec, TltkError
from tltk.shift import measures
from tltk.shift.class_mmd import class_tests
from tltk.shift.multiple import correct_p_values, describe_correction
from tltk.shift.null import Halves, Null, self_split
from tltk.shift.witness import mixed_share

NEIGHBOURS = 10  # of a picture, in the share of mixed neighbourhoods


def two_sample(spec: TwoSampleSpec, context: Context) -> tuple[TwoSampleResult, Image.Image]:
    """Measures with their nulls, classes, witnesses and neighbours at one layer; and the sheet of pictures.

    Raises:
        UnknownName, BadSpec: What `spec.check` refuses; a layer that is not there; too few different examples.
    """
    spec.check()
    target, source = samples(spec, context)
    assert source is not None  # `spec.check` refuses what has none
    target, source, drawn = strangers(spec, context, target, source)
    net = network(spec.net, target, spec.seed)
    if spec.layer > net.depth:
        raise BadSpec(f"layer must be from 0 to {net.depth - 1}, or -1 for what enters the head. Got {spec.layer}.")
    at, names = net.depth if spec.layer < 0 else spec.layer, [*net.names[:-1], "features"]
    start = time.perf_counter()
    y = features(net, target, context, spec.pooling)[at]
    x = features(net, source, context, spec.pooling)[at]
    seconds = {"features": round(time.perf_counter() - start, 3)}
    table = _table(x, y, spec, context, seconds)
    tests = sum(row.p is not None for row in table)
    classes = _classes(x, source, y, target, spec)
    result = TwoSampleResult(
        layer=at,
        name=names[at],
        names=names,
        table=table,
        tests=tests,
        correction=describe_correction(tests, spec.permutations),
        mixed=mixed_share(x, y, k=min(NEIGHBOURS, len(x) + len(y) - 1)),
        witness=witnesses(x, y),
        labels=_class_names(source) + _class_names(target),
        n={"source": len(x), "target": len(y)},
        drawn=drawn,
        seconds=seconds,
        per_class={row.name: row.value for row in classes.rows},
        conditional=None if classes.mean is None else classes.mean.value,
        classes=classes.rows,
        within=classes.mean,
        class_correction=describe_correction(len(classes.rows), spec.permutations) if classes.rows else "",
        label_shift=label_shift(x, source, y, target, spec.seed),
        texts=sentences([source, target]),
        words=telling_words(*(whole_texts(side) for side in (source, target))),
        columns=telling_columns(source, target),
        noun=target.domain.noun,
    )
    return result, contact_sheet([source, target])


def _table(x: Tensor, y: Tensor, spec: TwoSampleSpec, context: Context, seconds: dict[str, float]) -> list[MeasureTest]:
    """A row for each measure, with p-values corrected over those that could be computed."""
    rows = []
    for name in spec.measures:
        context.callbacks.check()
        context.callbacks.notify(f"{name} with {spec.permutations} permutations.")
        start = time.perf_counter()
        rows.append(_test_measure(name, x, y, spec))
        seconds[name] = round(time.perf_counter() - start, 3)
    corrected = iter(correct_p_values([row.p for row in rows if row.p is not None]))
    found = []
    for row in rows:
        family, rate = (None, None) if row.p is None else next(corrected)
        found.append(msgspec.structs.replace(row, p_holm=family, p_bh=rate))
    return found


def _test_measure(name: str, x: Tensor, y: Tensor, spec: TwoSampleSpec) -> MeasureTest:
    """One measure beside chance and halves; where it cannot be computed, why not."""
    try:
        null = with_null(name, x, y, spec.permutations, spec.seed)
    except TltkError as fault:
        return MeasureTest(name, None, None, None, None, None, why=str(fault))
    row = MeasureTest(name, null.value, null.lo, null.hi, null.p, null.effect)
    try:
        halves = _halves(name, x, y, spec.seed)
    except TltkError as fault:  # with fewer than four pictures of a side the test may still be made
        return msgspec.structs.replace(row, why=str(fault))
    return msgspec.structs.replace(row, self_value=halves.value, self_lo=halves.lo, self_hi=halves.hi, self_n=halves.n)


def _halves(name: str, x: Tensor, y: Tensor, seed: int) -> Halves:
    half = min(len(x), len(y)) // 2
    if is_constant(torch.cat([x, y])):
        value = null_without_shift(name, 0).value
        return Halves(value, value, value, half)
    return self_split(measures[name], x, y, seed=seed)


@dataclass(frozen=True)
class _Classes:
    """The test of each class that both domains have by name, and of their mean; none where none can be tested."""

    rows: list[ClassTest]
    mean: PermutationTest | None


def _classes(x: Tensor, source: Sample, y: Tensor, target: Sample, spec: TwoSampleSpec) -> _Classes:
    """MMD² of each class that both domains have by name, beside its null, and that of their mean."""
    pairs = shared_classes(source, target)
    own = torch.tensor([pairs[int(c)][0] if int(c) in pairs else -1 for c in source.labels])
    shared = own >= 0
    try:
        each, mean = class_tests(
            x[shared], own[shared], y, target.labels, permutations=spec.permutations, seed=spec.seed
        )
    except TltkError:
        return _Classes([], None)
    names, corrected = dict(pairs.values()), correct_p_values([null.p for null in each.values()])
    rows = [
        ClassTest(
            name=names[c],
            value=null.value,
            null_lo=null.lo,
            null_hi=null.hi,
            p=null.p,
            effect=null.effect,
            p_holm=family,
            p_bh=rate,
            source=int((own == c).sum()),
            target=int((target.labels == c).sum()),
        )
        for (c, null), (family, rate) in zip(each.items(), corrected, strict=True)
    ]
    return _Classes(rows, _as_test(mean))


def _as_test(null: Null) -> PermutationTest:
    return PermutationTest(null.value, null.lo, null.hi, null.p, null.effect)


def _class_names(sample: Sample) -> list[str]:
    return [sample.domain.classes[int(c)] for c in sample.labels]
