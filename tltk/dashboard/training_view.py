"""One training on the screen: its figures, the audit of its frozen layers, rates and distances by layer."""

from __future__ import annotations

from collections import defaultdict

import streamlit as st

from tltk.dashboard.network import of_another_version
from tltk.dashboard.plot import plot
from tltk.dashboard.words import plain, target_of, told_of
from tltk.errors import RunProblem
from tltk.plots.confusion import MOST_CLASSES, confusion
from tltk.plots.phases import by_layer, plan
from tltk.results.rows import Row
from tltk.results.training import TrainingResult
from tltk.results.words import adaptation_in_words, outcome_in_words, tasks_in_words
from tltk.runs.run import Run
from tltk.specs.training import TransferSpec
from tltk.strategies.phase import Phase

NEWEST = 1 << 20  # bytes
HELP = {"GFLOPs spent": "Floating-point operations of this training, in 10⁹."}


def read_result(run: Run) -> TrainingResult | None:
    """What the training found; None while it trains, and where it cannot be read, which `of_earlier_version` tells."""
    try:
        return run.read(TrainingResult)
    except RunProblem:
        return None


def of_earlier_version(run: Run) -> None:
    """Where the result is one that this version cannot read, its sentence, and a button that trains it once more."""
    try:
        run.read(TrainingResult)
    except RunProblem as fault:
        of_another_version(run.spec, fault, f"train:{run.id}")


def _latest(rows: list[Row], name: str, split: str) -> float | None:
    return next((r.value for r in reversed(rows) if r.name == name and r.split == split and r.layer is None), None)


def numbers(run: Run, live: bool) -> None:
    """The figures that one looks for first; while it trains, they follow it."""
    (_live_numbers if live else _numbers)(run)


@st.fragment(run_every=1.0)
def _live_numbers(run: Run) -> None:
    _numbers(run)


def _newest(run: Run) -> list[Row]:
    """The rows at the end of the file, which hold the newest of every kind, however long the run."""
    try:
        size = (run.path / "rows.jsonl").stat().st_size
    except OSError:
        return []
    return run.rows(max(size - NEWEST, 0))[0]  # a first line that is cut is no row, and left out


def _numbers(run: Run) -> None:
    rows, status = _newest(run), run.status
    figures = {
        "Validation accuracy": _share(_latest(rows, "accuracy", "val")),
        "Test accuracy": _share(_latest(rows, "accuracy", "test")),
    }
    if without_labels(run):  # its head is not trained
        figures = {
            "Validation loss": _number(_latest(rows, "loss", "val")),
            "Test loss": _number(_latest(rows, "loss", "test")),
        }
    shown = {
        "Epoch": f"{status.epoch} of {status.epochs}" if status.epochs else "–",
        **figures,
        told_of(target_of(run.spec), "Pictures per second"): _count(_latest(rows, "images_per_second", "net")),
        "GFLOPs spent": _count(_latest(rows, "gflops", "net")),
        "Memory": _megabytes(_latest(rows, "memory", "net")),
        "Device": status.device or "–",
    }
    for column, (name, value) in zip(st.columns(len(shown), vertical_alignment="bottom"), shown.items(), strict=True):
        column.metric(name, value, help=HELP.get(name))
    result = read_result(run)
    if result is None:
        return
    if result.accuracy_lo is not None or result.self_taught is not None:
        half = " Computed in bfloat16." if result.precision == "bfloat16" else ""
        st.caption(f"{outcome_in_words(result)}{half}")
    fitting = [] if result.fitting is None else [result.fitting.sentence]
    for sentence in (*fitting, *adaptation_in_words(result), *tasks_in_words(result)):
        st.caption(plain(sentence))
    for sentence in result.cautions:
        st.warning(plain(sentence))


def without_labels(run: Run) -> bool:
    """Whether the training learns from nobody's labels, so that there is no accuracy to show."""
    return isinstance(run.spec, TransferSpec) and run.spec.labels == "none"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"


def _share(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f}%"


def _count(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f}"


def _megabytes(value: float | None) -> str:
    return "–" if value is None else f"{value / 1e6:,.0f} MB"


@st.fragment(run_every=2.0)
def _live_strip(path_of: Run) -> None:
    _strip(path_of)


def audit_strip(run: Run, live: bool) -> None:
    """The proof: after each epoch every frozen tensor is compared with its first value, bit for bit."""
    (_live_strip if live else _strip)(run)


def _strip(run: Run) -> None:
    rows, _ = run.rows()
    moved = [r for r in rows if r.name == "frozen_moved"]
    boundary = _latest(rows, "boundary", "net")
    if not moved or boundary is None:
        st.caption("The audit of frozen layers begins with the first epoch.")
        return
    result = read_result(run)
    tensors = "every frozen tensor" if result is None else f"{result.frozen_tensors} tensors"
    if any(r.value for r in moved):
        st.error("Audit: a frozen layer moved. This is a bug in tltk; please report it with this run's folder.")
    elif boundary == 0:
        st.info("Audit: nothing is frozen in this phase, so there is nothing to prove.")
    else:
        st.success(
            f"Audit: layers 0 … {int(boundary) - 1} are frozen. After each of {len(moved)} epochs {tensors} (weights "
            f"and running statistics) were bit for bit what they had been at the start."
        )


def term_rows(run: Run) -> list[str]:
    """Names of the rows that terms wrote while training, such as `term.dann.accuracy`, in their order."""
    return list(dict.fromkeys(r.name for r in run.rows()[0] if r.split == "train" and r.name.startswith("term.")))


def swap_chart(run: Run) -> None:
    """Which classes of the test pictures are taken for which."""
    result = read_result(run)
    if result is None or not result.predictions or not 1 < len(result.classes) <= MOST_CLASSES:
        return
    with st.expander("Which classes are taken for which"):
        plot(
            confusion(result.labels, result.predictions, result.classes),
            key=f"confusion:{run.id}",
            height=min(160 + 26 * len(result.classes), 900),
            alt=told_of(
                target_of(run.spec),
                "Share of the test pictures of each class, by row, that is named as each class, by column.",
            ),
        )


def layer_charts(run: Run) -> None:
    """How far each layer moved, and the plan of rates that it followed."""
    rows, _ = run.rows()
    result = read_result(run)
    by_epoch: dict[int, dict[int, float]] = defaultdict(dict)
    for row in rows:
        if row.name == "change" and row.layer is not None:
            by_epoch[row.epoch][row.layer] = row.value
    if not by_epoch:
        return
    depth = max(by_epoch[max(by_epoch)])
    names = result.layers if result is not None else [*(f"layer {i}" for i in range(depth)), "head"]
    epochs = sorted(by_epoch)
    picked = sorted({epochs[0], epochs[len(epochs) // 2], epochs[-1]})
    moves = {f"epoch {e}": [by_epoch[e].get(i, 0.0) for i in range(depth + 1)] for e in picked}
    left, right = st.columns(2)
    with left:
        st.markdown("**How far each layer moved**: distance ‖w − w₀‖ of its weights from the first ones")
        plot(
            by_layer(moves, names, "‖w − w₀‖"),
            key=f"moves:{run.id}",
            height=340,
            alt="Distance of each layer's weights from where they started, at three epochs.",
        )
    with right:
        st.markdown("**Learning rates by layer and epoch**, before the schedule")
        if result is not None and result.phases:
            spec = run.spec
            lr = spec.optim.lr if isinstance(spec, TransferSpec) else 1.0
            plot(
                plan([Phase(tuple(p.lr_scale), p.epochs, p.restarts) for p in result.phases], names, lr),
                key=f"phases:{run.id}",
                height=340,
                alt="Learning rate of each layer in each epoch before the schedule; pale layers are frozen.",
            )
        else:
            rates = {r.layer: r.value for r in rows if r.name == "lr" and r.layer is not None}
            plot(
                by_layer({"now": [rates.get(i, 0.0) for i in range(depth + 1)]}, names, "Learning rate"),
                key=f"rates:{run.id}",
                height=340,
                alt="Learning rate of each layer in the last epoch.",
            )
