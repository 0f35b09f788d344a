"""What a finished training gets wrong and where it looks; which labels and copies its pictures have."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from tltk import data
from tltk.analyses.confusion.result import ConfusionResult
from tltk.analyses.confusion.spec import ConfusionSpec
from tltk.analyses.duplicates import table as copies_table
from tltk.analyses.duplicates.spec import DuplicatesSpec
from tltk.analyses.errors import table as errors_table
from tltk.analyses.errors.result import COLUMNS, ErrorsResult
from tltk.analyses.errors.spec import ErrorsSpec
from tltk.analyses.label_noise import table as noise_table
from tltk.analyses.label_noise.result import LabelNoiseResult
from tltk.analyses.label_noise.spec import LabelNoiseSpec
from tltk.analyses.nearest import table as nearest_table
from tltk.analyses.nearest.result import NearestResult, Query
from tltk.analyses.nearest.spec import NearestSpec
from tltk.analyses.run_question import PARTS
from tltk.analyses.saliency import table as saliency_table
from tltk.analyses.saliency.result import SaliencyResult
from tltk.analyses.saliency.spec import GRADIENTS, METHODS, SaliencySpec
from tltk.analyses.sheets import captioned_tiles
from tltk.analyses.trained import TrainedRun
from tltk.dashboard import class_choice, confusion_view, depth, permitted, plan, words_view
from tltk.dashboard.asked import show_asked
from tltk.dashboard.words import plain, told_of
from tltk.errors import TltkError
from tltk.runs.run import Run
from tltk.specs.encoders import reads_text
from tltk.specs.knobs import Spec, knobs
from tltk.specs.nouns import PICTURES, TEXTS, noun_of
from tltk.specs.parts import NetSpec

QUESTIONS = ("Mistakes", "Confusion", "Where it looks", "Nearest", "Labels", "Copies")
LISTED = 500  # pictures of a list on the page
METHOD_NAMES = {"auto": "as suits the network", "grad_cam": "Grad-CAM", "attention_rollout": "attention rollout"}


def questions(trained: TrainedRun) -> tuple[str, ...]:
    """What can be asked of a training: where it learned without labels, nothing that needs its classes."""
    return QUESTIONS if trained.spec.labels != "none" else QUESTIONS[3:]


def show(trained: TrainedRun, question: str) -> None:
    """One question with its widgets, and the answer once a worker has it.

    Args:
        trained: The training.
        question: One of `QUESTIONS`.
    """
    try:
        spec, promise, tell = _ASKED[question](trained)
    except TltkError as fault:  # what was typed is no domain
        st.error(plain(fault))
        return
    try:
        permitted.check(spec)
        key = f"examine:{spec.kind}:{trained.run.id}"
        answer = depth.ask_with_button(spec, "Ask", "Looking.", key, promise)
        if answer is not None:
            tell(*answer)
    except TltkError as fault:
        st.error(plain(fault))
    show_asked(spec)


Asked = tuple[Spec, str, Callable[[Run, Any], None]]  # the question, what to expect of it, how its answer is told


def _where(trained: TrainedRun, kind: type[ErrorsSpec] | type[SaliencySpec]) -> tuple[str, str]:
    """The domain and the part that are chosen; "" = the training's own target."""
    own = [side.name for side in (trained.spec.target, trained.spec.source) if side is not None]
    left, right = st.columns(2)
    on = left.selectbox(
        f"{data.noun_learned(trained.spec).capitalize()} of",
        own,
        accept_new_options=True,
        key=f"examine:on:{trained.run.id}",
        help="A domain by name; type another one, such as folder:/home/me/pictures. Classes are matched by name.",
    )
    part = right.selectbox("Part", PARTS, help=knobs(kind)["part"].help, **plan.hold("examine:part", PARTS[0]))
    return "" if not on or on == own[0] else str(on), part


def _mistakes(trained: TrainedRun) -> Asked:
    on, part = _where(trained, ErrorsSpec)
    promise = told_of(
        trained.spec.target, "The pictures that it takes for another class, those first of which it is most sure."
    )

    def tell(run: Run, found: ErrorsResult) -> None:
        st.markdown(
            f"**{found.wrong:,} of {found.n:,}** {data.noun_learned(trained.spec)} are taken for another class, "
            f"{found.wrong / found.n:.1%}."
        )
        if found.mistakes:
            _list_mistakes(run, found)
        _remarks(found.remarks)

    return ErrorsSpec(trained.run.id, on, part), promise, tell


@st.fragment
def _list_mistakes(run: Run, found: ErrorsResult) -> None:
    """The most confident mistakes, of all classes or of those that are, or are taken for, the chosen one."""
    beside, _ = st.columns([1, 2])
    with beside:
        only = class_choice.menu(found.classes, f"mistakes:{found.run}")
    numbers = [
        i
        for i, one in enumerate(found.mistakes)
        if not only or only in (found.classes[one.label], found.classes[one.predicted])
    ]
    caption = "The most confident mistakes: number and class, and what each is taken for."
    if not only:
        _sheet(run, caption)
    elif not numbers:
        st.caption(f"None of the {len(found.mistakes):,} most confident mistakes is of {plain(only)} or taken for it.")
        return
    else:
        _some_of_sheet(run, f"{caption} Of these, {plain(only)} is or is named in {len(numbers):,}.", found, numbers)
    shown = [found.mistakes[i] for i in numbers]
    rows: dict[str, list[Any]] = {
        "picture": [one.name for one in shown],
        "is": [found.classes[one.label] for one in shown],
        "taken for": [found.classes[one.predicted] for one in shown],
        "probability": [one.probability for one in shown],
        "of its own class": [one.probability_label for one in shown],
    }
    _table(rows, errors_table.as_csv(found), f"mistakes-{found.run}.csv")


def _confusion(trained: TrainedRun) -> Asked:
    on, part = _where(trained, ErrorsSpec)
    other = confusion_view.against(trained)
    spec = ConfusionSpec(trained.run.id, on, part, other)
    promise = told_of(
        trained.spec.target,
        "Which classes are taken for which, with the pictures of each cell; beside another training, where they "
        "differ.",
    )

    def tell(run: Run, found: ConfusionResult) -> None:
        confusion_view.tell(run, found, trained, spec)

    return spec, promise, tell


def _maps(trained: TrainedRun) -> Asked:
    on, part = _where(trained, SaliencySpec)
    noun = noun_of(trained.spec.net.backbone)
    if noun != PICTURES:
        return _attributions(SaliencySpec(trained.run.id, on, part), noun)
    left, right = st.columns(2)
    methods = [name for name in METHODS if name != GRADIENTS]
    method = left.selectbox(
        "Method",
        methods,
        format_func=METHOD_NAMES.__getitem__,
        help=knobs(SaliencySpec)["method"].help,
        **plan.hold("examine:method", METHODS[0]),
    )
    layers = trained.result.layers[:-1]
    layer = right.selectbox(
        "Layer",
        ["", *(str(i) for i in range(len(layers)))],
        format_func=lambda at: f"{at} · {plain(layers[int(at)])}" if at else "the last with a map",
        key=f"examine:layer:{trained.run.id}",
        help=knobs(SaliencySpec)["layer"].help,
    )
    promise = "Maps of some pictures, and whether they depend on what was learned: random weights must give others."

    def tell(run: Run, found: SaliencyResult) -> None:
        _worth(found)
        title = f"{METHOD_NAMES[found.method]} at {found.layer_name}, {found.rows} × {found.columns} places"
        _sheet(run, f"{title[0].upper()}{title[1:]}: each picture, then its map.")
        _cascade(found, "The same maps")
        _remarks(found.remarks)

    return SaliencySpec(trained.run.id, on, part, method, layer), promise, tell


def _attributions(spec: SaliencySpec, noun: str) -> Asked:
    part = "words" if noun == TEXTS else "columns"
    promise = f"The {part} that its answer goes by, and whether that depends on what was learned: random weights must "
    promise += "give others."

    def tell(_run: Run, found: SaliencyResult) -> None:
        _worth(found)
        words_view.show(found)
        _table({}, saliency_table.as_csv(found), f"{part}-{found.run}.csv")
        _cascade(found, "The same")
        _remarks(found.remarks)

    return spec, promise, tell


def _worth(found: SaliencyResult) -> None:
    """Whether what is shown depends on what was learned."""
    box = {True: st.success, False: st.error, None: st.warning}[found.depends]
    box(plain(found.sentence))


def _cascade(found: SaliencyResult, what: str) -> None:
    """The sanity check, layer by layer."""
    if not found.check:
        return
    st.markdown(f"**{what} with random weights**, from the head down to each layer")
    rows: dict[str, list[Any]] = {
        "randomised from": [f"{one.layer} {one.name}" for one in found.check],
        "rank correlation": [one.correlation for one in found.check],
        "from": [one.lo for one in found.check],
        "to": [one.hi for one in found.check],
        "flat maps" if found.rows else "all the same": [one.flat for one in found.check],
    }
    st.dataframe(rows, hide_index=True, width="stretch", height=min(38 + 35 * len(found.check), 300))


def _nearest(trained: TrainedRun) -> Asked:
    on, part = _where(trained, ErrorsSpec)
    name = on or trained.spec.target.name
    data.parse(name)  # a domain, never a bare path: what a page may read is looked up by the name
    text = ""
    if reads_text(trained.spec.net.backbone):
        text = st.text_input(
            "Or a text of your own",
            placeholder="What a review might say",
            max_chars=2000,
            key=f"examine:text:{trained.run.id}",
            help="It alone is then asked about, instead of a domain.",
        ).strip()
    noun = data.noun_learned(trained.spec)
    promise = f"The training {noun} that it finds most like each, by what enters the head."

    def tell(run: Run, found: NearestResult) -> None:
        st.markdown(
            f"Among **{found.n:,}** training {noun}, by {found.distance} distance at {plain(found.layer_name)}."
        )
        listed = found.pictures[:LISTED]
        if noun_of(trained.spec.net.backbone) == PICTURES:
            _sheet(
                run, "Each row: a picture and what it is taken for, then the training pictures with class and distance."
            )
            nearest = listed
        else:  # words are read in a table: each neighbour of the first, then the nearest of all
            first = listed[0]
            st.markdown(f"Nearest to **{plain(first.name)}**")
            _neighbours(first)
            nearest = listed if len(listed) > 1 else []
        rows: dict[str, list[Any]] = {
            noun[:-1]: [one.name for one in nearest],
            "taken for": [one.predicted for one in nearest],
            "neighbours of it": [one.agree for one in nearest],
            "nearest": [one.neighbours[0].name for one in nearest],
            "its class": [one.neighbours[0].label for one in nearest],
            "distance": [one.neighbours[0].distance for one in nearest],
        }
        _table(rows if nearest else {}, nearest_table.as_csv(found), f"nearest-{found.run}.csv")
        _remarks(found.remarks)

    paths = () if text else (name,)
    return NearestSpec(trained.run.id, paths, text, part="all" if text else part), promise, tell


def _neighbours(one: Query) -> None:
    """The training texts or rows that are nearest to one, nearest first."""
    rows: dict[str, list[Any]] = {
        "nearest": [near.name for near in one.neighbours],
        "class": [near.label for near in one.neighbours],
        "distance": [near.distance for near in one.neighbours],
    }
    st.dataframe(rows, hide_index=True, width="stretch", height=38 + 35 * len(one.neighbours))
    if one.probability is not None:
        st.caption(plain(f"It is taken for {one.predicted}, with probability {one.probability:.3f}."))


def _labels(trained: TrainedRun) -> Asked:
    net = NetSpec(trained.spec.net.backbone, weights=trained.spec.net.weights)
    promise = told_of(
        trained.spec.target,
        "Labels of the target that are likely wrong, by a probe of what the training began with. Weights from scratch "
        "know little of pictures; those that were trained before tell more.",
    )

    def tell(run: Run, found: LabelNoiseResult) -> None:
        st.markdown(
            f"**{len(found.suspects):,} of {found.n:,}** labels are likely wrong; the estimated share is "
            f"{found.noise:.1%}. The probe names {found.accuracy:.1%} of the labels."
        )
        if found.suspects:
            _sheet(run, "The worst of them: number and label, and what each is likely of.")
            rows: dict[str, list[Any]] = {
                "picture": [one.name for one in found.suspects],
                "part": [one.part for one in found.suspects],
                "label": [found.classes[one.label] for one in found.suspects],
                "likely": [found.classes[one.likely] for one in found.suspects],
                "probability": [one.probability for one in found.suspects],
                "of its label": [one.probability_label for one in found.suspects],
            }
            _table(rows, noise_table.as_csv(found), "labels.csv")
        _remarks(found.remarks)

    return LabelNoiseSpec(trained.spec.target, net), promise, tell


def _copies(trained: TrainedRun) -> Asked:
    promise = told_of(
        trained.spec.target, "Pictures of the target that show the same, or nearly, in one part or in two."
    )

    def tell(run: Run, found: Any) -> None:
        st.markdown(
            f"**{found.total:,}** pairs of copies or near copies among {found.n:,} {data.noun_learned(trained.spec)}."
        )
        if found.pairs:
            _sheet(run, "The first pairs, side by side: number and label, part and kind.")
            rows: dict[str, list[Any]] = {
                "picture": [one.name for one in found.pairs],
                "label": [one.label for one in found.pairs],
                "copy": [one.other_name for one in found.pairs],
                "label of the copy": [one.other_label for one in found.pairs],
                "parts": [f"{one.part} – {one.other_part}" for one in found.pairs],
                "kind": [one.kind for one in found.pairs],
            }
            _table(rows, copies_table.as_csv(found), "copies.csv")
        _remarks(found.remarks)

    return DuplicatesSpec(trained.spec.target, seed=trained.spec.seed), promise, tell


_ASKED = dict(zip(QUESTIONS, (_mistakes, _confusion, _maps, _nearest, _labels, _copies), strict=True))


def _sheet(run: Run, caption: str) -> None:
    """The contact sheet of an answer; a sentence where it was deleted."""
    sheet = depth.sheet_of(run)
    if sheet is None:
        st.caption("The pictures of this answer were deleted; what is written here still holds.")
    else:
        st.image(sheet, plain(caption), alt=caption)


def _some_of_sheet(run: Run, caption: str, found: ErrorsResult, numbers: Sequence[int]) -> None:
    """Those mistakes of the contact sheet; nothing where it was deleted, for the table holds all that is known."""
    sheet = depth.sheet_of(run)
    if sheet is not None:
        tiles = captioned_tiles(sheet, len(found.mistakes), COLUMNS, numbers)
        names = [f"{found.classes[one.label]} taken for {found.classes[one.predicted]}" for one in found.mistakes]
        st.image(tiles, alt=[names[i] for i in numbers])
        st.caption(caption)


def _table(rows: dict[str, list[Any]], text: str, name: str) -> None:
    """A table, if there is one, and a button that hands it on."""
    if rows:
        n = len(next(iter(rows.values())))
        st.dataframe(rows, hide_index=True, width="stretch", height=min(38 + 35 * n, 400))
    st.download_button("Download as CSV", text.encode(), name, "text/csv", icon=":material/download:")


def _remarks(sentences: Sequence[str]) -> None:
    for sentence in sentences:
        st.caption(plain(sentence))
