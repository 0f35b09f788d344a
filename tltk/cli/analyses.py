"""The verbs that look instead of train: `tltk profile`, `shift`, `embed`, `rank`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from tltk.analyses.dial_response.spec import DialResponseSpec
from tltk.analyses.embed.spec import EmbedSpec
from tltk.analyses.profile.spec import ProfileSpec
from tltk.analyses.rank.spec import RankSpec
from tltk.analyses.two_sample.spec import TwoSampleSpec
from tltk.cli.following import launch, spec_options


@click.command()
@spec_options(ProfileSpec)
def profile(**given: Any) -> None:
    """What each layer knows, and where two domains diverge: a table over depth."""
    launch(ProfileSpec, given, _show_profile)


@click.command()
@spec_options(TwoSampleSpec)
def shift(**given: Any) -> None:
    """How far apart two domains are at a layer, each measure compared with chance."""
    launch(TwoSampleSpec, given, _show_shift)


@click.command()
@spec_options(EmbedSpec)
def embed(**given: Any) -> None:
    """Pictures in two dimensions, layer by layer: coordinates with --json, their quality without."""
    launch(EmbedSpec, given, _show_embedding)


@click.command()
@spec_options(RankSpec)
def rank(**given: Any) -> None:
    """Which network will transfer best to the target, scored before any is trained."""
    launch(RankSpec, given, _show_ranking)


@click.command()
@spec_options(DialResponseSpec)
def response(**given: Any) -> None:
    """Which shift measure detects which dial of the shift lab, and from which setting."""
    launch(DialResponseSpec, given, _show_response)


def _show_profile(found: dict[str, Any]) -> None:
    columns = found["columns"]
    rows = [
        [name, *(_number(c["values"][i], c["unit"], c["p_bh"][i] if c.get("p_bh") else None) for c in columns)]
        for i, name in enumerate(found["names"])
    ]
    _table(["layer", *(c["name"] for c in columns)], rows)
    if found["tests"]:
        click.echo("* p ≤ .05 against permuted domains; of several tests, after Benjamini and Hochberg's correction")
        click.echo(found["correction"])
    for text in (found["drawn"], *(f"{name}: {why}" for name, why in found["why"].items())):
        if text:
            click.echo(text)
    if found["within"]:
        sizes = [n for its in found["within"].values() for n in its.values()]
        click.echo(f"within classes: {len(found['within'])} classes, {min(sizes)} to {max(sizes)} pictures of each")


def _show_shift(found: dict[str, Any]) -> None:
    rows = [
        [r["measure"], *_tested(r), f"{_number(r['self_value'], '')} of {_span(r['self_lo'], r['self_hi'])}"]
        for r in found["table"]
    ]
    click.echo(f"at {found['name']}: {found['n']['source']} source and {found['n']['target']} target pictures")
    if found["drawn"]:
        click.echo(found["drawn"])
    _table(["measure", *TESTED, "halves (95 %)"], rows)
    for row in found["table"]:
        if row["why"]:
            click.echo(f"{row['measure']}: {row['why']}")
    click.echo(found["correction"])
    size = next((r["self_n"] for r in found["table"] if r["self_n"]), None)
    if size:
        click.echo(f"halves: {size} pictures of each domain, of the band that two such parts of the target give")
    click.echo(f"neighbourhoods that hold both domains: {found['mixed']:.0%}")
    if found["classes"]:
        rows = [[r["name"], *_tested(r), f"{r['source']} and {r['target']}"] for r in found["classes"]]
        _table(["class: MMD²", *TESTED, "pictures"], rows)
        click.echo(found["class_correction"])


TESTED = ("value", "by chance (95 %)", "p", "p (Holm)", "p (Benjamini–Hochberg)", "effect")


def _tested(row: dict[str, Any]) -> list[str]:
    """A test as cells under `TESTED`."""
    if row["value"] is None:
        return ["–"] * len(TESTED)
    numbers = [_number(row[k], "") for k in ("p", "p_holm", "p_bh")]
    return [f"{row['value']:.4g}", _span(row["null_lo"], row["null_hi"]), *numbers, f"{row['effect']:.1f}"]


def _span(lo: float | None, hi: float | None) -> str:
    return f"{_number(lo, '')} … {_number(hi, '')}"


def _show_embedding(found: dict[str, Any]) -> None:
    rows = [
        [f["name"], f["weights"] or "-", *(_number(f[k], "") for k in ("trustworthiness", "hit", "mixing"))]
        for f in found["frames"]
    ]
    _table(["layer", "weights", "trustworthiness", "neighbourhood hit", "domain mixing"], rows)
    click.echo("The coordinates are in the run's result.json; --json prints them.")


def _show_ranking(found: dict[str, Any]) -> None:
    names, by = list(found["marks"]), found["by"]
    rows = [
        [
            _place(r["places"].get(by)),
            f"{r['backbone']}@{r['weights']}",
            *(_number(r["scores"].get(n), "") for n in names),
            _span(*r["interval"].get(by, (None, None))),
            _number(r["trained"], "%"),
        ]
        for r in found["rows"]
    ]
    _table(["place", "candidate", *names, f"{by}, 95 %", "trained"], rows)
    click.echo(found["order"])
    for row in found["rows"]:
        said = (
            list(dict.fromkeys(row["why"].values()))
            if not row["scores"]
            else [
                f"{name}: {why}"
                for name, why in {**row["why"], **row["notes"]}.items()
                if name != by or name in row["why"]
            ]
        )
        for text in said:
            click.echo(f"{row['backbone']}@{row['weights']}: {text}")
    click.echo(found["trained_is"])
    for name, mark in found["marks"].items():
        if isinstance(mark, dict):
            click.echo(
                f"{name}: weighted τ {mark['tau']:.2f} (95 % {mark['lo']:.2f} … {mark['hi']:.2f}, p = {mark['p']:.2g}) "
                f"over {mark['n']} trained candidates, regret {mark['regret']:.1f} points"
            )


def _place(ends: Sequence[int] | None) -> str:
    """1, or 1–3 where these cannot be told apart."""
    if ends is None:
        return "–"
    best, worst = ends
    return f"{best}" if best == worst else f"{best}–{worst}"


def _show_response(found: dict[str, Any]) -> None:
    names = found["measures"]
    rows = []
    for dial in found["dials"]:
        at, levels = [found["seen"][m][dial["name"]] for m in names], [str(level) for level in dial["levels"]]
        rows.append([dial["name"], *("–" if i is None else levels[i] for i in at), levels[-1]])
    alarms = [f"{found['alarms'][m]:.0%}" for m in names]
    click.echo(f"at {found['name']}: {found['n']} pictures of each domain; the first setting from which p ≤ .05")
    _table(["dial", *names, "its end"], [*rows, ["not turned: alarms", *alarms, ""]])
    click.echo(found["correction"])


def _number(value: float | None, unit: str, p: float | None = None) -> str:
    if value is None:
        return "–"
    text = f"{value:.1%}" if unit == "%" else f"{value:.3g}"
    return text + ("*" if p is not None and p <= 0.05 else "")


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Columns padded to their widest entry; the first to the left, figures to the right."""
    widths = [max(len(line[i]) for line in (head, *rows)) for i in range(len(head))]
    for line in (head, *rows):
        figures = [cell.rjust(w) for cell, w in zip(line[1:], widths[1:], strict=True)]
        click.echo("  ".join([line[0].ljust(widths[0]), *figures]).rstrip())
