"""The weights that come with tltk: whole, as their recipes say, with edges in their first layers; one that hurts."""

from __future__ import annotations

import pytest

from tests.support.shell import agree
from tltk.jobs.worker import execute
from tltk.runs.run import Run
from tltk.specs.parts import DataSpec, NetSpec, OptimSpec
from tltk.studies.compare.spec import CompareSpec
from tltk.weights import recipe as pretrain
from tltk.weights import store
from tltk.weights.load import build_net
from tltk.weights.receptive_fields import first_fields, orientation_selectivity, receptive_fields

LARGEST = 24_000_000  # bytes, of all together


def test_there_are_three_kinds_of_small_size() -> None:
    shelf = [entry for entry in store.entries() if entry.shipped]
    names = {"resnet10t", "mobilevit_xxs", "mobilenetv2_050", "test_efficientnet", "test_resnet"}
    assert {e.card.backbone for e in shelf} == names
    assert sum(path.stat().st_size for path in store.shipped_shelf().rglob("*") if path.is_file()) < LARGEST


@pytest.mark.parametrize("name", sorted(pretrain.recipes()))
def test_shipped_weights_are_what_their_recipe_says(name: str) -> None:
    plan, entry = pretrain.read(name), store.find(name)
    assert entry.shipped and store.is_intact(entry) and plan.name == name
    assert [s.run for s in entry.card.stages] == [spec.run_id for spec in pretrain.stage_specs(plan)]
    assert entry.card.licence and entry.card.summary and entry.card.good_for and entry.card.bad_for
    for run, stage in zip(entry.runs, entry.card.stages, strict=True):
        found = run.result() or {}
        assert (found["accuracy"], found["images"]) == (stage.accuracy, stage.seen)
        assert len(run.curve("accuracy").y) == len(run.curve("loss").y) > 1
    net = build_net(NetSpec(entry.card.backbone, f"store:{name}"), 3, 64, 3, 0)
    assert (
        sum(t.numel() for n, t in net.backbone.state_dict().items() if "num_batches" not in n) == entry.card.parameters
    )


@pytest.mark.parametrize(
    ("name", "times"),
    [("resnet10t", 1.5), ("mobilevit_xxs", 1.1), ("mobilenetv2_050", 1.4), ("test_efficientnet", 1.5)],
)
def test_first_layers_are_more_edge_like_than_random_ones(name: str, times: float) -> None:
    module, fields = first_fields(build_net(NetSpec(name, f"store:{name}_formulas"), 3, 64, 3, 0), 64)
    untold = []
    for seed in range(3):
        random = receptive_fields(build_net(NetSpec(name), 3, 64, 3, seed), module, 64)
        assert random is not None
        untold.append(float(orientation_selectivity(random).mean()))
    told = float(orientation_selectivity(fields).mean())
    assert told > times * max(untold), f"{told:.2f} against {untold}"
    assert store.find(f"{name}_formulas").fields is not None


@pytest.mark.parametrize("name", ["resnet10t", "mobilevit_xxs", "mobilenetv2_050"])
def test_the_tables_on_the_cards_reach_the_goals(name: str) -> None:
    """Of the benchmark `transfer`: probes 15 points above random features on average and nowhere below, fine-tuning 5."""
    sets = store.find(f"{name}_formulas").card.transfer["sets"]
    gains, tuned = (
        [row[k] if k == "gain" else row["fine_tune"]["gap"] for row in sets.values()] for k in ("gain", "gap")
    )
    assert len(sets) == 12 and min(gains) > 0 and sum(gains) / 12 > 0.15 and sum(tuned) / 12 > 0.05


def test_the_misled_source_hurts() -> None:
    """Its features know colour alone, which says nothing here; the verdict must say so, interval and all."""
    spec = CompareSpec(
        target=DataSpec("shapes:hues=1", n=2000, shots=20, size=32),
        net=NetSpec("test_resnet", "store:test_resnet_misled", boundary=5),
        optim=OptimSpec(epochs=8, epoch_images=320, batch_size=32, device="cpu"),
        lrs=(3e-3, 1e-2),
    )
    run = Run.create(spec)
    execute(run)
    verdict = (run.result() or {})["verdict"]
    assert verdict["label"] == "hurts" and verdict["hi"] < 0 and verdict["scratch"] - verdict["transfer"] > 0.2


def test_a_training_is_told_as_documented() -> None:
    agree("A training of shipped weights", store.as_dict(store.find("test_resnet_misled"))["stages"][0])
