"""A domain on the screen: its choice, its facts, and how two of them differ."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape
from typing import Any

import streamlit as st

from tltk import data
from tltk.analyses.inspect.result import InspectResult
from tltk.analyses.inspect.spec import InspectSpec
from tltk.dashboard import chrome, class_choice, controls, permitted, plan
from tltk.dashboard.network import domain_summary, in_words, to_mind
from tltk.dashboard.plot import plot
from tltk.dashboard.words import noun_of_domain, plain, told_of
from tltk.data.account import describe_groups
from tltk.data.corrupt import names as corruptions
from tltk.data.fit import Change, describe
from tltk.data.pictures import KIND as PICTURES
from tltk.data.rows import KIND as TABLE
from tltk.data.texts import KIND as TEXT
from tltk.errors import TltkError
from tltk.plots.balance import COLOURS, NUMBERED, balance, height
from tltk.plots.theme import in_dark
from tltk.specs.encoders import BYTES_PER_TOKEN
from tltk.specs.parts import DataSpec

NONE = plan.NONE
PATHS = {
    "folder": "Folder with one folder per class",
    "archive": ".zip or .tar of such a folder",
    "csv": "Table with a file and a label in each row",
    "npz": ".npz file",
    "sound": "Folder of sounds with one folder per class (WAV; FLAC and Ogg with tltk[sound])",
    "text": "Folder with one folder of .txt per class, a table, or a file of lines: text, tab, label",
    "table": "Table (.csv or .tsv) with a label and what is known of it in each row",
    "hf": "Data set of the Hugging Face hub",
    "torchvision": "Data set of torchvision",
}
PLACES = {
    "folder": "/home/me/pictures",
    "archive": "/home/me/pictures.zip",
    "csv": "/home/me/labels.csv?label=species&group=patient",
    "npz": "/home/me/pictures.npz",
    "sound": "/home/me/sounds?seconds=2",
    "text": "/home/me/reviews.csv?text=body&label=stars",
    "table": "/home/me/patients.csv?label=outcome&group=patient",
    "hf": "user/name",
    "torchvision": "CIFAR10",
}
OWN = ("folder", "archive")  # kinds of a user's own pictures
# What is drawn here has no end of its own: enough to be seen and to be learned from, and drawn in seconds.
DRAWN = {
    "shapes": 2000,
    "tones": 2000,
    "sentences": 2000,
    "transactions": 4000,
    "formulas": 4000,
    "fractals": 4000,
    "contours": 4000,
    "surfaces": 4000,
    "leaves": 1000,
}
PARTS = {"train": "Training", "val": "Validation", "test": "Test"}
ROLES = {"classes": "classes", "train": "training", "val": "validation", "test": "test", "left out": "left out"}
BRANCHES, REASONS = 16, 3  # folders of a tree, and reasons for leaving out, that are named
UNEVEN, FEW, SHIFTED = 5, 20, 0.1  # largest over smallest class; pictures of a class; share that would have to move


# -- choosing -------------------------------------------------------------------------------------------------


def parts(name: str) -> tuple[str, str, str]:
    """Kind, argument and corruption: `folder:/a~fog:3` → ("folder", "/a", "~fog:3")."""
    clean = plan.base(name)
    kind, _, argument = clean.partition(":")
    return kind, argument, name[len(clean) :]


def choose(title: str, path: plan.PATH, optional: bool = False) -> None:
    """A menu of domains for this place of the plan; those that read a path ask for it.

    Args:
        title: Source or Target.
        path: Where in the plan.
        optional: Whether there may be none.
    """
    spec: DataSpec | None = plan.read(path)
    kind, argument, suffix = (NONE, "", "") if spec is None else parts(spec.name)
    options = [*([NONE] if optional else []), *data.domains.names()]
    if kind not in options:
        options.append(kind)  # from a link
    bound = plan.bind(
        path, lambda now: NONE if now is None else parts(now.name)[0], lambda new: _with_kind(path, new), title
    )
    st.selectbox(title, options, format_func=lambda k: k.replace("_", " "), **bound)
    if kind in PATHS:
        bound = plan.bind(
            (*path, "name"), lambda name: parts(name)[1], lambda text: f"{kind}:{text.strip()}{suffix}", "path"
        )
        st.text_input(PATHS[kind], placeholder=PLACES[kind], **bound)
        if not argument:
            st.caption("The path is read on the machine that runs the dashboard; nothing leaves it.")
    elif kind in data.domains:
        st.caption(data.domains.summary(kind) + (f" Now: {plain(f'{kind}:{argument}')}." if argument else ""))


def _with_kind(path: plan.PATH, kind: str) -> DataSpec | None:
    """The domain of this place with another kind, whole and clean."""
    if kind == NONE:
        return None
    spec: DataSpec = plan.read(path) or dataclasses.replace(plan.read(("target",)), shots=0)
    wide = spec.width if kind in PATHS else 0
    name = kind + (":" if kind in PATHS else "")
    return dataclasses.replace(spec, name=name, n=DRAWN.get(kind, 0), group_by="", width=wide)


def kind_of(path: plan.PATH) -> str:
    """What the domain of this place holds, so far as its name tells: pictures, text or table."""
    spec: DataSpec | None = plan.read(path)
    try:
        return PICTURES if spec is None else data.modality_of(spec.name)
    except TltkError:
        return PICTURES


def noun(path: plan.PATH = ("target",)) -> str:
    """What the examples of this place are called: pictures, sounds, texts or rows."""
    return noun_of_domain(plan.read(path))


def size_title(path: plan.PATH) -> str:
    """What the size of this place is called."""
    return {TEXT: "Size (tokens)", TABLE: "Size (columns)"}.get(kind_of(path), "Size (px)")


def settings(path: plan.PATH) -> None:
    """How many pictures, how large, which ones; and whether they are corrupted."""
    if kind_of(path) != PICTURES:
        titles = {"n": noun(path).capitalize(), "size": size_title(path)}
        for name, column in zip(("n", "size", "seed"), st.columns(3), strict=True):
            with column:
                controls.field(*path, name, title=titles.get(name))
        return
    name = plan.read((*path, "name"))
    kind, argument, suffix = parts(name)
    own_shape = kind in PATHS and path == ("target",)  # drawn ones are squares, the source is as the target
    fields = ("n", "size", "width", "seed") if own_shape else ("n", "size", "seed")
    for field, column in zip(fields, st.columns(len(fields)), strict=True):
        with column:
            controls.field(*path, field, title={"size": "Size (px)", "width": "Width (px)"}.get(field))
    if path == ("target",):
        controls.field(*path, "fit")
    if kind in PATHS or plan.read((*path, "group_by")):
        controls.field(*path, "group_by", title="Group by")
    base = name.removesuffix(suffix)
    try:
        how = data.corruption(name)
    except TltkError:
        how = None
    strength = how.severity if how else 3
    left, right = st.columns([3, 2])
    left.selectbox(
        "Corruption",
        [NONE, *corruptions()],
        format_func=lambda k: k.replace("_", " "),
        disabled=kind in PATHS and not argument,
        help="The families of ImageNet-C (Hendrycks and Dietterich, 2019): a covariate shift of known strength.",
        **plan.bind(
            (*path, "name"),
            lambda _: how.name if how else NONE,
            lambda new: base if new == NONE else f"{base}~{new}:{strength}",
            "corruption",
        ),
    )
    right.select_slider(
        "Severity",
        [1, 2, 3, 4, 5],
        disabled=how is None,
        **plan.bind(
            (*path, "name"), lambda _: strength, lambda new: f"{base}~{how.name}:{new}" if how else base, "severity"
        ),
    )


def inspect_domain(path: plan.PATH) -> InspectResult | None:
    """What is in the domain of this place; until that is known, why not."""
    spec: DataSpec | None = plan.read(path)
    if spec is None:
        st.info("No source chosen. Choose one to see it next to the target and to measure how far apart they are.")
        return None
    kind, argument, _ = parts(spec.name)
    if kind in PATHS and not argument.strip():
        st.info(told_of(spec, "Enter a path above; the pictures appear once they have been read."))
        return None
    found = domain_summary(spec)
    if found is None:
        return None
    is_old = found.shown_labels is None
    if is_old:
        st.caption(
            told_of(spec, "This result was made by an earlier version, which did not sort the pictures by class.")
        )
    if is_old or kind in PATHS:
        key, help = f"again:{'.'.join(path)}", "Use it after files were added, removed or changed."
        if st.button(
            told_of(spec, "Read the pictures again"), key=key, type="tertiary", icon=":material/refresh:", help=help
        ):
            permitted.submit(InspectSpec(spec), again=True)
            st.rerun()
    return found


def in_short(found: InspectResult) -> None:
    """A domain where it is chosen for something: what is in it, and what must be minded."""
    st.caption(in_words(found))
    if texts := to_mind(found):
        st.warning(bullets(texts))


# -- facts ----------------------------------------------------------------------------------------------------


def facts(sides: Mapping[str, tuple[DataSpec, InspectResult]]) -> None:
    """A table with a column for each domain: how many, how large, how bright, on which terms."""
    nouns = {found.noun for _, found in sides.values()}
    what = nouns.pop() if len(nouns) == 1 else "examples"
    columns = [_facts(what, *side) for side in sides.values()]
    for fact in ("Groups", "Brightness"):
        if not any(column[fact] for column in columns):
            columns = [{name: text for name, text in column.items() if name != fact} for column in columns]
    heads = "".join(f'<th scope="col">{_dot(title)}{title}</th>' for title in sides)
    rows = "".join(
        f'<tr><th scope="row">{name}</th>{"".join(f"<td>{column[name]}</td>" for column in columns)}</tr>'
        for name in columns[0]
    )
    st.html(f'{_STYLE}<table class="tltk-facts"><thead><tr><td></td>{heads}</tr></thead><tbody>{rows}</tbody></table>')


def _facts(noun: str, spec: DataSpec, found: InspectResult) -> dict[str, str]:
    seen = {
        "Read as": f"{' × '.join(map(str, spec.shape[::-1]))} px, {_channels(found)}{_fitted(found)}",
        "Brightness": _brightness(found),
    }
    if found.columns:
        seen = {"Read as": f"{len(found.columns)} columns, of {spec.size} at most", "Brightness": ""}
    elif found.texts:
        seen = {"Read as": f"{BYTES_PER_TOKEN * spec.size} bytes, {spec.size} tokens at most", "Brightness": ""}
    return {
        noun.capitalize(): f"{found.n:,} in {len(found.classes):,} classes",
        **{name: _part(found, part, spec) for part, name in PARTS.items()},
        "Groups": "" if found.groups is None else escape(describe_groups(found.groups, found.noun)),
        **seen,
        "Licence": escape(found.licence),
        "From": escape(found.source),
        "Left out": f"{_count_files(len(found.skipped))}: see below" if found.skipped else "nothing",
        "Copies": _copies(found),
    }


def _part(found: InspectResult, part: str, spec: DataSpec) -> str:
    """How many pictures a part has, and where they come from, where that is known."""
    told = found.parts.get(part)
    if told is None:
        few = f" ({spec.shots} per class)" if part == "train" and spec.shots else ""
        return f"{getattr(found, part):,}{few}"
    return f"{told.n:,}<small>{escape(told.origin)}</small>"


def _fitted(found: InspectResult) -> str:
    """What it costs the pictures to have one shape; nothing where they have it."""
    change = Change(found.cropped, found.empty, found.stretched)
    return "" if change == Change() else f"<small>{escape(describe(change, found.fit, found.size))}</small>"


def _copies(found: InspectResult) -> str:
    """How many pictures show what another shows, and how many of these would be tested after being learned from."""
    if not found.copies:
        return "none found"
    near = f", {found.near_copies:,} of them nearly" if found.near_copies else ""
    leaked = f"<small>{found.leaked:,} of them are tested on and learned from</small>" if found.leaked else ""
    return f"{_count(found.copies, found.noun[:-1])}{near}{leaked}"


def is_grey(found: InspectResult) -> bool:
    """Whether the pictures have no colour, in however many channels they are kept."""
    tones = set(zip(found.mean, found.std, strict=True))
    return found.channels == 1 or len(tones) == 1


def _channels(found: InspectResult) -> str:
    if found.channels == 1:
        return "grey"
    if found.channels != 3:
        return f"{found.channels} channels"
    return "grey in three channels" if is_grey(found) else "colour"


def _brightness(found: InspectResult) -> str:
    """Mean and deviation of all pixels, and the mean as a colour."""
    mean, std = found.mean, found.std
    if not mean or not std:
        return "not measured"
    middle = sum(mean) / len(mean)
    spread = math.sqrt(max(sum(s * s + m * m for m, s in zip(mean, std, strict=True)) / len(mean) - middle**2, 0))
    red, green, blue = (round(255 * value) for value in (mean if len(mean) == 3 else [middle] * 3))
    swatch = f'<i class="swatch" style="background:rgb({red},{green},{blue})" title="The mean colour"></i>'
    return f'<span title="0 = black, 1 = white">{middle:.2f} ± {spread:.2f}</span> {swatch}'


# -- what to mind ---------------------------------------------------------------------------------------------


def remarks(sides: Mapping[str, InspectResult]) -> list[str]:
    """What one should know before learning from these domains, in sentences of Markdown."""
    found = [text for title, side in sides.items() for text in _of_one(title, side)]
    if len(sides) == 2:
        found += _of_both(sides["Source"], sides["Target"])
    return found


def bullets(texts: Sequence[str]) -> str:
    """Sentences as a list, where there are several."""
    return "\n".join(f"- {text}" for text in texts) if len(texts) > 1 else "".join(texts)


def _of_one(title: str, found: InspectResult) -> list[str]:
    counts = sorted(zip(found.counts, found.classes, strict=True))
    (least, rare), (most, frequent) = counts[0], counts[-1]
    texts = []
    if most > UNEVEN * least:
        texts.append(
            f"The {title.lower()} is very unbalanced: {bold(frequent)} has {most:,} {found.noun}, {bold(rare)} "
            f"{least:,}. Judge a network by its macro F1 and by its classes; accuracy alone rewards the frequent ones."
        )
    few = sum(count < FEW for count, _ in counts)
    texts += to_mind(found, title)
    if few:
        which = f"All {len(counts)}" if few == len(counts) else f"{few} of {len(counts)}"
        texts.append(
            f"{which} classes of the {title.lower()} {'has' if few == 1 else 'have'} fewer than {FEW} {found.noun}; "
            f"the smallest, {bold(rare)}, has {least}. Its validation and test parts hold only a handful: "
            f"their figures are rough."
        )
    return texts


def _of_both(source: InspectResult, target: InspectResult) -> list[str]:
    texts = []
    if source.noun != target.noun:
        sides = f"One side holds {source.noun} and the other {target.noun}"
        return [f"{sides}: no network reads both. Choose two of a kind."]
    if source.columns:
        return [*_of_columns(source, target), *_of_classes(source, target)]
    if source.texts:
        return _of_classes(source, target)
    if source.channels != target.channels:
        texts.append(
            f"The source has {_count(source.channels, 'channel')}, the target "
            f"{_count(target.channels, 'channel')}. A transfer adapts the first layer; Layers and Shift need the "
            f"same. Save both in colour, or both in grey."
        )
    elif is_grey(source) != is_grey(target):
        grey, other = ("source", "target") if is_grey(source) else ("target", "source")
        texts.append(f"The pictures of the {grey} are grey, those of the {other} have colour: in itself a shift.")
    return texts + _of_classes(source, target)


def _of_columns(source: InspectResult, target: InspectResult) -> list[str]:
    """Columns that only one table has."""
    lone = [
        f"only in the {title}: {_some([name for name in side.columns if name not in other.columns])}"
        for title, side, other in (("source", source, target), ("target", target, source))
        if not set(side.columns) <= set(other.columns)
    ]
    shared = _count(len(set(source.columns) & set(target.columns)), "column")
    return [f"The tables share {shared} by name; {'; '.join(lone)}."] if lone else []


def _of_classes(source: InspectResult, target: InspectResult) -> list[str]:
    """Class sets that differ, and shares that do."""
    ours, theirs = (dict(zip(side.classes, side.counts, strict=True)) for side in (source, target))
    both = [name for name in ours if name in theirs]
    if not both:
        return [
            "The domains share no class by name. Layers can still be transferred, since the head is new; Shift cannot "
            "compare classes."
        ]
    if len(both) < max(len(ours), len(theirs)):
        lone = [
            f"only in the {title}: {_some([n for n in side if n not in both])}"
            for title, side in (("source", ours), ("target", theirs))
            if len(side) > len(both)
        ]
        return [f"The domains share {_count(len(both), 'class', 'es')} by name; {'; '.join(lone)}."]
    shares = {n: (ours[n] / sum(ours.values()), theirs[n] / sum(theirs.values())) for n in both}
    if sum(abs(a - b) for a, b in shares.values()) / 2 <= SHIFTED:
        return []
    name, (a, b) = max(shares.items(), key=lambda item: abs(item[1][0] - item[1][1]))
    return [
        f"Classes are not equally frequent in both (a prior shift): {bold(name)} makes up {a:.0%} of the source and "
        f"{b:.0%} of the target."
    ]


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - 6} more" if len(names) > 6 else ""
    return ", ".join(bold(name) for name in names[:6]) + more


def _count(number: int, noun: str, ending: str = "s") -> str:
    return f"{number} {noun}{ending if number != 1 else ''}"


def bold(text: str) -> str:
    """A name of the user's in bold, whatever marks it holds."""
    return f"**{plain(text)}**"


# -- balance, and what was left out -----------------------------------------------------------------------------


def balances(sides: Mapping[str, InspectResult]) -> None:
    """How frequent each class is: both domains on one axis where they share classes, else side by side."""
    counts = {title: dict(zip(side.classes, side.counts, strict=True)) for title, side in sides.items()}
    noun = next(iter(sides.values())).noun
    together = len(counts) == 1 or bool(set.intersection(*(set(c) for c in counts.values())))
    charts = [counts] if together else [{title: side} for title, side in counts.items()]
    for chart, column in zip(charts, st.columns(len(charts)), strict=True):
        with column:
            names = " and ".join(title.lower() for title in chart)
            if not together:
                st.html(f"{_STYLE}{_dot(names.capitalize())}{names.capitalize()}")
            is_even = all(len({*side.values()}) == 1 for side in chart.values())
            if is_even and len(set().union(*chart.values())) > NUMBERED:  # a chart would be one block
                fewest = {title.lower(): _count(min(side.values()), noun[:-1]) for title, side in chart.items()}
                every = [f"every class of the {title} has {count}" for title, count in fewest.items()]
                st.markdown(f"{', '.join(every).capitalize()}.")
                continue
            plot(
                balance(chart, class_choice.chosen(list(set().union(*chart.values()))), noun),
                key=f"domains:balance:{names}",
                height=height(chart),
                alt=f"Share of each class among the {noun} of the {names}.",
            )


def reading(sides: Mapping[str, InspectResult], places: Callable[[], Iterable[tuple[str, Any]]]) -> None:
    """How the folders of each side were understood, and what was left out of it and why; nothing where all was read.

    Args:
        sides: Source or Target → what a worker saw in it.
        places: Makes a column for each side of the plan.
    """
    if not any(found.tree or found.skipped for found in sides.values()):
        return
    st.subheader("How the files were understood", anchor=False)
    for title, column in places():
        found = sides.get(title)
        if found is None:
            continue
        with column:
            if len(sides) > 1:
                st.html(f"{_STYLE}{_dot(title)}{title}")
            if found.tree:
                st.html(f"{_STYLE}{_tree(found)}")
            elif not found.skipped:
                st.caption("These pictures do not lie in folders; all of them were read.")
            if found.skipped:
                _show_skipped(title, found.skipped)


def _tree(found: InspectResult) -> str:
    """A table of the folders: what each was taken for, and what it holds."""
    why = {name: reason for name, reason in found.skipped}
    rows = []
    for branch in found.tree[:BRANCHES]:
        name = "the folder itself" if branch.folder == "." else branch.folder
        role, reason = ROLES.get(branch.role, branch.role), why.get(branch.folder)
        is_out = branch.role == "left out"
        told = f"{role}: {reason}" if is_out and reason else role
        out, classes = ' class="out"', "" if is_out else f"{branch.classes:,}"
        rows.append(
            f'<tr{out if is_out else ""}><th scope="row">{escape(name)}</th><td>{escape(told)}</td>'
            f"<td>{classes}</td><td>{branch.pictures:,}</td></tr>"
        )
    if len(found.tree) > BRANCHES:
        more = _count(len(found.tree) - BRANCHES, "more folder")
        rows.append(f'<tr class="out"><th colspan="4">and {more}</th></tr>')
    heads = "".join(f'<th scope="col">{head}</th>' for head in ("Folder", "Taken for", "Classes", "Pictures"))
    return f'<table class="tltk-tree"><thead><tr>{heads}</tr></thead><tbody>{"".join(rows)}</tbody></table>'


def _show_skipped(title: str, skipped: Sequence[Sequence[str]]) -> None:
    """The files that could not be used, with the reason of each; the commonest reasons in a line."""
    with st.expander(f"{_count_files(len(skipped))} of the {title.lower()} left out"):
        reasons = Counter(reason for _, reason in skipped).most_common(REASONS)
        if reasons[0][1] > 1:
            st.caption("Most often: " + "; ".join(plain(f"{reason} ({n:,})") for reason, n in reasons) + ".")
        st.dataframe(
            [{"File or folder": name, "Reason": reason} for name, reason in skipped], hide_index=True, width="stretch"
        )


def _count_files(n: int) -> str:
    return f"{n:,} file or folder" if n == 1 else f"{n:,} files or folders"


def onward(has_source: bool) -> None:
    """What can be done with these domains."""
    with st.container(horizontal=True):
        chrome.go("design", ":material/arrow_forward: Design a transfer with these")
        if has_source:
            chrome.go("shift", ":material/arrow_forward: Measure how far they are apart")


def _dot(title: str) -> str:
    """The colour of a domain's bars."""
    colour = COLOURS[title]
    if st.context.theme.type == "dark":
        colour = in_dark(colour)
    return f'<i class="tltk-dot" style="background:{colour}"></i>'


_STYLE = """<style>
.tltk-facts { width: 100%; border-collapse: collapse; table-layout: fixed; font-size: .9rem; }
.tltk-facts :is(th, td) { text-align: left; vertical-align: top; padding: .3rem .9rem .3rem 0; font-weight: 400;
  overflow-wrap: anywhere; border: 0; border-bottom: 1px solid color-mix(in srgb, currentColor 22%, transparent); }
.tltk-facts thead :is(th, td) { font-weight: 600; }
.tltk-facts :is(tbody th, thead td) { width: 6.5rem; opacity: .75; }
.tltk-facts thead th:nth-child(2):not(:last-child) { width: calc(50% - 6rem); } /* the last: under its card */
.tltk-facts td { font-variant-numeric: tabular-nums; }
.tltk-facts .swatch { display: inline-block; width: 1.6rem; height: .9rem; border-radius: .2rem; vertical-align: -.1rem;
  margin-left: .3rem; border: 1px solid color-mix(in srgb, currentColor 50%, transparent); }
.tltk-facts small { display: block; opacity: .75; font-size: .8rem; }
.tltk-tree { width: 100%; border-collapse: collapse; font-size: .9rem; }
.tltk-tree :is(th, td) { text-align: left; vertical-align: top; padding: .3rem .9rem .3rem 0; font-weight: 400;
  overflow-wrap: anywhere; border: 0; border-bottom: 1px solid color-mix(in srgb, currentColor 22%, transparent); }
.tltk-tree th:first-child { min-width: 5.5rem; }
.tltk-tree thead th { opacity: .75; }
.tltk-tree :is(th, td):nth-child(n+3) { text-align: right; padding: .3rem .2rem .3rem .6rem; white-space: nowrap;
  font-variant-numeric: tabular-nums; }
.tltk-tree .out { opacity: .75; }
.tltk-tree .out td:nth-child(2) { font-style: italic; }
.tltk-dot { display: inline-block; width: .7rem; height: .7rem; border-radius: .15rem; margin-right: .45rem; }
</style>"""
