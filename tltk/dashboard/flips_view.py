"""The test pictures on which two arms differ, to be looked at: with the true class and what either arm answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import streamlit as st

from tltk.analyses.pictures.result import PicturesResult
from tltk.analyses.pictures.spec import PicturesSpec
from tltk.dashboard import class_choice, depth, permitted
from tltk.dashboard.network import wait
from tltk.dashboard.words import plain, told_of
from tltk.errors import RunProblem, TltkError
from tltk.jobs import executor
from tltk.results.transfer import Flip, Flips
from tltk.runs.run import ACTIVE, Run
from tltk.specs.parts import DataSpec
from tltk.specs.reading import with_absolute_paths

KINDS = {"lost": "Right from scratch, wrong after transfer", "gained": "Wrong from scratch, right after transfer"}


def show_flips(target: DataSpec, flips: Flips, key: str) -> None:
    """Both kinds with their pictures once a worker has brought them, which a click asks for.

    Args:
        target: The domain that was tested on.
        flips: Which pictures.
        key: Of the widgets.
    """
    lost_ones = told_of(target, "picture is" if len(flips.lost) == 1 else "pictures are")
    st.markdown(
        f"In most seeds **{len(flips.lost):,}** test {lost_ones} right from scratch and wrong after transfer, and "
        f"**{len(flips.gained):,}** the reverse."
    )
    if not flips.pictures:
        return
    spec = with_absolute_paths(PicturesSpec(target, tuple(one.index for one in flips.pictures)))
    found = _answer(spec, key)
    sheet = None if found is None else depth.sheet_of(Run.at(spec.run_id))
    if found is not None and sheet is None:
        st.caption("The pictures of this result were deleted; what is written below still holds.")
    elif found is not None and found.labels != [one.label for one in flips.pictures]:
        st.warning(
            told_of(
                target, "These pictures have other classes than those that were tested: the domain has changed since."
            )
        )
        sheet = None
    label = class_choice.menu(flips.classes, key)
    number = flips.classes.index(label) if label else None
    lost, gained = set(flips.lost), set(flips.gained)
    for column, title, places in zip(st.columns(2), KINDS.values(), (lost, gained), strict=True):
        numbers = [n for n, one in enumerate(flips.pictures) if one.index in places and number in (None, one.label)]
        if not numbers:
            continue
        more = f", the surest {len(numbers)} of {len(places):,}" if len(numbers) < len(places) and not label else ""
        with column:
            st.markdown(f"**{title}**{more}")
            shown = [flips.pictures[n] for n in numbers]
            captions = [caption(one, flips.classes) for one in shown]
            if sheet is not None and found is not None and found.texts:
                depth.sentences([found.texts[n] for n in numbers], captions)
            elif sheet is not None:
                depth.pictures(sheet, numbers, captions)
            else:
                rows = {"place": [one.index for one in shown], "classes": captions}
                st.dataframe(rows, hide_index=True, width="stretch", height=min(38 + 35 * len(shown), 250))


def _answer(spec: PicturesSpec, key: str) -> PicturesResult | None:
    """The pictures; None until the user asks for them, while a worker reads them, and where it cannot."""
    run = Run.at(spec.run_id)
    try:
        found = run.read(PicturesResult)
    except RunProblem:
        found = None
    if found is not None:
        return found
    state = executor().state(run.id) if (run.path / "spec.json").exists() else ""
    if state in ACTIVE:
        wait(run.id, told_of(spec.target, "Reading the pictures."))
        return None
    if state == "failed":
        st.warning(plain(run.status.message))
    if st.button(told_of(spec.target, "Show the pictures"), key=f"{key}:pictures", icon=":material/image:"):
        try:
            permitted.submit(spec, again=state == "failed")
        except TltkError as fault:
            st.error(plain(fault))
            return None
        st.rerun()
    return None


def caption(one: Flip, classes: Sequence[str]) -> str:
    """`cat; scratch: cat; transfer: dog (2 of 3)`: the true class, then what most seeds of each arm answer.

    Args:
        one: The picture.
        classes: Names, by class number.
    """
    return f"{classes[one.label]}; scratch: {_answer_of(one.scratch, classes)}; transfer: " + _answer_of(
        one.transfer, classes
    )


def _answer_of(numbers: Sequence[int], classes: Sequence[str]) -> str:
    """The class that most seeds answer; how many do is told where others answer otherwise."""
    [(number, n)] = Counter(numbers).most_common(1)
    return classes[number] if n == len(numbers) else f"{classes[number]} ({n} of {len(numbers)})"
