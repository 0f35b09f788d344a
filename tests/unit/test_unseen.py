"""A source never holds a picture that validates or tests the target, whatever the names, seeds, shares and numbers."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support.scenes import scene
from tltk.analyses.sample import Context, samples, strangers
from tltk.analyses.two_sample.spec import TwoSampleSpec
from tltk.data import load
from tltk.data.domain import Domain, Split, held_out_origins
from tltk.errors import DataProblem
from tltk.jobs.worker import Worker
from tltk.runs.run import Run
from tltk.specs.parts import DataSpec, NetSpec
from tltk.specs.training import TransferSpec
from tltk.studies.compare import study as compare
from tltk.studies.compare.spec import CompareSpec
from tltk.training.bank import FeatureBank
from tltk.training.callbacks import Callbacks
from tltk.training.compose import divide

TARGET = DataSpec("blended_digits", size=16, n=1797, shots=10)


def divided(spec: TransferSpec) -> tuple[Domain, Split, int]:
    """The pictures of this training as its worker divides them."""
    parts = divide(spec)
    return parts.domain, parts.split, parts.taken_out


def source_of(source: DataSpec, target: DataSpec) -> TransferSpec:
    found = compare.source_spec(CompareSpec(source=source, target=target, net=NetSpec("test_resnet")))
    assert found is not None
    return found


@pytest.mark.parametrize(
    "source",
    [
        DataSpec("digits"),
        DataSpec("digits", n=1000),
        DataSpec("digits", seed=1),
        DataSpec("digits", test=0.1),
        DataSpec("digits~fog:3", n=800, seed=3),
        DataSpec("blended_digits", seed=5, n=900),
    ],
    ids=str,
)
def test_the_digits_that_test_the_target_are_taken_out_and_counted(source: DataSpec) -> None:
    spec = source_of(source, TARGET)
    domain, split, taken_out = divided(spec)
    target = divided(TransferSpec(TARGET))
    held = held_out_origins(target[0], target[1])
    seen = domain.origins[np.concatenate([split.train, split.val, split.test])]
    assert not np.isin(seen, held).any()
    assert taken_out == np.isin(domain.origins, held).sum() > 100
    assert len(seen) == len(domain.labels) - taken_out
    for part in (split.train, split.val, split.test):
        assert set(domain.labels[part]) == set(range(10))


def test_equal_files_under_other_names_are_the_same_picture(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    for k in range(60):
        picture = Image.fromarray(draw.integers(0, 255, (16, 16, 3), dtype=np.uint8))
        for place, name in (("a", f"{k}.png"), ("b", f"copy of {k}.bmp")):
            if place == "a" or k % 3:  # two in three are in both
                folder = tmp_path / place / "xy"[k % 2]
                folder.mkdir(parents=True, exist_ok=True)
                picture.save(folder / name)
    source, target = DataSpec(f"folder:{tmp_path}/a", size=16), DataSpec(f"folder:{tmp_path}/b", size=16)
    domain, split, taken_out = divided(source_of(source, target))
    theirs = divided(TransferSpec(target))
    held = held_out_origins(theirs[0], theirs[1])
    assert taken_out == len(held) > 5
    assert not np.isin(domain.origins[split.train], held).any()


def near_copies(root: Path, n: int = 20) -> tuple[DataSpec, DataSpec, int]:
    """A source and a target of photographs; half of the source are the target's, saved anew: smaller and coarser."""
    for k, name in enumerate(("cat", "dog")):
        for place in ("source", "target"):
            (root / place / name).mkdir(parents=True)
        for i in range(n):
            scene(100 * k + i).save(root / "target" / name / f"{i:02}.png")
            if i % 2:
                again = scene(100 * k + i).resize((70, 75), Image.Resampling.BICUBIC)
                again.save(root / "source" / name / f"copy {i}.jpg", quality=50)
            else:
                scene(1000 + 100 * k + i).save(root / "source" / name / f"{i:02}.png")
    return *(DataSpec(f"folder:{root}/{place}", size=16) for place in ("source", "target")), n  # type: ignore[return-value]


def test_pictures_that_were_saved_anew_are_the_same_picture(tmp_path: Path) -> None:
    source, target, n = near_copies(tmp_path)
    domain, split, taken_out = divided(source_of(source, target))
    theirs = divided(TransferSpec(target))
    held = set(np.concatenate([theirs[1].val, theirs[1].test]).tolist())
    copies = sum(_position(tmp_path, c, i) in held for c in ("cat", "dog") for i in range(1, n, 2))
    assert taken_out == copies > 3
    assert len(split.train) + len(split.val) + len(split.test) == 2 * n - copies


def _position(root: Path, name: str, i: int) -> int:
    """Where picture i of a class lies in the target, which is read class by class in the order of the names."""
    before = 0 if name == "cat" else len(list((root / "target" / "cat").iterdir()))
    return before + i


def test_a_test_of_two_domains_has_no_picture_on_both_sides_saved_anew(tmp_path: Path) -> None:
    source, target, n = near_copies(tmp_path)
    spec = TwoSampleSpec(target=target, source=source, net=NetSpec("test_resnet"), pictures=100)
    context = Context(load, FeatureBank(), Callbacks())
    one, other = samples(spec, context)
    assert other is not None
    y, x, said = strangers(spec, context, one, other)
    assert "examples in common" in said
    pictures = [s.domain.images[s.index].astype(float) for s in (y, x)]
    apart = np.abs(pictures[0][:, None] - pictures[1][None]).mean((2, 3, 4))
    assert apart.min() > 10


def test_weights_that_learned_from_a_picture_saved_anew_are_told(tmp_path: Path) -> None:
    source, target, _ = near_copies(tmp_path)
    first = TransferSpec(source)
    Run.create(first)
    spec = TransferSpec(target, NetSpec(weights=f"run:{first.run_id}"))
    worker = Worker(Run.create(spec))
    domain, split, _ = divided(spec)
    assert worker._count_seen_by_source(spec, domain, split) > 3


def test_a_source_of_which_nothing_is_left_is_refused() -> None:
    small = DataSpec("digits", n=60, size=16, val=0.1, test=0.8)
    with pytest.raises(
        DataProblem, match="must hold pictures that neither validate nor test digits. Without the .* few"
    ):
        divided(source_of(small, small))


def test_weights_that_learned_from_what_tests_the_target_are_told() -> None:
    """Nothing can be taken out of a network that is trained already; what it saw is counted."""
    source = TransferSpec(DataSpec("digits", size=16, seed=1))
    Run.create(source)
    spec = TransferSpec(TARGET, NetSpec(weights=f"run:{source.run_id}"))
    worker = Worker(Run.create(spec))
    domain, split, _ = divided(spec)
    theirs, learned, _ = divided(source)
    expected = np.isin(held_out_origins(domain, split), theirs.origins[learned.train]).sum()
    assert worker._count_seen_by_source(spec, domain, split) == expected > 100
    drawn = TransferSpec(DataSpec("rendered_digits", n=100, size=16))
    Run.create(drawn)
    other = dataclasses.replace(spec, net=NetSpec(weights=f"run:{drawn.run_id}"))
    assert worker._count_seen_by_source(other, domain, split) == 0


@pytest.mark.parametrize("machine", ["1", "2"])
def test_the_number_of_threads_is_the_specs_whatever_the_machine(machine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One id, one answer: neither the cores nor TLTK_THREADS decide how a training is computed."""
    import torch

    from tltk.specs.parts import OptimSpec

    monkeypatch.setenv("TLTK_THREADS", machine)
    before = torch.get_num_threads()
    torch.set_num_threads(int(machine))
    try:
        optim = OptimSpec(epochs=1, batch_size=16, device="cpu", threads=2)
        spec = TransferSpec(DataSpec("digits", size=16, n=100), NetSpec("test_resnet"), optim=optim)
        run = Run.create(spec)
        Worker(run).train(run)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    result = run.result()
    assert result is not None and result["threads"] == 2 and run.written_status().threads == 2
    assert dataclasses.replace(spec, optim=dataclasses.replace(optim, threads=1)).run_id != spec.run_id
