"""One's own pictures: brought through the browser or found on this machine, and a plan to begin with on them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import streamlit as st

from tltk.analyses.propose.result import ProposeResult, SidesResult
from tltk.analyses.propose.spec import ProposeSpec
from tltk.dashboard import brought, chrome, depth, drop, permitted, plan, predict_view, room, staging
from tltk.dashboard.words import plain
from tltk.data.decode import ENDINGS
from tltk.data.names import escape_name
from tltk.data.sources.archive import ENDINGS as ARCHIVES
from tltk.errors import BadSpec, TltkError
from tltk.runs.run import Run
from tltk.specs.parts import DataSpec, NetSpec
from tltk.specs.training import TransferSpec
from tltk.studies.technique import parse
from tltk.weights import store

WAYS = ("Folder or archive", "Class by class", "On this machine")
WAY, SIDE = "own:way", "own:side"
SIDES = {"Target": ("target",), "Source": ("source",)}
FEWEST_CLASSES, MOST_CLASSES = 2, 20
MAX_SHOTS = 500  # pictures of all classes that are brought class by class
LISTED = 500  # folders of a folder
KEPT = 12  # sets in the menu of earlier ones
CANDIDATES = 8  # networks of the store that a proposal chooses among


def show() -> None:
    """The section: the ways to bring pictures, and what was brought before."""
    with st.expander(
        "Your own pictures", expanded=bool(plan.flag("own:open")), icon=":material/add_photo_alternate:", key="own"
    ):
        st.caption(
            "Pictures in folders, one folder for each class. They are kept on the machine that runs the dashboard and "
            "go nowhere else."
        )
        left, right = st.columns([3, 1], vertical_alignment="bottom")
        left.segmented_control("How", WAYS, **plan.hold(WAY, WAYS[0]))
        right.segmented_control("Use them as", list(SIDES), **plan.hold(SIDE, "Target"))
        for sentence in plan.flag("own:told") or []:
            st.info(plain(sentence))
        try:
            _WAYS[plan.held(WAY)]()
        except TltkError as fault:
            st.error(plain(fault))
        _earlier()


# -- the ways ------------------------------------------------------------------------------------------------


def _by_dropping() -> None:
    token = plan.flag("own:token")
    if not staging.is_open(token):
        token = plan.flag("own:token", staging.begin())
    what = "Drop a folder that has one folder per class, or a .zip or .tar of one"
    if drop.drop_zone(token, what, key="own:drop"):
        take_staged(token)


def take_staged(token: str) -> None:
    """Use what has arrived under this token.

    Args:
        token: Of `staging.begin`.

    Raises:
        BadSpec: It is nothing that can be a domain.
    """
    try:
        files = staging.files(token)
        if len(files) == 1 and files[0][0].lower().endswith(ARCHIVES):
            kept, told = brought.keep_archive(*files[0]), list[str]()
        else:
            if not any("/" in name for name, _ in files):
                raise BadSpec(
                    "Pictures must lie in folders, one for each class. These lie in none; drop the folder that holds "
                    "them, or bring them class by class."
                )
            kept, told = brought.keep_folder(files)
    finally:
        staging.close(token)
    _take(kept, told)


def _by_class() -> None:
    """Files and shots of one class after the other, gathered until they are used."""
    classes = _classes()
    names = list(classes)
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    shown = left.pills(
        "Class",
        names,
        default=names[0],
        format_func=lambda name: f"{plain(name)} · {len(classes[name])}",
        key=f"own:class:{_turn()}:{','.join(names)}",
        required=True,
    )
    chosen = shown or names[0]
    with right.popover("Classes", icon=":material/edit:", width="stretch"):
        st.text_input(
            "Name of this class", chosen, max_chars=60, key=f"own:name:{chosen}", on_change=_rename, args=(chosen,)
        )
        more = len(names) < MOST_CLASSES
        st.button("Add a class", key="own:add", icon=":material/add:", on_click=_add_class, disabled=not more)
    left, right = st.columns(2)
    with left:
        files = st.file_uploader(
            f"Pictures of {plain(chosen)}",
            [ending.lstrip(".") for ending in sorted(ENDINGS)],
            accept_multiple_files=True,
            key=f"own:files:{chosen}:{_turn()}",
        )
        _gather(chosen, files)
    with right:
        if st.toggle("Use a camera", **plan.hold("own:camera", False)):
            shots = len(classes[chosen])
            shot = st.camera_input(f"Camera for {plain(chosen)}", key=f"own:shot:{chosen}:{shots}")
            if shot is not None and _gather(chosen, [shot], f"shot-{shots + 1}.jpg"):
                st.rerun()  # the camera is ready for the next one
            st.caption("Take several of each class: other angles, other light. The browser asks before it films.")
        else:
            st.caption("Without a camera, drop files: ten of a class are enough to begin with.")
    counts = {name: len(_classes()[name]) for name in names}
    ready = sum(1 for n in counts.values() if n)
    n = sum(counts.values())
    if ready >= FEWEST_CLASSES:
        if _button(f"Use these {n:,} pictures of {ready} classes"):
            gathered = [
                (f"{_folder_of(name)}/{i + 1:04d} {path.name}", path)
                for name, paths in _classes().items()
                for i, path in enumerate(paths)
            ]
            kept, told = brought.keep_folder(gathered, " and ".join(name for name in counts if counts[name]))
            plan.flag("own:classes", {})
            _take(kept, told)
    else:
        st.caption(f"Two classes at least need pictures; {ready} of them {'has' if ready == 1 else 'have'} some now.")


def _by_browsing() -> None:
    """Folders below those that pages may read, opened one after the other."""
    roots = permitted.open_roots()
    if not roots:
        st.info("No folder of this machine is open to pages. TLTK_ROOTS=FOLDER names those that are.")
        return
    here = Path(plan.flag("own:here") or roots[0])
    if not any(here == root or root in here.parents for root in roots):
        here = roots[0]
    names, n_files, n_out = permitted.list_folder(here)
    with st.container(horizontal=True, vertical_alignment="center"):
        if len(roots) > 1:
            with st.popover("Open folders", icon=":material/folder_special:"):
                for i, root in enumerate(roots):
                    st.button(plain(root), key=f"own:root:{i}", type="tertiary", on_click=_open, args=(str(root),))
        up = here not in roots
        st.button(
            "Up",
            key="own:up",
            icon=":material/arrow_upward:",
            on_click=_open,
            args=(str(here.parent),),
            disabled=not up,
        )
        st.markdown(f"**{plain(here)}**")
    inside = f"{len(names):,} folder{'s' * (len(names) != 1)}, {n_files:,} file{'s' * (n_files != 1)}"
    st.caption(f"{inside}{f'; the first {LISTED} folders are shown' if len(names) > LISTED else ''}.")
    if n_out:
        told = "1 link is not shown: it leads" if n_out == 1 else f"{n_out:,} links are not shown: they lead"
        st.caption(f"{told} out of the folders that pages may read.")
    chosen = st.selectbox(
        "Open a folder",
        names[:LISTED],
        None,
        format_func=escape_name,
        placeholder="Choose a folder" if names else "No folders here",
        key=f"own:into:{here}",
        disabled=not names,
    )
    if chosen is not None:
        _open(str(here / chosen))
        st.rerun()
    if _button(f"Use {plain(escape_name(here.name or str(here)))}", disabled=not names):
        _take(f"folder:{here}")


_WAYS = dict(zip(WAYS, (_by_dropping, _by_class, _by_browsing), strict=True))


def _button(label: str, disabled: bool = False) -> bool:
    return st.button(label, type="primary", key=f"own:use:{plan.held(WAY)}", icon=":material/check:", disabled=disabled)


def _turn() -> int:
    """Counts what was taken, so that an uploader is empty afterwards and the server lets go of what it held."""
    found: int = plan.flag("own:turn") or 0
    return found


def _asker() -> str:
    """Who has the page open, in a room; "" where there is none."""
    return "" if room.now() is None else room.asker()


def _take(what: brought.Brought | str, told: Sequence[str] = ()) -> None:
    """The plan's target or source is now this domain, all of it; its look, and for a target a plan, are asked for."""
    name = what if isinstance(what, str) else what.name
    if not isinstance(what, str) and (asker := _asker()):
        brought.claim(what, asker)
    path = SIDES[plan.held(SIDE)]
    now = plan.plan()
    before: DataSpec = plan.read(path) or now.target
    spec = DataSpec(name, size=before.size, fit=before.fit, width=before.width)
    permitted.check(spec)
    plan.put(dataclasses.replace(now, target=spec) if path == ("target",) else dataclasses.replace(now, source=spec))
    plan.accept(name)
    plan.flag("own:turn", _turn() + 1)
    plan.flag("own:told", list(told))
    asked = question(spec)
    if path == ("target",) and asked.candidates:
        with suppress(TltkError):  # such as a class of two pictures: told where the pictures are read
            permitted.submit(asked)
    st.rerun()


def _earlier() -> None:
    """What was brought before, to be used again or deleted."""
    found = brought.known(_asker())
    if not found:
        return
    st.markdown("**Brought before**")
    left, middle, right = st.columns([4, 1, 1], vertical_alignment="bottom")
    one = left.selectbox(
        "Brought before",
        found[:KEPT],
        format_func=lambda one: f"{one.title} · {one.files:,} file{'s' * (one.files != 1)} · {_megabytes(one.size)}",
        key=f"own:earlier:{len(found)}",
        label_visibility="collapsed",
    )
    if one is None:
        return
    if middle.button("Use again", key="own:again", width="stretch"):
        _take(one)
    with right.popover("Delete", width="stretch"):
        st.markdown("The pictures are deleted from this machine. Trainings keep what they learned.")
        if st.button(f"Delete {plain(one.title)}", key="own:delete"):
            brought.remove(one, _asker())
            st.rerun()


# -- class by class -------------------------------------------------------------------------------------------


def _classes() -> dict[str, list[Path]]:
    """Class → the pictures that were gathered of it."""
    found: dict[str, list[Path]] = plan.flag("own:classes") or {"class 1": [], "class 2": []}
    return found


def _gather(name: str, files: Sequence[Any], called: str = "") -> bool:
    """Keep these pictures as some of a class; whether there were new ones.

    Raises:
        BadSpec: There are too many.
    """
    classes = _classes()
    seen: set[str] = plan.flag("own:seen") or set()
    new = [file for file in files if file.file_id not in seen]
    if sum(map(len, classes.values())) + len(new) > MAX_SHOTS:
        st.warning(f"At most {MAX_SHOTS} pictures can be gathered class by class; drop a folder for more.")
        return False
    for file in new:
        path = Path(predict_view.keep(called or file.name, file.getvalue(), file.file_id))
        classes = {**classes, name: [*classes[name], path]}
    plan.flag("own:classes", classes)
    plan.flag("own:seen", seen | {file.file_id for file in new})
    return bool(new)


def _rename(old: str) -> None:
    """A callback: the class has the name that was typed, unless another has it."""
    new = escape_name(str(plan.flag(f"own:name:{old}"))).strip()
    classes = _classes()
    if new and new not in classes:
        plan.flag("own:classes", {new if name == old else name: paths for name, paths in classes.items()})


def _add_class() -> None:
    classes = _classes()
    number = next(i for i in range(1, MOST_CLASSES + 2) if f"class {i}" not in classes)
    plan.flag("own:classes", {**classes, f"class {number}": []})


def _folder_of(name: str) -> str:
    """A class's name as a folder's; what would be folders in it is none."""
    return name.replace("/", "_").replace("\\", "_").strip(". ") or "class"


def _open(path: str) -> None:
    plan.flag("own:here", path)


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB" if size < 1e9 else f"{size / 1e9:,.2f} GB"


# -- a plan to begin with -------------------------------------------------------------------------------------


def question(spec: DataSpec) -> ProposeSpec:
    """What plan to begin with on this domain, among the weights of the store that read colour."""
    networks = [one.card for one in store.entries() if one.card.channels == 3]
    return ProposeSpec(spec, tuple(f"{card.backbone}@store:{card.name}" for card in networks[:CANDIDATES]))


def propose(spec: DataSpec) -> None:
    """A plan to begin with, its reasons, and the button that takes it.

    Args:
        spec: The target.
    """
    asked = question(spec)
    if not asked.candidates:
        return
    st.subheader("A plan to begin with", anchor=False)
    answer = depth.ask_with_button(
        asked,
        "Propose a plan",
        "Measuring which weights suit these pictures.",
        "own:propose",
        "A picture size, weights, a technique and a boundary for these pictures, each with its reason.",
    )
    if answer is not None:
        _tell(spec, *answer)


def _tell(spec: DataSpec, run: Run, found: ProposeResult) -> None:
    rows = {
        "Picture size": (f"{found.size} px", found.why_size),
        "Weights": (f"{found.backbone}, {found.weights}", found.why_weights),
        "Technique": (
            f"{found.technique.partition('@')[0].replace('_', ' ')}, {found.boundary} of {found.depth} layers frozen",
            f"{found.why[:1].upper()}{found.why[1:]} {found.change}",
        ),
    }
    if found.minutes is not None:
        rows["Time"] = (_minutes(found.minutes), "Estimated for one training on this machine.")
    with st.container(border=True):
        for name, (value, why) in rows.items():
            left, middle, right = st.columns([1, 2, 5])
            left.markdown(name)
            middle.markdown(f"**{plain(value)}**")
            right.markdown(plain(why))
        if found.sides is not None:
            st.caption(_of_sides(found.sides))
        now, then = plan.plan(), taken(spec, found)
        wanted = dataclasses.replace(
            now,
            target=then.target,
            source=None,
            net=then.net,
            strategy=then.strategy,
            adapter=then.adapter,
            terms=then.terms,
        )
        if now == wanted:
            st.success("This is the plan now. Design shows it and starts it.")
            chrome.go("design", ":material/arrow_forward: Design")
        elif st.button("Take this plan", type="primary", key="own:plan", icon=":material/check:"):
            plan.put(wanted)
            st.rerun()


def taken(spec: DataSpec, found: ProposeResult) -> TransferSpec:
    """The training that a proposal means.

    Args:
        spec: The target.
        found: The proposal.
    """
    target = dataclasses.replace(spec, size=found.size, width=0)
    net = NetSpec(found.backbone, found.weights, found.boundary)
    return parse(found.technique).apply(TransferSpec(target, net))


def _of_sides(sides: SidesResult) -> str:
    return (
        f"Shorter side of {sides.n:,} picture files: {sides.least:,} to {sides.most:,} px, half of them at least "
        f"{sides.median:,} px."
    )


def _minutes(minutes: float) -> str:
    return "less than a minute" if minutes < 1 else f"about {minutes:.0f} min"
