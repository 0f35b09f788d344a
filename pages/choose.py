"""Choose: which network will transfer best, scored before any is trained, and how good such scores have been."""

import streamlit as st

from tltk.analyses.advise.result import AdviseResult, SuggestionResult
from tltk.analyses.advise.spec import AdviseSpec
from tltk.analyses.rank.agreement import with_agreement
from tltk.analyses.rank.result import Agreement, JudgedRanking, TrainedCandidate
from tltk.analyses.rank.spec import RankSpec
from tltk.analyses.rank.table import place_in_words
from tltk.dashboard import chrome, depth, plan, weight_titles
from tltk.dashboard.asked import show_asked, show_formulas
from tltk.dashboard.words import plain
from tltk.transferability import scores
from tltk.weights import store

PICTURES = (100, 200, 500, 1000, 2000)
MORE = "Labelled pictures of the target that scores are computed on. More of them: narrower intervals, and longer."
USUAL = ("test_resnet@scratch", "resnet10t@scratch", "mobilenetv2_035@scratch")
MEANING = {
    "logme": "LogME: evidence for the labels under the best Bayesian linear model of the features (You et al. 2021).",
    "hscore": "H-score, regularised: variance between classes relative to all variance (Bao 2019, Ibrahim 2022).",
    "nleep": "N-LEEP: how well clusters of features predict the labels (Li et al. 2021).",
    "transrate": "TransRate: how much features at one scale tell about the labels, as a coding rate (Huang 2022).",
    "gbc": "GBC: how little the classes overlap as Gaussians, with features scaled to one size (Pándy et al. 2022).",
    "knn": "kNN: share of pictures whose nearest neighbour has the same label.",
    "leep": "LEEP: how well the source classifier's predictions predict the labels (Nguyen et al. 2020).",
    "nce": "NCE: negative entropy of the labels, given the source classifier's predicted class (Tran et al. 2019).",
    "probe": "Probe: accuracy of a linear classifier, cross-validated.",
}


def candidates() -> tuple[str, ...]:
    """The networks to rank: the plan's, what is on this machine, some of timm's; any other can be typed."""
    now = plan.plan()
    known = [f"{one.backbone}@{one.weights}" for one in store.local_sources(most=chrome.MENU) if one.weights]
    names = list(dict.fromkeys([f"{now.net.backbone}@{now.net.weights}", *known, *USUAL]))
    held = plan.flag("choose:candidates") or []
    names += [n for n in held if n not in names]
    title = weight_titles.titles(names)
    chosen = st.multiselect(
        "Candidates",
        names,
        held or names[:6],
        format_func=lambda name: title.get(name, name),
        accept_new_options=True,
        key=f"choose:names:{len(names)}",
        help="A candidate is a network with the weights that it starts from. Type one that is not in the menu as "
        "BACKBONE@WEIGHTS, where weights are scratch, store:NAME, run:ID, file:PATH or hub:TAG.",
    )
    plan.flag("choose:candidates", chosen)
    return tuple(chosen)


def cards(found: JudgedRanking) -> None:
    """The first three, in plain words; which of them comes first only where that can be told."""
    if found.order:
        st.markdown(plain(found.order))
    for column, number, row in zip(st.columns(3), range(3), found.rows, strict=False):
        with column, st.container(border=True):
            st.markdown(f"**{in_words(row, found, number)}: {plain(row.backbone)}**")
            st.caption(plain(weight_titles.in_words(row.weights)))
            st.markdown(" ".join(about(row, found)) or plain(next(iter(row.why.values()), "")))


def about(row: TrainedCandidate, found: JudgedRanking) -> list[str]:
    """What is known of a candidate, in sentences."""
    words = []
    if "probe" in row.scores:
        idle = found.majority  # answers of before have none
        than = "" if idle is None else f"; always naming the most frequent class, {idle:.0%}"
        words.append(f"A linear classifier on its features gets {row.scores['probe']:.0%} right{than}.")
    if row.parameters and row.width:
        words.append(f"{row.parameters / 1e6:.1f} million parameters, {row.width} features.")
    if row.trained is not None:
        runs = f"{row.trained_runs} run{'' if row.trained_runs == 1 else 's'}"
        words.append(f"You have trained it here: {row.trained:.1%} on the test pictures, mean of {runs}.")
    return words


def in_words(row: TrainedCandidate, found: JudgedRanking, number: int) -> str:
    """The place of a card: a name for one that is told, else the places that it may have.

    Args:
        row: The candidate, with the places that its interval allows under each score.
        found: The ranking, of which `by` is the score that decides.
        number: Position of the card, from 0.
    """
    names = ("Looks best", "Second", "Third")
    place = place_in_words(row.places.get(found.by))
    if not place:
        return names[number]
    return names[int(place) - 1] if place in ("1", "2", "3") else f"Place {place}"


def spans(found: JudgedRanking, names: list[str]) -> None:
    """Interval and places of every score."""
    with st.expander("Intervals and places"):
        st.dataframe(
            [
                {"Network": row.backbone, "Weights": weight_titles.in_words(row.weights)}
                | {
                    name: f"{ends[0]:.3g} … {ends[1]:.3g}, place {place_in_words(row.places.get(name))}"
                    if (ends := row.interval.get(name))
                    else row.notes.get(name, "")
                    for name in names
                }
                for row in found.rows
            ],
            hide_index=True,
            width="stretch",
        )
        st.caption(
            f"95% intervals, from leaving out tenths of the {found.n:,} pictures (jackknife), {found.fewest} of "
            "the smallest class. Networks whose difference is within sampling error share their places."
        )
        for note in dict.fromkeys(note for row in found.rows for note in row.notes.values()):
            st.caption(note)


def table(found: JudgedRanking) -> None:
    """Every candidate and score."""
    names = [n for n in found.marks if any(n in row.scores for row in found.rows)]
    trained = any(row.trained is not None for row in found.rows)
    st.dataframe(
        [
            ({"Place": place} if (place := place_in_words(row.places.get(found.by))) else {})
            | {"Network": row.backbone, "Weights": weight_titles.in_words(row.weights)}
            | {n: row.scores.get(n) for n in names}
            | ({"Test accuracy, trained": row.trained} if trained else {})
            for row in found.rows
        ],
        hide_index=True,
        width="stretch",
        column_config={n: st.column_config.NumberColumn(n, help=MEANING.get(n), format="%.3f") for n in names},
    )
    left_out = {n: row.why[n] for row in found.rows for n in found.marks if n not in names and n in row.why}
    for name, why in left_out.items():
        st.caption(f"{name} is left out: {plain(why)}")
    if found.fewest is not None:
        spans(found, names)


def agreement(found: JudgedRanking) -> None:
    """How well each score agrees with what the user has trained."""
    st.caption(found.trained_is)
    st.markdown("**How good these scores are here**, against your own finished runs")
    judged = {name: mark for name, mark in found.marks.items() if isinstance(mark, Agreement)}
    if not judged:
        st.caption(plain(next(iter(found.marks.values()), "")))
        return
    st.dataframe(
        [
            {
                "Score": name,
                "Weighted τ": f"{mark.tau:.2f}",
                "95% interval": f"{mark.lo:.2f} … {mark.hi:.2f}",
                "p": f"{mark.p:.2g}",
                "Regret": f"{mark.regret:.1f} points",
                "Trained candidates": mark.n,
            }
            for name, mark in judged.items()
        ],
        hide_index=True,
    )
    st.caption(
        "Weighted τ: rank correlation of the score with the accuracy, in which the top counts most; 1 = the same "
        "order. Regret: points of accuracy lost by taking the score's first choice instead of the best that you "
        "trained. p: the probability of so large a τ if the scores were assigned at random."
    )


def advice(chosen: tuple[str, ...], pictures: int) -> AdviseSpec | None:
    """How to use the best of them: technique, boundary and network, why, and how often such advice was right."""
    st.subheader("How to use it", anchor=False)
    trained = tuple(name for name in chosen if not name.endswith("@scratch"))
    if not trained:
        st.caption("Advice is on how to use weights: add a candidate that has some, such as a run or one of the store.")
        return None
    now = plan.plan()
    left, right = st.columns(2)
    minutes = left.number_input(
        "Minutes that a training may take", 0.0, value=None, placeholder="no limit", key="choose:minutes"
    )
    latency = right.number_input(
        "Milliseconds that a picture may take", 0.0, value=None, placeholder="no limit", key="choose:ms"
    )
    spec = AdviseSpec(
        target=now.target,
        source=now.source,
        candidates=trained,
        pictures=pictures,
        minutes=minutes or 0.0,
        latency=latency or 0.0,
        epochs=now.optim.epochs,
    )
    answer = depth.ask_with_button(
        spec,
        "Ask for advice",
        "Probing the layers.",
        "choose:advise",
        "Labels per class and probes of every layer decide, by the field's rules of thumb. Nothing is trained.",
    )
    if answer is not None:
        show_advice(answer[1])
    return spec


def show_advice(found: AdviseResult) -> None:
    """The advice in a sentence, what else may be tried, what it rests on, and its record."""
    first, *others = found.suggestions
    with st.container(border=True):
        st.markdown(_in_short(first))
        st.markdown(f"Why: {plain(first.why)}")
        st.markdown(f"What would change this advice: {plain(first.change)}")
        st.caption(plain(found.record))
    if others:
        st.markdown("Next to be tried:")
        st.markdown("\n".join(f"- {_in_short(one)}. {plain(one.why)} {plain(one.change)}" for one in others))
    with st.expander("What this rests on"):
        st.caption(plain(found.sentence))
        st.dataframe(
            [
                {
                    "Layer": one.layer,
                    "Probe": f"{one.accuracy:.1%}",
                    "Random weights": f"{one.random:.1%}",
                    "95% interval of the difference": f"{one.lo:.1%} … {one.hi:.1%}",
                }
                for one in found.probes
            ],
            hide_index=True,
            width="stretch",
        )
        if found.distance is not None and found.p is not None:
            st.caption(f"MMD² of source and target in what enters the head: {found.distance:.4f}, p = {found.p:.3f}.")
        for one in found.networks:
            if one.why:
                st.caption(plain(f"{one.backbone} ({weight_titles.in_words(one.weights)}) was left out: {one.why}"))


def _in_short(one: SuggestionResult) -> str:
    """A suggestion in Markdown: technique, boundary, network, and how long a training takes where that is known."""
    minutes = "" if one.minutes is None else f", about {max(one.minutes, 0.1):.1f} minutes a training"
    network = f"**{plain(one.backbone)}** ({plain(weight_titles.in_words(one.weights))})"
    return f"**{plain(one.technique)}** at boundary {one.boundary} of {network}{minutes}"


LEAD = "Which network will transfer best to your pictures? Scores estimate it before training; your runs test them."

with chrome.page("Choose", LEAD):
    plan.chosen_run()
    now = plan.plan()
    with st.container(border=True):
        st.caption(f"Target: {plain(chrome.short(now.target.name))}, as on the Design page.")
        chosen = candidates()
        count = st.select_slider("Pictures", PICTURES, 500, key="choose:pictures", help=MORE)
    if not chosen:
        st.info("Choose some candidates to rank.")
    else:
        spec = RankSpec(target=now.target, candidates=chosen, pictures=count)
        answer = depth.ask_with_button(
            spec,
            "Rank them",
            "Scoring the candidates.",
            "choose:rank",
            "One forward pass for each network; nothing is trained.",
        )
        if answer is not None:
            found = with_agreement(answer[1], spec)
            cards(found)
            table(found)
            agreement(found)
        advised = advice(chosen, count)
        with st.expander("What the scores mean"):
            st.markdown("\n".join(f"- {text}" for text in MEANING.values()))
        show_formulas("The scores and their formulas", (scores, list(MEANING)))
        show_asked(spec, *([] if advised is None else [advised]))
