"""What the user is about to do: one `CompareSpec`, which outlives page switches and goes into the URL.

The only file that touches `st.session_state`. Pages ask `plan()` and change it by path; widgets are
bound by `bind`, so that the plan, not a widget, is the truth.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import streamlit as st

from tltk.data.corrupt import split
from tltk.errors import BadSpec, TltkError
from tltk.specs import command
from tltk.specs.knobs import Spec
from tltk.specs.training import TransferSpec
from tltk.studies.compare.spec import CompareSpec
from tltk.studies.compare.study import FIRST_QUESTION

PATH = tuple[str, ...]
MOST_UNDONE = 50  # changes of the plan that can be taken back
NONE = "none"  # a plan without a source network, in the URL

FIRST = FIRST_QUESTION


def plan() -> CompareSpec:
    """The plan as it stands; the first time, what the URL says."""
    if "plan" not in st.session_state:
        linked = _from_url()
        st.session_state["plan"] = linked or FIRST
        st.session_state["linked"] = set() if linked is None else set(_list_choices(linked))
    found: CompareSpec = st.session_state["plan"]
    return found


def _list_choices(spec: CompareSpec) -> list[str]:
    """The domains, without what corrupts them, and the network that a plan has chosen."""
    sides = [side.name for side in (spec.target, spec.source) if side is not None]
    return [*map(base, sides), spec.net.backbone]


def base(name: str) -> str:
    """A domain's name without the corruption that may follow."""
    try:
        return split(name)[0]
    except TltkError:  # told where the pictures are asked for
        return name.rpartition("~")[0] or name


def is_linked(name: str) -> bool:
    """Whether a link, and not yet the user, has chosen this domain or network."""
    plan()
    return base(name) in st.session_state["linked"]


def accept(name: str) -> None:
    """The user has seen what the link names, and wants it."""
    st.session_state["linked"].discard(base(name))


def put(new: CompareSpec) -> None:
    """Take this plan, and show it in the URL; `undo` goes back to the one before."""
    before = st.session_state.get("plan", new)
    if before != new:
        st.session_state["plans"] = [*st.session_state.get("plans", []), before][-MOST_UNDONE:]
    st.session_state["plan"] = new
    _to_url(new)


def can_undo() -> bool:
    """Whether the plan was changed in this session."""
    return bool(st.session_state.get("plans"))


def undo() -> None:
    """Take back the last change of the plan."""
    if can_undo():
        *earlier, last = st.session_state["plans"]
        st.session_state["plans"] = earlier
        st.session_state["plan"] = last
        _to_url(last)


def adopt(spec: Spec) -> None:
    """Take what this spec and a plan have in common, so that the other pages show what it is about."""
    own = [f.name for f in dataclasses.fields(CompareSpec) if hasattr(spec, f.name)]
    put(dataclasses.replace(FIRST, **{name: getattr(spec, name) for name in own}))


def locked() -> str | None:
    """The lesson to which the link that opened this visit is limited; None = nothing is closed."""
    if "lesson" in st.query_params and st.query_params.get("lock") == "1":
        st.session_state["locked"] = st.query_params["lesson"]
    found: str | None = st.session_state.get("locked")
    return found


def change(path: PATH, value: Any) -> None:
    """Set one field; a value that cannot be meant is told and changes nothing."""
    try:
        put(_replace(plan(), path, value))
    except TltkError as fault:
        st.session_state["plan_fault"] = str(fault)


def fault() -> str | None:
    """Why the last change was refused; told once."""
    found: str | None = st.session_state.pop("plan_fault", None)
    return found


def read(path: PATH) -> Any:
    """The value of one field of the plan."""
    value: Any = plan()
    for name in path:
        value = getattr(value, name)
    return value


def bind(
    path: PATH,
    to_widget: Callable[[Any], Any] = lambda value: value,
    from_widget: Callable[[Any], Any] = lambda value: value,
    part: str = "",
) -> dict[str, Any]:
    """`key` and `on_change` for a widget that shows and sets one field of the plan, or a part of it.

    Args:
        path: Of the field in the plan, such as `("net", "boundary")`.
        to_widget: The field's value → what the widget shows.
        from_widget: What the widget shows → the field's value; an error that it raises is told, and changes nothing.
        part: Tells apart several widgets of one field.
    """
    key = ":".join(("plan", ".".join(path), part))

    def copy() -> None:
        try:
            change(path, from_widget(st.session_state[key]))
        except TltkError as fault:
            st.session_state["plan_fault"] = str(fault)

    st.session_state[key] = to_widget(read(path))
    return {"key": key, "on_change": copy}


def comparison() -> CompareSpec:
    """The plan as a comparison: where it has a source, that trains the weights, as Design says."""
    now = plan()
    return now if now.source is None else dataclasses.replace(now, net=dataclasses.replace(now.net, weights="scratch"))


def training() -> TransferSpec:
    """The plan as one training, with the weights that it names."""
    now = plan()
    return TransferSpec(
        target=now.target,
        net=now.net,
        strategy=now.strategy,
        optim=now.optim,
        views=now.views,
        seed=now.first_seed,
        adapter=now.adapter,
        terms=now.terms,
    )


def chosen_run() -> str | None:
    """The run that the pages show, from the URL or from this session."""
    asked = st.query_params.get("run")
    if asked:
        st.session_state["run"] = asked
    found: str | None = st.session_state.get("run")
    return found


def by_link() -> bool:
    """Whether it is the URL that names the run."""
    return "run" in st.query_params


def choose_run(run_id: str | None) -> None:
    """Show this run from now on, also after a reload."""
    st.session_state["run"] = run_id
    if run_id:
        st.query_params["run"] = run_id
    elif "run" in st.query_params:
        del st.query_params["run"]


def hold(name: str, default: Any, changed: Callable[[], None] = lambda: None) -> dict[str, Any]:
    """`key` and `on_change` for a widget whose value is no part of the plan, and outlives page switches too.

    Args:
        name: Under which `held` finds the value.
        default: Until the user chooses another.
        changed: Called once the user has.
    """
    key, here = f"widget:{name}", f"held:{name}"

    def copy() -> None:
        if st.session_state[key] is not None:  # a choice that was undone
            st.session_state[here] = st.session_state[key]
            changed()

    st.session_state[key] = st.session_state.setdefault(here, default)
    return {"key": key, "on_change": copy}


def held(name: str) -> Any:
    """The value of a widget that `hold` has bound."""
    return st.session_state[f"held:{name}"]


def keep(name: str, value: Any) -> None:
    """Set the value that such a widget will show."""
    st.session_state[f"held:{name}"] = value


def flag(name: str, value: Any = None) -> Any:
    """A small thing to remember within this session; given a value, it is set."""
    if value is not None:
        st.session_state[name] = value
    return st.session_state.get(name)


def _replace(spec: Any, path: PATH, value: Any) -> Any:
    if len(path) > 1:
        value = _replace(getattr(spec, path[0]), path[1:], value)
    return dataclasses.replace(spec, **{path[0]: value})


def _to_url(spec: CompareSpec) -> None:
    """What differs from the first plan, under the names of the shell's flags."""
    wanted = {o.flag: _text(spec, o) for o in command.options(CompareSpec)}
    usual = {o.flag: _text(FIRST, o) for o in command.options(CompareSpec)}
    shown: dict[str, Any] = {flag: text for flag, text in wanted.items() if text is not None and text != usual[flag]}
    shown["strategy"] = spec.strategy.name
    if spec.source is None:
        shown["source"] = NONE  # silence would mean the first plan's
    if spec.lrs != FIRST.lrs:
        shown["lrs"] = ",".join(f"{lr:g}" for lr in spec.lrs)
    if spec.strategy.knobs:
        shown["knob"] = command.join_list(command.knobs_as_text(spec.strategy.knobs))
    if spec.adapter != FIRST.adapter:
        shown["adapter"] = command.as_named(spec.adapter)
    if spec.terms:
        shown["term"] = [command.as_named(term) for term in spec.terms]
    keep = {k: st.query_params[k] for k in ("run", "lesson", "lock") if k in st.query_params}
    st.query_params.from_dict({**keep, **shown})


def _text(spec: CompareSpec, option: command.Option) -> str | None:
    value: Any = spec
    for name in option.path:
        value = getattr(value, name, None)
    return None if value is None else str(value)


def _value(option: command.Option, text: str) -> Any:
    """The text of a link as the type of its field.

    Raises:
        BadSpec: It is none.
    """
    kind = type(option.knob.default)
    try:
        return command.TRUTH[text.lower()] if kind is bool else kind(text)
    except (ValueError, KeyError):
        what = {int: "a whole number", float: "a number", bool: "true or false"}.get(kind, f"of type {kind.__name__}")
        raise BadSpec(f"{option.flag} must be {what}. Got {text[:80]!r}.") from None


def _from_url() -> CompareSpec | None:
    """The plan in the URL; None where there is none, or one that cannot be meant."""
    asked = dict(st.query_params)
    known = {o.flag: o for o in command.options(CompareSpec)}
    if not set(asked) & (set(known) | {"strategy"}):
        return None
    given: dict[str, Any] = {o.key: _text(FIRST, o) for o in known.values()}
    given |= {known[k].key: v for k, v in asked.items() if k in known}
    try:
        for option in known.values():
            text = None if option.path[0] == "source" and asked.get("source") == NONE else given[option.key]
            given[option.key] = None if text is None else _value(option, text)
        given["strategy"] = asked.get("strategy", "fine_tune")
        given["lrs"] = asked.get("lrs", ",".join(f"{lr:g}" for lr in FIRST.lrs))
        given["adapter"] = asked.get("adapter")
        given["term"] = st.query_params.get_all("term")
        given["knob"] = [part for part in command.split_list(asked.get("knob", "")) if part]
        spec = command.build_spec(CompareSpec, given)
    except ValueError as problem:  # ours among them
        st.session_state["plan_fault"] = f"The link could not be understood and was left aside: {problem}"
        return None
    return spec if isinstance(spec, CompareSpec) else None
