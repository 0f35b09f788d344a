"""The left pane: pictures of source and target, labels per class, and what is learned from, chosen by and tested on."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from tltk.analyses.feature_maps.spec import FeatureMapsSpec
from tltk.analyses.inspect.result import InspectResult
from tltk.analyses.inspect.spec import InspectSpec
from tltk.dashboard import chrome, depth, dials, domain_pictures, domain_view, plan, workbench_kept
from tltk.dashboard.network import in_a_link, to_mind
from tltk.dashboard.thumbnails import Thumbnail, thumbnails
from tltk.dashboard.words import plain, told_of
from tltk.dashboard.workbench_layout import facts, ghost, head, note
from tltk.errors import TltkError
from tltk.results.words import guessing, percent
from tltk.specs.parts import DataSpec, NetSpec, read_alike
from tltk.specs.reading import with_absolute_paths

SIDES = {"source": "Source", "target": "Target"}
SHOTS = (1, 2, 5, 10, 20, 50, 100)
SHOWN = 21  # thumbnails of a domain
CHOSEN = "workbench:picture"


@dataclass(frozen=True)
class Picture:
    """A picture that is looked at, in every layer and by the head.

    Attributes:
        side: source or target.
        number: On the sheet of that domain; or its place among the test pictures of the target.
        is_test: Which of the two.
    """

    side: str
    number: int
    is_test: bool = False


def show() -> None:
    """Both domains, then what of the target is used for what."""
    known: dict[str, InspectResult] = {}
    for side in SIDES:
        with st.container(gap="xxsmall"):
            found = _domain(side)
        if found is not None:
            known[side] = found
    target = known.get("target")
    _labels(target)
    if target is not None:
        facts([*_facts(target), *_shift()])
        for sentence in to_mind(target)[:1]:
            st.warning(sentence)
    for side, title in SIDES.items():
        if plan.read((side,)) is not None and domain_view.parts(plan.read((side, "name")))[0] in dials.LABS:
            with st.popover(f"Shift dials of the {side}", width="stretch"):
                dials.turn(title, (side,))
    chrome.go("domains", "Domains: your own data, sizes, shifts")


def _domain(side: str) -> InspectResult | None:
    """One domain: its heading and its pictures."""
    spec: DataSpec | None = plan.read((side,))
    if spec is None:
        head(SIDES[side], "none", side)
        note("The transfer begins with weights that are there already.")
        return None
    try:
        look = workbench_kept.look_spec((side,))
    except TltkError as fault:
        head(SIDES[side], chrome.short(spec.name), side)
        st.error(plain(fault))
        return None
    assert look is not None
    found: InspectResult | None = workbench_kept.answer(look)
    told = f"{found.n:,} · {len(found.classes):,} classes" if found else chrome.short(spec.name)
    head(SIDES[side], told, side)
    seen = workbench_kept.seen_look((side,))
    if seen is None:
        ghost("tiles")
    else:
        _thumbnails(side, *seen)
    answer: InspectResult | None = workbench_kept.show(
        look, told_of(look.data, "Reading the pictures; this is needed only once."), f"workbench:{side}"
    )
    if look in workbench_kept.missing() and workbench_kept.known_network() is not None:  # else the middle has a button
        _offer(look, side)
    return answer


def _offer(look: InspectSpec, side: str) -> None:
    """A button that reads the pictures of a domain that nobody has wanted to see yet."""
    if plan.is_linked(look.data.name):
        st.caption(in_a_link(look)[0])
    if st.button(
        told_of(look.data, "Show the pictures"), key=f"workbench:look:{side}:ask", icon=":material/visibility:"
    ):
        workbench_kept.ask(look)
        st.rerun()


def _thumbnails(side: str, look: InspectSpec, found: InspectResult) -> None:
    """Some pictures of each class; a click looks at one in every layer."""
    if found.texts:
        domain_pictures.strip(look.data, found, 3)
        return
    numbers = domain_pictures.one_of_each(found, SHOWN)
    images = domain_pictures.tiles(look, tuple(numbers))
    if not images:
        note("The pictures of this result were deleted; the numbers below still hold.")
        return
    labels = found.shown_labels
    shown: list[Thumbnail] = [
        {
            "number": number,
            "src": image,
            "text": f"{found.classes[labels[number]]}, {side}" if labels else f"Picture of the {side}",
        }
        for number, image in zip(numbers, images, strict=True)
    ]
    held = chosen()
    mine = held.number if held.side == side and not held.is_test else None
    picked = thumbnails(shown, mine, key=f"workbench:thumbnails:{side}", label=f"Pictures of the {side}")
    if picked is not None:
        choose(Picture(side, picked))


def chosen() -> Picture:
    """The picture that is looked at: the first of the target's until another is chosen."""
    held: Picture | None = plan.flag(CHOSEN)
    if held is not None and plan.read((held.side,)) is not None:
        return held
    return Picture("target", 0)


def choose(picture: Picture) -> None:
    """Look at this picture from now on; what its layers make of it is asked for, since a click wants it."""
    plan.flag(CHOSEN, picture)
    plan.flag(workbench_kept.WANTED, True)
    spec = maps_spec(picture, workbench_kept.shown_weights().name)
    if spec is not None:
        workbench_kept.ask(spec)
    st.rerun()


def maps_spec(picture: Picture, weights: str) -> FeatureMapsSpec | None:
    """The question what the layers make of a picture; None where its place in the domain is not known.

    Args:
        picture: Which.
        weights: Of the planned network.
    """
    now = plan.plan()
    net = NetSpec(now.net.backbone, weights)
    if picture.is_test:
        return FeatureMapsSpec(now.target, net, picture.number, "test")
    seen = workbench_kept.seen_look((picture.side,))
    if seen is None or not 0 <= picture.number < len(seen[1].shown_index):
        return None
    look, found = seen
    domain = look.data if picture.side == "target" else read_alike(look.data, now.target)
    return with_absolute_paths(FeatureMapsSpec(domain, net, found.shown_index[picture.number], "all"))


def _labels(target: InspectResult | None) -> None:
    """How many labels of each class are learned from; 0, said as all, is every one."""
    now = int(plan.read(("target", "shots")))
    most = max(target.counts) if target is not None else SHOTS[-1]
    steps = sorted({*(n for n in SHOTS if n < most), *([now] if now else [])})
    options = [*steps, 0]
    st.select_slider(
        "Labels per class",
        options,
        format_func=lambda n: f"{n}" if n else "all",
        help=told_of(
            plan.read(("target",)),
            "How many labelled pictures of each class the target has to learn from. Transfer matters most where few.",
        ),
        **plan.bind(("target", "shots"), part="labels"),
    )


def _facts(target: InspectResult) -> Sequence[tuple[str, str]]:
    """What is learned from, chosen by, tested on; and what takes no learning."""
    idle = guessing(1 / len(target.classes), max(target.counts) / target.n)
    rows = [
        ("to learn from", f"{target.train:,}"),
        ("to choose by", f"{target.val:,}"),
        ("to test on", f"{target.test:,}"),
    ]
    if idle is not None:
        rows.append(("chance" if idle[1] == "guessing" else idle[1], percent(idle[0])))
    rows.append(("copies across parts", f"{target.leaked:,}" if target.leaked else "none"))
    if target.skipped:
        rows.append(("files left out", f"{len(target.skipped):,}"))
    return rows


def _shift() -> Sequence[tuple[str, str]]:
    """How far apart source and target are for the last layer, where that has been measured."""
    profile = next((found for _, found in depth.known_profiles()), None)
    column = next((one for one in profile.columns if one.name == "mmd"), None) if profile is not None else None
    if column is None or column.values[-1] is None:
        return []
    p = f", p {column.p_bh[-1]:.2g}" if column.p_bh else ""
    return [("shift at the last layer, MMD²", f"{column.values[-1]:.2g}{p}")]


def without_shots(spec: DataSpec) -> DataSpec:
    """The domain with all of its labels."""
    return dataclasses.replace(spec, shots=0)
