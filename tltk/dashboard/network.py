"""What the pages know of the planned network: its layers, as a worker described them, and what a cut costs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import streamlit as st

from tltk.dashboard import plan
from tltk.dashboard.freeze_handle import Cost
from tltk.jobs import Local
from tltk.results import Layer
from tltk.spec import DescribeSpec


@dataclass(frozen=True)
class Described:
    """A network's layers at the planned picture size, and its speed on this machine."""

    layers: tuple[Layer, ...]
    width: int
    seconds_per_gflop: float


def described(quiet: bool = False) -> Described | None:
    """The planned network's layers; None while a worker reads them, which is said unless `quiet`."""
    now = plan.plan()
    spec = DescribeSpec(backbone=now.net.backbone, size=now.target.size)
    local = Local()
    run = local.submit(spec) if not quiet else None
    found = run.result() if run else _kept(spec)
    if found is not None:
        layers = tuple(Layer(**{**layer, "shape": tuple(layer["shape"])}) for layer in found["layers"])
        return Described(layers, found["width"], found["seconds_per_gflop"])
    if run is not None:
        if local.state(run.id) in ("failed", "stopped"):
            st.error(run.status.message or "The worker stopped before it had read the network.")
        else:
            _wait(run.id, now.net.backbone)
    return None


def _kept(spec: DescribeSpec) -> dict[str, Any] | None:
    from tltk.runs import Run

    return Run.at(spec.run_id).result()


@st.fragment(run_every=0.5)
def _wait(run_id: str, backbone: str) -> None:
    """A quiet line until the worker has answered; then the page runs again."""
    if Local().state(run_id) in ("waiting", "running"):
        st.info(f"A worker builds {backbone} and measures its layers: a few seconds, once.")
    else:
        st.rerun()


def class_count() -> int:
    """How many classes the head will have: known for our own domains, guessed as 10 before pictures are read."""
    return 10


def cost_of(found: Described) -> Cost:
    """What the estimates under the handle are made of, for the plan as it stands."""
    now = plan.plan()
    classes = class_count()
    shots, n = now.target.shots, now.target.n or 1797
    n_train = shots * classes if shots else max(int(n * (1 - now.target.val - now.target.test)), 1)
    images = max(now.optim.epoch_images, n_train)
    return {
        "n_train": n_train,
        "epochs": now.optim.epochs,
        "batch_size": now.optim.batch_size,
        "steps": now.optim.epochs * -(-images // now.optim.batch_size),
        "seconds_per_gflop": found.seconds_per_gflop,
        "head_parameters": (found.width + 1) * classes,
        "cached": now.optim.cache != "off" and (now.views.is_none or now.views.copies > 0),
        "epoch_images": now.optim.epoch_images,
    }
