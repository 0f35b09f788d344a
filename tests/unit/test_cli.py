"""The shell: exit codes, sentences, and JSON that is what docs/json.md says. Runs happen in this process."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from tests.cases.folders import half_a_class, parts_beside_docs
from tests.support.shell import PAGE, TINY, agree, refused, said, tltk
from tests.support.shell import here as here
from tests.support.shell import idle as idle
from tltk.analyses.unknown_words.spec import UnknownWordsSpec
from tltk.cli import doctor
from tltk.cli import following as shell
from tltk.cli import main as cli
from tltk.jobs import queue
from tltk.runs.run import Run
from tltk.specs.parts import DataSpec
from tltk.specs.training import TransferSpec

# -- what docs/json.md says ------------------------------------------------------------------------------


def every_verb(group: click.Group, path: str = "tltk") -> Iterator[tuple[str, click.Command]]:
    for name, verb in group.commands.items():
        yield f"{path} {name}", verb
        if isinstance(verb, click.Group):
            yield from every_verb(verb, f"{path} {name}")


def test_every_verb_has_json_and_is_on_the_page() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for path, verb in every_verb(cli.main):
        if path in ("tltk app", "tltk serve"):  # they serve until they are stopped
            continue
        if isinstance(verb, click.Group) and not verb.invoke_without_command:
            continue  # does nothing but name others
        assert any("--json" in p.opts for p in verb.params), path
        if path.startswith("tltk submit "):  # each is described where its verb is
            path = "tltk submit"
        assert re.search(rf"(`|^## ){path}\b", page, re.M), f"docs/json.md does not name {path}"
        assert verb.help


def test_every_example_on_the_page_is_json() -> None:
    examples = re.findall(r"```json\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)
    assert len(examples) >= 10
    for example in examples:
        json.loads(example)


# -- training and comparing ------------------------------------------------------------------------------


@pytest.mark.usefixtures("here")
def test_run_show_list_export_delete(tmp_path: Path) -> None:
    run = said("run", *TINY, "--boundary", "1", "--strategy", "lp_ft", "--knob", "probe=0.5")
    agree("A run", run)
    assert (run["state"], run["kind"], run["epoch"]) == ("done", "transfer", 1)
    assert run["spec"]["target"] == {**run["spec"]["target"], "n": 200, "size": 16}
    assert run["spec"]["strategy"] == {"name": "lp_ft", "knobs": {"probe": 0.5}}
    agree("The result of a training", run["result"])
    agree("A phase", run["result"]["phases"][0])
    agree("A part", run["result"]["parts"]["test"], but={"groups"})
    agree("What was left out", run["result"]["left_out"])
    assert run["result"]["frozen_moved"] == 0
    assert len(run["result"]["predictions"]) == len(run["result"]["labels"])

    assert said("runs", "show", run["id"][:5]) == run
    assert said("runs", "resume", run["id"]) == run  # done: nothing to resume
    (listed,) = said("runs")
    agree("A run", listed, but={"result", "children", "earlier"})
    agree("tltk runs log", said("runs", "log", run["id"]))
    agree("tltk runs stop", said("runs", "stop", run["id"]))
    assert tltk("runs", "stop", run["id"]).stdout == f"Run {run['id']} is done; there is nothing to stop.\n"

    file = tmp_path / "run.zip"
    agree("tltk runs export", said("runs", "export", run["id"], str(file)))
    assert f"{run['id']}/result.json" in zipfile.ZipFile(file).namelist()

    plain = tltk("run", *TINY, "--boundary", "1", "--strategy", "lp_ft", "--knob", "probe=0.5")
    assert plain.exit_code == 0
    assert re.search(
        r"test accuracy \d+\.\d% \(95% interval .* chance 10\.0%\), macro-F1 .* [1-9]\d* frozen tensors, 0 moved",
        plain.stdout,
    )
    assert "All weights are drawn for pictures of 3 channels. A classifier of 10 classes is new" in plain.stdout
    assert run["result"]["fitting"]["sentence"] in plain.stdout
    assert run["id"] in tltk("runs").stdout

    assert tltk("runs", "delete", run["id"], input="n\n").exit_code == 1
    agree("tltk runs delete", said("runs", "delete", "--yes", run["id"]))
    assert said("runs") == []
    assert "No runs yet" in tltk("runs").stdout


@pytest.mark.usefixtures("here")
def test_compare() -> None:
    words = [
        *TINY,
        "--source",
        "digits",
        "--source-n",
        "200",
        "--source-epochs",
        "1",
        "--source-device",
        "cpu",
        "--lrs",
        "0.001",
        "--seeds",
        "2",
    ]
    study = said("compare", *words)
    agree("A run", study)
    assert (study["kind"], study["state"], study["epoch"], study["epochs"]) == ("compare", "done", 5, 5)
    agree("The result of a comparison", study["result"])
    verdict = study["result"]["verdict"]
    agree("A verdict", verdict)
    agree("A class in a verdict", verdict["per_class"][0])
    assert verdict["seeds"] == [0, 1]
    assert set(verdict["search"]) == {"scratch", "transfer"}
    assert len(study["children"]) == 5  # source, two seeds of two arms; one rate is not searched
    plain = tltk("compare", *words)
    assert verdict["sentence"] in plain.stdout
    parts = study["result"]["parts"]
    assert f"test {parts['test']['n']} (30% drawn from all pictures)." in plain.stdout
    assert re.search(
        rf"^{study['id']}  cannot tell  digits +test_resnet +of digits +fine_tune", tltk("runs").stdout, re.M
    )


@pytest.mark.usefixtures("here")
def test_layers_and_look() -> None:
    found = said("layers", "test_resnet", "--size", "32")
    agree("tltk layers", found)
    agree("A layer", found["layers"][0])
    plain = tltk("layers", "test_resnet").stdout.splitlines()
    assert len(plain) == 1 + len(found["layers"])
    look = said("look", "digits", "--size", "16", "--n", "200")
    agree("tltk look", look)
    agree("A part", look["parts"]["val"], but={"groups"})
    assert (look["n"], sum(look["counts"]), len(look["classes"])) == (200, 200, 10)
    assert look["train"] + look["val"] + look["test"] == 200
    assert "200 pictures, 10 classes" in tltk("look", "digits", "--size", "16", "--n", "200").stdout


@pytest.mark.usefixtures("here")
def test_look_tells_how_a_folder_was_understood(tmp_path: Path) -> None:
    parts_beside_docs(tmp_path / "set")
    named = f"folder:{tmp_path / 'set'}"
    told = tltk("look", named, "--size", "16").stdout
    found = said("look", named, "--size", "16")
    agree("tltk look", found)
    agree("A branch", found["tree"][0])
    assert [(b["folder"], b["role"]) for b in found["tree"]] == [
        ("test", "test"),
        ("train", "train"),
        ("val", "val"),
        ("docs", "left out"),
    ]
    assert "left out  docs: 1 picture, beside test, train, val" in told
    assert "Train 16 (the folder train), validation 16 (the folder val), test 16 (the folder test)." in told


@pytest.mark.usefixtures("here")
def test_a_training_says_what_it_was_trained_on_and_what_was_lost(tmp_path: Path) -> None:
    half_a_class(tmp_path / "set")
    words = ["run", "--target", f"folder:{tmp_path / 'set'}", *TINY[2:4], "--n", "0", *TINY[4:]]
    told = tltk(*words).stdout
    result = said(*words)["result"]
    assert (result["left_out"]["n"], len(result["left_out"]["first"])) == (4, 4)
    assert result["notes"] == ["Class dog loses 4 of its 12 files: the ending .psd is not a picture format."]
    assert [p["n"] for p in result["parts"].values()] == [10, 2, 4]
    assert result["notes"][0] in told and "4 files or folders were left out of folder:" in told
    assert "test 4 (30% drawn from all pictures)" in told


@pytest.mark.usefixtures("here")
def test_a_verdict_repeats_what_was_lost(tmp_path: Path) -> None:
    half_a_class(tmp_path / "set")
    words = [
        "compare",
        *TINY,
        "--source",
        "digits",
        "--source-n",
        "100",
        "--source-epochs",
        "1",
        "--lrs",
        "0.001",
        "--seeds",
        "2",
        "--target",
        f"folder:{tmp_path / 'set'}",
        "--n",
        "0",
    ]
    tltk(*words)
    result = said(*words)["result"]
    lost = "Class dog loses 4 of its 12 files: the ending .psd is not a picture format."
    assert result["notes"] == [lost] and result["left_out"]["n"] == 4
    assert lost in result["verdict"]["remarks"] and lost in result["verdict"]["sentence"]
    assert any("4 files or folders were left out" in remark for remark in result["verdict"]["remarks"])


def test_lists() -> None:
    for entry in said("domains"):
        agree("tltk domains", entry)
    strategies = {entry["name"]: entry for entry in said("strategies")}
    agree("tltk strategies", strategies["lp_ft"])
    agree("A knob", strategies["lp_ft"]["knobs"]["probe"])
    assert "discriminative" in tltk("strategies").stdout
    assert "blended_digits" in tltk("domains").stdout
    (backbone,) = said("backbones", "test_resnet")
    agree("tltk backbones", backbone)
    agree("Weights on the hub", backbone["weights"][0])
    assert "test_vit" in tltk("backbones", "test_*").stdout.split()
    none = tltk("backbones", "resnet18x")
    assert none.exit_code == 2
    assert "Did you mean" in none.stderr


def test_doctor(monkeypatch: pytest.MonkeyPatch) -> None:
    checks = [doctor.Check("a", True, "well."), doctor.Check("b", False, "ill; do this.")]
    monkeypatch.setattr(doctor, "examine", lambda: checks)
    done = tltk("doctor", "--json")
    assert done.exit_code == 1
    for check in json.loads(done.stdout):
        agree("tltk doctor", check)
    assert "FAIL b                      ill; do this." in tltk("doctor").stdout
    monkeypatch.setattr(doctor, "examine", lambda: checks[:1])
    assert tltk("doctor").exit_code == 0


# -- exit codes ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["run", "--lr", "100"], "OptimSpec.lr must be between 1e-07 and 10.0. Got 100.0."),
        (["run", "--lr", "nan"], "OptimSpec.lr must be a finite number. Got nan."),
        (["run", "--epochs", "many"], "is not a valid integer"),
        (["run", "--epoch", "3"], "No such option"),
        (["run", "--strategy", "fine_tun"], "Did you mean 'fine_tune'?"),
        (["run", "--strategy", "lp_ft", "--knob", "prob=0.3"], "Did you mean 'probe'?"),
        (["run", "--strategy", "lp_ft", "--knob", "probe=2"], "LpFt.probe must be between 0.05 and 0.95."),
        (["run", "--strategy", "lp_ft", "--knob", "probe=nan"], "LpFt.probe must be a finite number"),
        (["run", "--knob", "probe"], "--knob must be NAME=VALUE"),
        (["run", "--target", "digit"], "Did you mean 'digits'?"),
        (["run", "--target", "digits:x"], "takes no path"),
        (["run", "--target", "folder:"], "needs a path"),
        (["run", "--timeout", "-1"], "timeout must be a number of seconds"),
        (["run", "--spec", "/no/such/file"], "--spec must name a JSON file"),
        (["compare", "--target", "digits"], "A comparison needs weights to transfer"),
        (["compare", "--source-size", "16"], "No such option"),
        (["compare", "--source-n", "3"], "need --source NAME"),
        (["compare", "--source", "digits", "--lrs", "a"], "--lrs must be numbers separated by commas"),
        (["compare", "--source", "digits", "--seeds", "1"], "CompareSpec.seeds must be between 2 and 50."),
        (["runs", "show", "3f9ac1"], "A run must exist. Got '3f9ac1', but there is none yet."),
        (["runs", "show", "../.."], "An id must be hex digits"),
        (["runs", "stop", "3f9ac1"], "A run must exist"),
        (["runs", "delete", "--yes", "3f9ac1"], "A run must exist"),
        (["propose", "--target", "digits"], "as in --candidates resnet10t@store:resnet10t_formulas"),
        (["runs", "delete", "3f9ac1"], "A run must exist"),
        (["weights", "remove", "nope"], "A name in the weight store must be one of"),
        (["weights", "remove", "resnet10t_formulas"], "resnet10t_formulas came with tltk"),
        (["pool", "--runs", "zzz,yyy"], "An id must be hex digits, such as 3f9ac1d20b7e. Got 'zzz'."),
        (["soup", "--runs", "3f9ac1,3f9ac2"], "A run must exist. Got '3f9ac1'"),
        (["look", "digit"], "Did you mean 'digits'?"),
        (["look", "digits", "--size", "3"], "DataSpec.size must be between 8 and 1024. Got 3."),
        (["layers", "test_resnet", "--size", "0"], "DescribeSpec.size must be between 8 and 1024. Got 0."),
        (["judge", "\ud800", "b.csv"], "An argument must be text that this system can write. Got '\\ud800'"),
        (["app", "--port", "99999"], "99999 is not in the range"),
        (
            ["labels", "--target", "digits", "--shots", "a"],
            "--shots must be whole numbers separated by commas, as in 1,5",
        ),
        (
            ["sweep", "--target", "digits", "--halves", "none"],
            "SweepSpec.halves must be one of '' (none), ordered, random.",
        ),
        (["run", "--knob", "rate=1"], "fine_tune has no knobs. Got 'rate'; leave it out."),
        (
            ["race", "--target", "digits", "--arms", "scratch,fine_tune"],
            "scratch and fine_tune are the same; name weights",
        ),
        (["rank", "--target", "digits", "--candidates", "resnet18x"], "Did you mean 'resnet18'?"),
        (["runs", "show", "foo"], "An id must be hex digits, such as 3f9ac1d20b7e. Got 'foo'."),
        (["nonsense"], "No such command"),
    ],
)
@pytest.mark.usefixtures("idle")
def test_bad_input_is_two_and_a_sentence(words: list[str], sentence: str) -> None:
    refused(words, sentence)


@pytest.mark.usefixtures("idle")
def test_a_spec_from_a_file(tmp_path: Path) -> None:
    spec = TransferSpec(DataSpec("digits", shots=3), seed=4)
    file = tmp_path / "spec.json"
    file.write_text(spec.to_json())
    queued = said("run", "--spec", str(file), "--detach", "--timeout", "9")
    assert (queued["id"], queued["state"], queued["result"]) == (spec.run_id, "waiting", None)
    agree("A run", queued)
    (job,) = queue.jobs()
    assert (job.run, job.timeout) == (spec.run_id, 9.0)
    other = tltk("compare", "--spec", str(file))
    assert other.exit_code == 2
    assert "must hold a spec of kind 'compare'. It holds 'transfer'." in other.stderr
    file.write_text("{")
    assert "A spec must be JSON" in tltk("run", "--spec", str(file)).stderr


@pytest.mark.usefixtures("idle")
def test_a_file_of_a_question_is_not_the_file_of_its_spec(tmp_path: Path) -> None:
    file = tmp_path / "vectors.txt"
    file.write_text("good 1 2\n")
    queued = said("unknown-words", "--file", str(file), "--detach")
    spec = Run.open(queued["id"]).spec
    assert isinstance(spec, UnknownWordsSpec) and spec.file == str(file)


@pytest.mark.usefixtures("here")
def test_pictures_that_only_a_worker_finds_broken_are_two_and_a_sentence(tmp_path: Path) -> None:
    for name in ("cat/1.png", "cat/2.png", "cat/3.png", "dog/1.png", "dog/2.png", "dog/3.png"):
        (tmp_path / "set" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "set" / name).write_bytes(b"no picture")  # only a worker looks into it
    done = tltk("run", "--target", f"folder:{tmp_path / 'set'}", "--json")
    assert done.exit_code == 2
    assert "cat/1.png" in done.stderr
    assert "{" not in done.stdout  # what the worker printed is here, since it is this process; no JSON
    (listed,) = said("runs")
    assert (listed["state"], "cat/1.png" in listed["message"]) == ("failed", True)


@pytest.mark.usefixtures("idle")
def test_a_run_that_was_stopped_is_not_done(monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(run: Run, watch: Any) -> Run:
        queue.remove(run.id)
        run.write_status(state="stopped", message="Stopped by request; it can be resumed.")
        return run

    monkeypatch.setattr(shell, "wait", stopped)
    done = tltk("run", *TINY, "--json")
    assert done.exit_code == 1
    assert json.loads(done.stdout)["state"] == "stopped"
    run_id = json.loads(done.stdout)["id"]
    assert tltk("runs", "resume", run_id).exit_code == 1
    assert tltk("runs", "resume", run_id, "--detach").exit_code == 0
    assert tltk("layers", "test_resnet").exit_code == 1


@pytest.mark.usefixtures("idle")
def test_ctrl_c_asks_the_run_to_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(run: Run, watch: Any) -> Run:
        raise KeyboardInterrupt

    monkeypatch.setattr(shell, "wait", interrupted)
    done = tltk("run", *TINY)
    assert done.exit_code == 1
    assert "goes on with it" in done.stderr
    (job,) = queue.jobs()
    assert job.cancelled
    assert Run.at(job.run).stop_file.exists()


def test_one_folder_that_cannot_be_read_does_not_hide_the_others(tmp_path: Path) -> None:
    good, bad = Run.create(TransferSpec()), Run.create(TransferSpec(seed=1))
    (bad.path / "spec.json").write_text('{"kind": "of tomorrow"}')
    done = tltk("runs", "--json")
    assert done.exit_code == 0
    assert [r["id"] for r in json.loads(done.stdout)] == [good.id]
    assert bad.id in done.stderr


def test_export_to_nowhere_is_bad_input(tmp_path: Path) -> None:
    run = Run.create(TransferSpec())
    done = tltk("runs", "export", run.id, str(tmp_path / "no" / "such" / "place.zip"))
    assert done.exit_code == 2
    assert "FILE must be a place to write to" in done.stderr


def test_delete_refuses_while_it_runs() -> None:
    run = Run.create(TransferSpec())
    run.claim()
    done = tltk("runs", "delete", "--yes", run.id)
    assert done.exit_code == 1
    assert "is running; stop it" in done.stderr


def test_a_home_that_cannot_be_used_is_one_and_its_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TLTK_HOME", str(tmp_path / "file" / "home"))
    done = tltk("runs")
    assert done.exit_code == 1
    assert "must be folders" in done.stderr and done.stdout == ""


@pytest.mark.parametrize("words", [["--help"], ["-h"], ["run", "--help"], ["runs", "-h"], ["--version"]])
def test_help(words: list[str]) -> None:
    done = tltk(*words)
    assert done.exit_code == 0
    assert done.stdout


def test_every_option_has_help() -> None:
    for path, verb in every_verb(cli.main):
        for parameter in verb.params:
            if isinstance(parameter, click.Option):
                assert parameter.help, f"{path} {parameter.name}"


def test_help_tells_no_default_of_a_domain_that_is_not_there_unless_asked_for() -> None:
    told = " ".join(tltk("run", "--help").stdout.split())
    assert "corrupts it. Default digits." in told  # --target
    assert told.count("corrupts it. Default none.") == 2  # --source, --without
    assert "One of random, ordered. Default none." in " ".join(tltk("sweep", "--help").stdout.split())


def test_every_list_has_whole_sentences() -> None:
    for verb in ("domains", "strategies", "adapters", "terms"):
        for entry in said(verb):
            assert entry["summary"].endswith("."), entry["name"]
            assert f"{entry['name']} " in tltk(verb).stdout


def test_why_a_run_waits_is_said_where_there_is_no_bar(here: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TLTK_EXECUTOR", "tests.support.executors:Late")
    done = tltk("run", *TINY)
    assert done.exit_code == 0, done.output
    assert done.stderr.count("The cluster must answer. It does not.") == 1
