"""Frames of an embedding: their order, what they say of neighbours, and that the sheet shows the same rows."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from PIL import Image

from tests.support.engine import domain
from tests.support.layers import HERE, NAMES, THERE, by_hand, context
from tests.support.values import present
from tltk.analyses.embed.analysis import NEAR, _frame, embed
from tltk.analyses.embed.spec import EmbedSpec
from tltk.analyses.profile.spec import ProfileSpec
from tltk.analyses.sample import LARGEST, draw, network, samples
from tltk.data.domain import Domain
from tltk.errors import BadSpec
from tltk.reduce.embed import embed_frames
from tltk.reduce.trustworthiness import domain_mixing, neighbourhood_hit, trustworthiness
from tltk.results.rows import ACROSS
from tltk.runs.run import Run
from tltk.specs.parts import DataSpec, NetSpec
from tltk.specs.training import TransferSpec
from tltk.training.loop import Callbacks
from tltk.weights import load as weights

SPEC = EmbedSpec(DataSpec("here"), DataSpec("there"), NetSpec("test_resnet"), method="pca")


def stacked(spec: EmbedSpec, weights_: str = "") -> tuple[list[torch.Tensor], torch.Tensor, torch.Tensor]:
    """Features of target, then source, at every layer; class numbers; domains."""
    asked = ProfileSpec(spec.target, spec.source, spec.net, spec.pictures, spec.pooling, spec.seed)
    (y, target), (x, source) = by_hand(asked, "target", weights_), by_hand(asked, "source", weights_)
    domains = torch.cat([torch.zeros(len(target)), torch.ones(len(source))]).long()
    return [torch.cat(pair) for pair in zip(y, x, strict=True)], torch.cat([target.labels, source.labels]), domains


def changed(path: Path) -> str:
    """Weights other than those of seed 0."""
    net = weights.build_net(NetSpec("test_resnet"), 3, 32, 3, 7)
    weights.save(net, NetSpec("test_resnet"), path)
    return f"file:{path}"


def test_all_layers() -> None:
    found, _ = embed(SPEC, context())
    layers, labels, domains = stacked(SPEC)
    assert found.names == NAMES
    assert [(f.layer, f.name, f.weights) for f in found.frames] == [(i, n, "") for i, n in enumerate(NAMES)]
    assert found.labels == [f"c{c}" for c in labels.tolist()]
    assert found.domain == domains.tolist()
    assert found.n == {"target": int((domains == 0).sum()), "source": int((domains == 1).sum())}
    assert (found.method, found.over) == ("pca", "layers")
    for frame, full, flat in zip(found.frames, layers, embed_frames(layers, "pca"), strict=True):
        got = torch.tensor([frame.x, frame.y]).mT
        scale = float(flat.abs().max())
        assert float((got - flat).abs().max()) <= 1e-3 * scale + 1e-4
        k = 10
        assert frame.hit == pytest.approx(neighbourhood_hit(flat, labels, k=k), abs=0.02)
        assert frame.mixing == pytest.approx(domain_mixing(flat, domains, k=k), abs=0.05)
        assert frame.trustworthiness == pytest.approx(trustworthiness(full.double(), flat, k=k), abs=0.01)
    json.dumps(msgspec.to_builtins(found), allow_nan=False)
    assert set(found.seconds) == {"features", "all"}


@pytest.mark.parametrize("pooling", ["avg", "project"])
def test_near_are_the_true_neighbours(pooling: str) -> None:
    """Also where pictures differ by little beside what all of them share: in float64 there is no doubt."""
    spec = dataclasses.replace(SPEC, pooling=pooling)
    found, _ = embed(spec, context())
    for frame, full in zip(found.frames, stacked(spec)[0], strict=True):
        x = full.double() - full.double().mean(0)
        distance = (x[:, None] - x[None]).norm(dim=2)
        distance.fill_diagonal_(torch.inf)
        nearest = distance.sort(dim=1).values[:, :NEAR]
        for i, near in enumerate(frame.near):
            assert len(set(near)) == NEAR and i not in near
            assert torch.allclose(distance[i][near].sort().values, nearest[i], rtol=2e-3), (frame.name, i)


def test_neighbours_of_a_layer_with_a_large_offset() -> None:
    """What all pictures share must not cost the digits in which they differ."""
    x = torch.randn(60, 32, generator=torch.Generator().manual_seed(0))
    flat, labels = x[:, :2].double(), torch.arange(60) % 3
    plain = _frame((0, "a", ""), x, flat, labels, labels)
    moved = _frame((0, "a", ""), x + 3000, flat, labels, labels)
    assert moved.near == plain.near
    assert moved.trustworthiness == pytest.approx(plain.trustworthiness, abs=1e-3)


def test_one_layer_and_one_domain() -> None:
    found, sheet = embed(dataclasses.replace(SPEC, source=None, layer=2), context())
    (frame,) = found.frames
    assert (frame.layer, frame.name, frame.mixing) == (2, "layer2.0", None)
    n = found.n["target"]
    assert found.n["source"] == 0 and found.domain == [0] * n and len(frame.x) == n
    assert sheet.size == (32 * ACROSS, 32 * -(-n // ACROSS))
    last, _ = embed(dataclasses.replace(SPEC, layer=5), context())  # what enters the head
    assert last.frames[0].name == "features"
    with pytest.raises(BadSpec, match="layer must be from 0 to 5, or -1 for all. Got 6."):
        embed(dataclasses.replace(SPEC, layer=6), context())


def test_before_and_after(tmp_path: Path) -> None:
    after = changed(tmp_path / "after.safetensors")
    found, _ = embed(dataclasses.replace(SPEC, after=after), context())
    titles = [(f.weights, f.layer) for f in found.frames]
    assert titles == [("before", i) for i in range(6)] + [("after", i) for i in range(6)]
    before, later = stacked(SPEC)[0], stacked(SPEC, after)[0]
    # The film runs up through the layers before and down through those after.
    want = embed_frames([*before, *reversed(later)], "pca")
    want = want[:6] + want[6:][::-1]
    for frame, flat in zip(found.frames, want, strict=True):
        got = torch.tensor([frame.x, frame.y]).mT
        assert float((got - flat).abs().max()) <= 2e-3 * float(flat.abs().max()) + 1e-4
    one, _ = embed(dataclasses.replace(SPEC, after=after, layer=3), context())
    assert [(f.weights, f.layer) for f in one.frames] == [("before", 3), ("after", 3)]


def test_after_weights_of_other_layers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tltk.analyses.embed import analysis as module

    build = network

    def other(spec: NetSpec, *rest: Any) -> Any:
        net = build(dataclasses.replace(spec, weights="scratch"), *rest)
        if spec.weights != "scratch":
            net.names = ("stem", "head")
        return net

    monkeypatch.setattr(module, "network", other)
    with pytest.raises(BadSpec, match="must belong to test_resnet. Their layers differ."):
        embed(dataclasses.replace(SPEC, after="file:x"), context())


def tiles(sheet: Image.Image, n: int, side: int) -> list[np.ndarray]:
    at = [(i % ACROSS * side, i // ACROSS * side) for i in range(n)]
    return [np.asarray(sheet.crop((x, y, x + side, y + side))).transpose(2, 0, 1) for x, y in at]


def test_the_sheet_has_the_rows_order() -> None:
    found, sheet = embed(dataclasses.replace(SPEC, layer=0), context())
    index = {name: draw(d, DataSpec(name), 300, 0).index for name, d in (("here", HERE), ("there", THERE))}
    want = [HERE.images[i] for i in index["here"]] + [THERE.images[i] for i in index["there"]]
    assert len(want) == len(found.labels) > ACROSS  # more than one row
    for got, picture in zip(tiles(sheet, len(want), 32), want, strict=True):
        assert np.array_equal(got, picture)


def test_grey_and_large_pictures_fit_the_sheet() -> None:
    big = domain(60, size=64, channels=1)
    spec = EmbedSpec(DataSpec("big", size=64), None, NetSpec("test_resnet"), method="pca", layer=0)
    found, sheet = embed(spec, context(big=big))
    assert sheet.size[0] == LARGEST * ACROSS
    index = draw(big, DataSpec("big"), 300, 0).index
    for got, i in zip(tiles(sheet, len(index), LARGEST), index, strict=True):
        small = Image.fromarray(big.images[i][0]).resize((LARGEST, LARGEST))
        assert np.array_equal(got[0], got[1]) and np.abs(got[0].astype(int) - np.asarray(small)).max() <= 1


def test_classes_of_one_name_are_one_class() -> None:
    """The hit asks for names: the source's class 0 may be the target's class 2."""
    turned = Domain.of(
        "turned", HERE.images, (HERE.labels + 1) % 3, ["c2", "c0", "c1"], licence="none", source="made"
    )  # picture by picture the names of HERE
    same, _ = embed(dataclasses.replace(SPEC, source=DataSpec("here2")), context(here2=HERE))
    renamed, _ = embed(dataclasses.replace(SPEC, source=DataSpec("turned")), context(turned=turned))
    n = same.n["target"]
    assert renamed.labels[:n] == same.labels[:n]
    by_name = {name: [i for i, d in enumerate(turned.labels) if turned.classes[d] == name] for name in turned.classes}
    index = draw(turned, DataSpec("turned"), 300, 0).index
    assert renamed.labels[n:] == [next(k for k, v in by_name.items() if i in v) for i in index]
    assert set(renamed.labels) == {"c0", "c1", "c2"}
    for frame in renamed.frames:
        flat = torch.tensor([frame.x, frame.y]).mT
        names = torch.tensor([int(label[1]) for label in renamed.labels])
        assert frame.hit == pytest.approx(neighbourhood_hit(flat, names, k=10), abs=0.02)


def test_a_dead_layer_is_a_frame_and_no_fault(tmp_path: Path) -> None:
    net = weights.build_net(NetSpec("test_resnet"), 3, 32, 3, 0)
    with torch.no_grad():
        for p in net.backbone.layer3.parameters():  # type: ignore[union-attr]
            p.zero_()
    weights.save(net, NetSpec("test_resnet"), tmp_path / "dead.safetensors")
    spec = dataclasses.replace(SPEC, net=NetSpec("test_resnet", f"file:{tmp_path / 'dead.safetensors'}"))
    found, _ = embed(spec, context())
    json.dumps(msgspec.to_builtins(found), allow_nan=False)
    assert set(found.frames[3].x) == {0.0} and len(set(found.frames[2].x)) > 9


# -- through epochs ---------------------------------------------------------------------------------------


def snapshots(epochs: tuple[int, ...] = (0, 1, 3)) -> Run:
    """A run that kept its weights at these epochs."""
    run = Run.create(TransferSpec(DataSpec("here"), NetSpec("test_resnet")))
    for epoch in epochs:
        net = weights.build_net(NetSpec("test_resnet"), 3, 32, 3, epoch)
        weights.save(net, NetSpec("test_resnet"), run.snapshot(epoch), run=run.id)
    weights.save(
        weights.build_net(NetSpec("test_resnet"), 3, 32, 3, 9), NetSpec("test_resnet"), run.path / "model.safetensors"
    )
    return run


def test_through_the_epochs_of_a_run() -> None:
    run, said = snapshots(), list[str]()
    here = context()
    here.callbacks = Callbacks(notify=said.append)
    spec = dataclasses.replace(SPEC, over="epochs", net=NetSpec("test_resnet", f"run:{run.id}"))
    found, sheet = embed(spec, here)
    assert [(f.layer, f.name) for f in found.frames] == [(e, f"epoch {e}") for e in (0, 1, 3)]
    assert found.names == ["epoch 0", "epoch 1", "epoch 3"] and found.over == "epochs"
    assert "Features at epoch 1 of 3." in said
    layers = [stacked(SPEC, f"file:{run.snapshot(e)}")[0][-1] for e in (0, 1, 3)]
    for frame, flat in zip(found.frames, embed_frames(layers, "pca"), strict=True):
        got = torch.tensor([frame.x, frame.y]).mT
        assert float((got - flat).abs().max()) <= 2e-3 * float(flat.abs().max()) + 1e-4
    first, _ = embed(dataclasses.replace(spec, layer=1), context())
    assert first.frames[0].x != found.frames[0].x


@pytest.mark.parametrize("kind", ["scratch", "file", "run"])
def test_a_film_through_epochs_needs_snapshots(kind: str) -> None:
    run = snapshots(())
    chosen = {"scratch": "scratch", "file": f"file:{run.path / 'model.safetensors'}", "run": f"run:{run.id}"}[kind]
    spec = dataclasses.replace(SPEC, over="epochs", net=NetSpec("test_resnet", chosen))
    with pytest.raises(BadSpec, match="a run that kept snapshots"):
        embed(spec, context())


def test_the_same_question_has_the_same_answer() -> None:
    first, _ = embed(SPEC, context())
    again, _ = embed(SPEC, context())
    assert msgspec.structs.replace(again, seconds={}) == msgspec.structs.replace(first, seconds={})


# -- a picture of the user's ------------------------------------------------------------------------------


def saved(path: Path, number: int, mode: str = "RGB") -> str:
    """One of the target's pictures as a file."""
    part = samples(ProfileSpec(SPEC.target, None, SPEC.net), context())[0]
    image = Image.fromarray(np.ascontiguousarray(part.domain.images[part.index[number]].transpose(1, 2, 0)))
    image.convert(mode).save(path)
    return str(path)


@pytest.mark.parametrize("after", [False, True])
def test_a_picture_that_is_there_already_is_placed_on_itself(tmp_path: Path, after: bool) -> None:
    beside = changed(tmp_path / "w.safetensors") if after else ""
    spec = dataclasses.replace(SPEC, picture=saved(tmp_path / "mine.png", 3), after=beside)
    found, sheet = embed(spec, context())
    plain, old = embed(dataclasses.replace(spec, picture=""), context())
    assert len(found.frames) == len(NAMES) * (2 if after else 1)
    for frame, without in zip(found.frames, plain.frames, strict=True):
        placed = frame.placed
        assert placed is not None and without.placed is None
        assert msgspec.structs.replace(frame, placed=None) == without  # it moves no other
        assert (placed.x, placed.y) == pytest.approx((frame.x[3], frame.y[3]), abs=2e-3)
        assert placed.near[0] == 3 and len(placed.near) == 5
    n, side = len(found.labels), sheet.width // 32
    assert sheet.width == old.width and sheet.height >= old.height
    tile, twin = (
        sheet.crop((i % 32 * side, i // 32 * side, i % 32 * side + side, i // 32 * side + side)) for i in (n, 3)
    )
    assert tile.tobytes() == twin.tobytes()


def test_a_picture_among_grey_ones(tmp_path: Path) -> None:
    grey = domain(30, channels=1)
    spec = EmbedSpec(
        DataSpec("grey"), None, NetSpec("test_resnet"), method="pca", layer=0, picture=saved(tmp_path / "a.png", 0)
    )
    (frame,) = embed(spec, context(grey=grey))[0].frames
    placed = present(frame.placed)
    assert np.isfinite([placed.x, placed.y]).all()


def test_what_is_no_picture(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("no")
    for name in ("a.png", "none.png"):
        with pytest.raises(BadSpec, match=f"The picture to place must be a picture file. {name} is not"):
            embed(dataclasses.replace(SPEC, picture=str(tmp_path / name)), context())
    with pytest.raises(BadSpec, match="These have 4 channels"):
        embed(
            dataclasses.replace(SPEC, source=None, target=DataSpec("four"), picture=saved(tmp_path / "b.png", 0)),
            context(four=domain(30, channels=4)),
        )
