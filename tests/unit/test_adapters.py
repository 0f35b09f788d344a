"""Adapters that add parameters: with a bank, a plan in phases, a stop, a teacher; what leaves a training is merged."""

from __future__ import annotations

import copy
import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from tests.support.engine import domain, interrupted, spec, train, training
from tests.support.shell import TINY, tltk
from tltk import adapters
from tltk.data import load
from tltk.jobs import worker
from tltk.nn.cut import Cut
from tltk.nn.net import Net
from tltk.runs.run import Run
from tltk.specs.parts import AdapterSpec, DataSpec, NetSpec, OptimSpec, StrategySpec, TermSpec, ViewSpec
from tltk.specs.training import TransferSpec
from tltk.training.bank import FeatureBank
from tltk.training.batches import LiveBatches
from tltk.training.callbacks import Callbacks
from tltk.training.compose import build_network, divide
from tltk.training.passes import Passes
from tltk.weights.load import build_net, source_classifier

ADDING = ["dora", "ia3", "lora"]
LORA = AdapterSpec("lora", {"rank": 2})


@pytest.mark.parametrize("adapter", ADDING)
@pytest.mark.parametrize("strategy", ["fine_tune", "gradual_unfreezing"])
def test_a_stopped_training_goes_on_to_the_last_bit(adapter: str, strategy: str, tmp_path: Path) -> None:
    asked = dataclasses.replace(spec("test_vit", boundary=2, strategy=strategy, epochs=4), adapter=AdapterSpec(adapter))
    whole, again = train(asked), interrupted(asked, tmp_path / "c", 2)
    assert whole.values() == again.values()
    mine, theirs = whole.net.state_dict(), again.net.state_dict()
    assert all(torch.equal(mine[name], theirs[name]) for name in mine)


@pytest.mark.parametrize("adapter", ADDING)
@pytest.mark.parametrize("name", ["test_resnet", "test_vit", "test_convnext"])
def test_with_a_bank_it_learns_what_it_learns_without(adapter: str, name: str) -> None:
    """Gradual unfreezing cuts above layers whose adapters wait; they give what the plain network gives."""
    asked = dataclasses.replace(
        spec(name, boundary=1, strategy="gradual_unfreezing", epochs=5), adapter=AdapterSpec(adapter)
    )
    kept, live = train(asked), train(dataclasses.replace(asked, optim=dataclasses.replace(asked.optim, cache="off")))
    assert kept.result.cached and kept.result.frozen_moved == live.result.frozen_moved == 0
    a, b = kept.net.state_dict(), live.net.state_dict()
    assert all(torch.allclose(a[n].float(), b[n].float(), rtol=1e-3, atol=1e-4) for n in a)


@pytest.mark.parametrize("strategy", ["fine_tune", "gradual_unfreezing"])
def test_kept_features_are_those_of_trainings_without_an_adapter(strategy: str) -> None:
    """Also of layers whose adapters wait for their phase: the keys of the bank are the plain network's."""

    def keys(asked: TransferSpec) -> set[str]:
        bank = FeatureBank()
        train(asked, bank=bank)
        return set(bank._held)

    plain = spec("test_resnet", boundary=2, strategy=strategy, epochs=5)
    without = keys(plain)
    assert without and keys(dataclasses.replace(plain, adapter=LORA)) == without


def adapted(name: str = "test_vit", adapter: AdapterSpec = LORA) -> Net:
    """A network whose adapter has something to say."""
    net, _ = build_network(dataclasses.replace(spec(name, boundary=2), adapter=adapter), domain())
    draw = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for path, p in net.named_parameters():
            if adapters.make(adapter).learns(net, path):
                p.add_(torch.randn(p.shape, generator=draw) * 0.2)
    return net.eval()


@pytest.mark.parametrize("adapter", ADDING)
@pytest.mark.parametrize("name", ["test_resnet", "test_vit", "test_convnext", "test_efficientnet"])
def test_a_copy_is_one_of_its_own_and_a_merged_one_gives_the_very_same(name: str, adapter: str) -> None:
    net = adapted(name, AdapterSpec(adapter))
    x = net.sample(3, torch.Generator().manual_seed(0))
    with torch.no_grad():
        before = net(x)[1]
        other = copy.deepcopy(net)
        adapters.make(AdapterSpec(adapter)).merge(other)
        assert torch.equal(other(x)[1], before)
        assert other.state_dict().keys() < net.state_dict().keys(), "the first one keeps what was added"
        for p in other.parameters():
            p.zero_()
        assert torch.equal(net(x)[1], before)


@pytest.mark.parametrize("adapter", ADDING)
def test_the_halves_of_a_cut_give_the_whole(adapter: str) -> None:
    net = adapted("test_vit", AdapterSpec(adapter))
    x = net.sample(3, torch.Generator().manual_seed(0))
    for boundary in range(net.depth + 1):
        cut = Cut(net, boundary)
        with torch.no_grad():
            torch.testing.assert_close(cut.suffix(cut.prefix(x))[1], net(x)[1])


def test_the_base_is_audited() -> None:
    moved = training(dataclasses.replace(spec("test_vit", boundary=2), adapter=LORA))
    moved._enter(moved.phases[0])
    names = {n for n, _ in moved.net.named_parameters() if moved.net.layer_of[n] < moved.net.depth}
    learn = {n for n in names if n.endswith(("lora_a", "lora_b"))}
    assert learn and moved.audit.n_recorded >= len(names - learn)
    with torch.no_grad():
        dict(moved.net.named_parameters())["backbone.blocks.1.mlp.fc1.weight"].add_(1e-3)
    assert moved.audit.changed_tensors() == ["backbone.blocks.1.mlp.fc1.weight"]


def test_the_distance_is_that_of_the_weights_that_count() -> None:
    run = train(dataclasses.replace(spec("test_vit", boundary=2), adapter=LORA))
    last = [r.value for r in run.rows if r.name == "change" and r.epoch == 3]
    state = run.net.state_dict()  # merged
    for layer in range(run.net.depth):
        own = [n for n, _ in run.net.named_parameters() if run.net.layer_of[n] == layer]
        wanted = float(sum((state[n] - run.first[n]).double().square().sum() for n in own)) ** 0.5
        assert last[layer] == pytest.approx(wanted, rel=1e-4, abs=1e-7)
        assert (wanted > 0) is (layer >= 2)


def test_a_teacher_is_the_network_of_the_start() -> None:
    made = training(dataclasses.replace(spec("test_vit", boundary=2), adapter=LORA))
    passes = Passes(made.net, {"teacher"}, torch.zeros(24), None, False, 0)
    first = made.net.eval()(x := made.net.sample(2, torch.Generator().manual_seed(0)))[1]
    made.run()
    passes.enter(2, LiveBatches(made.net, domain(), np.arange(24), ViewSpec(), torch.device("cpu")), None)
    side = passes.teach((x,), torch.arange(2))
    assert side is not None and torch.equal(side.logits, first)
    assert not torch.equal(made.net.eval()(x)[1], first)


def test_what_changes_nothing_is_said() -> None:
    domain = load(DataSpec("digits", n=40, size=16))
    frozen = TransferSpec(net=NetSpec("test_resnet"), strategy=StrategySpec("feature_extraction"))
    told = build_network(dataclasses.replace(frozen, adapter=AdapterSpec("lora")), domain)[0].notes
    assert told == ["No layer of the backbone learns: the adapter lora changes nothing here."]
    pulled = dataclasses.replace(
        frozen,
        net=NetSpec("test_resnet", boundary=5),
        strategy=StrategySpec(),
        terms=(TermSpec("l2_sp", {"head": 0}), TermSpec("spectral_shrinkage"), TermSpec("delta")),
    )
    told = build_network(pulled, domain)[0].notes
    assert told == [
        f"No layer of the backbone learns: the term {name} changes nothing here."
        for name in ("l2_sp", "spectral_shrinkage")
    ]
    assert build_network(frozen, domain)[0].notes == []
    by_layer = TransferSpec(DataSpec(size=32), NetSpec("test_vit", norm="target"))
    told = build_network(by_layer, load(DataSpec("digits", n=40, size=32)))[0].notes
    assert told == ["No layer normalises by batches: norm 'target' changes nothing here."]


def test_a_snapshot_is_merged_and_the_training_goes_on_unmerged() -> None:
    seen: list[tuple[set[str], torch.Tensor]] = []
    x = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))

    def snapshot(net: Net, _: int) -> None:
        with torch.no_grad():
            seen.append((set(net.state_dict()), net.eval()(x)[1]))

    asked = dataclasses.replace(spec("test_vit", boundary=2, snapshots=1), adapter=LORA)
    plain = set(training(dataclasses.replace(asked, adapter=AdapterSpec())).net.state_dict())
    run = train(asked, callbacks=Callbacks(snapshot=snapshot))
    assert len(seen) == 4 and all(names == plain for names, _ in seen)
    assert not torch.equal(seen[1][1], seen[3][1])
    with torch.no_grad():
        assert torch.equal(run.net.eval()(x)[1], seen[-1][1])


@pytest.mark.parametrize("patience", [0, 2])
def test_a_run_s_weights_need_no_adapter(patience: int) -> None:
    """From the spec through a worker: its weights are a plain network's and predict what was tested."""
    asked = TransferSpec(
        target=DataSpec("digits", n=160),
        net=NetSpec("test_vit", boundary=1),
        adapter=AdapterSpec("lora", {"rank": 4}),
        optim=OptimSpec(epochs=3, batch_size=16, lr=1e-2, device="cpu", snapshots=3, patience=patience),
    )
    assert json.loads(asked.to_json())["adapter"] == {"name": "lora", "knobs": {"rank": 4}}
    run = Run.create(asked)
    worker.execute(run)
    assert run.status.state == "done", run.status.message
    result = run.result()
    assert result is not None
    plain, _ = build_network(dataclasses.replace(asked, adapter=AdapterSpec()), load(asked.target))
    for file in (run.path / "model.safetensors", run.snapshot(3)):
        assert load_file(file).keys() == plain.state_dict().keys()
    parts = divide(asked)
    own = NetSpec("test_vit", f"run:{run.id}")
    net, head = build_net(own, 10, 32, 3, 7).eval(), source_classifier(own)
    assert head is not None
    images = parts.domain.modality.tensors(parts.domain, parts.split.test, torch.device("cpu")).float() / 255
    with torch.no_grad():
        features = net(net.normalise(images))[0]
        logits = features @ head.weight.T + head.bias
    assert logits.argmax(1).tolist() == result["predictions"]
    start, _ = build_network(asked, parts.domain)
    assert not torch.equal(
        net.backbone.state_dict()["blocks.1.mlp.fc1.weight"], start.backbone.state_dict()["blocks.1.mlp.fc1.weight"]
    )


def test_what_changes_nothing_is_said_in_the_shell_and_in_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TLTK_EXECUTOR", "tests.support.executors:Inline")
    said = "No layer of the backbone learns: the term spectral_shrinkage changes nothing here."
    asked = ("run", *TINY, "--boundary", "5", "--term", "spectral_shrinkage")
    done = tltk(*asked)
    assert done.exit_code == 0 and f"caution  {said}" in done.stdout
    result = json.loads(tltk(*asked, "--json").stdout)["result"]
    assert said in result["cautions"] and said in result["remarks"]
