"""`tltk lessons`: the lessons, and one of them with its question, its command and what to look for."""

from __future__ import annotations

from typing import Any

import click
import msgspec

from tltk.cli.following import json_option, out
from tltk.errors import RunProblem
from tltk.lessons import Lesson, find, lessons
from tltk.runs.run import Run


@click.command("lessons")
@click.argument("name", required=False)
@json_option
def lessons_verb(name: str | None, as_json: bool) -> None:
    """List the lessons, or print one: a question to answer first, and the command whose run answers it."""
    if name is None:
        _list(as_json)
        return
    lesson = find(name)
    if as_json:
        out(as_dict(lesson) | {"runs": [_told(run, lesson) for run in lesson.runs()]})
        return
    click.echo(
        f"{lesson.number}. {lesson.title} (about {lesson.minutes:g} min)\n\n{lesson.text}\n\n{lesson.question}\n"
    )
    for choice in lesson.choices:
        click.echo(f"  {choice.name:14} {choice.text}")
    click.echo(f"\n{lesson.command}\n\nWhat to look for\n\n{lesson.look}")
    for run in lesson.runs():
        told = _told(run, lesson)
        said = "".join(f" Predicted: {one['choice']}." for one in told["predictions"])
        click.echo(f"\nRun {run.id}:{said} {told['answer'] or 'It is not done.'}")


def _list(as_json: bool) -> None:
    if as_json:
        out([as_dict(lesson) for lesson in lessons()])
        return
    for lesson in lessons():
        click.echo(f"{lesson.number:2}  {lesson.name:24} {lesson.minutes:4g} min  {lesson.short}")
    click.echo("\n`tltk lessons NAME` prints one, with its question and its command.")


def _told(run: Run, lesson: Lesson) -> dict[str, Any]:
    """What was predicted of a run and what it says."""
    made = [msgspec.to_builtins(one) for one in run.predictions if one.lesson == lesson.name]
    try:
        found = lesson.outcome(run)
    except RunProblem:  # of another version
        found = None
    said = {"choice": "", "answer": "", "values": {}} if found is None else msgspec.to_builtins(found)
    return {"id": run.id, "predictions": made, **said}


def as_dict(lesson: Lesson) -> dict[str, Any]:
    """A lesson for `--json`."""
    found: dict[str, Any] = {
        name: getattr(lesson, name)
        for name in ("name", "number", "title", "short", "minutes", "command", "question", "text", "look")
    }
    return found | {
        "spec": msgspec.json.decode(lesson.spec.to_json()),
        "choices": [{"name": one.name, "text": one.text} for one in lesson.choices],
        "see": [msgspec.to_builtins(one) for one in lesson.see],
    }
