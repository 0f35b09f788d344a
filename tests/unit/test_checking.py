"""What cannot be meant is refused before anything is queued: by the shell with 2, by `launch`, and by whoever submits."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import tltk
from tests.support.shell import here  # noqa: F401 – a fixture
from tltk import home
from tltk.analyses.classify.spec import ClassifySpec
from tltk.analyses.describe.spec import DescribeSpec
from tltk.analyses.dial_response.spec import DialResponseSpec
from tltk.analyses.embed.spec import EmbedSpec
from tltk.analyses.episodes.spec import EpisodesSpec
from tltk.analyses.inspect.spec import InspectSpec
from tltk.analyses.profile.spec import ProfileSpec
from tltk.analyses.rank.spec import RankSpec
from tltk.analyses.two_sample.spec import TwoSampleSpec
from tltk.analyses.zero_shot.spec import ZeroShotSpec
from tltk.analyses.zero_shot_text.spec import ZeroShotTextSpec
from tltk.cli import main as cli
from tltk.errors import BadSpec, DataProblem, TltkError
from tltk.jobs import checking, executor, queue
from tltk.specs.knobs import Spec
from tltk.specs.parts import DataSpec, NetSpec, OptimSpec, StrategySpec, TermSpec, ViewSpec
from tltk.specs.training import TransferSpec
from tltk.studies.compare.spec import CompareSpec
from tltk.studies.labels.spec import LabelsSpec
from tltk.studies.plane.spec import PlaneSpec
from tltk.studies.race.spec import RaceSpec

BAD: list[tuple[Spec, str]] = [
    (TransferSpec(DataSpec("folder:/no/such/place")), "/no/such/place"),
    (TransferSpec(DataSpec("archive:/no/such.zip")), "/no/such.zip"),
    (TransferSpec(DataSpec("npz:/no/such.npz")), "/no/such.npz"),
    (InspectSpec(DataSpec("folder:/no/such/place")), "/no/such/place"),
    (CompareSpec(source=DataSpec("folder:/no/such/place")), "/no/such/place"),
    (TransferSpec(optim=OptimSpec(optimizer="bananas")), "optimizer must be one of"),
    (TransferSpec(optim=OptimSpec(optimizer="adahessian")), "first derivatives"),
    (CompareSpec(source=DataSpec(), source_optim=OptimSpec(optimizer="bananas")), "optimizer must be one of"),
    (TransferSpec(optim=OptimSpec(metric="auc")), "needs two classes. There are 10"),
    (TransferSpec(DataSpec("subset:0+1+2@digits"), optim=OptimSpec(metric="auc")), "There are 3"),
    (CompareSpec(source=DataSpec("shapes"), optim=OptimSpec(metric="auc")), "needs two classes. There are 10"),
    (TransferSpec(net=NetSpec(weights="store:resnet10t_formulas", keep_head=True)), "knows no names"),
    (TransferSpec(DataSpec("tones", width=64)), "drawn here are squares"),
    (TransferSpec(net=NetSpec("resnet18x")), "Did you mean 'resnet18'?"),
    (DescribeSpec("bananas"), "backbone must be one of"),
    (TransferSpec(net=NetSpec(weights="bananas")), "kind of weights"),
    (TransferSpec(net=NetSpec(weights="file:/no/such.pth")), "/no/such.pth"),
    (CompareSpec(net=NetSpec(weights="file:/etc/hostname")), "hostname"),
    (CompareSpec(net=NetSpec(weights="store:bananas")), "weight store"),
    (ProfileSpec(net=NetSpec(weights="run:abcdef")), "abcdef"),
    (ProfileSpec(after="store:bananas"), "weight store"),
    (ProfileSpec(measures=("mmd", "corall")), "measure must be one of"),
    (TwoSampleSpec(measures=("class_mmd",)), "measure must be one of"),
    (TwoSampleSpec(source=None), "There is no source; name one."),
    (ClassifySpec(learners=()), "needs one at least"),
    (ClassifySpec(learners=("ridge", "knnn")), "learner must be one of"),
    (ClassifySpec(learners=("knn", "ridge", "knn")), "must be named once"),
    (ClassifySpec(labels="source"), "There is none; name one."),
    (ClassifySpec(source=DataSpec("rendered_digits")), "must go with --labels source"),
    (ClassifySpec(alignments=("coral",)), "must go with --labels source"),
    (
        ClassifySpec(source=DataSpec("rendered_digits"), labels="both", reweightings=("kmm",)),
        "The labels asked for are both domains'",
    ),
    (ClassifySpec(labels="both"), "There is none; name one."),
    (ClassifySpec(alignments=("corall",)), "alignment must be one of"),
    (ClassifySpec(alignments=("tca:mu=-1",)), "mu must be between"),
    (ClassifySpec(reweightings=("kmm:B=3",)), "knob of kmm"),
    (ClassifySpec(layer="stem", removed=2), "must be asked for in one way"),
    (EpisodesSpec(layer="stem", removed=2), "must be asked for in one way"),
    (ZeroShotSpec(layer="stem", removed=2), "must be asked for in one way"),
    (ZeroShotSpec(attributes=("class", "colr")), "Did you mean 'colour'?"),
    (ZeroShotSpec(attributes=("class",)), "Combinations need two attributes"),
    (ZeroShotSpec(DataSpec("fractals")), "Combinations need two attributes"),
    (ZeroShotSpec(attributes=("class", "texture", "class")), "must be named once"),
    (ZeroShotTextSpec(checkpoint="/no/such"), "There is none at"),
    (ZeroShotTextSpec(template="a photo"), "must hold {}"),
    (RankSpec(), "A ranking needs candidates"),
    (RankSpec(candidates=("@run:3f9ac1",)), "must be BACKBONE@WEIGHTS"),
    (RankSpec(candidates=("resnet18",), scores=("logm",)), "score must be one of"),
    (DialResponseSpec(DataSpec("digits")), "The target must be the shift lab"),
    (DialResponseSpec(DataSpec("shapes~fog:3")), "The target must be the shift lab"),
    (DialResponseSpec(dials=()), "needs a measure and a dial"),
    (DialResponseSpec(dials=("hu",)), "dial must be one of"),
    (DialResponseSpec(DataSpec("shapes:blur=0.1")), "The dial blur must have a way to go. It is at its end, 0.1"),
    (EmbedSpec(picture="/no/such.png"), "/no/such.png"),
    (RankSpec(candidates=("bananas", "resnet18x@scratch")), "backbone must be one of"),
    (TransferSpec(views=ViewSpec(copies=2)), "all augmentation is off"),
    (TransferSpec(DataSpec("fractals"), terms=(TermSpec("multi_task"),)), "fractals knows none"),
    (TransferSpec(DataSpec("shapes"), terms=(TermSpec("soft_sharing"),)), "attribute of shapes must be one of"),
    (TransferSpec(terms=(TermSpec("multi_task", {"task": "background"}),)), "attribute of digits must be one of"),
    (
        TransferSpec(DataSpec("shapes:texture=plain"), terms=(TermSpec("multi_task", {"task": "colour/texture"}),)),
        "attribute of shapes:texture=plain must be one of",
    ),
    (TransferSpec(terms=(TermSpec("multi_task", {"task": "parity/parity"}),)), "each named once"),
    (TransferSpec(terms=(TermSpec("multi_task", {"pictures": "source"}),)), "There is no source"),
    (TransferSpec(terms=(TermSpec("multi_task"),), optim=OptimSpec(mixup=0.2)), "leave out multi_task"),
    (
        TransferSpec(source=DataSpec("shapes"), terms=(TermSpec("soft_sharing"),), labels="source"),
        "or learn from the target's labels",
    ),
    (
        RaceSpec(
            DataSpec("fractals"), net=NetSpec(weights="store:resnet10t_formulas"), arms=("fine_tune", "multi_task")
        ),
        "fractals knows none",
    ),
    *(
        (kind(source=DataSpec("shapes"), net=NetSpec(weights="hub:a1_in1k")), "come from one place. The source shapes")
        for kind in (CompareSpec, RaceSpec, LabelsSpec, PlaneSpec)
    ),
    *(
        (
            TransferSpec(strategy=StrategySpec("feature_extraction"), source=source, terms=(TermSpec(name, given),)),
            f"The term {name} acts on layers that learn. With the strategy feature_extraction only the head",
        )
        for name, given, source in (
            ("coral", {}, DataSpec("shapes")),
            ("l2_sp", {"head": 0.0}, None),
            ("spectral_shrinkage", {}, None),
        )
    ),
    *(
        (
            TransferSpec(source=DataSpec("shapes"), terms=(TermSpec(name),), optim=OptimSpec(batch_size=1)),
            "optim.batch_size is 1; take 2 or more",
        )
        for name in ("coral", "dan", "jan")
    ),
    (InspectSpec(DataSpec("rendered_digits", n=10_000_000, size=1024)), "fit on the disk"),
    (InspectSpec(DataSpec("folder:" + "a/" * 5000)), "at most 2,000 characters"),
    (InspectSpec(DataSpec("folder:/a\0b")), "null"),
    (InspectSpec(DataSpec("folder:~nosuchuser/x")), "~nosuchuser"),
    (InspectSpec(DataSpec("archive:/tmp/" + "z" * 300)), "z"),
    (TransferSpec(DataSpec(size=40), net=NetSpec("test_vit")), "test_vit must be given pictures that it can read. Its"),
    (TransferSpec(DataSpec(size=40), net=NetSpec("test_vit")), "Got 40 px; take 32 or 48."),
    (TransferSpec(DataSpec(size=8), net=NetSpec("test_vit")), "Got 8 px; take 16."),
    (EmbedSpec(DataSpec(size=16), net=NetSpec("vgg11")), "Got 16 px; take 32."),
    (DescribeSpec("halonet_h1", size=250), "Got 250 px; take 253."),
    (ProfileSpec(DataSpec(size=40), net=NetSpec("gcvit_xxtiny")), "Got 40 px; take 32 or 64."),
    (DescribeSpec("efficientformer_l1", size=32), "take 193"),
]


@pytest.fixture(autouse=True)
def _idle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TLTK_EXECUTOR", "tests.support.executors:Idle")


@pytest.mark.parametrize(("spec", "part"), BAD, ids=lambda x: x if isinstance(x, str) else x.kind)
def test_it_is_refused_alike_by_all_doors(spec: Spec, part: str) -> None:
    for door in (tltk.launch, executor().submit):
        with pytest.raises(TltkError) as caught:
            door(spec)
        assert part in str(caught.value)
    assert queue.jobs() == []
    assert list(home.folder("runs").iterdir()) == []


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["run", "--target", "folder:/no/such"], "/no/such"),
        (["run", "--optimizer", "bananas"], "optimizer must be one of"),
        (["compare", "--weights", "file:/etc/hostname"], "hostname"),
        (["look", "folder:/no/such"], "/no/such"),
        (["look", "folder:~nosuchuser/x"], "~nosuchuser"),
        (["layers", "bananas"], "backbone must be one of"),
        (["run", "--spec", "/dev/zero"], "is a device"),
        (["run", "--spec", "z" * 300], "name too long"),
        (["run", "--spec", "/"], "--spec"),
        (["weights", "check", "z" * 300], "z"),
        (["weights", "add", "/" + "z" * 300], "z"),
    ],
)
def test_the_shell_says_so_and_ends_with_two(words: list[str], part: str) -> None:
    done = CliRunner().invoke(cli.main, words)
    assert done.exit_code == 2, (done.output, done.exc_info)
    assert part.lower() in done.stderr.lower()
    assert done.stdout == "" and queue.jobs() == []


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("[" * 100_000, "nested too deep"),
        ('{"strategy":{"knobs":' + '{"a":' * 50_000 + "1" + "}" * 50_002, "nested too deep"),
        ('{"target":' + "[" * 900 + "]" * 900 + "}", "DataSpec"),
        ('{"seed":' + "9" * 4000 + "}", "seed must be between"),
        ('{"seed":' + "9" * 5000 + "}", "A spec must be JSON"),
        ("\xff", "A spec must be JSON"),
        ('{"target":{"name":"' + "a" * 1_100_000 + '"}}', "no longer than 1 MB"),
        ('{"target":{"name":"' + "a" * 900_000 + '"}}', "at most 2,000 characters"),
    ],
    ids=range(8),
)
def test_texts_that_are_no_spec(text: str, part: str, tmp_path: Path) -> None:
    path = tmp_path / "spec.json"
    path.write_bytes(text.encode("latin-1"))
    for words, given in ((["--spec", str(path)], None), (["--spec", "-"], text.encode("latin-1"))):
        done = CliRunner().invoke(cli.main, ["run", *words], input=given)
        assert done.exit_code == 2, (done.output, done.exc_info)
        assert part in done.stderr and len(done.stderr) < 2000


def test_a_spec_from_the_standard_input() -> None:
    done = CliRunner().invoke(
        cli.main, ["run", "--spec", "-", "--detach", "--json"], input=TransferSpec(seed=4).to_json()
    )
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["spec"]["seed"] == 4


def test_our_table_of_optimizers_is_timms() -> None:
    import timm.optim

    assert list(checking.OPTIMIZERS) == sorted(timm.optim.list_optimizers())


def test_an_answer_stands_though_its_pictures_have_gone(tmp_path: Path) -> None:
    from tltk.runs.run import Run

    spec = TransferSpec(DataSpec(f"folder:{tmp_path / 'gone'}"))
    run = Run.create(spec)
    (run.path / "result.json").write_text('{"accuracy": 0.5}')
    run.write_status(state="done")
    assert executor().submit(spec) == run
    with pytest.raises(TltkError, match="gone"):
        executor().submit(spec, again=True)
    assert run.result() == {"accuracy": 0.5}  # nothing was forgotten


@pytest.mark.parametrize("text", ["~nosuchuser", "~nosuchuser/x", "a\0b"])
def test_paths_of_nobody(text: str) -> None:
    with pytest.raises(BadSpec):
        home.expand_path(text)


def test_the_pictures_of_every_arm_of_a_study_are_looked_at(tmp_path: Path) -> None:
    from tltk.studies.atlas.spec import AtlasSpec
    from tltk.studies.labels.spec import LabelsSpec

    names = ("digits", "rendered_digits", f"folder:{tmp_path / 'nowhere'}")
    with pytest.raises(DataProblem):
        checking.check(AtlasSpec(names, net=NetSpec("test_resnet")))
    checking.check(AtlasSpec((*names[:2], "blended_digits"), net=NetSpec("test_resnet")))
    for letter in "ab":
        (tmp_path / "set" / letter).mkdir(parents=True)
        for i in range(12):
            pixels = np.random.default_rng(i).integers(0, 255, (16, 16, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "set" / letter / f"{i}.png")
    few = LabelsSpec(DataSpec(f"folder:{tmp_path / 'set'}"), net=NetSpec("test_resnet"), arms=("scratch", "bias"))
    with pytest.raises((DataProblem, BadSpec)):
        checking.check(
            dataclasses.replace(few, shots=(2, 50), arms=("scratch", "fine_tune"), source=DataSpec("digits"))
        )


def test_a_reset_of_new_weights_is_refused() -> None:
    with pytest.raises(BadSpec, match="net.reset is 2"):
        checking.check(TransferSpec(net=NetSpec("test_resnet", reset=2)))


def test_what_only_the_worker_finds_wrong_is_bad_input_too(here: None) -> None:  # noqa: F811 – the fixture
    """The layers of a network are known once it is built: then the run has failed, and the code is that of bad input."""
    asked = EpisodesSpec(DataSpec(n=60, size=16), NetSpec("test_resnet"), layer="nope", episodes=2)
    with pytest.raises(BadSpec, match="layer must be one of"):
        tltk.ask(asked)
    words = ["episodes", "--target", "digits", "--n", "60", "--size", "16", "--backbone", "test_resnet"]
    done = CliRunner().invoke(cli.main, [*words, "--layer", "nope"])
    assert done.exit_code == 2 and "layer must be one of" in done.output
