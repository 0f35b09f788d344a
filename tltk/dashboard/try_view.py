"""One picture in one view: how probable each class is, where the training looks, what it learned that is like it."""

from __future__ import annotations

import streamlit as st

from tltk.analyses.explain.result import ExplainResult
from tltk.analyses.explain.spec import ExplainSpec
from tltk.analyses.trained import TrainedRun
from tltk.dashboard import depth, permitted, plan
from tltk.dashboard.asked import show_asked
from tltk.dashboard.words import plain
from tltk.errors import TltkError
from tltk.runs.run import Run
from tltk.specs.reading import with_absolute_paths

CLASSES = 8  # that are shown with their probability
METHODS = {"grad_cam": "Grad-CAM", "attention_rollout": "Attention rollout"}
ABOUT = {
    "grad_cam": "which places of this layer speak for the class that is named",
    "attention_rollout": "from which places information reaches the answer; it is of no class in particular",
}


def show(trained: TrainedRun, path: str) -> None:
    """What is known of this picture; it is asked for at once, since the user has just brought it.

    Args:
        trained: The training.
        path: Where the picture is kept.
    """
    spec = ExplainSpec(trained.run.id, path)
    try:
        permitted.check(spec)
        run = Run.at(with_absolute_paths(spec).run_id)
        if plan.flag("use:tried") != run.id:  # asked once; a failure is not asked for again by itself
            plan.flag("use:tried", run.id)
            permitted.submit(spec)
        answer = depth.ask_with_button(spec, "Try it", "Looking at the picture.", f"use:try:{trained.run.id}")
        if answer is not None:
            _tell(*answer)
    except TltkError as fault:
        st.error(plain(fault))
    show_asked(spec, title="This picture in Python and as a command")


def _tell(run: Run, found: ExplainResult) -> None:
    sure = found.probabilities[found.predicted]
    st.markdown(f"It sees **{plain(found.classes[found.predicted])}**, {sure:.0%} sure.")
    left, middle, right = st.columns([1, 1, 2])
    with left:
        _picture(run, "seen.png", "The picture as the network sees it")
    with middle:
        if found.why:
            st.caption(f"There is no map of where it looks. {plain(found.why)}")
        else:
            _picture(
                run, "map.png", f"{METHODS[found.method]} at {found.layer_name}, {found.rows} × {found.columns} places"
            )
            nothing = " It is the same everywhere here, so it shows nothing." if found.flat else ""
            st.caption(f"Coloured: {ABOUT[found.method]}.{nothing} Examine checks whether such maps can be relied on.")
    with right:
        ranked = sorted(zip(found.probabilities, found.classes, strict=True), reverse=True)[:CLASSES]
        st.dataframe(
            {"class": [name for _, name in ranked], "probability": [100 * p for p, _ in ranked]},
            hide_index=True,
            width="stretch",
            column_config={
                "probability": st.column_config.ProgressColumn(
                    "probability", min_value=0, max_value=100, format="%.1f %%"
                )
            },
            alt="The likeliest classes with their probabilities.",
        )
        if len(found.classes) > CLASSES:
            st.caption(f"The {CLASSES} likeliest of {len(found.classes):,} classes.")
    near = found.nearest
    of = sum(one.label == near.predicted for one in near.neighbours)
    st.markdown(
        f"**The training pictures that it finds most like it**: {of} of {len(near.neighbours)} are of the class "
        f"that it names."
    )
    sheet = depth.sheet_of(run)
    if sheet is None:
        st.caption("The pictures of this answer were deleted.")
    else:
        caption = f"The picture, then the nearest of {found.n:,} training pictures: class and cosine distance."
        st.image(sheet, caption, alt=caption)
    for remark in found.remarks:
        st.caption(plain(remark))


def _picture(run: Run, name: str, caption: str) -> None:
    path = run.path / name
    if path.is_file():
        st.image(str(path), plain(caption), width="stretch", alt=caption)
    else:
        st.caption("This picture was deleted.")
