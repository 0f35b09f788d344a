"""The strip at the bottom: an embedding, pictures that flip, the confusion, the picture that is looked at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from html import escape
from typing import Any

import streamlit as st

from tltk.analyses.describe.result import DescribeResult
from tltk.analyses.embed.result import EmbedResult
from tltk.analyses.embed.spec import EmbedSpec
from tltk.analyses.feature_maps.result import FeatureMapsResult
from tltk.analyses.pictures.result import PicturesResult
from tltk.analyses.pictures.spec import PicturesSpec
from tltk.dashboard import (
    chrome,
    depth,
    domain_pictures,
    plan,
    workbench_data,
    workbench_kept,
    workbench_network,
)
from tltk.dashboard.flips_view import caption, show_flips
from tltk.dashboard.network import wait
from tltk.dashboard.plot import as_dict, plot
from tltk.dashboard.points import points
from tltk.dashboard.thumbnails import Thumbnail, thumbnails
from tltk.dashboard.training_view import read_result
from tltk.dashboard.words import noun_of_domain, plain, told_of
from tltk.dashboard.workbench_layout import head, note
from tltk.errors import TltkError
from tltk.jobs import executor
from tltk.plots.confusion import MOST_CLASSES, confusion
from tltk.plots.embedding import scatter
from tltk.results.training import TrainingResult
from tltk.results.transfer import Flips
from tltk.results.words import percent
from tltk.runs.run import ACTIVE, Run
from tltk.specs.parts import DataSpec, NetSpec
from tltk.specs.reading import with_absolute_paths
from tltk.studies.compare.spec import CompareSpec

OPEN = "workbench:open"
FLIPPED = 8  # thumbnails of pictures that flip
PLAIN = {"margin": {"l": 2, "r": 2, "t": 2, "b": 2}, "showlegend": False, "font": {"size": 9}}


def show(run: Run | None, network: DescribeResult | None) -> None:
    """The four parts, each with a button that opens it.

    Args:
        run: The comparison that is shown; None = none.
        network: The planned network; None where its layers are not known.
    """
    with st.container(key="wb-strip"):
        with st.container(key="wb-pane-embedding", border=True):
            _heading(_embedding_in_words(network), "Open the embedding", "embedding")
            _embedding(network, 104)
        with st.container(key="wb-pane-flips", border=True):
            _heading(*_flips_in_words(run), "flips")
            _flips(run)
        with st.container(key="wb-pane-confusion", border=True):
            _heading("Confusion", "Open the confusion matrix", "confusion")
            _confusion(run, 104)
        with st.container(key="wb-pane-picture", border=True):
            head(
                told_of(_target(), "This picture"),
                f"seen by: {workbench_kept.shown_weights().title}" if network else "",
            )
            _picture(run, network)
    _drawer(run, network)


def _heading(title: str, button: str, name: str) -> None:
    """What a part is, and the button that opens it."""
    left, right = st.columns([6, 1], vertical_alignment="center", gap="xxsmall")
    with left:
        head(title)
    key, icon = f"workbench:open:{name}", ":material/open_in_full:"
    with right.container(key=f"wb-open-{name}", horizontal_alignment="right"):
        st.button(button, icon=icon, type="tertiary", key=key, on_click=_open, args=(name,))


def _open(name: str) -> None:
    plan.flag(OPEN, name)


def _close() -> None:
    plan.flag(OPEN, "")


def _drawer(run: Run | None, network: DescribeResult | None) -> None:
    """What is opened, over the lower half of the page."""
    name = plan.flag(OPEN)
    if not name:
        return
    titles = {
        "embedding": "Pictures in two dimensions",
        "flips": "Pictures that are right in one arm and wrong in the other",
        "confusion": "Which classes are taken for which",
    }
    with st.container(key="wb-drawer"):
        left, right = st.columns([6, 1], vertical_alignment="center")
        with left:
            st.markdown(f"**{titles[name]}**")
        right.button("Close", icon=":material/close:", key="workbench:close", on_click=_close, width="stretch")
        if name == "embedding":
            asked = depth.ask_with_button(
                _embed_spec(), "Embed every layer", "Computing the plot, layer by layer.", "workbench:embed", EMBED
            )
            if asked is not None and network is not None:
                points(*asked, depth.selected_layer(len(network.layers)), "workbench:points")
            chrome.go("layers", "Layers: other methods, weights beside one another")
        elif name == "flips":
            found = workbench_kept.verdict_of(run)
            if run is None or found is None or found.flips is None or not isinstance(run.spec, CompareSpec):
                st.markdown(told_of(_target(), "A finished comparison tells which pictures flip."))
            else:
                show_flips(run.spec.target, found.flips, f"workbench:flips:{run.id}")
            chrome.go("curves", "Curves: the whole verdict")
        else:
            columns = st.columns(2)
            for column, arm in zip(columns, ("scratch", "transfer"), strict=True):
                with column:
                    st.markdown("**From scratch**" if arm == "scratch" else "**After transfer**")
                    _confusion(run, 420, arm, whole=True)
            chrome.go("examine", "Examine: mistakes, and where it looks")


# -- embedding --------------------------------------------------------------------------------------------------------

EMBED = (
    "Each layer's plot starts from the one before it, so points move only where features do. Lasso some to see them."
)


def _embed_spec() -> EmbedSpec:
    """Both domains, as the weights that are looked at see them."""
    now = plan.plan()
    return with_absolute_paths(
        EmbedSpec(
            target=workbench_data.without_shots(now.target),
            source=now.source,
            net=NetSpec(now.net.backbone, workbench_kept.shown_weights().name),
            pictures=500,
            method="pca",
        )
    )


def _embedding_in_words(network: DescribeResult | None) -> str:
    if network is None:
        return "Embedding"
    layer = depth.selected_layer(len(network.layers))
    return f"Embedding at {network.layers[layer].name if layer < len(network.layers) else 'what enters the head'}"


def _target() -> DataSpec | None:
    """The target of the plan, whose examples the strip is about."""
    found: DataSpec | None = plan.read(("target",))
    return found


def _embedding(network: DescribeResult | None, height: int) -> None:
    """The plot of the layer that the handle selects, coloured by domain."""
    try:
        spec = _embed_spec()
        found: EmbedResult | None = workbench_kept.answer(spec)
    except TltkError as fault:
        st.caption(plain(fault))
        return
    if network is None:
        note(told_of(_target(), "Where the pictures of both domains lie, as the layer at the boundary sees them."))
        return
    if found is None:
        _ask_for_embedding(spec)
        return
    layer = depth.selected_layer(len(network.layers))
    asked = Run.at(spec.run_id)
    noun = noun_of_domain(spec.target)
    alt = f"{len(found.labels)} {noun} of both domains as points, as the layer at the boundary sees them."
    plot(_points(asked.id, asked.status.updated, layer), key="workbench:scatter", height=height, alt=alt)


@lru_cache(maxsize=32)
def _points(run_id: str, updated: float, layer: int) -> dict[str, Any]:
    """A layer of an embedding, drawn once; `updated` makes it anew when it was asked again."""
    found = Run.at(run_id).read(EmbedResult)
    assert found is not None
    figure = scatter(found, next((one for one in found.frames if one.layer == layer), found.frames[-1]), "domain")
    figure.update_layout(**PLAIN)
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False)
    figure.update_traces(marker={"size": 3})
    return as_dict(figure)


def _ask_for_embedding(spec: EmbedSpec) -> None:
    """A button that computes it, or that it is on its way."""
    asked = Run.at(spec.run_id)
    state = executor().state(asked.id) if asked.path.exists() else ""
    if state in ACTIVE:
        wait(asked.id, "Computing the plot, layer by layer.")
        return
    note(told_of(_target(), "Where the pictures of both domains lie, as the layer at the boundary sees them."))
    if st.button("Embed both domains", icon=":material/scatter_plot:", key="workbench:ask:embed"):
        workbench_kept.ask(spec, again=state == "failed")
        st.rerun()


# -- flips ------------------------------------------------------------------------------------------------------------


def _flips_in_words(run: Run | None) -> tuple[str, str]:
    """The heading of the part, and the words of its button."""
    found = workbench_kept.verdict_of(run)
    if found is None or found.flips is None:
        return told_of(_target(), "Pictures that flip"), told_of(_target(), "Open the pictures that flip")
    gained, lost = len(found.flips.gained), len(found.flips.lost)
    title = f"Right after transfer, wrong from scratch: {gained:,} · the reverse: {lost:,}"
    return title, told_of(_target(), "Open the pictures that flip")


def _flips(run: Run | None) -> None:
    """The surest of them; a click looks at one in every layer."""
    found = workbench_kept.verdict_of(run)
    if run is None or found is None or found.flips is None or not isinstance(run.spec, CompareSpec):
        note(told_of(_target(), "Once both arms are measured: the test pictures that only one of them gets right."))
        return
    spec = with_absolute_paths(PicturesSpec(run.spec.target, tuple(one.index for one in found.flips.pictures) or (0,)))
    if not found.flips.pictures:
        note("Both arms answer alike in most of the seeds.")
        return
    kept: PicturesResult | None = workbench_kept.answer(spec)
    if kept is not None:
        _flipped(run, spec, found.flips)
        return
    asked = Run.at(spec.run_id)
    state = executor().state(asked.id) if asked.path.exists() else ""
    if state in ACTIVE:
        wait(asked.id, told_of(spec.target, "Reading the pictures."))
    elif st.button(told_of(spec.target, "Show the pictures"), icon=":material/image:", key="workbench:flips"):
        workbench_kept.ask(spec, again=state == "failed")
        st.rerun()


def _flipped(run: Run, spec: PicturesSpec, flips: Flips) -> None:
    """Those that transfer gets right, with what scratch answers; where there are none, the reverse."""
    places = set(flips.gained or flips.lost)
    order = [n for n, one in enumerate(flips.pictures) if one.index in places][:FLIPPED]
    images = domain_pictures.tiles(spec, tuple(order))
    shown: list[Thumbnail] = []
    for one, image in zip([flips.pictures[n] for n in order], images, strict=False):
        wrong = flips.classes[_commonest(one.scratch if flips.gained else one.transfer)]
        told, text = (flips.classes[one.label], wrong), caption(one, flips.classes)
        shown.append({"number": one.index, "src": image, "text": text, "caption": told})
    held = workbench_data.chosen()
    mine, key = held.number if held.is_test else None, f"workbench:flipped:{run.id}"
    picked = thumbnails(shown, mine, key=key, label="Test pictures that flip", side=44, columns=FLIPPED)
    if picked is not None:
        workbench_data.choose(workbench_data.Picture("target", picked, is_test=True))


def _commonest(answers: Sequence[int]) -> int:
    """What most seeds answer."""
    return Counter(answers).most_common(1)[0][0]


# -- confusion --------------------------------------------------------------------------------------------------------


def _confusion(run: Run | None, height: int, arm: str = "transfer", *, whole: bool = False) -> None:
    """Of the test pictures of each class, by row, the share that is named as each, by column."""
    one = workbench_kept.arm(run, arm)
    result = read_result(one) if one is not None else None
    if one is None or result is None or not 1 < len(result.classes) <= MOST_CLASSES or not result.predictions:
        note("Once both arms are measured.")
        return
    plot(
        _matrix(one.id, one.status.updated, whole),
        key=f"workbench:confusion:{arm}:{whole}:{one.id}",
        height=height,
        alt="Share of the test examples of each class, by row, that is named as each class, by column.",
    )


@lru_cache(maxsize=32)
def _matrix(run_id: str, updated: float, whole: bool) -> dict[str, Any]:
    """The matrix of a finished training, drawn once; `updated` makes it anew when it has run again."""
    result = Run.at(run_id).read(TrainingResult)
    assert result is not None
    figure = confusion(result.labels, result.predictions, result.classes)
    if not whole:
        figure.update_layout(**PLAIN)
        figure.update_xaxes(showticklabels=False, ticks="", title=None)
        figure.update_yaxes(showticklabels=False, ticks="", title=None)
        figure.update_traces(showscale=False)
    return as_dict(figure)


# -- the picture that is looked at ------------------------------------------------------------------------------------


def _answers(run: Run | None, found: FeatureMapsResult) -> list[tuple[str, str]]:
    """What both arms of the comparison answered, where it is a picture that they were tested on."""
    if found.part != "test" or not workbench_kept.is_of_plan(run):
        return []
    rows = []
    for name, title in (("scratch", "from scratch"), ("transfer", "after transfer")):
        one = workbench_kept.arm(run, name)
        result = read_result(one) if one is not None else None
        if result is not None and found.picture < len(result.predictions):
            rows.append((title, result.classes[result.predictions[found.picture]]))
    return rows


def _picture(run: Run | None, network: DescribeResult | None) -> None:
    """The picture, its class, and what the head says of it."""
    found = workbench_network.maps_of(network) if network is not None else None
    if found is None:
        note("Its class, what the network says of it, and its maps under the layers.")
        return
    rows = [("class", found.label), *_answers(run, found)]
    head_says = [f"{one.name} · {percent(one.probability)}" for one in found.head[:2]]
    rows += list(zip(("the network says", "or"), head_says, strict=False))
    told = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in rows)
    why = f"<p>{escape(found.head_reason)}</p>" if found.head_reason else ""
    alt = f"{told_of(_target(), 'The picture')}, {found.label}"
    image = f'<img src="data:image/png;base64,{found.png}" alt="{escape(alt)}">'
    st.html(f'<div class="wb-picture">{image}<div><dl class="wb-facts">{told}</dl>{why}</div></div>')
