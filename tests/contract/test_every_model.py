"""Any network of timm: the smallest of each of its files is described, cut, trained, audited, stopped and resumed.

By default a few that are unlike each other. TLTK_EVERY_MODEL=1 takes one of every file (hours on one core),
TLTK_EVERY_MODEL=3/8 the third of eight parts of them. None may crash: what cannot be had is said in a sentence.
`python -m tests.contract.test_every_model` does the same and records each outcome, and `--table` writes docs/networks.md.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import time
import traceback
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch

from tests.support.engine import MEASURED, Eager, domain, split
from tltk.analyses.describe.analysis import network_summary
from tltk.analyses.describe.spec import DescribeSpec
from tltk.errors import BadSpec
from tltk.jobs.checking import check_size
from tltk.nn.net import Net, make_backbone, make_net
from tltk.results.rows import Row
from tltk.results.training import TrainingResult
from tltk.specs.parts import DataSpec, NetSpec, OptimSpec, StrategySpec
from tltk.specs.training import TransferSpec
from tltk.strategies import make
from tltk.training.bank import FeatureBank
from tltk.training.callbacks import Callbacks
from tltk.weights import catalogue

# A class token that joins late, pooled stages, shared modules, attention biases, cheap convolutions, a plain one.
QUICK = ("cait", "pit", "coat", "levit", "ghostnet", "test_vit")
SIZES = (32, 64, 96, 128, 160, 192, 224, 256, 320, 384, 448, 512)
SLOW = pytest.mark.slow
ROOT = Path(__file__).parents[2]
RECORD, PAGE = ROOT / "docs" / "networks.jsonl", ROOT / "docs" / "networks.md"
COMMAND = "python -m tests.contract.test_every_model"


def smallest() -> dict[str, catalogue.Backbone]:
    """The model of fewest parameters of each file of timm."""
    found: dict[str, catalogue.Backbone] = {}
    for one in catalogue.search(sort="parameters"):
        found.setdefault(one.family, one)
    return dict(sorted(found.items()))


def chosen() -> list[str]:
    """The models of this run, by TLTK_EVERY_MODEL."""
    models = [one.name for one in sorted(smallest().values(), key=lambda one: one.parameters)]  # the quickest first
    wanted = os.environ.get("TLTK_EVERY_MODEL", "")
    if not wanted:
        return [one.name for family, one in smallest().items() if family in QUICK or one.name in QUICK]
    part, _, of = wanted.partition("/")
    return models[int(part) - 1 :: int(of)] if of else models


def fitting(name: str) -> int:
    """The smallest size that it takes; each one that it does not take is refused by a sentence.

    None that it takes may be refused before anything is queued, which goes by the catalogue.
    """
    one = catalogue.catalogue()[name]
    for size in sorted({8, *SIZES, *one.near(SIZES[0]), one.size}):
        try:
            make_net(make_backbone(name, size, 3), size, 3, 2, NetSpec(backbone=name), 0)
        except BadSpec as reason:
            assert name in str(reason) and str(size) in str(reason) and str(reason).endswith(".")
        else:
            check_size(name, size)
            if size > 8:  # below, what trains are maps of one place
                return size
    pytest.fail(f"{name} takes no size")


def trained(wanted: TransferSpec, saved: Any = None) -> tuple[list[Row], list[str], TrainingResult, Any, int]:
    """Rows, sentences and result of a training; its first checkpoint, and how many rows had been written by then."""
    rows: list[Row] = []
    said: list[str] = []
    kept: list[Any] = []
    size = wanted.target.size
    d = domain(16, size, classes=2)
    torch.manual_seed(0)
    net: Net = make_net(make_backbone(wanted.net.backbone, size, 3), size, 3, 2, wanted.net, 0)

    def save(tensors: dict[str, torch.Tensor], state: dict[str, Any]) -> None:
        if not kept:
            kept.append((({n: t.clone() for n, t in tensors.items()}, json.loads(json.dumps(state))), len(rows)))

    phases = make(wanted.strategy).phases(net.depth, wanted.net.boundary, wanted.optim.epochs)
    callbacks = Callbacks(emit=rows.extend, notify=said.append, save=save, saved=saved)
    result = Eager(wanted, net, d, split(d, 8), phases, FeatureBank(), callbacks).run()
    return rows, said, result, *kept[0]


def values(rows: list[Row]) -> list[tuple[Any, ...]]:
    return [(r.epoch, r.step, r.split, r.name, r.layer, r.value) for r in rows if r.name not in MEASURED]


def outcome(name: str) -> dict[str, Any]:
    """Describe, cut, train, audit, stop and resume one network.

    Returns:
        What the table of `docs/networks.md` says of it, as plain data.

    Raises:
        AssertionError: It does not keep what is promised of any network.
    """
    start = time.perf_counter()
    size = fitting(name)
    found = network_summary(DescribeSpec(backbone=name, size=size), torch.device("cpu"))
    known = [layer.flops for layer in found.layers if layer.flops is not None]
    depth = len(found.layers)
    assert not known or (len(known) == depth and all(f >= 0 for f in known) and sum(known) > 0)
    assert (found.seconds_per_gflop is None) == (not known)
    wanted = TransferSpec(
        target=DataSpec(size=size),
        net=NetSpec(backbone=name, boundary=depth // 2),
        strategy=StrategySpec(),
        optim=OptimSpec(epochs=2, batch_size=4, device="cpu", lr=1e-4, optimizer="sgd", schedule="constant"),
    )
    rows, said, result, saved, so_far = trained(wanted)
    assert result.frozen_moved == 0 and result.frozen_tensors > 0 and result.epochs == 2
    change = {r.layer: r.value for r in rows if r.name == "change" and r.epoch == 2}
    assert not any(change[i] for i in range(depth // 2)) and change[depth] > 0
    assert result.cached or any("trains whole" in sentence for sentence in said)
    again, _, resumed, _, _ = trained(wanted, saved)
    assert values(rows[:so_far] + again) == values(rows)
    assert resumed.predictions == result.predictions and resumed.gflops == result.gflops
    assert np.isfinite([r.value for r in rows]).all()
    return {
        "name": name,
        "family": catalogue.catalogue()[name].family,
        "size": size,
        "layers": depth,
        "cuts": sum(bool(layer.crossing) for layer in found.layers),
        "parameters": sum(layer.parameters for layer in found.layers),
        "flops": sum(known) if known else None,
        "boundary": depth // 2,
        "kept": result.cached,
        "why": "" if result.cached else said[0],
        "seconds": round(time.perf_counter() - start),
    }


@SLOW
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", chosen())
def test_it_is_described_cut_trained_audited_and_resumed(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # timm's own, such as a renamed model
        found = outcome(name)
    with capsys.disabled():
        print(f"\n{in_a_line(found)}", flush=True)


def test_the_page_is_what_the_record_says() -> None:
    assert PAGE.read_text() == table(recorded(RECORD))


# -- the record of it ----------------------------------------------------------------------------


def in_a_line(found: dict[str, Any]) -> str:
    """An outcome for whoever waits for the next."""
    if found.get("fault"):
        return f"{found['name']} | failed: {found['fault']} | {found['seconds']} s"
    gflops = "FLOPs unknown" if found["flops"] is None else f"{found['flops'] / 1e9:.3g} GFLOPs"
    how = "kept features" if found["kept"] else f"whole: {found['why']}"
    return (
        f"{found['name']} | {found['size']} px | {found['layers']} layers, {found['cuts']} cuts | {gflops} | {how} | "
        f"resumed | {found['seconds']} s"
    )


def commit() -> str:
    """What is checked out, with a + where the program differs from it."""

    def git(*words: str) -> str:
        done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    changed = git("status", "--porcelain", "--", "tltk", "tests/contract/test_every_model.py", "tests/engine.py")
    return git("rev-parse", "--short=8", "HEAD") + ("+" if changed else "")


def recorded(file: Path) -> dict[str, dict[str, Any]]:
    """The last outcome of each network in a record."""
    lines = file.read_text().splitlines() if file.is_file() else []
    return {one["name"]: one for one in map(json.loads, lines)}


def attempted(name: str) -> dict[str, Any]:
    """The outcome of one network, a fault too, with what it ran under."""
    start, under = time.perf_counter(), commit()
    try:
        found = outcome(name)
    except Exception as fault:  # whatever it is, it belongs into the table
        traceback.print_exc()
        reason = (str(fault).strip().splitlines() or [""])[0]
        found = {
            "name": name,
            "family": catalogue.catalogue()[name].family,
            "fault": f"{type(fault).__name__}: {reason}",
            "seconds": round(time.perf_counter() - start),
        }
    return found | {"commit": under, "timm": timm.__version__, "torch": torch.__version__}


def table(outcomes: dict[str, dict[str, Any]]) -> str:
    """The page: a row for the smallest model of each of timm's files, whether it ran or not."""
    ran = [outcomes[one.name] for one in smallest().values() if one.name in outcomes]
    whole = [one for one in ran if not one.get("fault") and not one["kept"]]
    faults = [one for one in ran if one.get("fault")]
    versions = sorted({f"timm {one['timm']} and torch {one['torch']}" for one in ran})
    lines = [
        "# Networks of timm that were tried",
        "",
        "The smallest model of each of timm's files, from random weights at the first size from 32 px on that it takes:",
        "described, cut at its middle boundary, trained two epochs of two batches of four pictures, audited (no frozen",
        "tensor moved), stopped after the first epoch and resumed (every row and prediction the same). Parameters and",
        'FLOPs are those of the backbone at that size, forward, for one picture. "Kept": what crosses the boundary',
        'is computed once. "Whole": the cut failed its check, and the frozen layers are recomputed in each epoch.',
        "",
        f"{len(ran)} of {len(smallest())} have run, {len(whole)} of them whole; {len(faults)} failed. "
        f"{'; '.join(versions) or 'Nothing ran'}.",
        "",
        f"Written by `{COMMAND} --table` from [`networks.jsonl`](networks.jsonl), to which",
        f"`{COMMAND}` adds what has not run yet, and `{COMMAND} NAME…` those that are named.",
        "",
        "| file of timm | model | px | layers | cuts | parameters, 10⁶ | FLOPs, 10⁹ | boundary | outcome | commit |",
        "|---|---|---:|---:|---:|---:|---:|---:|---|---|",
    ]
    for family, one in smallest().items():
        lines.append(_row(family, one, outcomes.get(one.name)))
    return "\n".join(lines) + "\n"


def _row(family: str, one: catalogue.Backbone, found: dict[str, Any] | None) -> str:
    parameters = f"{one.parameters / 1e6:.3g}"
    if found is None:
        cells = ["", "", "", parameters, "", "", "not run", ""]
    elif found.get("fault"):
        cells = ["", "", "", parameters, "", "", f"failed: {found['fault']}".replace("|", "\\|"), found["commit"]]
    else:
        flops = "unknown: neither shapes nor a pass tell" if found["flops"] is None else f"{found['flops'] / 1e9:.3g}"
        cells = [
            str(found["size"]),
            str(found["layers"]),
            str(found["cuts"]),
            f"{found['parameters'] / 1e6:.3g}",
            flops,
            str(found["boundary"]),
            "kept" if found["kept"] else f"whole. {found['why']}".replace("|", "\\|"),
            found["commit"],
        ]
    return f"| {family} | {one.name} | " + " | ".join(cells) + " |"


def main() -> None:
    """Run networks and record what came of them, or write the table of what is recorded."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("names", nargs="*", help="models to run, again if they have run; none = all that have not")
    parser.add_argument("--record", type=Path, default=RECORD, help="JSON lines, one an outcome")
    parser.add_argument("--table", action="store_true", help="write the table and run nothing")
    options = parser.parse_args()
    if options.table:
        PAGE.write_text(table(recorded(options.record)))
        return
    warnings.simplefilter("ignore")  # timm's own, such as a renamed model
    done = recorded(options.record)
    models = [one.name for one in sorted(smallest().values(), key=lambda one: one.parameters)]
    for name in options.names or [name for name in models if name not in done]:
        found = attempted(name)
        with options.record.open("a") as file:
            file.write(json.dumps(found) + "\n")
        print(in_a_line(found), flush=True)


if __name__ == "__main__":
    main()
