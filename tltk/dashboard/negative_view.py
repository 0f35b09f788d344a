"""Does transfer hurt, where, and why: one comparison, the study of its causes, and the map of other sources.

Each section shows what is known, says in a sentence what it means, offers what would tell more as a button, and leads
to the page that shows it in depth. Nothing is computed or queued before a click.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from tltk.dashboard import chrome, permitted, plan, study_view, verdict_view
from tltk.dashboard.flips_view import show_flips
from tltk.dashboard.network import of_another_version
from tltk.dashboard.words import plain, target_of, told_of
from tltk.errors import RunProblem, TltkError
from tltk.jobs import executor
from tltk.runs import index
from tltk.runs.run import ACTIVE, Run
from tltk.specs.knobs import Spec
from tltk.specs.reading import result_class, with_absolute_paths
from tltk.studies.atlas.spec import AtlasSpec
from tltk.studies.causes import table as causes_table
from tltk.studies.causes.comparison import causes_of, comparison_of
from tltk.studies.causes.result import CauseResult, CausesResult
from tltk.studies.causes.spec import CausesSpec
from tltk.studies.compare import study as compare
from tltk.studies.compare.result import CompareResult
from tltk.studies.compare.spec import CompareSpec

KINDS = [CompareSpec.kind, CausesSpec.kind]
PLAN = ""  # in the menu, the plan in place of a run
BY_PLAN = "negative:plan"
LEVELS = {
    "likely": ":orange-badge[likely]",
    "possible": ":gray-badge[possible]",
    "not judged": ":gray-badge[not judged]",
    "unlikely": ":gray-badge[unlikely]",
}
ANSWERS = {
    "confirmed": ":material/check_circle: **Confirmed.**",
    "not confirmed": ":material/cancel: **Not confirmed.**",
    "cannot tell": ":material/help: **Cannot tell.**",
}


@dataclass(frozen=True)
class Question:
    """One transfer: the comparison that judges it, and the study that explains it.

    Attributes:
        compare: The comparison; None where the study holds the technique against something else than scratch.
        causes: The study of causes without counter-experiments; None where it cannot be asked.
        why: Why it cannot; "" = it can.
    """

    compare: CompareSpec | None
    causes: CausesSpec | None
    why: str = ""

    @property
    def spec(self) -> CompareSpec | CausesSpec:
        """What is asked first."""
        found = self.compare or self.causes
        assert found is not None  # one of them is always there
        return found


def choose() -> Question | None:
    """The menu of the plan, comparisons and studies of causes; None where a link asks for another run."""
    asked = plan.chosen_run() or ""
    found = chrome.menu(asked, kinds=KINDS)
    ids = list(found)
    place = next((name for name in ids if asked and name.startswith(asked)), None)
    if place is None and asked and plan.by_link():
        chrome.report_absent(asked, "Choose another below.")
    elif plan.flag(BY_PLAN):
        place = PLAN
    elif place is None:
        done = next((name for name in ids if found[name].state == "done"), PLAN)
        place = PLAN if _known(_of(plan.comparison())) else done
    options = [PLAN, *ids]
    chosen = st.selectbox(
        "Transfer",
        options,
        None if place is None else options.index(place),
        format_func=lambda name: chrome.title_of(found[name]) if name else f"The plan: {_in_words(plan.comparison())}",
        key=f"negative:run:{place}",
        placeholder="Choose a transfer",
        help="Your plan, or a comparison or a study of causes that was made here.",
    )
    if chosen is None:
        return None
    if chosen != place:
        plan.flag(BY_PLAN, chosen == PLAN)
        plan.choose_run(chosen or None)
        st.rerun()
    if chosen == PLAN:
        return _of(plan.comparison())
    if not plan.by_link():
        plan.choose_run(chosen)
    return _of(found[chosen].run.spec)


def _of(spec: Spec) -> Question:
    """The transfer that a comparison or a study of causes is about."""
    if isinstance(spec, CausesSpec):
        alone = dataclasses.replace(spec, counter=())
        return Question(comparison_of(alone), alone)
    assert isinstance(spec, CompareSpec)
    try:
        return Question(spec, causes_of(spec))
    except TltkError as fault:
        return Question(spec, None, str(fault))


def _in_words(spec: CompareSpec | CausesSpec) -> str:
    few = f", {spec.target.shots} labels per class" if spec.target.shots else ""
    source = spec.source.name if spec.source is not None else spec.net.weights
    return f"{chrome.short(source)} → {chrome.short(spec.target.name)}{few}"


def _known(question: Question) -> bool:
    """Whether anything is known of it here."""
    run = None if question.compare is None else _run(question.compare)
    return (run is not None and run.result() is not None) or bool(_studies(question.causes))


def _run(spec: Spec) -> Run:
    return Run.at(with_absolute_paths(spec).run_id)


def _studies(wanted: CausesSpec | None) -> list[Run]:
    """The studies of these causes, newest first, with whatever counter-experiments."""
    if wanted is None:
        return []
    asked = with_absolute_paths(wanted)
    entries = chrome.own(index.find(kinds=[CausesSpec.kind], target=wanted.target.name, specs=True))
    return [
        one.run
        for one in entries
        if isinstance(one.spec, CausesSpec) and dataclasses.replace(one.spec, counter=()) == asked
    ]


def _read(run: Run, key: str) -> Any:
    """What a study found; None where it has not, or wrote it in another version, which is told."""
    try:
        return run.read(result_class(type(run.spec)))
    except RunProblem as fault:
        of_another_version(run.spec, fault, f"{key}:{run.id}")
        return None


def start(spec: Spec, label: str, key: str, main: bool = False) -> None:
    """A button that queues a study; a refusal is told beside it.

    Args:
        spec: The study.
        label: Of the button.
        key: Of the widget.
        main: Whether it is the next step of the page.
    """
    kind = "primary" if main else "secondary"
    if st.button(label, key=key, type=kind, icon=":material/play_arrow:"):  # type: ignore[arg-type]
        try:
            permitted.submit(spec)
        except TltkError as fault:
            st.error(plain(fault))
            return
        st.rerun()


# -- whether it hurts, and where ------------------------------------------------------------------------------


def show_verdict(question: Question) -> None:
    """Whether transfer hurts, class by class, and on which pictures; a button where that was not asked yet."""
    st.subheader("Does it hurt?", anchor=False)
    if question.compare is None:
        st.markdown("This study holds its technique against another one than scratch, so there is no comparison of it.")
        _verdict_of_causes(question)
        return
    run = _run(question.compare)
    exists = (run.path / "spec.json").exists()
    if exists and verdict_view.state_line(run) in ACTIVE:
        verdict_view.live_arms(run, "negative")
        chrome.stop_button(run, executor().state(run.id), "negative")
        return
    found = _read(run, "negative:verdict") if exists else None
    if found is None:
        _verdict_of_causes(question)
        _offer_comparison(question.compare)
        return
    _verdict(run, found)
    _flips(run, found)


def _offer_comparison(spec: CompareSpec) -> None:
    with st.container(border=True):
        st.markdown(
            "**Compare first.** The same network is trained twice with the same budget: from scratch, and from what "
            "it learned on the source. Negative transfer means that the second is worse."
        )
        try:
            count = compare.n_trainings(spec)
            compare.examples(spec)
        except TltkError as fault:
            st.caption(plain(fault))
            chrome.go("design", "Change the plan on Design")
            return
        start(spec, f"Compare: {count} trainings", "negative:compare", main=True)


def _verdict(run: Run, found: CompareResult) -> None:
    verdict = found.verdict
    left, right = st.columns([2, 3])
    with left, st.container(border=True, height="stretch"):
        verdict_view.say(verdict)
        verdict_view.gap_figures(verdict.gap, verdict.lo, verdict.hi, verdict.level)
        _cautions(verdict.remarks)
        chrome.go_to_run("curves", "Curves of both arms", run, f"negative:curves:{run.id}")
    with right, st.container(border=True, height="stretch"):
        lost, won = (sum(one.label == label for one in verdict.per_class) for label in ("hurts", "helps"))
        st.markdown("**Which classes lose?**")
        st.markdown(
            f"{lost} of {len(verdict.per_class)} classes lose{'s' if lost == 1 else ''} and {won} "
            f"gain{'s' if won == 1 else ''}. Where the line crosses 0, it cannot be told."
        )
        verdict_view.show_classes(verdict, f"negative:classes:{run.id}")


def _flips(run: Run, found: CompareResult) -> None:
    target = target_of(run.spec)
    st.subheader(told_of(target, "Which pictures does it cost?"), anchor=False)
    with st.container(border=True):
        if found.flips is None or not isinstance(run.spec, CompareSpec):
            st.caption(
                told_of(target, "This comparison was made before pictures that flip were kept. Train it again on Runs.")
            )
            return
        show_flips(run.spec.target, found.flips, f"negative:flips:{run.id}")
        st.caption(
            told_of(
                target,
                "A mean hides them: a network may win some pictures and lose others. Those that it loses show how.",
            )
        )
        chrome.go("examine", "Examine one network's mistakes")


def _verdict_of_causes(question: Question) -> None:
    """The gap that a study of causes has measured, where there is no comparison."""
    found = next((f for run in _studies(question.causes) if (f := _read(run, "negative:gap")) is not None), None)
    if found is not None:
        with st.container(border=True):
            st.markdown(f"### {verdict_view.LOOKS[found.label]}")
            verdict_view.gap_figures(found.gap, found.lo, found.hi)


# -- why ------------------------------------------------------------------------------------------------------


def show_causes(question: Question) -> None:
    """Causes, the likeliest first, each with its evidence and a button for what would settle it."""
    st.subheader("Why?", anchor=False)
    if question.causes is None:
        st.caption(plain(question.why))
        return
    runs = _studies(question.causes)
    if runs and executor().state(runs[0].id) != "done":
        state = verdict_view.state_line(runs[0])
        if state in ACTIVE:
            study_view.live(runs[0], "negative")
            chrome.stop_button(runs[0], state, "negative:why")
    done = next(((run, f) for run in runs if (f := _read(run, "negative:why")) is not None), None)
    if done is not None:
        _causes(*done)
    elif not runs:
        _offer_causes(question.causes)


def _offer_causes(spec: CausesSpec) -> None:
    with st.container(border=True):
        st.markdown(
            "**Look for causes.** Each known cause of negative transfer, such as wrong labels, a shortcut or too "
            "large a shift, is held against measurements. What is likely can then be tested by taking it away."
        )
        count = study_view.n_trainings(spec)
        start(spec, f"Look for causes: {count} trainings at most", "negative:causes")
        st.caption("Trainings that the comparison has done are not done again.")


def _causes(run: Run, found: CausesResult) -> None:
    counters = _counters(run)
    left, right = st.columns(2)
    with left, st.container(border=True, height="stretch"):
        st.markdown(plain(found.sentence))
        st.markdown(
            "A cause is *likely* where an interval or a test shows it. That is no proof: its **counter-experiment** "
            "trains again without it. If the gap grows, it was a cause."
        )
        _cautions(found.remarks)
        chrome.go_to_run("studies", "The study with all its figures", run, f"negative:study:{run.id}")
    with right, st.container(border=True, height="stretch"):
        study_view.show_charts(run, found, "negative:causes")
    known = [(one, counters.get(one.name), f"negative:cause:{i}:{run.id}") for i, one in enumerate(found.causes)]
    first = [each for each in known if each[0].level in ("likely", "possible") or each[0].outcome is not None]
    for pair in zip(first[::2], [*first[1::2], None], strict=False):
        for column, each in zip(st.columns(2), pair, strict=True):
            if each is not None:
                with column:
                    _cause(*each)
    rest = [each for each in known if each not in first]
    if rest:
        with st.expander(f"Unlikely, or not to be judged here ({len(rest)})"):
            for one, _, _ in rest:
                level = LEVELS.get(one.level, "")
                st.markdown(f"**{plain(causes_table.title(one))}** {level} {plain(one.reason)}")


def _cautions(remarks: Sequence[str]) -> None:
    if remarks:
        with st.expander(f"Cautions ({len(remarks)})"):
            st.markdown("\n".join(f"- {plain(remark)}" for remark in remarks))


def _counters(run: Run) -> dict[str, CausesSpec]:
    """Cause → the study that goes on with its counter-experiment."""
    before = set(run.spec.counter) if isinstance(run.spec, CausesSpec) else set()
    found = [spec for _, spec in study_view.follow_ups(run) if isinstance(spec, CausesSpec)]
    return {name: spec for spec in found for name in set(spec.counter) - before}


def _cause(one: CauseResult, counter: CausesSpec | None, key: str) -> None:
    """A cause on a card: how sure, what was measured, and what came of taking it away or the button for it."""
    name = plain(causes_table.title(one))
    with st.container(border=True, height="stretch"):
        share = f" at least {100 * one.score:.0f}% of the loss" if one.level == "likely" else ""
        st.markdown(f"**{name}** {LEVELS.get(one.level, '')}{share}")
        st.markdown(plain(one.reason))
        if one.behind:
            names = ", ".join(causes_table.title_of(other) for other in one.behind)
            st.caption(plain(f"It may be brought about by: {names}."))
        if one.outcome is not None:
            sentence = one.outcome.sentence.removeprefix(f"{one.outcome.answer.capitalize()}: ")
            st.markdown(f"{ANSWERS.get(one.outcome.answer, '')} {plain(sentence[:1].upper() + sentence[1:])}")
        elif counter is not None:
            st.markdown(f"To settle it: {plain(one.counter)}.")
            start(counter, f"Test “{name}”", key)


# -- other sources --------------------------------------------------------------------------------------------


def show_atlas(question: Question) -> None:
    """The newest atlas with this target, or any; and how to ask for one."""
    st.subheader("Would another source do better?", anchor=False)
    spec = question.spec
    names = [side.name for side in (spec.source, spec.target) if side is not None]
    done = [run.run for run in chrome.menu(kinds=[AtlasSpec.kind], states={"done"}).values()]
    best = sorted(done, key=lambda run: -sum(name in _domains(run) for name in names))
    with st.container(border=True):
        st.markdown(
            "An **atlas** trains from every domain on every other one and maps which pairs help and which hurt."
        )
        if not best:
            _offer_atlas(names)
            return
        run = best[0]
        found = _read(run, "negative:atlas")
        if found is None:
            return
        missing = [name for name in names if name not in _domains(run)]
        st.markdown(plain(found.sentence))
        if missing:
            st.caption(plain(f"This atlas is of other domains; it lacks {', '.join(missing)}."))
            _offer_atlas(names)
        study_view.show_charts(run, found, "negative:atlas")
        chrome.go_to_run("studies", "The atlas with all its figures", run, f"negative:atlas:{run.id}")


def _domains(run: Run) -> tuple[str, ...]:
    return run.spec.domains if isinstance(run.spec, AtlasSpec) else ()


def _offer_atlas(names: list[str]) -> None:
    """A link to the study with the domains of this transfer chosen; three are needed."""
    if st.button("Ask for an atlas with these domains", key="negative:atlas", icon=":material/map:"):
        plan.keep("studies:kind", AtlasSpec.kind)
        plan.keep("atlas:domains", list(dict.fromkeys([*names, *AtlasSpec().domains]))[: max(3, len(names))])
        plan.choose_run(None)
        chrome.open_page("studies")


def list_specs(question: Question) -> list[Spec]:
    """What the page shows as questions, for the shell and for Python."""
    return [spec for spec in (question.compare, question.causes) if spec is not None]
