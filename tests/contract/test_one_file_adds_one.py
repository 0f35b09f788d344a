"""One file, or one folder, adds one, with no other edit: dropped into a copy of the package, it is found everywhere."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

PACKAGE = Path(__file__).parents[2] / "tltk"

FILES = {
    "strategies/last_layers.py": '''
        """The last layers."""
        from dataclasses import dataclass

        from tltk.specs.knobs import knob
        from tltk.strategies.phase import Phase
        from tltk.strategies.strategy import Strategy, check_boundary


        @dataclass(frozen=True)
        class LastLayers(Strategy):
            """The last layers alone, wherever the boundary is.

            Reference: Nobody (2026), arXiv:0000.00000.
            """

            n: int = knob(1, 1, 9, help="How many.")

            def phases(self, depth: int, boundary: int, epochs: int) -> list[Phase]:
                """One phase."""
                check_boundary(depth, boundary)
                low = max(boundary, depth - self.n)
                return [Phase((0.0,) * low + (1.0,) * (depth + 1 - low), epochs)]
        ''',
    "adapters/weight.py": '''
        """Weights alone."""
        from dataclasses import dataclass

        from tltk.adapters.adapter import Adapter


        @dataclass(frozen=True)
        class Weight(Adapter):
            """What is called a weight learns."""

            def learns(self, net, name):
                """Whether it is."""
                return name.endswith("weight")
        ''',
    "terms/small_logits.py": '''
        """Small logits."""
        from dataclasses import dataclass

        from tltk.terms.term import Term


        @dataclass(frozen=True)
        class SmallLogits(Term):
            """The mean square of the logits."""

            def __call__(self, step):
                """It."""
                return self.weight * step.target.logits.square().mean()
        ''',
    "learners/nearest_mean.py": '''
        """The nearest mean."""
        from dataclasses import dataclass
        from typing import ClassVar

        from tltk.learners.learner import Learner


        @dataclass(frozen=True)
        class NearestMean(Learner):
            """The class whose mean is nearest."""

            takes_weights: ClassVar[bool] = False

            def grid(self, n, d):
                """Two metrics."""
                return {"metric": ("euclidean", "manhattan")}

            def estimator(self, seed, **chosen):
                """Scikit-learn's."""
                from sklearn.neighbors import NearestCentroid

                return NearestCentroid(**chosen)
        ''',
    "alignments/same_mean.py": '''
        """One mean."""
        from dataclasses import dataclass

        from tltk.alignments.alignment import Aligned, Alignment


        @dataclass(frozen=True)
        class SameMean(Alignment):
            """The source moved to the target's mean."""

            def __call__(self, source, labels, target):
                """It."""
                return Aligned(source - source.mean(0) + target.mean(0), lambda x: x)
        ''',
    "reweightings/even.py": '''
        """Even weights."""
        from dataclasses import dataclass

        import numpy as np

        from tltk.reweightings.reweighting import Reweighting


        @dataclass(frozen=True)
        class Even(Reweighting):
            """All pictures count alike."""

            def __call__(self, source, target, seed=0):
                """They do."""
                return np.ones(len(source))
        ''',
    "studies/causes/hypotheses/small_pictures.py": '''
        """Pictures are small."""
        from tltk.studies.causes.hypotheses.cause import LIKELY, Cause, Evidence


        class SmallPictures(Cause):
            """Pictures too small to tell anything.

            Reference: Nobody (2026), arXiv:0000.00000.
            """

            title = "Pictures are small"

            def weigh(self, facts):
                """They are."""
                return Evidence(LIKELY, 1.0, f"They have {facts.spec.target.size} px.")
        ''',
    "shift/mean_gap.py": '''
        """The gap of the means."""


        def mean_gap(source, target):
            """Squared distance of the means, ‖x̄ − ȳ‖².

            Args:
                source: (n, d).
                target: (m, d).
            """
            return (source.mean(0) - target.mean(0)).square().sum()
        ''',
    "transferability/spread.py": '''
        """The spread."""


        def spread(features, labels):
            """The variance of the features."""
            return float(features.var())
        ''',
    "data/sources/stripes.py": '''
        """Stripes of two widths."""
        import numpy as np

        from tltk.data.domain import Domain

        LICENCE, SOURCE = "CC0 1.0", "drawn here"


        def load(spec, argument="", progress=None):
            """Stripes, broad and narrow."""
            n = spec.n or 60
            labels = np.arange(n) % 2
            draw = np.random.default_rng(spec.seed)
            wave = np.sin(np.arange(spec.size)[None] * (1 + labels[:, None]) + draw.random((n, 1)) * 6)
            images = np.repeat((127 + 120 * wave)[:, None, None].astype(np.uint8), spec.size, 2).repeat(3, 1)
            return Domain.of(spec.name, images, labels.astype(np.int64), ["broad", "narrow"], licence=LICENCE, source=SOURCE)
        ''',
    "analyses/count/__init__.py": '''
        """How many pictures there are."""
        ''',
    "analyses/count/spec.py": '''
        """What `tltk count` asks for."""
        from dataclasses import dataclass, field
        from typing import ClassVar

        from tltk.specs.knobs import Spec
        from tltk.specs.parts import DataSpec


        @dataclass(frozen=True)
        class CountSpec(Spec):
            """How many pictures are there?"""

            kind: ClassVar[str] = "count"
            verb: ClassVar[str] = "count"
            about: ClassVar[str] = "How many pictures a domain has."

            target: DataSpec = field(default_factory=DataSpec)
        ''',
    "analyses/count/result.py": '''
        """How many there are."""
        import msgspec


        class CountResult(msgspec.Struct, frozen=True):
            """The number of pictures."""

            n: int
        ''',
    "analyses/count/analysis.py": '''
        """Counts pictures."""
        from tltk.analyses.count.result import CountResult


        def count(spec, context):
            """Their number."""
            return CountResult(len(context.load(spec.target).labels))
        ''',
    "analyses/count/table.py": '''
        """A count as text."""


        def lines(found):
            """One line."""
            n = found["n"] if isinstance(found, dict) else found.n
            yield f"{n} pictures"
        ''',
    "selection/most_classes.py": '''
        """How many classes are named."""


        def most_classes(found):
            """How many classes the network names on the target."""
            return float(len(found.target_logits.argmax(1).unique()))
        ''',
    "studies/twice/__init__.py": '''
        """Two seeds."""
        ''',
    "studies/twice/spec.py": '''
        """What `tltk twice` asks for."""
        from dataclasses import dataclass, field
        from typing import ClassVar

        from tltk.specs.knobs import Spec
        from tltk.specs.parts import DataSpec, NetSpec, OptimSpec, StrategySpec


        @dataclass(frozen=True)
        class TwiceSpec(Spec):
            """The same training with two seeds."""

            kind: ClassVar[str] = "twice"
            verb: ClassVar[str] = "twice"
            about: ClassVar[str] = "Train twice, and give both accuracies."
            trains: ClassVar[bool] = True

            target: DataSpec = field(default_factory=DataSpec)
            net: NetSpec = field(default_factory=NetSpec)
            strategy: StrategySpec = field(default_factory=StrategySpec)
            optim: OptimSpec = field(default_factory=OptimSpec)
        ''',
    "studies/twice/result.py": '''
        """Two accuracies."""
        from dataclasses import dataclass


        @dataclass(frozen=True)
        class TwiceResult:
            """Of the first seed and of the second."""

            accuracies: tuple[float, float]
        ''',
    "studies/twice/study.py": '''
        """Asks for two trainings."""
        from tltk.specs.training import TransferSpec
        from tltk.studies.study import Stage, Wanted
        from tltk.studies.twice.result import TwiceResult


        def n_trainings(spec):
            """Two."""
            return 2


        def twice(spec):
            """Both seeds side by side."""
            asked = [TransferSpec(spec.target, spec.net, spec.strategy, spec.optim, seed=seed) for seed in (0, 1)]
            runs = yield Stage(tuple(Wanted("one", "measure", one) for one in asked), "Training twice.")
            return TwiceResult(tuple(run.result()["accuracy"] for run in runs))
        ''',
    "studies/twice/table.py": '''
        """Both as text."""


        def rows(found):
            """A row for each."""
            return [["seed", "accuracy"], *([str(i), f"{value:.4f}"] for i, value in enumerate(found.accuracies))]


        def lines(found):
            """A line for each."""
            return ["\\t".join(row) for row in rows(found)]
        ''',
    "plots/twice_study.py": '''
        """Both as bars."""
        import plotly.graph_objects as go

        from tltk.plots.chart import Chart


        def charts(found):
            """Two bars."""
            return [Chart(go.Figure().add_bar(y=list(found.accuracies)), "Two bars of accuracy.", "Both seeds.")]
        ''',
}


# Verb after verb in one process, where a worker would import the engine anew for each: what is dropped in is found by
# the imports, and these are the same. One training goes through the queue and a worker of its own.
DRIVER = """
import json, sys
from click.testing import CliRunner
from tltk.cli.main import main

for line in sys.stdin:
    done = CliRunner().invoke(main, json.loads(line))
    fault = "" if done.exit_code == 0 else f"{done.output}{done.exception!r}"
    print(json.dumps([done.exit_code, done.stdout, fault]), flush=True)
"""
AT_ONCE = '''
    """Runs what is queued at once, in the process that asks."""
    from tltk.jobs import Local, queue, worker
    from tltk.runs.run import Run


    class AtOnce(Local):
        """No worker."""

        def wake(self):
            for job in queue.jobs():
                worker.execute(Run.at(job.run))
                queue.remove(job.run)
    '''


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a copy of the package into which one of each was dropped."""
    root = tmp_path_factory.mktemp("house")
    shutil.copytree(PACKAGE, root / "tltk", ignore=shutil.ignore_patterns("__pycache__"))
    (root / "assets").symlink_to(PACKAGE.parent / "assets")
    for name, text in {**FILES, "../at_once.py": AT_ONCE}.items():
        path = root / "tltk" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(dedent(text).lstrip())
    return root


def environment(house: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(house), "TLTK_HOME": str(house / "home"), "TLTK_SPARE": "0"}


@pytest.fixture(scope="module")
def driver(house: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that takes the words of one command after the other."""
    process = subprocess.Popen(
        [sys.executable, "-c", DRIVER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**environment(house), "TLTK_EXECUTOR": "at_once:AtOnce"},
        cwd=house,
    )
    yield process
    process.communicate(timeout=60)


Tltk = Callable[..., str]


@pytest.fixture
def tltk(driver: subprocess.Popen[str]) -> Tltk:
    """The command with these words: what it says."""

    def ask(*words: str) -> str:
        assert driver.stdin and driver.stdout
        driver.stdin.write(json.dumps(words) + "\n")
        driver.stdin.flush()
        code, said, fault = json.loads(driver.stdout.readline())
        assert code == 0, fault
        return str(said)

    return ask


def names(tltk: Tltk, verb: str) -> list[str]:
    return [entry["name"] for entry in json.loads(tltk(verb, "--json"))]


@pytest.mark.parametrize(
    ("verb", "name"),
    [
        ("strategies", "last_layers"),
        ("adapters", "weight"),
        ("terms", "small_logits"),
        ("domains", "stripes"),
        ("learners", "nearest_mean"),
        ("alignments", "same_mean"),
        ("reweightings", "even"),
    ],
)
def test_it_is_listed(tltk: Tltk, verb: str, name: str) -> None:
    assert name in names(tltk, verb) and name in tltk(verb)


def test_verbs_of_an_analysis_and_of_a_study_are_in_the_help(tltk: Tltk) -> None:
    text = tltk("--help")
    assert "How many pictures a domain has." in text and "Train twice" in text
    assert "--target" in tltk("count", "--help") and "--strategy" in tltk("twice", "--help")


def run(tltk: Tltk, *words: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(tltk(*words, "--json"))
    assert found["state"] == "done", found["message"]
    return found


SMALL = (
    "--target",
    "stripes",
    "--n",
    "60",
    "--size",
    "32",
    "--backbone",
    "test_resnet",
    "--epochs",
    "2",
    "--device",
    "cpu",
)


def test_they_train_and_answer(house: Path) -> None:
    """Strategy, adapter, term and domain in one training, through the queue and a worker."""
    words = ("--strategy", "last_layers", "--knob", "n=2", "--adapter", "weight", "--term", "small_logits:weight=0.1")
    done = subprocess.run(
        [sys.executable, "-m", "tltk.cli", "run", *SMALL, *words, "--json"],
        capture_output=True,
        text=True,
        env=environment(house),
        cwd=house,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    found = json.loads(done.stdout)
    assert found["result"]["boundary"] == found["result"]["depth"] - 2 and found["result"]["frozen_moved"] == 0
    rows = (Path(found["path"]) / "rows.jsonl").read_text().splitlines()
    assert any(json.loads(row)["name"] == "term.small_logits" for row in rows)


def test_an_analysis_and_a_study_run(house: Path, tltk: Tltk) -> None:
    assert run(tltk, "count", "--target", "stripes", "--n", "60")["result"] == {"n": 60}
    assert "60 pictures" in tltk("count", "--target", "stripes", "--n", "60")
    found = run(tltk, "twice", *SMALL)
    assert len(found["result"]["accuracies"]) == 2 and len(found["children"]) == 2
    tltk("report", found["id"], "twice.html")
    page = (house / "twice.html").read_text(encoding="utf-8")
    assert "Two bars of accuracy." in page and f"<td>{found['result']['accuracies'][0]:.4f}</td>" in page


def test_a_study_with_a_table_is_on_the_page_of_studies(house: Path) -> None:
    code = "from tltk.dashboard import study_view; print(*study_view.kinds())"
    environment = {**os.environ, "PYTHONPATH": str(house)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, cwd=house)
    assert "twice" in done.stdout.split(), done.stderr


def test_a_criterion_picks_an_epoch(tltk: Tltk) -> None:
    words = ("--source", "rendered_digits", "--source-n", "60", "--labels", "source")
    other = tuple("blended_digits" if word == "stripes" else word for word in SMALL)
    found = run(tltk, "run", *(word.replace("60", "300") for word in other), *words[:3], "300", *words[4:])
    assert "most_classes" in {pick["criterion"] for pick in found["result"]["adaptation"]["picks"]}


def test_a_technique_of_theirs_races_and_its_spec_is_public(house: Path, tltk: Tltk) -> None:
    words = ("--arms", "fine_tune,last_layers+weight+small_logits", "--lrs", "1e-3", "--seeds", "2", "--widen", "0")
    found = run(tltk, "race", *SMALL, *words)
    assert {arm["name"] for arm in found["result"]["arms"]} == {"fine_tune", "last_layers+weight+small_logits"}
    code = "import tltk; assert tltk.TwiceSpec.verb == 'twice'"
    subprocess.run([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": str(house)}, cwd=house, check=True)


def test_a_cause_is_weighed_with_the_others(tltk: Tltk) -> None:
    words = ("--source", "rendered_digits", "--source-n", "60", "--lrs", "1e-3", "--seeds", "2", "--widen", "0")
    found = run(tltk, "causes", *SMALL, *words)["result"]
    [mine] = [one for one in found["causes"] if one["name"] == "small_pictures"]
    assert (mine["level"], mine["score"]) == ("likely", 1.0) and len(found["causes"]) > 2


def test_a_measure_and_a_score_are_used(tltk: Tltk) -> None:
    common = ("--target", "stripes", "--n", "60", "--size", "32", "--pictures", "20")
    net = ("--backbone", "test_resnet")
    shift = run(
        tltk,
        "shift",
        *common,
        *net,
        "--source",
        "rendered_digits",
        "--source-n",
        "60",
        "--measures",
        "mean_gap",
        "--permutations",
        "19",
    )
    assert [row["measure"] for row in shift["result"]["table"]] == ["mean_gap"]
    rank = run(tltk, "rank", *common, "--candidates", "test_resnet", "--scores", "spread")
    assert rank["result"]["rows"][0]["scores"]["spread"] > 0


def test_a_learner_an_alignment_and_a_reweighting_are_used(tltk: Tltk) -> None:
    data = ("--target", "stripes", "--n", "60", "--size", "32", "--source", "stripes", "--source-n", "60")
    other = ("--source-seed", "1", "--labels", "source", "--backbone", "test_resnet", "--seeds", "1")
    ways = ("--learners", "nearest_mean,ridge", "--alignments", "same_mean", "--reweightings", "even")
    found = run(tltk, "classify", *data, *other, *ways)["result"]
    assert {"nearest_mean", "nearest_mean+same_mean", "ridge+even"} <= {row["name"] for row in found["rows"]}
    assert [one["effective"] for one in found["weights"]] == [one["n"] for one in found["weights"]]
