"""The response of measures to dials: settings, what is drawn, the JSON that is documented, the verb and the figures."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from scipy.stats import false_discovery_control

from tests.support.layers import round_trips
from tests.support.results import written_round_trips
from tests.support.shell import agree, here, idle, refused, said, tltk  # noqa: F401 – fixtures
from tests.support.values import present
from tltk.analyses.chance import with_null
from tltk.analyses.dial_response.analysis import dial_response, first_detected
from tltk.analyses.dial_response.settings import ENDS, ORDERS, dial_settings
from tltk.analyses.dial_response.spec import DialResponseSpec
from tltk.analyses.sample import Context, Sample, network
from tltk.data.sources import shapes
from tltk.data.sources.shapes import Dials
from tltk.errors import BadSpec, UnknownName
from tltk.nn.taps import Taps
from tltk.plots import response as figures
from tltk.shift import measures
from tltk.specs.knobs import knobs
from tltk.specs.parts import DataSpec
from tltk.training.bank import FeatureBank
from tltk.training.callbacks import Callbacks, Stopped

SPEC = DialResponseSpec(
    DataSpec("shapes:texture=plain", size=16),
    measures=("mmd", "coral"),
    dials=("hue", "background"),
    steps=2,
    pictures=100,
    permutations=19,
)


def context(**callbacks: Any) -> Context:
    def refuse(_: DataSpec) -> Any:
        raise AssertionError("the lab draws its own pictures")

    return Context(refuse, FeatureBank(), Callbacks(**callbacks))


# -- settings -----------------------------------------------------------------------------------------------


def test_every_dial_has_an_end_and_the_default_is_all_that_move_pictures_and_all_measures() -> None:
    assert {*ENDS, *ORDERS, "classes"} == set(knobs(Dials))
    assert set(DialResponseSpec().dials) == set(knobs(Dials)) - {"label_noise", "shape_noise"}
    assert list(DialResponseSpec().measures) == measures.names()


@pytest.mark.parametrize("name", [*ENDS, *ORDERS, "classes"])
def test_a_dial_is_turned_alone_twice_as_far_each_time_and_to_its_end(name: str) -> None:
    base = Dials()
    ways = dial_settings(base, name, 4)
    shares = [share for share, _ in ways]
    assert ways[0] == (0.0, base) and shares[-1] == 1.0
    for _, dials in ways[1:]:
        changed = [k for k in knobs(Dials) if getattr(dials, k) != getattr(base, k)]
        assert changed == [name]
    if name in ENDS:
        assert shares == [0.0, 0.125, 0.25, 0.5, 1.0] and getattr(ways[-1][1], name) == ENDS[name]
        far = [abs(getattr(dials, name) - getattr(base, name)) for _, dials in ways]
        assert far == pytest.approx([share * abs(ENDS[name] - getattr(base, name)) for share in shares], abs=1e-6)


def test_dials_that_are_names_take_each_of_them_and_classes_are_left_out_from_the_last() -> None:
    assert [d.background for _, d in dial_settings(Dials(), "background", 7)] == ["plain", "gradient", "photo"]
    assert [d.background for _, d in dial_settings(Dials(background="gradient"), "background", 7)] == [
        "gradient",
        "photo",
    ]
    assert [d.classes for _, d in dial_settings(Dials(), "classes", 4)] == ["0-9", "0-8", "0-7", "0-5", "0-1"]
    assert [d.classes for _, d in dial_settings(Dials(classes="2+5+8"), "classes", 4)] == ["2+5+8", "2+5"]
    assert [d.texture for _, d in dial_settings(Dials(texture="dots"), "texture", 4)] == ["dots", "plain"]


def test_a_dial_goes_on_from_where_the_target_has_it_and_not_past_its_end() -> None:
    assert [d.blur for _, d in dial_settings(Dials(blur=0.02), "blur", 2)] == [0.02, 0.06, 0.1]
    for base, name in (
        (Dials(blur=0.1), "blur"),
        (Dials(background="photo"), "background"),
        (Dials(classes="3-4"), "classes"),
    ):
        with pytest.raises(BadSpec, match=f"The dial {name} must have a way to go. It is at its end, "):
            dial_settings(base, name, 4)


def test_seen_from_a_setting_on_means_at_all_later_ones() -> None:
    assert first_detected([1.0, 0.05]) == 1 and first_detected([0.01, 0.06]) is None
    assert first_detected([0.5, 0.01, 0.06, 0.01, 0.01]) == 3
    assert first_detected([0.01, 0.01, 0.01]) == 1  # a false alarm at 0 is none of the settings


# -- the answer ---------------------------------------------------------------------------------------------


def test_cells_are_what_measures_give_on_the_pictures_of_these_dials() -> None:
    found = dial_response(SPEC, context())
    round_trips(found)
    number = list(knobs(Dials)).index("hue")
    seeds = [int(s) >> 1 for s in np.random.SeedSequence((SPEC.seed, number)).generate_state(2)]

    def seen(dials: Dials, seed: int) -> torch.Tensor:
        spec = DataSpec("shapes", n=100, size=16, seed=seed)
        domain = shapes.load(spec, dials.text())
        net = network(SPEC.net, Sample(domain, np.arange(100), torch.from_numpy(domain.labels)), SPEC.seed)
        pictures = torch.from_numpy(np.asarray(domain.images)).float() / 255
        return Taps(net).prefix(net.normalise(pictures).contiguous(memory_format=torch.channels_last))[-1]

    base = Dials(texture="plain")
    x = seen(base, seeds[0])
    for level, row in enumerate(found.cells["mmd"]["hue"]):
        y = seen(dataclasses.replace(base, hue=[0.0, 0.25, 0.5][level]), seeds[1])
        for name in SPEC.measures:
            null, cell = with_null(name, x, y, 19, 0), found.cells[name]["hue"][level]
            assert [getattr(cell, k) for k in ("value", "p", "lo", "hi")] == pytest.approx(
                [null.value, null.p, null.lo, null.hi], rel=1e-2, abs=1e-5
            )
        assert row.level == [0.0, 0.25, 0.5][level]


def test_a_dials_answer_does_not_hang_on_the_others_and_repeats() -> None:
    whole = dial_response(SPEC, context())
    alone = dial_response(dataclasses.replace(SPEC, dials=("background",), measures=("coral",)), context())
    one, other = (  # corrected over all that is asked
        [msgspec.structs.replace(row, p_holm=None, p_bh=None) for row in found.cells["coral"]["background"]]
        for found in (alone, whole)
    )
    assert one == other
    again = dial_response(dataclasses.replace(SPEC, dials=("background",), measures=("coral",), seed=1), context())
    assert again.cells != alone.cells


def test_p_values_are_corrected_over_all_settings_of_a_measure() -> None:
    found = dial_response(SPEC, context())
    for its in found.cells.values():
        rows = [row for rows in its.values() for row in rows]
        p = [row.p for row in rows]
        assert [row.p_bh for row in rows] == pytest.approx(false_discovery_control(p).tolist())
        assert min(present(row.p_holm) for row in rows) == pytest.approx(min(1.0, len(p) * min(p)))
        assert found.tests == len(rows) == 6
    assert "over all 6 tests" in found.correction and "by the p of each test alone" in found.correction


def test_labels_alone_are_nothing_that_a_measure_without_labels_can_see() -> None:
    found = dial_response(dataclasses.replace(SPEC, dials=("label_noise",)), context())
    for rows in (its["label_noise"] for its in found.cells.values()):
        assert len({(row.value, row.p) for row in rows}) == 1


def test_refusals() -> None:
    for target in ("digits", "shapes~fog:3"):
        with pytest.raises(BadSpec, match=f"must be the shift lab, shapes or shapes:DIALS. Got '{target}'"):
            dial_response(dataclasses.replace(SPEC, target=DataSpec(target)), context())
    with pytest.raises(UnknownName, match="Did you mean 'hue'"):
        dial_response(dataclasses.replace(SPEC, dials=("hu",)), context())
    with pytest.raises(UnknownName, match="Did you mean 'coral'"):
        dial_response(dataclasses.replace(SPEC, measures=("corall",)), context())
    with pytest.raises(BadSpec, match="needs a measure and a dial"):
        dial_response(dataclasses.replace(SPEC, dials=()), context())
    with pytest.raises(BadSpec, match="layer must be from 0 to 4, or -1 for what enters the head. Got 9."):
        dial_response(dataclasses.replace(SPEC, layer=9), context())


def test_it_says_how_far_it_is_and_can_be_stopped() -> None:
    said_: list[str] = []
    dial_response(SPEC, context(notify=said_.append))
    assert said_[0] == "Hue at 0.0: setting 1 of 6." and said_[-1] == "Background at photo: setting 6 of 6."

    def stop() -> None:
        raise Stopped

    with pytest.raises(Stopped):
        dial_response(SPEC, context(check=stop))


# -- the verb -----------------------------------------------------------------------------------------------

WORDS = [
    "response",
    "--size",
    "16",
    "--dials",
    "hue,background,classes",
    "--measures",
    "mmd,coral",
    "--steps",
    "2",
    "--pictures",
    "100",
    "--permutations",
    "19",
]


@pytest.mark.usefixtures("here")
def test_response_from_the_shell() -> None:
    run = said(*WORDS)
    agree("A run", run)
    assert (run["kind"], run["state"], run["spec"]["target"]["name"]) == ("response", "done", "shapes")
    written_round_trips(run)
    found = run["result"]
    agree("tltk response", found)
    for dial in found["dials"]:
        agree("A dial", dial)
        assert len(dial["levels"]) == len(dial["shares"])
        for measure in found["measures"]:
            rows = found["cells"][measure][dial["name"]]
            assert [row["level"] for row in rows] == dial["levels"]
            for row in rows:
                agree("A measure at a setting", {k: v for k, v in row.items() if k != "level"}, but={"level"})
                assert isinstance(row["level"], int | float | str)
    done = tltk(*WORDS)
    assert done.exit_code == 0
    out = done.stdout.splitlines()
    assert out[1] == "at features: 100 examples of each domain; the first setting from which p ≤ .05"
    assert out[2].split() == ["dial", "mmd", "coral", "its", "end"]
    assert [line.split()[0] for line in out[3:6]] == ["hue", "background", "classes"]
    assert out[3].split()[-1] == "0.5" and out[6].startswith("not turned: alarms")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--dials", "hu"], "Did you mean 'hue'?"),
        (["--measures", "energi"], "Did you mean 'energy'?"),
        (["--target", "digits"], "The target must be the shift lab, shapes or shapes:DIALS. Got 'digits'."),
        (["--target", "shapes~fog:3"], "The target must be the shift lab, shapes or shapes:DIALS. Got 'shapes~fog:3'."),
        (
            ["--target", "shapes:blur=0.1", "--dials", "hue,blur"],
            "The dial blur must have a way to go. It is at its end",
        ),
        (["--measures", ""], "A response needs a measure and a dial."),
        (["--pictures", "50"], "DialResponseSpec.pictures must be between 100 and 5000. Got 50."),
        (["--source", "digits"], "No such option"),
        (["--boundary", "1"], "No such option"),
    ],
)
@pytest.mark.usefixtures("idle")
def test_bad_input_is_two_and_a_sentence(words: list[str], sentence: str) -> None:
    refused(["response", *words], sentence)


# -- figures ------------------------------------------------------------------------------------------------


def test_the_figures_show_what_was_found() -> None:
    seen = {"mmd": {"hue": 1, "background": None}, "coral": {"hue": None, "background": 2}}
    found = msgspec.structs.replace(dial_response(SPEC, context()), seen=seen)
    never, there = figures.detection(found).data
    rows = ["Background, plain to photo", "Hue, 0 to 0.5"]
    assert list(there.y) == list(never.y) == rows and list(there.x) == ["mmd", "coral"]
    assert [list(r) for r in there.z] == [[None, 1.0], [0.5, None]]
    assert [list(r) for r in never.z] == [[1, None], [None, 1]]
    assert [list(r) for r in there.text] == [["", "photo"], ["0.25", ""]]
    drawn = figures.rise(found, "coral")
    assert [t.text for t in drawn.layout.annotations] == ["Hue", "Background"]
    band, line = drawn.data[:2]
    cells = found.cells["coral"]["hue"]
    assert list(line.y) == [c.value for c in cells] and list(band.y[:3]) == [c.hi for c in cells]
    assert list(line.marker.symbol) == ["circle" if c.p <= 0.05 else "circle-open" for c in cells]
    json.loads(drawn.to_json())
