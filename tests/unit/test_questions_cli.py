"""The verbs that look: JSON that is what docs/json.md says, tables for people, and bad input in a sentence."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.support.results import written_round_trips
from tests.support.shell import agree, here, idle, refused, said, tltk  # noqa: F401 – fixtures
from tltk import home
from tltk.analyses.rank import table as rank_table
from tltk.analyses.rank.result import Agreement, JudgedRanking, TrainedCandidate
from tltk.analyses.two_sample import table as two_sample_table
from tltk.analyses.two_sample.result import MeasureTest, TwoSampleResult
from tltk.analyses.two_sample.spec import TwoSampleSpec
from tltk.jobs import queue
from tltk.results.text import number
from tltk.runs.run import Run
from tltk.specs.parts import DataSpec, NetSpec
from tltk.specs.training import TransferSpec

TARGET = ["--target", "digits", "--n", "120", "--size", "16", "--backbone", "test_resnet", "--pictures", "40"]
SOURCE = ["--source", "blended_digits", "--source-n", "120"]
NAMES = ["stem", "layer1.0", "layer2.0", "layer3.0", "layer4.0", "features"]


# -- the four verbs, in this process ----------------------------------------------------------------------


def lines(*words: str) -> list[str]:
    """What a verb prints for people: after the line of the run."""
    done = tltk(*words)
    assert done.exit_code == 0, done.output
    first, *rest = done.stdout.splitlines()
    assert re.match(r"run [0-9a-f]{12} · done · ", first)
    return rest


@pytest.mark.usefixtures("here")
def test_profile() -> None:
    words = ["profile", *TARGET, *SOURCE, "--permutations", "19", "--after", "scratch", "--measures", "mmd,coral"]
    run = said(*words)
    agree("A run", run)
    assert (run["kind"], run["state"], run["children"]) == ("profile", "done", [])
    assert run["spec"]["measures"] == ["mmd", "coral"] and run["spec"]["source"]["size"] == 16
    written_round_trips(run)
    found = run["result"]
    agree("tltk profile", found)
    assert found["names"] == NAMES
    for column in found["columns"]:
        agree("A column", column)
        assert len(column["values"]) == 6
    names = [c["name"] for c in found["columns"]]
    assert {"probe_target", "rank_source", "mmd", "coral", "probe_after", "cka_after", "change"} <= set(names)
    head, *rows, note, correction, drawn = [line for line in lines(*words) if not line.startswith(("Probe", "CKA"))]
    assert correction == found["correction"] and "over all 12 tests" in correction
    assert (
        drawn == found["drawn"]
        and "60 examples in common" in drawn
        and found["compared"] == {"source": 30, "target": 30}
    )
    assert head.split() == ["layer", *names]
    assert [row.split()[0] for row in rows] == NAMES
    assert all(len(row.split()) == 1 + len(names) for row in rows)
    assert re.search(r"\d\d\.\d%", rows[0]) and note.startswith("* p ≤ .05 against permuted domains; of several")
    assert all(len(row) <= len(head) for row in rows) and len({len(row) for row in rows if "*" not in row}) <= 1


@pytest.mark.usefixtures("here")
def test_profile_of_one_domain_without_a_measure() -> None:
    run = said("profile", *TARGET, "--measures", "")
    assert run["spec"]["measures"] == [] and run["spec"]["source"] is None
    agree("tltk profile", run["result"])
    assert [c["name"] for c in run["result"]["columns"]] == ["probe_target", "knn_target", "rank_target", "dead_target"]


@pytest.mark.usefixtures("here")
def test_shift() -> None:
    words = ["shift", *TARGET, *SOURCE, "--permutations", "19", "--measures", "mmd,energy", "--layer", "2"]
    run = said(*words)
    agree("A run", run)
    written_round_trips(run)
    found = run["result"]
    agree("tltk shift", found)
    for row in found["table"]:
        agree("A measure at a layer", row)
    for side in ("source", "target"):
        for picture in found["witness"][side]:
            agree("A witness", picture)
    assert (found["layer"], found["name"]) == (2, "layer2.0")
    assert (Path(run["path"]) / "pictures.png").read_bytes().startswith(b"\x89PNG")
    out = lines(*words)
    assert out[0] == "at layer2.0: 30 source and 30 target pictures"
    assert out.pop(1) == found["drawn"] and found["drawn"].startswith("Source and target have ")
    tested = ["value", "by chance (95%)", "p", "p (Holm)", "p (Benjamini–Hochberg)", "effect"]
    assert re.split(r" {2,}", out[1].strip()) == ["measure", *tested, "halves (95%)"]
    assert [line.split()[0] for line in out[2:4]] == ["mmd", "energy"]
    assert out[4] == found["correction"] and "over all 2 tests" in out[4]
    assert out[5].startswith("halves: 15 pictures of each domain")
    assert out[6].startswith("neighbourhoods that hold both domains: ") and out[6].endswith("%")
    assert re.split(r" {2,}", out[7].strip()) == ["class: MMD²", *tested, "pictures"]
    assert out[-1] == found["class_correction"] and len(out) == 9 + len(found["classes"])
    for row in found["classes"]:
        agree("A class that both have", row)


@pytest.mark.usefixtures("here")
def test_profile_within_classes_says_how_many_pictures_there_are() -> None:
    out = lines("profile", *TARGET, *SOURCE, "--permutations", "19", "--measures", "class_mmd")
    assert out[-1] == "within classes: 10 classes, 3 to 3 examples of each"


def test_a_measure_that_cannot_be_computed_says_so() -> None:
    row = MeasureTest("coral", None, None, None, None, None, why="coral must be a number.")
    found = TwoSampleResult(
        layer=0,
        name="stem",
        names=["stem", "features"],
        table=[row],
        mixed=0.5,
        witness={"source": [], "target": []},
        labels=["0"] * 4,
        n={"source": 2, "target": 2},
        seconds={},
        per_class={},
        conditional=None,
        label_shift="None.",
        correction="No test was made.",
    )
    out = list(two_sample_table.lines(found))
    assert out[2].split()[:2] == ["coral", "–"] and out[3] == "coral: coral must be a number."


@pytest.mark.usefixtures("here")
def test_embed() -> None:
    words = ["embed", *TARGET, *SOURCE, "--method", "pca"]
    run = said(*words)
    agree("A run", run)
    found = run["result"]
    agree("tltk embed", found)
    for frame in found["frames"]:
        agree("A frame", frame)
        assert len(frame["x"]) == len(frame["y"]) == len(frame["near"]) == 80 == len(found["labels"])
    assert (Path(run["path"]) / "pictures.png").exists()
    out = lines(*words)
    assert [line.split()[0] for line in out[1:-1]] == NAMES
    assert out[-1] == "The coordinates are in the run's result.json; --json prints them."
    alone = said("embed", *TARGET, "--method", "pca", "--layer", "1")["result"]
    agree("A frame", alone["frames"][0])
    assert alone["frames"][0]["mixing"] is None
    assert "–" in lines("embed", *TARGET, "--method", "pca", "--layer", "1")[1]


@pytest.mark.usefixtures("here")
def test_rank() -> None:
    target = ["--target", "digits", "--n", "120", "--size", "32", "--pictures", "40"]
    words = ["rank", *target, "--candidates", "test_resnet,test_vit@,resnet18x@scratch", "--scores", "knn,leep"]
    run = said(*words)
    agree("A run", run)
    written_round_trips(run)
    found = run["result"]
    agree("tltk rank", found)
    *built, failed = found["rows"]
    for row in built:
        agree("A candidate", row)
    agree("A candidate", failed, but={"width", "parameters"})
    assert found["marks"]["leep"] == "To judge a score, three candidates must be trained on this target. There are 0."
    out = lines(*words)
    assert re.split(r" {2,}", out[0]) == ["place", "candidate", "knn", "leep", "knn, 95%", "trained"]
    assert out[3].split() == ["–", "resnet18x@scratch", "–", "–", "–", "…", "–", "–"]
    assert out[4] == found["order"] and "by knn, over 40 pictures with 4 of the smallest class" in out[4]
    assert any(line.startswith("resnet18x@scratch: ") and "Did you mean" in line for line in out)
    assert out[-1] == found["trained_is"] == "None of these networks has been trained on this target yet."


@pytest.mark.usefixtures("here")
def test_rank_shows_what_is_trained_by_now() -> None:
    words = [
        "rank",
        "--target",
        "digits",
        "--n",
        "120",
        "--size",
        "32",
        "--pictures",
        "40",
        "--candidates",
        "test_vit",
        "--scores",
        "knn",
    ]
    first = said(*words)
    assert first["result"]["rows"][0]["trained"] is None
    run = Run.create(TransferSpec(DataSpec("digits", n=120, size=32), NetSpec("test_vit", "scratch")))
    home.write_atomic(run.path / "result.json", json.dumps({"accuracy": 0.625}))
    for result in (said(*words)["result"], said("runs", "show", first["id"])["result"]):
        assert result["rows"][0]["trained"] == 0.625 and "1 run of the best of 1 setting" in result["trained_is"]
    assert lines(*words)[1].endswith("62.5%")


def test_an_agreement_in_words() -> None:
    mark = Agreement(n=4, tau=0.8, lo=-0.25, hi=1.0, p=0.125, regret=0.5)
    agree("An agreement", msgspec.to_builtins(mark))
    row = TrainedCandidate(
        backbone="a",
        weights="scratch",
        scores={"knn": 0.5},
        interval={"knn": (0.4, 0.6)},
        why={},
        places={"knn": (1, 3)},
        notes={"gbc": "There is no interval."},
        seconds=1.0,
        trained=0.75,
        trained_runs=1,
        trained_settings=1,
    )
    found = JudgedRanking(
        rows=(row,), n=9, classes=2, marks={"knn": mark}, by="knn", order="No order.", trained_is="Test accuracy."
    )
    out = "\n".join(rank_table.lines(found))
    assert "knn: weighted τ 0.80 (95% -0.25 … 1.00, p = 0.12) over 4 trained candidates, regret 0.5 points" in out
    assert "1–3" in out and "0.4 … 0.6" in out and "a@scratch: gbc: There is no interval." in out
    assert "75.0%" in out


def test_figures_for_people() -> None:
    assert number(None, "%") == "–"
    assert number(0.1234, "%") == "12.3%"
    assert number(0.00012345, "") == "0.000123"
    assert number(0.5, "", 0.05) == "0.5*" and number(0.5, "", 0.051) == "0.5"


# -- bad input --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["profile", "--measures", "mmd,corall"], "Did you mean 'coral'?"),
        (["profile", "--measures", "mmd,"], "measure"),
        (["profile", "--probe", "rigde"], "Did you mean 'ridge'?"),
        (["profile", "--pooling", "av"], "Did you mean 'avg'?"),
        (["profile", "--pictures", "3"], "ProfileSpec.pictures must be between 20 and 100000. Got 3."),
        (["profile", "--permutations", "5"], "ProfileSpec.permutations must be between 19"),
        (["profile", "--target", "digit"], "Did you mean 'digits'?"),
        (["profile", "--source", "digit"], "Did you mean 'digits'?"),
        (["profile", "--source-n", "9"], "need --source NAME"),
        (["profile", "--boundary", "2"], "No such option"),
        (["profile", "--source-size", "32"], "No such option"),
        (["shift", "--measures", "energi"], "Did you mean 'energy'?"),
        (["shift", "--layer", "-2"], "TwoSampleSpec.layer must be between -1"),
        (["embed", "--method", "umapp"], "Did you mean 'umap'?"),
        (["embed", "--over", "epoch"], "Did you mean 'epochs'?"),
        (["embed", "--neighbours", "1"], "EmbedSpec.neighbours must be between 2 and 200. Got 1."),
        (["rank"], "A ranking needs candidates, each BACKBONE@WEIGHTS. Got none."),
        (["rank", "--candidates", ""], "A ranking needs candidates"),
        (["rank", "--candidates", "a", "--scores", "logm"], "Did you mean 'logme'?"),
        (["rank", "--spec", "/no/such/file"], "--spec must name a JSON file"),
    ],
)
@pytest.mark.usefixtures("idle")
def test_bad_input_is_two_and_a_sentence(words: list[str], sentence: str) -> None:
    refused(words, sentence)


@pytest.mark.usefixtures("idle")
def test_specs_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "spec.json"
    body: dict[str, Any] = json.loads(TwoSampleSpec(DataSpec("digits"), seed=3).to_json())
    file.write_text(json.dumps({**body, "source": None}))
    none = tltk("shift", "--spec", str(file))
    assert none.exit_code == 2 and "There is no source; name one." in none.stderr
    file.write_text(json.dumps(body))
    other = tltk("embed", "--spec", str(file))
    assert other.exit_code == 2 and "must hold a spec of kind 'embed'. It holds 'shift'." in other.stderr
    assert queue.jobs() == []
    queued = said("shift", "--spec", str(file), "--detach")
    assert (queued["state"], queued["result"]) == ("waiting", None)
    assert queued["id"] == TwoSampleSpec(DataSpec("digits"), seed=3).run_id == queue.jobs()[0].run


@pytest.mark.usefixtures("here")
def test_what_only_a_worker_finds_wrong_is_two_and_a_sentence() -> None:
    done = tltk("shift", *TARGET, *SOURCE, "--layer", "9", "--json")
    assert done.exit_code == 2
    assert "layer must be from 0 to 4, or -1 for what enters the head. Got 9." in done.stderr
    assert "{" not in done.stdout
    (run,) = said("runs")
    assert (run["state"], run["kind"]) == ("failed", "shift")
    assert Run.open(run["id"]).result() is None


@pytest.mark.usefixtures("here")
def test_python_asks_and_gets_the_class_of_results() -> None:
    import tltk as package

    found = package.ask(package.InspectSpec(package.DataSpec("digits", n=100, size=16)))
    assert type(found).__name__ == "InspectResult" and found.n == 100 and len(found.classes) == 10
