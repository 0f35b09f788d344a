"""Transfer of pictures to sound: ImageNet's weights against scratch, from clean tones to tones in a room.

Sounds are those of the shift lab (`tones`, made by formula), seen as log-mel spectrograms of 64 pixels; the
network is a MobileNetV2 of width 0.35, its weights those of ImageNet in `weights/` of the shared data. Two questions,
each of which can be asked alone (`--only`): labels of clean tones alone, tested on tones in a room; and a few labels of
tones in a room. Answers are added to a file (`--rows`), and `--write FILE` makes the page of them.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from tests.benchmarks.rounds import SHARED, ask_or_write
from tltk import ask
from tltk.data.sources.tones import CLASSES
from tltk.specs.parts import DataSpec, NetSpec, OptimSpec
from tltk.specs.training import TransferSpec
from tltk.studies.compare.spec import CompareSpec
from tltk.training.compose import train
from tltk.verdicts.judge import judge

BACKBONE, FILE = "mobilenetv2_035", "mobilenetv2_035.keras_in1k_f32.plain.safetensors"
SIZE, N, SEEDS = 64, 600, 5
ROOMS = (0.0, 0.5, 1.0, 3.0)  # seconds of reverberation of the target
FEW = 5  # labels of each class
Row = dict[str, Any]


def net(imagenet: bool) -> NetSpec:
    """The network with ImageNet's weights, or drawn ones."""
    return NetSpec(BACKBONE, f"file:{SHARED / 'weights' / FILE}" if imagenet else "scratch")


def tones(seconds: float, seed: int = 1, **more: Any) -> DataSpec:
    """Tones in a room of so much reverberation; 0 = clean."""
    return DataSpec(f"tones:reverberation={seconds:g}" if seconds else "tones", n=N, size=SIZE, seed=seed, **more)


def shift(known: Sequence[Row]) -> Iterator[Row]:
    """Labels of clean tones alone; other tones, in rooms, are named."""
    for room in ROOMS:
        if any(r["what"] == "shift" and r["room"] == room for r in known):
            continue
        start, right = time.perf_counter(), []
        for imagenet in (False, True):
            own = []
            for seed in range(SEEDS):
                spec = TransferSpec(
                    target=tones(room),
                    source=tones(0.0, seed=2),
                    labels="source",
                    net=net(imagenet),
                    optim=OptimSpec(lr=1e-3, epochs=8, batch_size=32, evaluate=8, device="cpu"),
                    seed=seed,
                )
                result = train(spec).result
                own.append(np.equal(result.predictions, result.labels).astype(float))
            right.append(np.stack(own))
        verdict = judge(*right, names=("scratch", "ImageNet"))
        yield {
            "what": "shift",
            "room": room,
            "scratch": verdict.scratch,
            "imagenet": verdict.transfer,
            "gap": [verdict.gap, verdict.lo, verdict.hi],
            "label": verdict.label,
            "n": verdict.n_test,
            "seconds": time.perf_counter() - start,
        }


def few(known: Sequence[Row]) -> Iterator[Row]:
    """A few labels of tones in a room: ImageNet's weights against scratch, an equal search over rates for both."""
    if any(r["what"] == "few" for r in known):
        return
    start = time.perf_counter()
    spec = CompareSpec(
        target=tones(3.0, shots=FEW),
        net=net(True),
        optim=OptimSpec(epochs=20, batch_size=8, evaluate=10, device="cpu"),
        lrs=(1e-3, 3e-3),
        widen=0,
        seeds=SEEDS,
    )
    verdict = ask(spec).verdict
    yield {
        "what": "few",
        "scratch": verdict.scratch,
        "imagenet": verdict.transfer,
        "gap": [verdict.gap, verdict.lo, verdict.hi],
        "label": verdict.label,
        "n": verdict.n_test,
        "sentence": verdict.sentence,
        "seconds": time.perf_counter() - start,
    }


QUESTIONS = {"shift": shift, "few": few}


def page(rows: Sequence[Row]) -> Iterator[str]:
    """All answers, as Markdown."""
    yield "# Transfer from pictures to sound\n"
    yield "Made by `python -m tests.benchmarks sound`; what is asked stands at the head of that script.\n"
    yield (
        f"{len(CLASSES)} kinds of sound made by formula (`tones`: {', '.join(CLASSES)}), {N} of them, as log-mel spectrograms of {SIZE} pixels; "
        f"{BACKBONE}, all layers free, with the weights of ImageNet or drawn ones; {SEEDS} seeds. Gaps are points of "
        f"accuracy with their 95% interval; always the same answer gets about {_percent(1 / len(CLASSES))}.\n"
    )
    rooms = sorted((r for r in rows if r["what"] == "shift"), key=lambda r: float(r["room"]))
    if rooms:
        yield "## From clean tones to tones in a room\n"
        yield (
            "Labels of clean tones alone, 8 epochs at one rate (0.001, not searched for); tested on other tones, with the "
            "echoes of a room.\n"
        )
        yield "| seconds of reverberation | scratch | ImageNet | gap, points | verdict | test sounds |"
        yield "|---:|---:|---:|---:|---|---:|"
        for r in rooms:
            yield f"| {r['room']:g} | {_cells(r)} | {r['n']} |"
        first, last = rooms[0], rooms[-1]
        yield (
            f"\nImageNet's weights learn clean tones in this time ({_percent(first['imagenet'])}) and drawn ones not yet "
            f"({_percent(first['scratch'])}), so the gap says how fast each learns, not what each could reach. What is learned of "
            f"clean tones carries over less the longer a room rings: of {_percent(first['imagenet'])} without echoes "
            f"{_percent(last['imagenet'])} are left at {last['room']:g} s.\n"
        )
    for r in rows:
        if r["what"] == "few":
            yield f"## {FEW} labels of each class, of tones in a room\n"
            yield "Reverberation of 3 s, 20 epochs, two rates searched over for both arms.\n"
            yield "| scratch | ImageNet | gap, points | verdict | test sounds |"
            yield "|---:|---:|---:|---|---:|"
            yield f"| {_cells(r)} | {r['n']} |"
            yield f"\n> {r['sentence']}\n"


def _percent(share: float) -> str:
    return f"{100 * share:.1f}%"


def _cells(r: Row) -> str:
    gap, lo, hi = (100 * v for v in r["gap"])
    told = f"{gap:+.1f} ({lo:+.1f} … {hi:+.1f}) | {r['label']}"
    return f"{_percent(r['scratch'])} | {_percent(r['imagenet'])} | {told}"


def main() -> None:
    lacking = (
        ""
        if (SHARED / "weights" / FILE).is_file()
        else f"No weights: {SHARED / 'weights' / FILE} is not there. Set TLTK_SHARED_DATA."
    )
    ask_or_write(__doc__, QUESTIONS, page, "sound.jsonl", lacking)


if __name__ == "__main__":
    main()
