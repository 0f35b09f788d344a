from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from timm.optim import param_groups_weight_decay

from tests.support.engine import domain, interrupted, spec, split, train, training
from tltk.data.domain import Split
from tltk.errors import BadSpec, RunProblem, UnknownName, WeightsMissing
from tltk.results.rows import Row
from tltk.specs.parts import NetSpec, OptimSpec, ViewSpec
from tltk.strategies import make
from tltk.tasks.classification import Classification, macro_f1
from tltk.training import checkpoint
from tltk.training.cost import cache_boundary
from tltk.training.loop import Callbacks, Stopped
from tltk.training.loss import batch_loss
from tltk.training.optimizer import make_optimizer, pick_device
from tltk.training.schedule import phase_at, progress_at, schedule
from tltk.weights.load import build_net, save


@pytest.mark.parametrize(
    ("strategy", "knobs"), [("discriminative", {"decay": 0.5}), ("lp_ft", {}), ("gradual_unfreezing", {})]
)
@pytest.mark.parametrize("form", ["cosine", "one_cycle", "plateau"])
def test_rates_are_lr_times_scale_times_schedule(strategy: str, knobs: dict[str, float], form: str) -> None:
    run = train(spec(boundary=1, strategy=strategy, knobs=knobs, schedule=form, warmup=0.1, epochs=4, lr=2e-3))
    phases, n = run.training.phases, 3  # batches in an epoch
    losses = run.curve("loss", "val")
    for epoch in range(1, 5):
        phase = phase_at(phases, epoch - 1)
        at = progress_at(phases, epoch - 1 + (n - 1) / n)  # rows show the last step's rate
        factor = schedule(form, at, 0.1, losses[: epoch - 1])
        rows = {r.layer: r.value for r in run.rows if r.name == "lr" and r.epoch == epoch}
        for layer, scale in enumerate(phase.lr_scale):
            assert rows[layer] == pytest.approx(2e-3 * scale * factor, rel=1e-12)
        assert rows[None] == rows[run.net.depth]
        shown = [r.value for r in run.rows if r.name == "boundary" and r.epoch == epoch]
        assert shown == [phase.boundary]


def test_restarts_begin_the_schedule_anew() -> None:
    from tltk.specs.parts import StrategySpec

    phases = make(StrategySpec("lp_ft")).phases(5, 1, 4)
    assert [progress_at(phases, at) for at in (0, 1, 2, 3)] == [0, 0.5, 0, 0.5]
    phases = make(StrategySpec("gradual_unfreezing")).phases(5, 1, 4)
    assert [progress_at(phases, at) for at in (0, 1, 2, 3)] == [0, 0.25, 0.5, 0.75]


@pytest.mark.parametrize("boundary", [0, 2])
def test_a_step_by_hand(boundary: int) -> None:
    """One epoch of SGD with momentum and decay in the open, against the loop."""
    wanted = spec(
        "test_resnet", boundary=boundary, epochs=1, optimizer="sgd", lr=0.01, schedule="constant", weight_decay=0.1
    )
    run = train(wanted)
    d = domain()
    net = build_net(wanted.net, 3, 32, 3, 0).train()
    for name, p in net.named_parameters():
        p.requires_grad_(net.layer_of[name] >= boundary)
    for name, m in net.named_modules():
        if isinstance(m, torch.nn.BatchNorm2d) and net.layer_of[f"{name}.weight"] < boundary:
            m.eval()
    free = [p for p in net.parameters() if p.requires_grad]
    optimizer = torch.optim.SGD(
        [
            {"params": [p for p in free if (p.ndim > 1) is decays], "weight_decay": 0.1 * decays}
            for decays in (True, False)
        ],
        lr=0.01,
        momentum=0.9,
        nesterov=True,
    )
    losses = []
    for batch in order_of(run, 8):
        x = net.normalise(torch.from_numpy(d.images[batch]).float() / 255)
        loss = F.cross_entropy(net(x)[1], torch.from_numpy(d.labels[batch]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert run.curve("loss", "train") == pytest.approx([np.mean(losses)], abs=1e-5)
    for name, t in net.state_dict().items():
        assert torch.allclose(t.float(), run.net.state_dict()[name].float(), atol=1e-5), name


def order_of(run: Any, size: int) -> list[np.ndarray]:
    from tltk.training.bank import derive_seed
    from tltk.training.batches import epoch_batches
    from tltk.training.loop import ORDER

    made = run.training
    generator = torch.Generator().manual_seed(derive_seed(0, ORDER, 0))
    return [made.split.train[b.numpy()] for b in epoch_batches(len(made.split.train), 0, size, generator)]


def test_a_rate_far_too_high_is_a_sentence() -> None:
    with pytest.raises(RunProblem, match="must stay a number.*learning rate 10;"):
        train(spec("test_vit", lr=10.0, optimizer="sgd", schedule="constant", epochs=30))


def test_weights_that_are_no_numbers_are_a_sentence(tmp_path: Path) -> None:
    wanted = NetSpec(backbone="test_vit")
    net = build_net(wanted, 3, 32, 3, 0)
    with torch.no_grad():
        next(net.backbone.blocks[0].parameters()).fill_(float("nan"))  # type: ignore[index, union-attr]
    save(net, wanted, tmp_path / "w.safetensors")
    with pytest.raises(WeightsMissing, match="must be finite numbers. .*blocks.0"):
        train(spec("test_vit", net={"weights": f"file:{tmp_path}/w.safetensors"}))


def test_no_row_is_ever_other_than_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last step may break the weights after a finite loss: validation must notice."""
    rows: list[Row] = []
    made = training(spec("test_vit", epochs=1, batch_size=24), callbacks=Callbacks(emit=rows.extend))
    step = made._step

    def breaking(*arguments: Any) -> torch.Tensor:
        sums = step(*arguments)
        with torch.no_grad():
            made.net.head.get_parameter("0.weight").fill_(float("nan"))
        return sums

    monkeypatch.setattr(made, "_step", breaking)
    with pytest.raises(RunProblem, match="must stay a number"):
        made.run()
    assert all(np.isfinite(r.value) for r in rows)


def test_a_batch_of_one() -> None:
    run = train(spec("test_vit", batch_size=1, epochs=1))
    assert run.result.steps == 24 and run.result.images == 24
    with pytest.raises(RunProblem, match="Batch normalisation.*batch of 2"):
        train(spec("test_resnet", batch_size=1, epochs=1), domain(size=16))


def test_what_is_not_stable_trains_whole_and_says_so() -> None:
    """26 pictures in batches of 12 leave a last one of two, whose gradient is one of rounding."""
    wanted = spec("mobilenetv2_050", boundary=9, epochs=2, batch_size=12)
    run = train(wanted, parts=split(domain(), 26))
    assert not run.result.cached
    assert any("not stable in batches of 2" in said and "trains whole" in said for said in run.said)
    assert train(wanted, parts=split(domain(), 24)).result.cached


def test_a_lone_last_picture_is_left_out() -> None:
    run = train(spec(batch_size=23, epochs=1))
    assert run.result.steps == 1 and run.result.images == 23


def test_few_pictures_are_repeated() -> None:
    run = train(spec(epoch_images=100, epochs=2))
    assert run.result.images == 200 and run.result.steps == 2 * 13
    counts = np.bincount(np.concatenate(order_with(run, 100)), minlength=24)
    assert counts.min() >= 100 // 24 and counts.max() <= 100 // 24 + 1


def order_with(run: Any, wanted: int) -> list[np.ndarray]:
    from tltk.training.batches import epoch_batches

    return [b.numpy() for b in epoch_batches(24, wanted, 8, torch.Generator().manual_seed(0))]


def test_too_few_pictures() -> None:
    with pytest.raises(BadSpec, match="at least two"):
        training(spec(), parts=Split(np.arange(1), np.arange(2, 9), np.arange(9, 20)))


@pytest.mark.filterwarnings("error")
def test_a_class_that_val_lacks() -> None:
    d = domain()
    parts = split(d)
    val = parts.val[d.labels[parts.val] != 2]
    run = train(spec(epochs=2), d, parts=Split(parts.train, val, parts.test))
    assert all(0 <= v <= 1 for v in run.curve("macro_f1", "val"))


@pytest.mark.parametrize("channels", [1, 4])
def test_grey_and_four_channels(channels: int) -> None:
    run = train(spec(boundary=2, epochs=1), domain(channels=channels))
    assert run.result.cached and np.isfinite(run.result.loss)


def test_it_learns() -> None:
    assert (train(spec("test_convnext", epochs=12, lr=5e-3)).result.accuracy or 0) > 0.6


def test_optimizers_that_cannot_be_had() -> None:
    with pytest.raises(UnknownName, match="Did you mean 'adamw'"):
        train(spec(optimizer="adamwx"))
    with pytest.raises(BadSpec, match="second"):
        train(spec(optimizer="adahessian"))
    if not torch.cuda.is_available():
        with pytest.raises(BadSpec, match="usable here"):
            train(spec(optimizer="fusedadam"))
        with pytest.raises(RunProblem, match="cuda is not"):
            pick_device("cuda")
    assert pick_device("cpu").type == "cpu" and pick_device("auto").type in ("cpu", "cuda", "mps")


TOKENS: tuple[
    tuple[str, set[str]], ...
] = (  # what their architectures except from weight decay, beyond biases and norms
    ("test_vit", {"pos_embed", "cls_token"}),
    ("vit_wee_patch16_reg1_gap_256", {"reg_token", "pos_embed"}),
    ("test_vit_relpos", set()),
    ("swin_tiny_patch4_window7_224", {"relative_position_bias_table"}),
    ("swinv2_tiny_window8_256", {"cpb_mlp", "logit_scale"}),
    ("deit_tiny_distilled_patch16_224", {"dist_token"}),
    ("levit_128s", {"attention_biases"}),
    ("test_resnet", set()),
)


@pytest.mark.parametrize("boundary", [0, 3])
@pytest.mark.parametrize(("name", "tokens"), TOKENS, ids=[name for name, _ in TOKENS])
def test_what_timm_does_not_decay_is_not_decayed(name: str, tokens: set[str], boundary: int) -> None:
    size = 64 if name.startswith("swinv2") else 32
    made = training(spec(name, boundary=boundary), domain(size=size))
    made._enter(made.phases[0])
    groups = make_optimizer(made.net, made.phases[0], made.spec).param_groups
    assert {i for g in groups for i in g["layers"]} == set(range(boundary, made.net.depth + 1))
    assert len(groups) == 2, "layers of one rate are one group, decayed or not"
    found = {made.names[id(p)].removeprefix("backbone."): g["weight_decay"] for g in groups for p in g["params"]}
    assert len(found) == sum(p.requires_grad for p in made.net.parameters())
    excepted: set[str] = getattr(made.net.backbone, "no_weight_decay", set)()
    decay = made.spec.optim.weight_decay
    theirs = param_groups_weight_decay(made.net.backbone, decay, no_weight_decay_list=excepted)
    names = {id(p): n for n, p in made.net.backbone.named_parameters()}
    for group in theirs:
        assert {found[names[id(p)]] for p in group["params"]} <= {group["weight_decay"]}
    assert found["head.0.weight"] > 0 and found["head.0.bias"] == 0
    if not boundary:
        spared = {n for n, p in made.net.backbone.named_parameters() if p.ndim > 1 and found[n] == 0}
        assert all(any(token in n for n in spared) for token in tokens) and bool(spared) == bool(tokens)


@pytest.mark.parametrize("optimizer", ["sgd", "adamw", "lion", "adafactor", "lamb", "muon", "madgrad"])
def test_every_optimizer_resumes_to_the_same_rows(optimizer: str, tmp_path: Path) -> None:
    for backbone in ("test_resnet", "test_vit"):  # four-dimensional weights in another memory layout, and none
        wanted = spec(backbone, optimizer=optimizer, epochs=3, cache="off", schedule="constant", lr=1e-3)
        whole, parts = train(wanted), interrupted(wanted, tmp_path / "c.safetensors", 1)
        assert parts.values() == whole.values()


class Secretive(torch.optim.SGD):
    """Keeps a random state of its own, as timm's kron does (which compiles for a minute)."""

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "rng_state": (1, 2)}


def test_an_optimizer_that_cannot_be_written_down_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "tltk.training.loop.make_optimizer",
        lambda net, phase, spec, more: Secretive(
            [
                {"params": [p], "layers": [net.layer_of[n]], "scale": 1.0}
                for n, p in net.named_parameters()
                if p.requires_grad
            ],
            lr=0.1,
        ),
    )
    written: list[Any] = []
    run = train(spec("test_vit", epochs=2), callbacks=Callbacks(save=lambda *a: written.append(a)))
    assert written == [] and len(run.said) == 1 and "no checkpoint" in run.said[0] and "rng_state" in run.said[0]


def test_early_stopping_keeps_the_best_and_resumes(tmp_path: Path) -> None:
    wanted = spec(epochs=40, patience=3, lr=3e-2, schedule="constant", optimizer="sgd")
    whole = train(wanted)
    stopped, best = whole.result.epochs, whole.result.best_epoch
    assert stopped == best + 3 < 40
    accuracy, loss = whole.curve("accuracy", "val"), whole.curve("loss", "val")
    assert (accuracy[best - 1], -loss[best - 1]) == max(zip(accuracy, (-v for v in loss), strict=True))
    kept = whole.training.evaluate(whole.training.val_feed, whole.training.split.val)
    assert (kept.main, kept.loss) == (accuracy[best - 1], loss[best - 1])
    for after in (max(best - 1, 1), best, best + 1):
        parts = interrupted(wanted, tmp_path / f"{after}.safetensors", after)
        assert parts.values() == whole.values() and parts.result.predictions == whole.result.predictions


def test_a_checkpoint_of_the_last_epoch_only_tests(tmp_path: Path) -> None:
    path = tmp_path / "c.safetensors"
    wanted = spec(boundary=2, epochs=2)
    whole = train(wanted, callbacks=Callbacks(save=lambda t, s: checkpoint.write(path, t, s)))
    again = train(wanted, callbacks=Callbacks(saved=checkpoint.read(path)))
    assert again.result.predictions == whole.result.predictions
    assert [r.split for r in again.rows] == ["test"] * 3


def test_evaluating_seldom() -> None:
    run = train(spec(epochs=5, evaluate=2))
    assert [r.epoch for r in run.rows if r.split == "val" and r.name == "loss"] == [2, 4, 5]


def test_clipping_bounds_the_gradient() -> None:
    run = train(spec(clip=0.01, epochs=1))
    assert run.curve("gradient_norm", "train")[0] <= 0.0101


def test_flops_count_what_is_computed() -> None:
    cached, whole = train(spec(boundary=3)), train(spec(boundary=3, cache="off"))
    flops = cached.training.flops
    assert flops is not None
    below, above, n = sum(flops[:3]), sum(flops[3:]), 24
    assert whole.result.gflops == pytest.approx(3 * n * (below + 3 * above) / 1e9)
    kept = 24 + 12 + 12  # val and test are kept as well
    assert cached.result.gflops == pytest.approx((3 * n * 3 * above + kept * below) / 1e9, rel=1e-6)


@pytest.mark.parametrize(
    ("strategy", "views"),
    [("fine_tune", ViewSpec()), ("lp_ft", ViewSpec(flip=0.5, copies=2)), ("gradual_unfreezing", ViewSpec())],
    ids=["fine_tune, plain", "lp_ft, copies", "gradual_unfreezing, plain"],
)
@pytest.mark.parametrize("stop", ["after the fill", "first epoch", 1, 3])
def test_flops_are_those_of_the_spec_and_not_of_what_was_kept(
    stop: str | int, views: ViewSpec, strategy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An empty bank, a full one, and a run that was killed and begun again cost the same, row for row."""
    wanted = spec(boundary=2, strategy=strategy, epochs=4, views=views)
    cold = train(wanted)
    warm = train(wanted)
    assert warm.values() == cold.values() and warm.result.gflops == cold.result.gflops
    monkeypatch.setenv("TLTK_HOME", str(tmp_path / "another"))
    if isinstance(stop, int):
        again = interrupted(wanted, tmp_path / "c.safetensors", stop)
    else:
        made = training(wanted)

        def check() -> None:
            if hasattr(made, "optimizer") and (stop == "after the fill" or made.now.step == 2):
                raise Stopped

        made.callbacks.check = check
        with pytest.raises(Stopped):
            made.run()
        again = train(wanted)  # there was no checkpoint yet
    assert again.values() == cold.values() and again.result.gflops == cold.result.gflops


def test_where_flops_cannot_be_counted_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    known = train(spec(boundary=2, strategy="lp_ft"))
    monkeypatch.setattr("tltk.training.loop.layer_flops", lambda *_: None)
    run = train(spec(boundary=2, strategy="lp_ft"))
    assert run.result.gflops is None and not run.curve("gflops", "net") and run.result.cached
    assert run.result.predictions == known.result.predictions


def test_a_short_phase_begins_from_the_features_that_the_plan_keeps_anyway() -> None:
    """Its own features cost a pass through all that is frozen; a few cheap layers once an epoch cost less."""
    training = train(spec(boundary=2, strategy="lp_ft", epochs=2)).training
    probe, tune = training.phases
    assert (probe.boundary, tune.boundary) == (5, 2)
    flops, phases = (100, 100, 10, 10, 10, 1), [probe, tune]
    assert cache_boundary(flops, phases, probe, 0.0) == 2 and cache_boundary(flops, phases, tune, 0.0) == 2
    long = dataclasses.replace(probe, epochs=8)  # 8 × 30 > 230
    assert cache_boundary(flops, phases, long, 0.0) == 5
    assert cache_boundary(flops, phases, dataclasses.replace(probe, epochs=7), 0.0) == 2
    assert cache_boundary(flops, phases, probe, 0.2) == 5  # mixup happens where training begins
    assert cache_boundary(None, phases, probe, 0.0) == 5 and cache_boundary(None, phases, tune, 0.0) == 2
    whole = dataclasses.replace(tune, lr_scale=(1.0,) * 6)
    assert (
        cache_boundary(flops, [probe, whole], whole, 0.0) == 0
        and cache_boundary(flops, [probe, whole], probe, 0.0) == 5
    )


@pytest.mark.parametrize("strategy", ["gradual_unfreezing", "lp_ft"])
def test_features_of_a_lower_boundary_change_no_row(strategy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever boundary the kept features are of: the same losses, and the FLOPs of what was computed."""
    rows, spent = [], []
    for at in (lambda _, __, phase, ___: phase.boundary, lambda _, __, phase, ___: min(phase.boundary, 1)):
        monkeypatch.setattr("tltk.training.cost.cache_boundary", at)
        run = train(spec(boundary=1, strategy=strategy, epochs=4))
        assert run.result.cached and run.result.frozen_moved == 0
        rows.append([r for r in run.rows if r.name in ("loss", "accuracy", "change")])
        spent.append(run.result.gflops)
    assert [(r.split, r.name, r.layer, r.step) for r in rows[0]] == [
        (r.split, r.name, r.layer, r.step) for r in rows[1]
    ]
    # The layers in between see batches of another size: sums differ in their last bits, which AdamW then enlarges.
    np.testing.assert_allclose([r.value for r in rows[0]], [r.value for r in rows[1]], rtol=2e-3, atol=1e-5)
    assert spent[0] != spent[1]


def test_smoothing_and_mixup_by_hand() -> None:
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(6, 4, generator=generator), torch.tensor([0, 1, 2, 0, 1, 2])
    w = torch.randn(4, 3, generator=generator)

    def forward(crossing: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, torch.Tensor]:
        return crossing[0], crossing[0] @ w

    smooth, _, _ = batch_loss(
        Classification(3), forward, (x,), y, OptimSpec(label_smoothing=0.1), np.random.default_rng(0)
    )
    target = 0.9 * F.one_hot(y, 3) + 0.1 / 3
    assert float(smooth) == pytest.approx(float(-(target * (x @ w).log_softmax(1)).sum(1).mean()), abs=1e-6)

    mixed, _, logits = batch_loss(Classification(3), forward, (x,), y, OptimSpec(mixup=0.4), np.random.default_rng(3))
    draw = np.random.default_rng(3)
    share, other = draw.beta(0.4, 0.4), draw.permutation(6)
    blend = (share * x + (1 - share) * x[other]) @ w
    target = share * F.one_hot(y, 3) + (1 - share) * F.one_hot(y[other], 3)
    assert torch.allclose(blend, logits, atol=1e-6)
    assert float(mixed) == pytest.approx(float(-(target * blend.log_softmax(1)).sum(1).mean()), abs=1e-6)


@pytest.mark.filterwarnings("ignore:.*:UserWarning")
def test_scores_are_those_of_scikit_learn() -> None:
    from sklearn.metrics import accuracy_score, f1_score, log_loss

    draw = np.random.default_rng(0)
    for classes, n in ((3, 40), (7, 12), (10, 5)):
        logits = torch.from_numpy(draw.normal(size=(n, classes))).float()
        labels = torch.from_numpy(draw.integers(0, classes, n))
        outcome = Classification(classes).evaluate(logits, labels)
        score, y, p = outcome.figures, labels.numpy(), outcome.predictions.numpy()
        assert score["macro_f1"] == pytest.approx(f1_score(y, p, average="macro"), abs=1e-6)
        assert score["accuracy"] == pytest.approx(accuracy_score(y, p))
        assert score["loss"] == pytest.approx(
            log_loss(y, logits.softmax(1).double().numpy(), labels=range(classes)), abs=1e-5
        )
    assert macro_f1(torch.tensor([1, 1]), torch.tensor([0, 0]), 3) == 0.0


def test_other_faults_are_not_dressed_up(monkeypatch: pytest.MonkeyPatch) -> None:
    made = training(spec(epochs=1))
    monkeypatch.setattr(made, "_validate", lambda: (_ for _ in ()).throw(ValueError("another")))
    with pytest.raises(ValueError, match="another"):
        made.run()


def test_the_spec_says_which_network(tmp_path: Path) -> None:
    wanted = spec(boundary=99)
    with pytest.raises(BadSpec, match="between 0 and 5"):
        train(dataclasses.replace(wanted))


def test_what_takes_no_learning_stands_in_the_rows_once() -> None:
    """With the first evaluation, so that a chart of a training that still runs can show it."""
    run = train(spec(epochs=3))
    found = [(r.epoch, r.name, r.value) for r in run.rows if r.name in ("chance", "majority")]
    assert found == [(1, "chance", run.result.chance), (1, "majority", run.result.majority)]
    assert found[1][2] == np.bincount(run.result.labels).max() / len(run.result.labels)
