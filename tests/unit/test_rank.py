"""A ranking: each score is what its own function gives, what fails says why, and marks are those of weighted τ."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from tests.support.engine import domain
from tests.support.layers import by_hand, context, round_trips
from tltk import home
from tltk.analyses.profile.spec import ProfileSpec
from tltk.analyses.rank.agreement import with_agreement
from tltk.analyses.rank.analysis import rank as ask
from tltk.analyses.rank.result import Agreement, JudgedRanking, TrainedCandidate
from tltk.analyses.rank.spec import RankSpec, candidate
from tltk.analyses.sample import Context
from tltk.data.domain import Domain
from tltk.errors import BadSpec, UnknownName
from tltk.nn.net import make_backbone
from tltk.probes.linear import probe
from tltk.runs.run import Run
from tltk.specs.parts import DataSpec, NetSpec, OptimSpec
from tltk.specs.training import TransferSpec
from tltk.transferability import scores
from tltk.transferability.weighted_tau import regret, tau_interval, tau_p, weighted_tau
from tltk.weights import load as weights


def rank(spec: RankSpec, where: Context) -> JudgedRanking:
    """A ranking as it is shown."""
    return with_agreement(ask(spec, where), spec)


ALL = tuple(RankSpec().scores)
SPEC = RankSpec(DataSpec("here"), ("test_resnet", "test_vit", "test_convnext"), ("logme", "knn", "probe"))


def features(net: NetSpec, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    layers, part = by_hand(ProfileSpec(SPEC.target, None, net, seed=seed), "target")
    return layers[-1], part.labels


def finished(
    backbone: str,
    accuracy: float | None,
    *,
    weights_: str = "scratch",
    target: DataSpec = SPEC.target,
    seed: int = 0,
    lr: float = 1e-3,
) -> Run:
    """A training of the user's own, with this result."""
    run = Run.create(TransferSpec(target, NetSpec(backbone, weights_), optim=OptimSpec(lr=lr), seed=seed))
    if accuracy is not None:
        home.write_atomic(run.path / "result.json", json.dumps({"accuracy": accuracy}))
    return run


@pytest.mark.parametrize(
    ("text", "backbone", "weights_"),
    [
        ("resnet18", "resnet18", "scratch"),
        ("resnet18@", "resnet18", "scratch"),
        ("resnet18@hub:a1_in1k", "resnet18", "hub:a1_in1k"),
        (" a @ file:/x y/z ", "a", "file:/x y/z"),
        ("a@run:3f9ac1@4", "a", "run:3f9ac1@4"),
        ("a@file:/at@home/w", "a", "file:/at@home/w"),
    ],
)
def test_a_candidate_is_a_backbone_and_weights(text: str, backbone: str, weights_: str) -> None:
    assert candidate(text) == NetSpec(backbone, weights_)


@pytest.mark.parametrize("text", ["", "@run:3f9ac1", "  @x"])
def test_a_candidate_without_a_backbone(text: str) -> None:
    with pytest.raises(BadSpec, match="must be BACKBONE@WEIGHTS"):
        rank(dataclasses.replace(SPEC, candidates=("test_resnet", text)), context())


def test_scores_are_what_their_functions_give() -> None:
    spec = dataclasses.replace(SPEC, scores=ALL, seed=1)
    found = rank(spec, context())
    assert {r.backbone for r in found.rows} == set(SPEC.candidates)
    for row in found.rows:
        x, labels = features(NetSpec(row.backbone), seed=1)
        assert set(row.scores) == set(ALL) - {"leep", "nce"}
        for name, value in row.scores.items():
            want = probe("ridge", x, labels, seed=1).accuracy if name == "probe" else scores[name](x, labels)
            assert value == pytest.approx(want, rel=2e-3, abs=1e-4), name
        assert set(row.why) == {"leep", "nce"} and "classifier of the source task" in row.why["leep"]
        assert row.width == x.shape[1] and row.trained is None and row.seconds >= 0
        backbone = make_backbone(row.backbone, 32, 3)
        assert row.parameters == sum(p.numel() for p in backbone.parameters())
    assert found.n == len(labels) and found.classes == 3
    round_trips(found)


@pytest.mark.parametrize("first", ["logme", "knn", "probe"])
def test_best_first_by_the_first_score(first: str) -> None:
    rest = tuple(s for s in SPEC.scores if s != first)
    found = rank(dataclasses.replace(SPEC, scores=(first, *rest)), context())
    values = [r.scores[first] for r in found.rows]
    assert values == sorted(values, reverse=True)
    assert list(found.marks) == [first, *rest]


# -- what fails -------------------------------------------------------------------------------------------


def test_what_cannot_be_built_says_why_and_the_others_go_on(tmp_path: Path) -> None:
    vit = tmp_path / "vit.safetensors"
    weights.save(weights.build_net(NetSpec("test_vit"), 3, 32, 3, 0), NetSpec("test_vit"), vit)
    bad = (
        "resnet18x",
        f"test_resnet@file:{tmp_path / 'none'}",
        f"test_resnet@file:{vit}",
        "test_resnet@run:abc123",
        "test_resnet@hub:nonsense",
        "test_resnet@moon:x",
    )
    found = rank(dataclasses.replace(SPEC, candidates=(*bad, "test_vit")), context())
    assert found.rows[0].backbone == "test_vit" and found.rows[0].scores
    assert found.rows[0].why == {}
    assert len(found.rows) == len(bad) + 1
    for row in found.rows[1:]:
        assert row.scores == {} and set(row.why) == set(SPEC.scores)
        assert all(why.rstrip().endswith((".", "?")) for why in row.why.values())
    assert any("resnet18" in r.why["knn"] for r in found.rows[1:])
    round_trips(found)


def dead(path: Path) -> str:
    net = weights.build_net(NetSpec("test_resnet"), 3, 32, 3, 0)
    with torch.no_grad():
        for p in net.backbone.parameters():
            p.zero_()
    weights.save(net, NetSpec("test_resnet"), path)
    return f"test_resnet@file:{path}"


def test_a_dead_candidate_is_a_row_and_no_fault(tmp_path: Path) -> None:
    spec = dataclasses.replace(SPEC, candidates=(dead(tmp_path / "dead.safetensors"), "test_vit"), scores=ALL)
    found = rank(spec, context())
    round_trips(found)
    row = next(r for r in found.rows if r.backbone == "test_resnet")
    assert set(row.scores) | set(row.why) == set(ALL)
    assert found.rows[0].backbone == "test_vit"


@pytest.mark.parametrize("value", [float("nan"), -float("inf")])
def test_a_score_that_is_no_number_says_so(value: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is left out of the marks, and what a worker writes stays JSON."""
    monkeypatch.setattr("tltk.transferability.knn.knn", lambda features, labels: value)
    for i, backbone in enumerate(SPEC.candidates):
        finished(backbone, 0.3 + i / 10)
    found = rank(dataclasses.replace(SPEC, scores=("logme", "knn")), context())
    round_trips(found)
    for row in found.rows:
        assert "knn" not in row.scores and "is no number" in row.why["knn"]
    assert isinstance(found.marks["knn"], str) and isinstance(found.marks["logme"], Agreement)


@pytest.mark.parametrize("fault", [ValueError("ill-defined"), RuntimeError("not converged"), ZeroDivisionError("by 0")])
def test_a_score_that_fails_is_a_sentence_in_its_row(fault: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def strange(features: torch.Tensor, labels: torch.Tensor) -> float:
        raise fault

    monkeypatch.setattr("tltk.transferability.gbc.gbc", strange)
    found = rank(dataclasses.replace(SPEC, scores=("logme", "gbc")), context())
    for row in found.rows:
        assert row.why == {"gbc": f"gbc cannot be computed: {fault}."} and set(row.scores) == {"logme"}


@pytest.mark.parametrize("factor", [1e-10, 1e-4, 1e5, 1e18])
def test_the_size_of_the_features_neither_ranks_nor_fails(factor: float, tmp_path: Path) -> None:
    """The same network with what enters the head so many times as large: every score is the same."""
    files = [tmp_path / name for name in ("plain.safetensors", "other.safetensors")]
    for path, its in zip(files, (1.0, factor), strict=True):
        net = weights.build_net(NetSpec("test_resnet"), 3, 32, 3, 0)
        with torch.no_grad():
            for name, p in net.backbone.named_parameters():
                if name.startswith("layer4") and p.ndim == 1:  # scales and offsets of the last block
                    p.mul_(its)
        weights.save(net, NetSpec("test_resnet"), path)
    plenty = domain(120)
    spec = dataclasses.replace(
        SPEC,
        target=DataSpec("plenty"),
        candidates=tuple(f"test_resnet@file:{f}" for f in files),
        scores=("logme", "hscore", "nleep", "transrate", "gbc", "knn", "probe"),
    )
    found = rank(spec, context(plenty=plenty))
    one, other = found.rows
    assert one.why == other.why == {}
    for name in spec.scores:
        assert one.scores[name] == pytest.approx(other.scores[name], rel=2e-2), name


# -- what can be told -------------------------------------------------------------------------------------


def coloured(n: int, classes: int, strength: int, seed: int = 0) -> Domain:
    """Pictures of noise, of which the class shows in the colour, more or less."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % classes
    images = rng.integers(0, 120, (n, 3, 32, 32), dtype=np.uint8)
    for i, c in enumerate(labels):
        images[i, c % 3] += np.uint8(strength)
    return Domain.of("coloured", images, labels, [f"c{c}" for c in range(classes)], licence="none", source="made")


def test_each_score_has_an_interval_and_places_and_the_pictures_are_said() -> None:
    spec = dataclasses.replace(
        SPEC, target=DataSpec("many"), scores=("logme", "hscore", "transrate", "gbc", "knn", "probe")
    )
    found = rank(spec, context(many=coloured(300, 3, 20)))
    assert found.by == "logme" and found.scores == list(spec.scores)
    assert found.n == 165 and found.fewest == 55 and found.majority == 55 / 165
    for row in found.rows:
        for name, value in row.scores.items():
            lo, hi = row.interval[name]
            assert lo <= value <= hi
            best, worst = row.places[name]
            assert 1 <= best <= worst <= 3
        assert row.interval["probe"][0] >= 0 and row.interval["probe"][1] <= 1
    assert "by logme, over 165 pictures with 55 of the smallest class" in found.order
    round_trips(found)


def test_the_same_network_twice_cannot_be_told_apart_and_one_that_sees_nothing_can(tmp_path: Path) -> None:
    spec = dataclasses.replace(
        SPEC,
        target=DataSpec("many"),
        candidates=("test_vit", "test_vit@", dead(tmp_path / "dead.safetensors")),
        scores=("knn", "probe"),
    )
    found = rank(spec, context(many=coloured(300, 3, 60)))
    assert [row.places["knn"] for row in found.rows] == [(1, 2), (1, 2), (3, 3)]
    assert found.order.startswith("Which comes first cannot be told by knn, over 165 pictures")
    assert "test_vit@scratch, test_vit@scratch cannot be told apart" in found.order
    two = rank(dataclasses.replace(spec, candidates=spec.candidates[1:]), context(many=coloured(300, 3, 60)))
    assert two.order.startswith("Every place is told by knn") and "test_vit@scratch comes first" in two.order


def test_few_pictures_give_no_order() -> None:
    """Two of each class: nothing can be told, and the row says what it would take."""
    found = rank(dataclasses.replace(SPEC, pictures=20), context(here=coloured(100, 10, 40)))
    assert found.n == 20 and found.fewest == 2
    for row in found.rows:
        assert row.interval == {} and set(row.scores) <= {"logme", "knn", "probe"}
        assert all(row.places[name] == (1, len(found.rows)) for name in row.scores)
        assert "look at more pictures" in row.notes["logme"]
    assert found.order.startswith("No order can be told by logme, over 20 pictures with 2 of the smallest class")
    assert "10 of 10 classes have fewer than 3" in found.order


def test_hscore_gives_no_order_where_it_saturates() -> None:
    """64 features and more of 30 pictures."""
    spec = dataclasses.replace(SPEC, pictures=30, scores=("hscore", "logme"), target=DataSpec("many"))
    found = rank(spec, context(many=coloured(300, 3, 60)))
    for row in found.rows:
        assert isinstance(row.width, int) and row.width >= 30 and row.places["hscore"] == (1, 3)
        assert "H-score saturates" in row.notes["hscore"] and f"{row.width} and 30" in row.notes["hscore"]
    assert found.order.startswith("No order can be told by hscore") and "H-score saturates" in found.order


def test_refusals() -> None:
    with pytest.raises(BadSpec, match="A ranking needs candidates"):
        rank(dataclasses.replace(SPEC, candidates=()), context())
    with pytest.raises(UnknownName, match="Did you mean 'logme'"):
        rank(dataclasses.replace(SPEC, scores=("logm",)), context())


# -- the classifier of the source task --------------------------------------------------------------------


def check_head(row: TrainedCandidate, net: NetSpec, weight: torch.Tensor, bias: torch.Tensor) -> None:
    x, labels = features(net)
    theta = torch.softmax(x @ weight.T + bias, 1)
    assert row.why == {}
    assert row.scores["leep"] == pytest.approx(scores["leep"](theta, labels), rel=1e-3)
    assert row.scores["nce"] == pytest.approx(scores["nce"](theta.argmax(1), labels), rel=1e-3)
    assert row.scores["leep"] <= 0


def of_source(net: NetSpec) -> TrainedCandidate:
    spec = dataclasses.replace(SPEC, candidates=(f"{net.backbone}@{net.weights}",), scores=("leep", "nce"))
    (row,) = rank(spec, context()).rows
    return row


@pytest.mark.parametrize("backbone", ["test_resnet", "test_vit"])
def test_the_head_of_a_run(backbone: str) -> None:
    run = Run.create(TransferSpec(DataSpec("there"), NetSpec(backbone)))
    trained = weights.build_net(NetSpec(backbone), 5, 32, 3, 4)
    (linear,) = [m for m in trained.head.modules() if isinstance(m, torch.nn.Linear)]
    with torch.no_grad():
        linear.weight.mul_(20)  # a head that has an opinion
        linear.bias.copy_(torch.arange(5) / 5)
    weights.save(trained, NetSpec(backbone), run.path / "model.safetensors", run=run.id)
    net = NetSpec(backbone, f"run:{run.id}")
    check_head(of_source(net), net, linear.weight.detach(), linear.bias.detach())


def test_a_head_that_is_not_linear_is_none() -> None:
    run = Run.create(TransferSpec(DataSpec("there"), NetSpec("test_resnet", head="cosine")))
    spec = NetSpec("test_resnet", head="cosine")
    weights.save(weights.build_net(spec, 5, 32, 3, 4), spec, run.path / "model.safetensors", run=run.id)
    row = of_source(NetSpec("test_resnet", f"run:{run.id}"))
    assert row.scores == {} and "These weights have none." in row.why["leep"]


@pytest.mark.parametrize(("backbone", "head"), [("test_resnet", "fc"), ("test_vit", "head")])
def test_the_head_of_a_file_of_timms(backbone: str, head: str, tmp_path: Path) -> None:
    import timm

    torch.manual_seed(3)
    options = {"img_size": 32} if backbone == "test_vit" else {}
    model = timm.create_model(backbone, num_classes=7, **options).eval()
    classifier = model.get_submodule(head)
    with torch.no_grad():
        classifier.weight.normal_(std=3)
    path = tmp_path / "timm.safetensors"
    save_file({n: t.contiguous() for n, t in model.state_dict().items()}, path)
    net = NetSpec(backbone, f"file:{path}")
    check_head(of_source(net), net, classifier.weight.detach(), classifier.bias.detach())


def test_a_file_without_a_classifier_has_none(tmp_path: Path) -> None:
    path = tmp_path / "bare.safetensors"
    save_file({n: t.contiguous() for n, t in make_backbone("test_resnet", 32, 3).state_dict().items()}, path)
    row = of_source(NetSpec("test_resnet", f"file:{path}"))
    assert row.scores == {} and "These weights have none." in row.why["nce"]


# -- marks ------------------------------------------------------------------------------------------------


def test_marks_against_runs_of_ones_own() -> None:
    accuracies = {"test_resnet": 0.5, "test_vit": 0.8, "test_convnext": 0.65}
    for backbone, accuracy in accuracies.items():
        finished(backbone, accuracy)
    found = rank(dataclasses.replace(SPEC, scores=("logme", "probe")), context())
    for row in found.rows:
        assert row.trained == accuracies[row.backbone]
        assert (row.trained_runs, row.trained_settings) == (1, 1)
    for name, mark in found.marks.items():
        given, truth = [r.scores[name] for r in found.rows], [r.trained or 0.0 for r in found.rows]
        assert isinstance(mark, Agreement) and mark.n == 3
        assert mark.tau == pytest.approx(weighted_tau(given, truth))
        assert (mark.lo, mark.hi) == pytest.approx(tau_interval(mark.tau, 3))
        assert mark.p == pytest.approx(tau_p(given, truth)) and mark.hi - mark.lo > 1
        assert mark.regret == pytest.approx(100 * regret(given, truth))
        assert mark.lo <= mark.tau <= mark.hi and mark.regret >= 0


def test_trained_is_the_best_mean_over_seeds_on_this_very_target() -> None:
    finished("test_resnet", 0.4, seed=0)
    finished("test_resnet", 0.6, seed=1)
    finished("test_resnet", 0.45, lr=1e-2)  # another setting, whose mean is worse
    finished("test_resnet", 0.99, target=DataSpec("there"))  # another target
    finished("test_resnet", 0.98, target=DataSpec("here", shots=5))  # or other pictures of it
    finished("test_resnet", 0.97, weights_="hub:x")  # other weights
    finished("test_resnet", None, seed=2)  # not finished
    home.write_atomic(finished("test_resnet", None, seed=3).path / "result.json", '{"diverged": "It grew."}')
    (finished("test_vit", 0.7).path / "spec.json").write_text('{"kind": "of tomorrow"}')
    Run.create(SPEC)  # a question is no training
    finished("test_convnext", 0.55, target=DataSpec("here", seed=4))  # another division of the same pictures
    found = {r.backbone: r.trained for r in rank(SPEC, context()).rows}
    assert found == {"test_resnet": pytest.approx(0.5), "test_vit": None, "test_convnext": 0.55}


def test_a_training_that_ends_after_the_asking_is_shown() -> None:
    """A ranking is kept, trainings go on: what the worker wrote knows nothing of them."""
    found = ask(SPEC, context())
    written = msgspec.to_builtins(found)
    assert "trained" not in written["rows"][0] and "marks" not in written
    round_trips(found)
    assert with_agreement(found, SPEC).trained_is == "None of these networks has been trained on this target yet."
    finished("test_vit", 0.7)
    finished("test_vit", 0.8, seed=1)
    finished("test_vit", 0.1, lr=0.1)
    shown = with_agreement(found, SPEC)
    (row,) = [r for r in shown.rows if r.backbone == "test_vit"]
    assert row.trained == pytest.approx(0.75) and (row.trained_runs, row.trained_settings) == (2, 2)
    assert (
        "accuracy on the test pictures" in shown.trained_is and "2 runs of the best of 2 settings" in shown.trained_is
    )
    for i, backbone in enumerate(("test_resnet", "test_convnext")):
        finished(backbone, 0.5 + i / 10)
    assert isinstance(with_agreement(found, SPEC).marks["logme"], Agreement)
    assert "1 to 2 runs of the best of 1 to 2 settings" in with_agreement(found, SPEC).trained_is


def test_too_few_and_all_alike_are_sentences() -> None:
    finished("test_resnet", 0.5)
    marks = rank(SPEC, context()).marks
    assert marks["knn"] == "To judge a score, three candidates must be trained on this target. There are 1."
    for backbone in SPEC.candidates:
        finished(backbone, 0.5)
    assert (
        rank(SPEC, context()).marks["knn"]
        == "To judge a score, its values and the accuracies must differ. They do not."
    )


def test_a_score_that_one_candidate_lacks_is_marked_over_the_others() -> None:
    for i, backbone in enumerate(SPEC.candidates):
        finished(backbone, 0.3 + i / 10)
    found = rank(
        dataclasses.replace(SPEC, candidates=(*SPEC.candidates, "nonsense"), scores=("knn", "leep")), context()
    )
    mark, why = found.marks["knn"], found.marks["leep"]
    assert isinstance(mark, Agreement) and mark.n == 3
    assert isinstance(why, str) and "There are 0." in why
