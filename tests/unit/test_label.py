"""Names, notes and tags of runs: in the folder, from the shell, found again, exported."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tltk import home
from tltk.cli import main as cli
from tltk.errors import BadSpec, RunProblem
from tltk.jobs import listing
from tltk.runs.label import Label
from tltk.runs.run import Run
from tltk.specs.parts import DataSpec
from tltk.specs.training import TransferSpec
from tltk.studies.compare.spec import CompareSpec


def tltk(*words: str) -> Result:
    return CliRunner().invoke(cli.main, words)


def test_it_lies_in_the_folder_as_plain_json_and_each_part_is_written_alone() -> None:
    run = Run.create(TransferSpec())
    assert run.label == Label()
    run.write_label(name="  first \n try ")
    run.write_label(note="With the old camera.  \n\nDo not cite.\n")
    run.write_label(tags=["digits", "talk", "digits"])
    assert json.loads((run.path / "label.json").read_text()) == {
        "name": "first try",
        "note": "With the old camera.\n\nDo not cite.",
        "tags": ["digits", "talk"],
    }
    assert run.label == Label("first try", "With the old camera.\n\nDo not cite.", ("digits", "talk"))
    run.write_label(name="", note="", tags=[])
    assert not (run.path / "label.json").exists() and run.label == Label()


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"name": "x" * 81}, "at most 80 characters. Got 81"),
        ({"note": "x" * 2001}, "at most 2,000 characters. Got 2,001"),
        ({"tags": ["x" * 33]}, "at most 32 characters"),
        ({"tags": [f"t{i}" for i in range(21)]}, "at most 20 tags. Got 21"),
        ({"tags": ["two words"]}, "one word without commas"),
        ({"tags": ["a,b"]}, "one word without commas"),
        ({"tags": [""]}, "one word without commas"),
        ({"name": "\x1b[2J"}, "control characters"),
        ({"name": "\u202eevil"}, "control characters"),
        ({"note": "\x07"}, "control characters"),
        ({"note": "\udcff"}, "control characters"),
    ],
)
def test_what_can_be_no_label_is_refused_and_changes_nothing(given: dict[str, object], says: str) -> None:
    run = Run.create(TransferSpec())
    run.write_label(name="kept")
    with pytest.raises(BadSpec, match=says):
        run.write_label(**given)  # type: ignore[arg-type]
    assert run.label == Label("kept")
    home.write_atomic(run.path / "label.json", json.dumps(given))  # as a hand or a copy may leave it
    assert run.label == Label() and (run.path / "label.json.damaged").exists()
    (entry,) = listing.runs()
    assert (entry.name, entry.note, entry.tags) == ("", "", "")


def test_names_in_other_scripts_are_names() -> None:
    run = Run.create(TransferSpec())
    for name in ("Größe 12", "数字", "👩‍👩‍👧", "a\u00a0b"):
        assert run.write_label(name=name).name == " ".join(name.split())


def test_a_run_that_is_gone_is_not_labelled() -> None:
    run = Run.create(TransferSpec())
    run.delete()
    with pytest.raises(RunProblem, match="It was deleted"):
        run.write_label(name="x")
    assert not run.path.exists()


def test_from_the_shell() -> None:
    run = Run.create(TransferSpec())
    assert tltk("runs", "name", run.id[:6], "first try").output == f"run {run.id} · first try\n"
    assert tltk("runs", "tag", run.id, "digits", "talk").output == f"run {run.id} · first try #digits #talk\n"
    assert tltk("runs", "tag", run.id, "new", "--remove", "talk").exit_code == 0
    found = json.loads(tltk("runs", "note", run.id, "Line one.\nLine two.", "--json").output)
    assert found == {"id": run.id, "name": "first try", "note": "Line one.\nLine two.", "tags": ["digits", "new"]}
    shown = tltk("runs", "show", run.id).output
    assert "first try #digits #new\nLine one.\nLine two.\n" in shown
    assert "  first t…s #new  " in tltk("runs").output  # as wide as a narrow terminal lets it be
    assert {k: json.loads(tltk("runs", "show", run.id, "--json").output)[k] for k in found} == found


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["name", "RUN", "x" * 81], "at most 80 characters"),
        (["tag", "RUN", "a b"], "one word"),
        (["tag", "RUN"], "What to add or to remove must be said"),
        (["tag", "RUN", "--remove", "absent"], "A tag of run .* there is none yet"),
        (["name", "ffffff", "x"], "A run must be one of"),
        (["--tag", "x", "show", "RUN"], "must stand without a verb"),
        (["--kind", "trnsfer"], "Did you mean 'transfer'"),
        (["--state", "dead"], "is not one of"),
        (["show", "RUN", "--attempt", "3"], "An earlier attempt"),
    ],
)
def test_what_cannot_be_meant_is_two_and_a_sentence(words: list[str], says: str) -> None:
    import re

    run = Run.create(TransferSpec())
    done = tltk("runs", *(run.id if word == "RUN" else word for word in words))
    assert (done.exit_code, done.stdout) == (2, "")
    assert re.search(says, done.stderr), done.stderr
    assert run.label == Label()


def test_runs_are_found_by_words_tags_kind_state_and_target() -> None:
    plain = Run.create(TransferSpec())
    named = Run.create(TransferSpec(target=DataSpec("blended_digits"), seed=1))
    study = Run.create(CompareSpec())
    named.write_label(name="Erste Größe", note="the 100% one", tags=["talk", "Ünder_score"])
    study.write_label(tags=["talk"])
    plain.write_status(state="done")

    def found(*options: str) -> set[str]:
        return {one["id"] for one in json.loads(tltk("runs", *options, "--json").stdout)}

    assert found() == {plain.id, named.id, study.id}
    for text in ("GRÖSSE", "größe erste", "100%", "blended_dig", named.id[:8], "ünder_"):
        assert found("--search", text) == {named.id}, text
    for text in ("nothing", "größe nothing", "100_", "' OR 1=1 --"):
        assert found("--search", text) == set(), text
    assert found("--tag", "talk") == {named.id, study.id}
    assert found("--tag", "talk", "--tag", "Ünder_score") == {named.id}
    assert found("--tag", "tal") == set()
    assert found("--kind", "compare") == {study.id}
    assert found("--kind", "compare", "--kind", "transfer") == {plain.id, named.id, study.id}
    assert found("--state", "done") == {plain.id}
    assert found("--target", "blended_digits") == {named.id}
    assert len(found("--limit", "2")) == 2
    assert "No run is as asked for" in tltk("runs", "--search", "nothing").output
    assert "Older runs are not shown" in tltk("runs", "--limit", "1").stderr


def test_it_is_exported_with_the_run_and_stays_when_it_is_run_again(tmp_path: Path) -> None:
    run = Run.create(TransferSpec())
    run.write_label(name="mine")
    home.write_atomic(run.path / "result.json", "{}")
    assert tltk("runs", "export", run.id, str(tmp_path / "a.zip")).exit_code == 0
    with zipfile.ZipFile(tmp_path / "a.zip") as file:
        assert json.loads(file.read(f"{run.id}/label.json"))["name"] == "mine"
    run.clear()
    assert run.label.name == "mine"
