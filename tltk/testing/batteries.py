"""What must hold of every strategy, adapter, term, domain, measure and score, whoever wrote it.

Import all of it into a test file: `from tltk.testing.batteries import *`.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib
import inspect
import json
import re
from collections.abc import Mapping
from dataclasses import asdict
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch

from tltk.adapters import adapters
from tltk.alignments import alignments
from tltk.data import class_names, domains, load, parse
from tltk.data.attributes import Attribute
from tltk.data.domain import Domain, Split
from tltk.data.rows import CELL_BYTES
from tltk.data.rows import KIND as TABLE
from tltk.data.texts import KIND as TEXT
from tltk.errors import BadSpec, UnknownName
from tltk.learners import learners
from tltk.learners.search import fit
from tltk.registry import Registry
from tltk.reweightings import reweightings
from tltk.selection import Unlabelled, criteria
from tltk.shift import measures
from tltk.specs.encoders import BYTES_PER_TOKEN
from tltk.specs.knobs import knobs
from tltk.specs.parts import AdapterSpec, DataSpec, NetSpec, OptimSpec, StrategySpec, TermSpec
from tltk.specs.training import TransferSpec
from tltk.strategies import strategies
from tltk.strategies.phase import Phase
from tltk.terms import SOURCES, for_the_backbone, terms
from tltk.training import compose
from tltk.training.callbacks import Callbacks
from tltk.training.compose import Trained
from tltk.transferability import scores
from tltk.weights.load import save

__all__ = [
    "TestAdapter",
    "TestAlignment",
    "TestCriterion",
    "TestDomain",
    "TestLearner",
    "TestMeasure",
    "TestReweighting",
    "TestScore",
    "TestStrategy",
    "TestTerm",
]

MEASURED = ("images_per_second", "memory")  # rows that differ from one training to the next by nature
SOURCE = DataSpec("shapes", n=60, size=32)  # of terms that need a second domain: drawn, so that nothing is read


def check_docstring(registry: Registry[Any], name: str) -> None:
    """One short line for the menus, then the authors, the year and the place of what it implements."""
    doc = inspect.getdoc(registry[name]) or ""
    assert 0 < len(registry.summary(name)) < 140, "its first line stands beside its name in menus"
    assert registry.summary(name).endswith("."), "its first line is a whole sentence"
    assert "Reference:" in doc, "a docstring says whose method this is"
    assert re.search(r"\(\d{4}\),\s\S.{12}", doc, re.DOTALL), "authors (year), title or place"


def check_knobs(registry: Registry[Any], name: str) -> None:
    """Every knob is explained, is plain data, and takes its default and the ends of its range; others are refused."""
    for knob, rule in knobs(registry[name]).items():
        assert rule.help, f"{knob} is explained"
        assert json.loads(json.dumps(asdict(rule))) == {**asdict(rule), "choices": list(rule.choices)}
        for value in {rule.default, rule.lo, rule.hi} - {None}:
            registry.make(name, {knob: type(rule.default)(value)})
    with pytest.raises(UnknownName, match=r"must be one of|has no knobs"):
        registry.make(name, {"nonsense": 1})


def noise(n: int = 48, size: int = 32) -> Domain:
    """Noise with a bright band that tells the class, of three: quick to learn."""
    images = np.random.default_rng(0).integers(0, 160, (n, 3, size, size), dtype=np.uint8)
    labels = np.arange(n, dtype=np.int64) % 3
    for c in range(3):
        images[labels == c, :, c * size // 3 : (c + 1) * size // 3, : size // 2] += 90
    side = np.arange(n, dtype=np.int64) // 3 % 2  # known beside the class, as the parity of digits is
    images[side == 1, :, :, size // 2 :] += 60
    return Domain.of(
        "noise",
        images,
        labels,
        ["a", "b", "c"],
        licence="none",
        source="drawn for a test",
        attributes={"parity": Attribute(("even", "odd"), side)},
    )


def train_on_noise(
    boundary: int = 2,
    epochs: int = 3,
    weights: str = "scratch",
    callbacks: Callbacks | None = None,
    **parts: Any,
) -> Trained:
    """A short training on noise: a small residual network of five layers and a head, frozen below the boundary.

    Args:
        boundary: Layers 0 … boundary − 1 are frozen.
        epochs: Of three batches each.
        weights: That it starts from.
        callbacks: Of the training.
        parts: Further fields of the training's spec.
    """
    domain = noise()
    optim = OptimSpec(epochs=epochs, batch_size=8, device="cpu", lr=3e-3)
    asked = TransferSpec(net=NetSpec("test_resnet", weights, boundary), optim=optim, **parts)
    rest = np.arange(24, 48)
    return compose.train(asked, domain=domain, split=Split(np.arange(24), rest[::2], rest[1::2]), callbacks=callbacks)


@functools.cache
def plain(boundary: int, epochs: int, weights: str = "scratch") -> tuple[Trained, dict[str, torch.Tensor]]:
    """Plain fine-tuning, and the first weights of it.

    Args:
        boundary: Layers 0 … boundary − 1 are frozen.
        epochs: Of three batches each.
        weights: That it starts from.
    """
    asked = train_on_noise(boundary, epochs, weights)
    first, _ = compose.build_network(asked.spec, noise())
    return asked, {name: tensor.clone() for name, tensor in first.state_dict().items()}


def rows(run: Trained) -> list[tuple[Any, ...]]:
    """What a training wrote, without clocks and what terms wrote of themselves."""
    return [
        (r.epoch, r.step, r.split, r.name, r.layer, r.value)
        for r in run.rows
        if r.name not in MEASURED and not r.name.startswith("term.")
    ]


def changed_tensors(run: Trained, first: Mapping[str, torch.Tensor]) -> set[str]:
    """Names of the network's tensors that are not what they were at first.

    Args:
        run: After the training.
        first: Name → tensor of the state that the training started from.
    """
    return {name for name, tensor in run.net.state_dict().items() if not torch.equal(tensor, first[name])}


class TestStrategy:
    """Its phases hold over every depth × boundary × number of epochs; trained, what it freezes does not move."""

    def test_it_says_where_it_is_from(self, tltk_strategy: str) -> None:
        """Docstring."""
        check_docstring(strategies, tltk_strategy)

    def test_its_knobs(self, tltk_strategy: str) -> None:
        """Explained, plain, within their range; each end of a range gives phases."""
        check_knobs(strategies, tltk_strategy)
        for knob, rule in knobs(strategies[tltk_strategy]).items():
            for value in {rule.default, rule.lo, rule.hi} - {None}:
                assert strategies.make(tltk_strategy, {knob: type(rule.default)(value)}).phases(6, 2, 8)

    def test_it_overrides_its_phases_and_nothing_else(self, tltk_strategy: str) -> None:
        """Whatever else it has is its own business, and private."""
        kind = strategies[tltk_strategy]
        assert {n for n in vars(kind) if n[0] != "_"} - set(knobs(kind)) <= {"phases"}

    def test_its_phases(self, tltk_strategy: str) -> None:
        """They fill the epochs, have a rate for each layer, leave what is below the boundary alone, and are pure."""
        strategy = strategies.make(tltk_strategy, {})
        for depth, epochs in product(range(1, 15), range(1, 21)):
            for boundary in range(depth + 1):
                phases: list[Phase] = strategy.phases(depth, boundary, epochs)
                assert sum(p.epochs for p in phases) == epochs
                for p in phases:
                    assert len(p.lr_scale) == depth + 1, "a rate for each layer of the backbone and for the head"
                    assert p.boundary >= boundary
                assert strategy.phases(depth, boundary, epochs) == phases, "the same numbers give the same plan"
                json.dumps([asdict(p) for p in phases], allow_nan=False)

    def test_it_trains_and_what_is_frozen_does_not_move(self, tltk_strategy: str) -> None:
        """Layers that no phase trains are bit-equal afterwards, the others are not."""
        run = train_on_noise(epochs=4, strategy=StrategySpec(tltk_strategy))
        _, first = plain(2, 3)
        phases = strategies.make(tltk_strategy, {}).phases(run.net.depth, 2, 4)
        learned = {i for p in phases for i, rate in enumerate(p.lr_scale) if rate}
        assert {run.net.layer_of[name] for name in changed_tensors(run, first)} == learned
        assert run.result.frozen_moved == 0 and run.result.frozen_tensors > 0


class TestAdapter:
    """It begins as the network without it; what it leaves alone does not move; in the end a plain network is left."""

    def test_it_says_where_it_is_from(self, tltk_adapter: str) -> None:
        """Docstring."""
        check_docstring(adapters, tltk_adapter)

    def test_its_knobs(self, tltk_adapter: str) -> None:
        """Explained, plain, within their range."""
        check_knobs(adapters, tltk_adapter)

    def train_unmerged(self, name: str) -> tuple[Trained, dict[str, torch.Tensor]]:
        """A training with this adapter, and the network's tensors as they were before it was merged."""
        held: dict[str, torch.Tensor] = {}

        def save(tensors: dict[str, torch.Tensor], _: dict[str, Any]) -> None:
            held.update({n.removeprefix("net/"): t for n, t in tensors.items() if n.startswith("net/")})

        run = train_on_noise(adapter=AdapterSpec(name), callbacks=Callbacks(save=save))
        return run, held

    def test_only_what_learns_moves(self, tltk_adapter: str) -> None:
        """Tensors of parameters that do not learn are bit-equal until it is merged; those that do are counted."""
        run, last = self.train_unmerged(tltk_adapter)
        adapter = adapters.make(tltk_adapter, {})
        net, _ = compose.build_network(run.spec, noise())
        first = net.state_dict()
        changed = {n for n, _ in net.named_parameters() if not torch.equal(last[n], first[n])}
        may = {
            name
            for name, _ in net.named_parameters()
            if (layer := net.layer_of[name]) == net.depth or (layer >= 2 and adapter.learns(net, name))
        }
        assert changed <= may
        assert any(net.layer_of[name] < net.depth for name in changed), "the backbone's part learns"
        assert run.result.frozen_moved == 0
        assert run.result.n_learned == sum(p.numel() for name, p in net.named_parameters() if name in may)

    @pytest.mark.parametrize("backbone", ["test_resnet", "test_vit", "test_convnext"])
    def test_at_the_start_it_changes_nothing(self, tltk_adapter: str, backbone: str) -> None:
        """Outputs are those of the network without it, bit for bit; below the boundary nothing is added."""
        asked = TransferSpec(net=NetSpec(backbone, boundary=2), adapter=AdapterSpec(tltk_adapter))
        net, _ = compose.build_network(asked, noise())
        bare, _ = compose.build_network(dataclasses.replace(asked, adapter=AdapterSpec()), noise())
        x = net.sample(3, torch.Generator().manual_seed(0))
        with torch.no_grad():
            assert torch.equal(net.eval()(x)[1], bare.eval()(x)[1])
        assert net.tensors(2).keys() == bare.tensors(2).keys()
        assert all(name in net.layer_of for name, _ in net.named_parameters())

    def test_merged_it_is_a_plain_network(self, tltk_adapter: str) -> None:
        """After training, with the plain network's names and the outputs that it had."""
        run, last = self.train_unmerged(tltk_adapter)
        bare, _ = plain(2, 3)
        assert run.net.state_dict().keys() == bare.net.state_dict().keys()
        assert run.net.layer_of == bare.net.layer_of
        net, _ = compose.build_network(run.spec, noise())
        net.load_state_dict(last)
        x = net.sample(3, torch.Generator().manual_seed(0))
        with torch.no_grad():
            before = net.eval()(x)[1]
            adapters.make(tltk_adapter, {}).merge(net)
            assert torch.allclose(net(x)[1], before, rtol=1e-4, atol=1e-5)
            assert torch.allclose(run.net.eval()(x)[1], before, rtol=1e-4, atol=1e-5), "the training has merged it"


class TestTerm:
    """Off, it changes no bit; on, it is a finite number that something learns from."""

    @pytest.fixture(scope="class")
    @classmethod
    def weights_with_classifier(cls, tmp_path_factory: pytest.TempPathFactory) -> str:
        """Weights with the classifier that they were trained with."""
        run, _ = plain(2, 3)
        path = tmp_path_factory.mktemp("weights") / "noise.safetensors"
        save(run.net, run.spec.net, path, classes=json.dumps(noise().classes))
        return f"file:{path}"

    def training_fields(self, name: str, weight: float, weights_with_classifier: str) -> dict[str, Any]:
        """The fields of a training with this term, with a source where it needs one, from weights that will do.

        The test is skipped where a knob must name something of the user's, such as a run.

        Args:
            name: Of the term.
            weight: Of the term.
            weights_with_classifier: For terms that need one.
        """
        needs = terms[name].needs
        if any(rule.default == "" for rule in knobs(terms[name]).values()):
            pytest.skip(f"{name} reads something of the user's")
        source = SOURCE if SOURCES & set(needs) else None
        weights = weights_with_classifier if "classifier" in needs else "scratch"
        return {
            "terms": (TermSpec(name, {**terms[name].eager, "weight": weight}),),
            "source": source,
            "weights": weights,
        }

    def test_it_says_where_it_is_from(self, tltk_term: str) -> None:
        """Docstring."""
        check_docstring(terms, tltk_term)

    def test_its_knobs(self, tltk_term: str) -> None:
        """Explained, plain, within their range; one of them is its weight."""
        check_knobs(terms, tltk_term)
        assert "weight" in knobs(terms[tltk_term])

    def test_at_weight_zero_the_training_is_one_without_it(self, tltk_term: str, weights_with_classifier: str) -> None:
        """Bit for bit: rows and weights."""
        asked = self.training_fields(tltk_term, 0.0, weights_with_classifier)
        run, (without, _) = train_on_noise(**asked), plain(2, 3, asked["weights"])
        assert rows(run) == rows(without)
        mine, theirs = run.net.state_dict(), without.net.state_dict()
        assert all(torch.equal(mine[name], theirs[name]) for name in theirs)

    def test_it_is_a_number_that_is_learned_from(self, tltk_term: str, weights_with_classifier: str) -> None:
        """Each of its rows is finite, and the weights become others than without it."""
        asked = self.training_fields(tltk_term, 1.0, weights_with_classifier)
        run, (without, _) = train_on_noise(**asked), plain(2, 3, asked["weights"])
        values = [r.value for r in run.rows if r.name == f"term.{tltk_term}"]
        assert values and np.isfinite(values).all()
        mine, theirs = run.net.state_dict(), without.net.state_dict()
        assert any(not torch.equal(mine[name], theirs[name]) for name in theirs)
        assert run.result.frozen_moved == 0

    def test_it_says_whether_it_reaches_the_head(self, tltk_term: str, weights_with_classifier: str) -> None:
        """Where only the head learns, one that does not changes no bit, and the result says so."""
        asked = self.training_fields(tltk_term, 1.0, weights_with_classifier)
        run, (without, _) = train_on_noise(5, **asked), plain(5, 3, asked["weights"])
        mine, theirs = run.net.state_dict(), without.net.state_dict()
        changed = any(not torch.equal(mine[name], theirs[name]) for name in theirs)
        assert changed is terms.make(tltk_term, asked["terms"][0].knobs).reaches_head
        said = any("changes nothing here" in sentence for sentence in run.result.cautions)
        assert said is bool(for_the_backbone(asked["terms"]))


class TestDomain:
    """Pictures of the size that is asked for, the same each time, with a licence; of domains that need no path."""

    def domain_spec(self, name: str, **given: Any) -> DataSpec:
        """The spec of this domain, few of its pictures; the test is skipped where it reads a path of the user's."""
        if hasattr(importlib.import_module(domains[name].__module__), "source_version"):
            pytest.skip(f"{name} reads a path of the user's")
        return DataSpec(name, n=60, **{"size": 16, **given})

    def test_it_says_what_it_is(self, tltk_domain: str) -> None:
        """One line for the menus."""
        assert 0 < len(domains.summary(tltk_domain)) < 140

    def test_its_pictures(self, tltk_domain: str) -> None:
        """As many, as large and in as many channels as they are said to be; a licence and a source."""
        spec = self.domain_spec(tltk_domain)
        found = load(spec)
        rows = {TEXT: BYTES_PER_TOKEN, TABLE: CELL_BYTES}.get(found.kind, 16)  # texts and rows lie as their bytes
        assert found.images.dtype == np.uint8 and found.images.shape[2:] == (rows, 16)
        if names := class_names(spec.name):
            assert tuple(found.classes) == names[: len(found.labels)]
        assert found.images.shape[1] in (1, 3) and len(found.images) == len(found.labels) == 60
        assert len(found.classes) >= 2 and found.licence.strip() and found.source.strip()
        rows = {TEXT: BYTES_PER_TOKEN, TABLE: CELL_BYTES}.get(found.kind, 24)
        assert load(dataclasses.replace(spec, size=24)).images.shape[2:] == (rows, 24)

    def test_the_same_spec_draws_the_same_pictures(self, tltk_domain: str) -> None:
        """What is kept of a domain and what is drawn anew are the same."""
        spec = self.domain_spec(tltk_domain)
        _, argument = parse(tltk_domain)
        assert domains[tltk_domain](spec, argument, None).fingerprint == load(spec).fingerprint


def two_samples(dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
    """(24, 4) and (17, 4), shifted and scaled."""
    g = torch.Generator().manual_seed(1)
    x = torch.randn(24, 4, generator=g, dtype=torch.float64)
    return x.to(dtype), (torch.randn(17, 4, generator=g, dtype=torch.float64) * 1.3 + 0.3).to(dtype)


class TestMeasure:
    """A scalar of the features' dtype; what cannot be compared is a sentence."""

    def test_it_says_where_it_is_from(self, tltk_measure: str) -> None:
        """Docstring."""
        check_docstring(measures, tltk_measure)

    def test_a_scalar_of_the_features_dtype_comes_back(self, tltk_measure: str) -> None:
        """Single and double precision agree, and the same features give the same number."""
        values = []
        for dtype in (torch.float32, torch.float64):
            x, y = two_samples(dtype)
            value = measures[tltk_measure](x, y)
            assert value.shape == () and value.dtype == dtype and bool(value.isfinite())
            assert torch.equal(value, measures[tltk_measure](x, y))
            values.append(float(value))
        assert values[0] == pytest.approx(values[1], rel=1e-3, abs=1e-5)

    def test_what_cannot_be_compared_is_a_sentence(self, tltk_measure: str) -> None:
        """Other widths, infinities and integers."""
        x, y = two_samples(torch.float64)
        for wrong in ((x, y[:, :3]), (x, y / 0), (x.long(), y)):
            with pytest.raises(BadSpec, match="must"):
                measures[tltk_measure](*wrong)


class TestScore:
    """A finite number of labelled features, larger where they tell the classes; what cannot be scored is a sentence."""

    def arguments(self, name: str) -> tuple[torch.Tensor, torch.Tensor]:
        """What it is given, by the name of its first argument: features, probabilities or classes; and labels."""
        g = torch.Generator().manual_seed(2)
        labels = torch.arange(60) % 3
        x = torch.randn(60, 5, generator=g) + labels[:, None]
        first = next(iter(inspect.signature(scores[name]).parameters))
        given = {"features": x, "probabilities": x.softmax(1), "source_classes": x.argmax(1)}
        return given[first], labels

    def test_it_says_where_it_is_from(self, tltk_score: str) -> None:
        """Docstring."""
        check_docstring(scores, tltk_score)

    def test_it_is_a_number_that_repeats(self, tltk_score: str) -> None:
        """A finite float, the same each time, whatever numbers stand for the classes."""
        x, labels = self.arguments(tltk_score)
        value = scores[tltk_score](x, labels)
        assert isinstance(value, float) and np.isfinite(value)
        assert scores[tltk_score](x, labels) == value
        assert scores[tltk_score](x, 10 * labels + 3) == pytest.approx(value, rel=1e-6)

    def test_more_is_better(self, tltk_score: str) -> None:
        """Labels that the features tell score higher than labels drawn by lot."""
        x, labels = self.arguments(tltk_score)
        drawn = labels[torch.randperm(60, generator=torch.Generator().manual_seed(3))]
        assert scores[tltk_score](x, labels) > scores[tltk_score](x, drawn)

    def test_what_cannot_be_scored_is_a_sentence(self, tltk_score: str) -> None:
        """Labels that are too few, and labels that are no numbers of classes."""
        x, labels = self.arguments(tltk_score)
        for wrong in (labels[:-1], labels.float()):
            with pytest.raises(BadSpec, match="must"):
                scores[tltk_score](x, wrong)


class TestCriterion:
    """A finite number of what a network says of both domains, in whatever order the pictures come."""

    def view(self) -> Unlabelled:
        """Of 40 pictures of the target and 50 of the source, in three classes; of the training pictures, features."""
        g = torch.Generator().manual_seed(4)
        labels = torch.arange(50) % 3

        def draw(n: int, d: int) -> torch.Tensor:
            return torch.randn(n, d, generator=g, dtype=torch.float64)

        logits = draw(50, 3) + 2 * torch.nn.functional.one_hot(labels, 3)
        train = draw(60, 5)
        return Unlabelled(draw(40, 5) + 0.5, draw(40, 3) * 2, draw(50, 5), logits, labels, lambda: train)

    def test_it_says_where_it_is_from(self, tltk_criterion: str) -> None:
        """Docstring."""
        check_docstring(criteria, tltk_criterion)

    def test_it_is_a_number_that_repeats(self, tltk_criterion: str) -> None:
        """A finite float, the same each time, and what it was given is as it was."""
        found, other = self.view(), self.view()
        value = criteria[tltk_criterion](found)
        assert isinstance(value, float) and np.isfinite(value)
        assert criteria[tltk_criterion](other) == criteria[tltk_criterion](found) == value
        names = ("target_features", "target_logits", "source_features", "source_logits", "source_labels")
        assert all(torch.equal(getattr(found, name), getattr(self.view(), name)) for name in names)

    def test_the_order_of_the_pictures_does_not_matter(self, tltk_criterion: str) -> None:
        """Both domains' pictures in another order give the same number."""
        found = self.view()
        g = torch.Generator().manual_seed(5)
        t, s = torch.randperm(40, generator=g), torch.randperm(50, generator=g)
        train = found.train_features()[torch.randperm(60, generator=g)]
        other = Unlabelled(
            found.target_features[t],
            found.target_logits[t],
            found.source_features[s],
            found.source_logits[s],
            found.source_labels[s],
            lambda: train,
        )
        assert criteria[tltk_criterion](other) == pytest.approx(criteria[tltk_criterion](found), rel=1e-3, abs=1e-6)

    def test_one_picture_of_each_class_is_enough(self, tltk_criterion: str) -> None:
        """Pictures that are all alike give a number too: weights without a variance, neighbours at one place."""
        same = torch.ones(3, 2, dtype=torch.float64)
        labels = torch.arange(3)
        logits = torch.eye(3, dtype=torch.float64)
        value = criteria[tltk_criterion](Unlabelled(same, 0 * logits, same, logits, labels, lambda: same))
        assert np.isfinite(value)


def two_domains() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features of a source in three classes, (45, 6), its labels, and of a target elsewhere, (40, 6)."""
    rng = np.random.default_rng(6)
    labels = np.arange(45) % 3
    source = rng.normal(size=(45, 6)) + 4 * np.eye(6)[labels]
    target = (rng.normal(size=(40, 6)) + 4 * np.eye(6)[np.arange(40) % 3]) * [1, 1, 1, 2, 2, 2] + 0.5
    return source, labels, target


class TestLearner:
    """It tells what is plain, the same each time, and its grid is one that its estimator takes."""

    def test_it_says_where_it_is_from(self, tltk_learner: str) -> None:
        """Docstring."""
        check_docstring(learners, tltk_learner)

    def test_every_setting_of_its_grid_can_be_made(self, tltk_learner: str) -> None:
        """Of few pictures and of many; each hyper-parameter has a value, and none twice."""
        learner = learners.make(tltk_learner, {})
        for n, d in ((2, 3), (1000, 512)):
            grid = learner.grid(n, d)
            assert all(values and len(set(values)) == len(values) for values in grid.values())
            for values in product(*grid.values()):
                learner.estimator(0, **dict(zip(grid, values, strict=True)))

    def test_it_tells_classes_that_lie_apart_and_repeats(self, tltk_learner: str) -> None:
        """Nearly all of new pictures are right, and the same seed gives the same answers."""
        x, labels, _ = two_domains()
        learner = learners.make(tltk_learner, {})
        found = fit(learner, x[:30], labels[:30], folds=2, seed=1)
        said = found.predict(x[30:])
        assert (said == labels[30:]).mean() >= 0.8
        again = fit(learner, x[:30], labels[:30], folds=2, seed=1)
        assert again.chosen == found.chosen and np.array_equal(again.predict(x[30:]), said)

    def test_what_weighs_nothing_does_not_count(self, tltk_learner: str) -> None:
        """Wrong labels of weight 0 leave it as right as it was; without weights for it, that is refused."""
        x, labels, _ = two_domains()
        learner = learners.make(tltk_learner, {})
        both, wrong = np.concatenate([x[:30], x[:30]]), np.concatenate([labels[:30], (labels[:30] + 1) % 3])
        weights = np.repeat([1.0, 0.0], 30)
        if not learner.takes_weights:
            with pytest.raises(BadSpec, match="must take weights"):
                fit(learner, both, wrong, folds=2, weights=weights)
            return
        assert (fit(learner, both, wrong, folds=2, weights=weights).predict(x[30:]) == labels[30:]).mean() >= 0.8


class TestAlignment:
    """Both domains come to lie in one space; what it is given stays as it was."""

    def test_it_says_where_it_is_from(self, tltk_alignment: str) -> None:
        """Docstring."""
        check_docstring(alignments, tltk_alignment)

    def test_its_knobs(self, tltk_alignment: str) -> None:
        """Explained, plain, within their range."""
        check_knobs(alignments, tltk_alignment)

    def test_both_domains_lie_in_one_space(self, tltk_alignment: str) -> None:
        """Finite, a row for each picture, as many columns on both sides; the same again, and nothing is written to."""
        x, labels, y = two_domains()
        found = alignments.make(tltk_alignment, {})(x, labels, y)
        moved = found.move_target(y)
        assert found.source.shape == (len(x), moved.shape[1]) and len(moved) == len(y)
        assert np.isfinite(found.source).all() and np.isfinite(moved).all()
        again = alignments.make(tltk_alignment, {})(x, labels, y)
        assert np.array_equal(again.source, found.source) and np.array_equal(again.move_target(y), moved)
        assert all(np.array_equal(a, b) for a, b in zip((x, labels, y), two_domains(), strict=True))
        assert np.allclose(found.move_target(y[:3]), moved[:3]), "each picture of the target is moved by itself"

    def test_the_order_of_the_target_does_not_matter(self, tltk_alignment: str) -> None:
        """Products of both sides, which no sign of a direction changes, are those of the target in another order."""
        x, labels, y = two_domains()
        found, other = (alignments.make(tltk_alignment, {})(x, labels, t) for t in (y, y[::-1]))
        ours, theirs = (one.source @ one.move_target(y).T for one in (found, other))
        assert np.allclose(ours, theirs, rtol=1e-4, atol=1e-6)


class TestReweighting:
    """A weight for each picture of the source, not negative, and about 1 on average."""

    def test_it_says_where_it_is_from(self, tltk_reweighting: str) -> None:
        """Docstring."""
        check_docstring(reweightings, tltk_reweighting)

    def test_its_knobs(self, tltk_reweighting: str) -> None:
        """Explained, plain, within their range."""
        check_knobs(reweightings, tltk_reweighting)

    def test_weights_are_weights(self, tltk_reweighting: str) -> None:
        """Finite, not negative, some above 0, the same again with the same seed; nothing is written to."""
        x, labels, y = two_domains()
        weights = reweightings.make(tltk_reweighting, {})(x, y, 1)
        assert weights.shape == (len(x),) and np.isfinite(weights).all() and (weights >= 0).all() and weights.sum() > 0
        assert np.array_equal(weights, reweightings.make(tltk_reweighting, {})(x, y, 1))
        assert all(np.array_equal(a, b) for a, b in zip((x, labels, y), two_domains(), strict=True))
