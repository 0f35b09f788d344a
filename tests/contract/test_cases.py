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


@pytest.mark.parametrize("row", [r for r in ROWS if isinstance(r.outcome, Refused)], ids=name_of)
def test_shell_and_python_refuse_before_anything_is_queued(row: Row, made: Path, tmp_path: Path) -> None:
    spec = running.spec_of(row, running.make(row.case, made / row.case))
    asked = tltk.TransferSpec(target=spec)
    with pytest.raises(tltk.TltkError):
        tltk.launch(asked)
    file = tmp_path / "spec.json"
    file.write_text(asked.to_json())
    against = ["--backbone", "test_resnet", "--weights", "store:test_resnet_formula"]
    for words in (
        ["run", "--target", spec.name], ["compare", "--target", spec.name, *against],
        ["look", spec.name], ["run", "--spec", str(file)],
    ):  # fmt: skip
        done = CliRunner().invoke(cli.main, words)
        assert done.exit_code == 2, (words, done.output, done.exception)
        assert done.stdout == "" and done.stderr.strip()
    assert queue.jobs() == [] and not any(home.room("runs").iterdir())


def test_every_recipe_is_used_and_every_row_has_one() -> None:
    assert {row.case for row in ROWS} == set(running.recipes())
