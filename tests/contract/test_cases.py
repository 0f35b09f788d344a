"""Every input of `tests/cases`: a right result, or a true sentence and exit code 2 before anything is queued."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

import tltk
from tests.cases import running
from tests.cases.outcomes import ROWS, Refused, Row
from tltk import home
from tltk.cli import main as cli
from tltk.jobs import queue


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where the recipes' folders are made, each once."""
    yield tmp_path_factory.mktemp("cases")


def name_of(row: Row) -> str:
    return ascii(f"{row.case}{row.source.partition('{}')[2]}")[1:60]


@pytest.mark.parametrize("row", ROWS, ids=name_of)
def test_outcome(row: Row, made: Path) -> None:
    told, wrong = running.outcome(row, running.make(row.case, made / row.case))
    assert not wrong, told


def refused(weights: bool) -> list[Row]:
    kinds = ("home", "resume")  # which are asked in the shell already
    return [
        r
        for r in ROWS
        if isinstance(r.outcome, Refused) and not r.source.startswith(kinds) and r.source.startswith("file:") == weights
    ]


@pytest.mark.parametrize("row", refused(weights=False), ids=name_of)
def test_shell_and_python_refuse_before_anything_is_queued(row: Row, made: Path, tmp_path: Path) -> None:
    spec = running.spec_of(row, running.make(row.case, made / row.case))
    against = ["--backbone", "test_resnet", "--weights", "store:test_resnet_formula"]
    refuse(
        tltk.TransferSpec(target=spec),
        tmp_path,
        [
            ["run", "--target", spec.name],
            ["compare", "--target", spec.name, *against],
            ["look", spec.name],
        ],
    )


@pytest.mark.parametrize("row", refused(weights=True), ids=name_of)
def test_weights_are_refused_before_anything_is_queued(row: Row, made: Path, tmp_path: Path) -> None:
    net = running.net_of(row, running.make(row.case, made / row.case))
    words = ["--target", "digits", "--backbone", net.backbone, "--weights", net.weights]
    spec = tltk.TransferSpec(target=tltk.DataSpec("digits"), net=net)
    questions = [] if row.source.endswith("absurd.pth") else [["profile", *words]]  # which can be asked about it
    refuse(spec, tmp_path, [["run", *words], ["compare", *words], *questions])


def refuse(asked: tltk.TransferSpec, place: Path, verbs: list[list[str]]) -> None:
    """A sentence and exit code 2, and nothing was queued, in Python and in the shell."""
    with pytest.raises(tltk.TltkError):
        tltk.launch(asked)
    file = place / "spec.json"
    file.write_text(asked.to_json())
    for words in (*verbs, ["run", "--spec", str(file)]):
        done = CliRunner().invoke(cli.main, words)
        assert done.exit_code == 2, (words, done.output, done.exception)
        assert done.stdout == "" and done.stderr.strip()
    assert queue.jobs() == [] and not any(home.folder("runs").iterdir())


def test_every_recipe_is_used_and_every_row_has_one() -> None:
    assert {row.case for row in ROWS} == set(running.recipes())
