"""What the pages know of the plan's network and pictures: answers of a worker, asked once and kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import streamlit as st

from tltk import data
from tltk.cost import Sizes, estimates
from tltk.dashboard import plan
from tltk.dashboard.freeze_handle import Cost
from tltk.errors import TltkError
from tltk.jobs import Local
from tltk.results import Layer
from tltk.runs import ACTIVE, Run
from tltk.spec import AnySpec, DataSpec, DescribeSpec, LookSpec, located


@dataclass(frozen=True)
class Described:
    """A network's layers at the planned picture size, and its speed on this machine."""

    layers: tuple[Layer, ...]
    width: int
    seconds_per_gflop: float | None  # None: its FLOPs cannot be counted


def answer(spec: AnySpec, waiting: str) -> dict[str, Any] | None:
    """The answer to a question; None while a worker looks for it, or when it cannot."""
    local = Local()
    run = Run.at(located(spec).run_id)
    found = run.result()
    if found is not None:
        return found
    if run.status.state == "failed":
        st.error(run.status.message)
        if st.button("Ask again", key=f"again:{run.id}"):
            local.submit(spec, again=True)
            st.rerun()
        return None
    wait(local.submit(spec).id, waiting)
    return None


@st.fragment(run_every=0.5)
def wait(run_id: str, text: str) -> None:
    """A quiet line until the worker has answered; then the page runs again."""
    if Local().state(run_id) in ACTIVE:
        st.info(Run.at(run_id).status.message or text)
    else:
        st.rerun()


def described() -> Described | None:
    """The planned network's layers; None while a worker reads them."""
    now = plan.plan()
    seen = looked(now.target, ask=False)
    spec = DescribeSpec(
        backbone=now.net.backbone, size=now.target.size, channels=seen["channels"] if seen else 3
    )
    found = answer(spec, f"A worker builds {spec.backbone} and measures its layers: a few seconds, once.")
    if found is None:
        return None
    layers = tuple(Layer(**{**layer, "shape": tuple(layer["shape"])}) for layer in found["layers"])
    return Described(layers, found["width"], found["seconds_per_gflop"])


def looked(spec: DataSpec, ask: bool = True) -> dict[str, Any] | None:
    """What is in a domain; None while a worker reads the pictures, or while the name is not whole yet."""
    try:
        data.parse(spec.name)
    except TltkError as fault:
        if ask:
            st.caption(f":orange[{fault}]")
        return None
    question = LookSpec(spec)
    return answer(question, "A worker reads the pictures, once.") if ask else Run.at(located(question).run_id).result()


def in_words(found: dict[str, Any]) -> str:
    """A domain in a line: how many of what, divided how, and what was left out."""
    text = (
        f"{found['n']:,} pictures of {len(found['classes'])} classes: {found['train']:,} to learn from, "
        f"{found['val']:,} for validation, {found['test']:,} for the test. Licence: {found['licence']}."
    )
    if found["skipped"]:
        name, reason = found["skipped"][0]
        text += f" {len(found['skipped'])} left out, the first is {name}: {reason}."
    return text


def cost_of(found: Described, seen: dict[str, Any]) -> Cost:
    """What the plan as it stands would cost at each boundary."""
    now = plan.plan()
    classes, pixels = len(seen["classes"]), seen["channels"] * now.target.size**2
    sizes = Sizes(seen["train"], seen["val"], seen["test"], classes, pixels)
    images = max(now.optim.epoch_images, sizes.train)
    return {
        "epochs": now.optim.epochs,
        "steps": now.optim.epochs * -(-images // now.optim.batch_size),
        "head_parameters": (found.width + 1) * classes,
        "estimates": estimates(found.layers, found.width, now, sizes, found.seconds_per_gflop),
    }
