"""One domain of two on the screen: its name, a strip of its pictures and, in the shift lab, its dials."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import streamlit as st

from tltk.dashboard import controls, domain_pictures, domain_view, plan
from tltk.dashboard.words import plain
from tltk.data.audio.spectrogram import SpectrogramDials
from tltk.data.dials import NamedDials
from tltk.data.sources import sentences, shapes, tones, transactions
from tltk.data.sources.sound import divide_text
from tltk.errors import TltkError
from tltk.specs.knobs import knobs
from tltk.specs.parts import DataSpec

LABS: dict[str, type[NamedDials]] = {
    "shapes": shapes.Dials,
    "tones": tones.Dials,
    "sentences": sentences.Dials,
    "transactions": transactions.Dials,
}
DIALS: dict[str, type[NamedDials]] = {**LABS, "sound": SpectrogramDials}
STRIP = 12  # pictures of a domain that are shown


def side(title: str, path: plan.PATH) -> None:
    """Choose the domain at this place of the plan; see it; turn its dials."""
    domain_view.choose(title, path, optional=path == ("source",))
    spec: DataSpec | None = plan.read(path)
    if spec is None:
        return
    turn(title, path)
    found = domain_view.inspect_domain(path)
    if found is None:
        return
    domain_pictures.strip(spec, found, STRIP)
    domain_view.in_short(found)


def turn(title: str, path: plan.PATH, expanded: bool = True) -> None:
    """A widget for every dial of a shift lab or of spectrograms; the domain's name is what they say.

    Args:
        title: What the domain is called on the page: Source or Target.
        path: Its place in the plan.
        expanded: Whether the box is open from the start.
    """
    kind, argument, corruption = domain_view.parts(plan.read((*path, "name")))
    if kind not in DIALS or (kind not in LABS and not argument.strip()):
        return
    place, text = ("", argument) if kind in LABS else divide_text(argument)
    try:
        dials = DIALS[kind].parse(text)
    except TltkError as fault:
        st.warning(plain(fault))
        dials = DIALS[kind]()
    with st.expander(f"Dials of the {title.lower()}", expanded=expanded):
        columns = st.columns(3)
        for i, (name, rule) in enumerate(knobs(dials).items()):
            with columns[i % 3]:
                show, write = _ways(path, dials, name, (f"{kind}:{place}", corruption))
                controls.widget(name, rule, plan.bind(path, show, write, f"dial {name}"))


def _ways(
    path: plan.PATH, dials: NamedDials, name: str, around: tuple[str, str]
) -> tuple[Callable[[Any], Any], Callable[[Any], Any]]:
    """From the plan's domain to this dial's value, and back into the domain's name, of which the rest stands around."""
    before, after = around

    def show(_: Any) -> Any:
        return getattr(dials, name)

    def write(value: Any) -> DataSpec:
        spec: DataSpec = plan.read(path)
        try:
            turned = dataclasses.replace(dials, **{name: value}).text()
        except TltkError:  # dials that do not go together: the domain stays as it is
            return spec
        mark = "?" if turned and not before.endswith(":") else ""
        return dataclasses.replace(spec, name=f"{before}{mark}{turned}".removesuffix(":") + after)

    return show, write
