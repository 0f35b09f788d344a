"""The documents hold together: links lead somewhere, folders that are named exist, records and changelog keep their form."""

from __future__ import annotations

import datetime
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md")])
RECORDS = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))
CHANGES = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if not re.match(r"https?://|#", target):
            assert (page.parent / target.partition("#")[0]).exists(), f"{page.name} links to {target}"


@pytest.mark.parametrize("record", RECORDS, ids=lambda p: p.stem)
def test_a_decision_has_a_date_a_context_and_consequences(record: Path) -> None:
    text = record.read_text(encoding="utf-8")
    number = int(record.stem[:4])
    head = re.match(r"# (\d+)\. (.+)\n\nDate: (\S+)\. Status: (accepted|replaced by \[\d+\]\(.+\))\.\n", text)
    assert head and int(head[1]) == number == RECORDS.index(record) + 1
    datetime.date.fromisoformat(head[3])
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["Context", "Decision", "Consequences"]
    index = (record.parent / "README.md").read_text(encoding="utf-8")
    assert f"| {number} | {head[3]} | [{head[2]}]({record.name}) |" in index


def test_the_changelog_keeps_its_form() -> None:
    lines = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "# Changelog" and "## [Unreleased]" in lines
    assert {line.lstrip("# ") for line in lines if re.match(r"#{3,4} [A-Z]", line)} <= CHANGES
    for line in lines:
        if re.match(r"### \d|## \[\d", line):
            datetime.date.fromisoformat(line.split()[-1])


def test_contributing_names_folders_and_files_that_are_there() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    table = text.partition("| where | what |")[2].partition("\n\n")[0]
    folders = re.findall(r"`(\w+)/`", "".join(row.split("|")[1] for row in table.splitlines() if row.startswith("| `")))
    assert sorted(folders) == sorted(p.parent.name for p in (ROOT / "tltk").glob("*/__init__.py"))
    for path in re.findall(r"`((?:tltk|tests|docs|pages|examples|assets)/[\w/.-]+)`", text):
        if "NAME" not in path:
            assert (ROOT / path).exists(), path
