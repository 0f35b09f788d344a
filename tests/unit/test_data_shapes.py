"""The shift lab: every dial moves what it says and nothing else, and what is drawn is what is written down."""

from __future__ import annotations

import colorsys
import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tltk import home
from tltk.data import domains, load, parse
from tltk.data.sources import shapes
from tltk.data.sources.shapes import CLASSES, Dials, attributes
from tltk.errors import BadSpec, DataProblem, UnknownName
from tltk.shift.mmd import mmd
from tltk.shift.null import permutation_mmd
from tltk.specs.knobs import knobs
from tltk.specs.parts import DataSpec

SPEC = DataSpec("shapes", n=60, size=32)


def drawn(argument: str = "", n: int = 60, size: int = 32, seed: int = 0) -> NDArray[np.float64]:
    return shapes.load(DataSpec("shapes", n=n, size=size, seed=seed), argument).images.astype(np.float64)


# -- names ------------------------------------------------------------------------------------------------


def test_a_domain_has_one_name_in_one_spelling() -> None:
    assert "shapes" in domains and "corrupt" not in domains and "distances" not in domains
    assert parse("shapes") == parse("shapes:") == parse("shapes:hue=0,classes=0-9") == ("shapes", "")
    assert parse("shapes:hue=.50, rotation=30.0") == ("shapes", "rotation=30,hue=0.5")
    assert parse("shapes:classes=star+0+ring+2-4") == ("shapes", "classes=0+2-5")
    load(DataSpec("shapes:hue=0.5,rotation=30", n=30, size=8))
    same = load(DataSpec("shapes:rotation=30,hue=.5", n=30, size=8))
    assert len(list(home.folder("domains").iterdir())) == 1 and same.name == "shapes:rotation=30,hue=.5"
    other = load(DataSpec("shapes:rotation=30,hue=0.6", n=30, size=8))
    assert len(list(home.folder("domains").iterdir())) == 2 and other.fingerprint != same.fingerprint


@pytest.mark.parametrize(
    ("argument", "kind", "words"),
    [
        ("hu=0.3", UnknownName, "A dial of shapes must be one of .* Got 'hu'. Did you mean 'hue'"),
        (
            "background=foto",
            UnknownName,
            "The dial background of shapes must be one of gradient, photo, plain. Got 'foto'",
        ),
        ("classes=0+stra", UnknownName, "A class of shapes must be one of .* Did you mean 'star'"),
        ("classes=0-10", UnknownName, "Got '10'"),
        ("classes=3", BadSpec, "must name at least two shapes.* Got '3'.*as in shapes:"),
        ("classes=4-2", BadSpec, "first before last"),
        (
            "hue=2",
            BadSpec,
            "The dial hue of shapes must be between 0.0 and 1.0. Got 2.0. Write .* as in shapes:hue=0.2",
        ),
        ("hue=nan", BadSpec, "finite"),
        ("hue=red", BadSpec, "The dial hue must be a number. Got 'red'; write as in shapes:hue=0.5"),
        ("hue", BadSpec, "must be NAME=VALUE. Got 'hue'; write"),
        ("hue=", BadSpec, "must be NAME=VALUE"),
        ("hue=0.1,hue=0.2", BadSpec, "must be set once. Got hue twice; leave"),
        ("/pictures", BadSpec, "must be NAME=VALUE. Got '/pictures'"),
    ],
)
def test_bad_dials_get_a_sentence(argument: str, kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words):
        parse(f"shapes:{argument}")


def test_too_few_pictures_get_a_sentence() -> None:
    with pytest.raises(DataProblem, match="raise n"):
        load(DataSpec("shapes", n=5, size=8))


# -- the seed ---------------------------------------------------------------------------------------------

ALL = "rotation=30,background=photo,noise=0.2,blur=0.03,occlusion=0.1,prior=0.8,label_noise=0.3,inversion=0.4"


@pytest.mark.parametrize(("argument", "size"), [("", 16), (ALL, 16), (ALL, 9)])
def test_the_seed_decides_and_sets_grow_at_the_end(argument: str, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shapes, "PIECE_PIXELS", 64 * size**2)  # three pieces
    calls: list[tuple[int, int]] = []
    many = shapes.load(DataSpec("shapes", n=150, size=size), argument, lambda *at: calls.append(at))
    assert calls == [(64, 150), (128, 150), (150, 150)]
    for n in (70, 128):
        few = shapes.load(DataSpec("shapes", n=n, size=size), argument)
        assert np.array_equal(few.images, many.images[:n]) and np.array_equal(few.labels, many.labels[:n])
    again = shapes.load(DataSpec("shapes", n=150, size=size, val=0.4, shots=3), argument)
    other = shapes.load(DataSpec("shapes", n=150, size=size, seed=1), argument)
    assert again.fingerprint == many.fingerprint != other.fingerprint
    assert (many.images != other.images).any((1, 2, 3)).all()


def test_the_number_of_threads_does_not_show() -> None:
    before, found = torch.get_num_threads(), set()
    for threads in (1, 2):
        torch.set_num_threads(threads)
        found.add(shapes.load(DataSpec("shapes", n=300), ALL).fingerprint)
    torch.set_num_threads(before)
    assert len(found) == 1


def test_attributes_are_of_the_same_pictures_at_any_size() -> None:
    small, large = (attributes(DataSpec("shapes", n=200, size=size), ALL) for size in (8, 512))
    assert all(len(v) == 200 and np.array_equal(v, large[k]) for k, v in small.items())
    assert np.array_equal(small["label"], shapes.load(DataSpec("shapes", n=200, size=8), ALL).labels)
    fewer = attributes(DataSpec("shapes", n=50), ALL)
    assert all(np.array_equal(v, small[k][:50]) for k, v in fewer.items())


# -- dials ------------------------------------------------------------------------------------------------

MOVES = {
    "rotation=90": {"rotation"},
    "scale=0.5": {"radius"},
    "position=0.2": {"x", "y"},
    "hue=0.3": {"hue"},
    "hues=1": {"hue"},
    "correlation=0.5": {"hue", "decided"},
    "texture=dots": {"texture"},
    "background=photo": set(),
    "background=gradient": set(),
    "blur=0.05": set(),
    "noise=0.1": set(),
    "inversion=0.5": {"inverted"},
    "contrast=0.5": set(),
    "occlusion=0.2": set(),
    "classes=0-4": {"shape", "label"},
    "prior=0.8": {"shape", "label"},
    "label_noise=0.5": {"wrong", "label"},
    "shape_noise=0.5": {"shape"},
}


def test_every_dial_is_in_the_table() -> None:
    assert {name.partition("=")[0] for name in MOVES} == set(knobs(Dials))
    assert all(rule.help.endswith(".") for rule in knobs(Dials).values())


@pytest.mark.parametrize("argument", list(MOVES))
def test_a_dial_moves_its_own_attributes_and_no_other(argument: str) -> None:
    before, after = attributes(SPEC), attributes(SPEC, argument)
    assert {k for k in before if not np.array_equal(before[k], after[k])} == MOVES[argument]
    changed = (drawn() != drawn(argument)).any((1, 2, 3))
    if argument.startswith("label_noise"):
        assert not changed.any()
    else:
        assert changed.sum() >= 15


def spread(argument: str, name: str) -> NDArray[np.float64]:
    return attributes(DataSpec("shapes", n=4000), argument)[name]


def test_ranges_are_what_the_dials_say() -> None:
    assert not spread("", "rotation").any() and not spread("", "x").any() and not spread("", "inverted").any()
    angle = spread("rotation=40", "rotation")
    assert -40 < angle.min() < -39 and 39 < angle.max() < 40 and abs(angle.mean()) < 1.5
    for axis in "xy":
        assert 0.19 < np.abs(spread("position=0.2", axis)).max() < 0.2
    np.testing.assert_allclose(spread("scale=0.5", "radius"), 0.5 * spread("", "radius"))
    np.testing.assert_allclose((spread("hue=0.3", "hue") - spread("", "hue")) % 1, 0.3)
    turned = (spread("", "hue") + 0.5) % 1 - 0.5  # −0.25 … 0.25
    assert -0.25 < turned.min() < -0.24 and 0.24 < turned.max() < 0.25
    assert (spread("texture=dots", "texture") == 2).all()
    assert (np.abs(np.bincount(spread("", "texture")) / 4000 - 0.25) < 0.03).all()


def test_frequencies_are_what_the_dials_say() -> None:
    counts = np.bincount(spread("", "label"))
    assert len(counts) == 10 and np.ptp(counts) <= 6
    share = 0.7 ** np.arange(10)
    np.testing.assert_allclose(np.bincount(spread("prior=0.7", "label")) / 4000, share / share.sum(), atol=1.5e-3)
    assert abs(spread("inversion=0.3", "inverted").mean() - 0.3) < 0.03
    many = attributes(DataSpec("shapes", n=4000), "label_noise=0.4,classes=1+4+6")
    clean = attributes(DataSpec("shapes", n=4000), "classes=1+4+6")
    assert np.array_equal(many["shape"], np.array([1, 4, 6])[clean["label"]])
    assert np.array_equal(many["label"] != clean["label"], many["wrong"]) and abs(many["wrong"].mean() - 0.4) < 0.03
    ways = np.bincount(clean["label"] * 3 + many["label"], minlength=9).reshape(3, 3) / 4000
    assert (np.abs(ways[~np.eye(3, dtype=bool)] - 0.4 / 6) < 0.015).all()  # every wrong class alike


def test_shape_noise_leaves_the_hue_to_the_label() -> None:
    plain, all_noise = (
        attributes(DataSpec("shapes", n=4000), f"correlation=1,hues=1{more}") for more in ("", ",shape_noise=1")
    )
    assert np.array_equal(plain["label"], all_noise["label"]) and np.array_equal(plain["hue"], all_noise["hue"])
    together = np.bincount(10 * all_noise["label"] + all_noise["shape"], minlength=100) / 4000
    assert (np.abs(together - 0.01) < 0.007).all()  # any shape in any class
    assert abs((spread("shape_noise=0.4", "shape") != spread("", "shape")).mean() - 0.4 * 0.9) < 0.03
    some = spread("shape_noise=1,classes=1+4+6", "shape")
    assert set(some.tolist()) == {1, 4, 6}


def test_correlation_ties_the_hue_to_the_label() -> None:
    def explained(argument: str) -> float:
        """Share of the hue's variance that lies between the shapes."""
        found = attributes(DataSpec("shapes", n=4000), argument)
        hue = (found["hue"] + 0.5) % 1
        means = np.array([hue[found["shape"] == c].mean() for c in range(10)])
        return float(means[found["shape"]].var() / hue.var())

    shares = [explained(f"correlation={c}") for c in (0, 0.3, 0.6, 0.9, 1)]
    assert shares[0] < 0.01 and shares == sorted(shares) and shares[-1] > 0.999
    assert abs(spread("correlation=0.6", "decided").mean() - 0.6) < 0.03
    tied = attributes(SPEC, "correlation=1")
    some = attributes(SPEC, "correlation=1,classes=3-5")
    assert set(some["hue"]) == {tied["hue"][tied["shape"] == c][0] for c in (3, 4, 5)}  # a subset keeps its colours


# -- pixels -----------------------------------------------------------------------------------------------


def test_shapes_lie_where_the_attributes_say() -> None:
    argument = "texture=plain,position=0.2,classes=circle+square,rotation=180"
    x, found = drawn(argument, 40, 64), attributes(DataSpec("shapes", n=40), argument)
    column = (np.arange(64) + 0.5) / 64 - 0.5
    for i in range(40):
        mask = np.abs(x[i] - x[i, :, :1, :1]).max(0)
        if found["radius"][i] + max(abs(found["x"][i]), abs(found["y"][i])) > 0.5:
            continue  # cut off by the frame
        mask /= mask.max()
        assert (mask * column).sum() / mask.sum() == pytest.approx(found["x"][i], abs=0.005)
        assert (mask * column[:, None]).sum() / mask.sum() == pytest.approx(found["y"][i], abs=0.005)
        area = math.pi * 0.85**2 if found["shape"][i] == 0 else 1.44**2
        assert mask.mean() == pytest.approx(area * found["radius"][i] ** 2, rel=0.02)  # half-covered pixels count half


def test_rotation_is_counted_against_the_clock() -> None:
    argument = "texture=plain,classes=star+bar,rotation=180"
    x, found = drawn(argument, 30, 64), attributes(DataSpec("shapes", n=30), argument)
    column = (np.arange(64) + 0.5) / 64 - 0.5
    for i in np.flatnonzero(found["shape"] == CLASSES.index("bar")):
        mask = np.abs(x[i] - x[i, :, :1, :1]).max(0)
        xx, yy, xy = ((mask * v).sum() for v in (column**2, (column**2)[:, None], -column * column[:, None]))
        axis = math.degrees(0.5 * math.atan2(2 * xy, xx - yy))
        assert abs((axis - found["rotation"][i] + 90) % 180 - 90) < 2


def test_colours_are_what_the_attributes_say() -> None:
    argument = "texture=plain,classes=0+1,hue=0.4"
    x, found = drawn(argument, 30, 32), attributes(DataSpec("shapes", n=30), argument)
    for i in range(30):
        for part, pixel in (("", x[i, :, 16, 16]), ("background_", x[i, :, 0, 0])):
            said = colorsys.hsv_to_rgb(*(found[f"{part}{k}"][i] for k in ("hue", "saturation", "brightness")))
            assert np.abs(pixel - 255 * np.array(said)).max() <= 0.51


def test_tones_follow_their_formulas() -> None:
    plain = drawn()
    assert np.abs(drawn("inversion=1") - (255 - plain)).max() <= 1
    assert np.abs(drawn("contrast=0.5") - (127.5 + 0.5 * (plain - 127.5))).max() <= 1
    louder = drawn("contrast=1.5")
    assert np.abs(louder - np.clip(127.5 + 1.5 * (plain - 127.5), 0, 255)).max() <= 1.5
    noisy, inner = drawn("noise=0.08"), (plain > 90) & (plain < 165)
    assert (noisy - plain)[inner].std() == pytest.approx(0.08 * 255, rel=0.05) and abs(
        (noisy - plain)[inner].mean()
    ) < 0.5
    correlated = np.corrcoef((noisy - plain)[:30, 0, :3, :3].ravel(), (noisy - plain)[30:, 0, :3, :3].ravel())[0, 1]
    assert abs(correlated) < 0.2  # every picture has noise of its own


def test_blur_is_a_gaussian_of_this_width() -> None:
    edge = torch.zeros(1, 1, 1, 101)
    edge[..., 50] = 1
    found = shapes._blur(edge, 4.0)[0, 0, 0].numpy()
    at = np.arange(101) - 50
    assert found.sum() == pytest.approx(1, abs=1e-5) and (found * at**2).sum() == pytest.approx(16, rel=0.03)
    sharp, soft = drawn(), drawn("blur=0.05")
    energies = [np.abs(np.diff(x, axis=axis)).mean() for x in (soft, sharp) for axis in (2, 3)]
    assert max(energies[:2]) < 0.7 * min(energies[2:])
    assert np.abs(soft.mean((2, 3)) - sharp.mean((2, 3))).max() < 1


def test_backgrounds_change_behind_the_shape_only() -> None:
    plain, looks = drawn("classes=0+1"), attributes(SPEC, "classes=0+1")
    for kind in ("photo", "gradient"):
        other = drawn(f"classes=0+1,background={kind}")
        assert np.array_equal(other[:, :, 14:18, 14:18], plain[:, :, 14:18, 14:18]) and looks["radius"].min() > 0.25
        assert other[:, :, :3].std((2, 3)).mean() > 3 > plain[:, :, :3].std((2, 3)).max()
    assert "CC BY 2.0" in shapes.load(SPEC, "background=photo").licence and shapes.load(SPEC).licence == "CC0 1.0"


def test_occlusion_covers_its_share() -> None:
    plain, covered, found = drawn("background=photo"), drawn("background=photo,occlusion=0.3"), attributes(SPEC)
    side = math.sqrt(0.3)
    for i in range(60):
        left, top = (round(32 * (1 - side) * found[k][i]) for k in ("block_x", "block_y"))
        inside = covered[i, :, top + 1 : top + 16, left + 1 : left + 16]
        assert np.ptp(inside) == 0 and inside.max() == pytest.approx(255 * found["block_grey"][i], abs=0.51)
        changed = (covered[i] != plain[i]).any(0)
        assert not changed[: max(0, top - 1)].any() and changed.mean() <= (side * 32 + 2) ** 2 / 32**2
        # mean light says exactly how much is covered, half pixels too
        grey = 255 * found["block_grey"][i]
        assert abs(covered[i] - plain[i]).sum() <= 0.31 * 32**2 * 3 * max(grey, 255 - grey) + 3 * 64


@pytest.mark.parametrize("size", [8, 33, 100])
def test_shapes_show_at_every_size(size: int) -> None:
    x = drawn("scale=0.8", 30, size)
    assert ((x.max((2, 3)) - x.min((2, 3))).max(1) > 60).all()
    photo = drawn("background=photo,blur=0.02,noise=0.05,rotation=20", 30, size)
    assert photo.shape == (30, 3, size, size)


def test_shapes_can_be_told_apart() -> None:
    """The nearest mean shape, learned on one seed, reads another far above chance (0.1)."""

    def masks(seed: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        domain = shapes.load(DataSpec("shapes", n=400, size=24, seed=seed), "texture=plain")
        x = domain.images.astype(float)
        flat = np.abs(x - x[:, :, :1, :1]).max(1).reshape(400, -1)
        return flat / np.linalg.norm(flat, axis=1, keepdims=True), domain.labels

    (seen, labels), (new, truth) = masks(0), masks(1)
    means = np.stack([seen[labels == c].mean(0) for c in range(10)])
    assert ((new @ means.T / np.linalg.norm(means, axis=1)).argmax(1) == truth).mean() > 0.7


# -- statistics see what was turned -----------------------------------------------------------------------


def features(argument: str, seed: int) -> torch.Tensor:
    """Pictures of 16 × 16 as 8 × 8 mean colours."""
    x = torch.from_numpy(drawn(argument, 300, 16, seed) / 255).float()
    return x.reshape(300, 3, 8, 2, 8, 2).mean((3, 5)).flatten(1)


RESPONSES = [
    ("", "hue={}", (0.1, 0.25, 0.5)),
    ("classes=7-9", "rotation={}", (30, 90, 180)),
    ("", "scale={}", (0.9, 0.7, 0.5)),
    ("", "position={}", (0.05, 0.15, 0.3)),
    ("", "blur={}", (0.02, 0.05, 0.1)),
    ("", "noise={}", (0.05, 0.2, 0.4)),
    ("", "inversion={}", (0.1, 0.3, 0.6)),
    ("", "contrast={}", (0.8, 0.6, 0.4)),
    ("", "occlusion={}", (0.05, 0.15, 0.3)),
    ("", "prior={}", (0.9, 0.7, 0.5)),
    ("", "background={}", ("plain", "gradient", "photo")),
    ("", "classes={}", ("0-8", "0-4", "0-1")),
    ("", "hues={}", (0.6, 0.8, 1.0)),
]


@pytest.mark.parametrize(
    ("base", "dial", "values"), RESPONSES, ids=[dial.partition("=")[0] for _, dial, _ in RESPONSES]
)
def test_mmd_rises_with_the_dial(base: str, dial: str, values: tuple[object, ...]) -> None:
    source = features(base, 0)
    targets = [features(",".join(filter(None, (base, dial.format(v)))), 1) for v in values]
    found = [float(mmd(source, target)) for target in targets]
    assert found == sorted(found)
    assert permutation_mmd(source, targets[-1], permutations=99).p <= 0.02


@pytest.mark.parametrize("argument", ["", "background=photo,hue=0.3", "label_noise=0.5"])
def test_mmd_sees_nothing_between_two_draws_of_one_setting(argument: str) -> None:
    if argument.startswith("label_noise"):  # labels are wrong, pictures are not
        assert permutation_mmd(features("", 0), features(argument, 1), permutations=99).p > 0.05
    ps = [
        permutation_mmd(features(argument, 2 * s), features(argument, 2 * s + 1), permutations=99).p for s in range(4)
    ]
    assert np.median(ps) > 0.1 and min(ps) > 0.01
