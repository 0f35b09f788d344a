"""The three sets of digits that need no download: what they are, and that the seed decides."""

from __future__ import annotations

import numpy as np
import pytest

from tltk.data import domains
from tltk.data.fit import resize
from tltk.data.sources import blended_digits, digits, rendered_digits
from tltk.errors import DataProblem
from tltk.specs.parts import DataSpec


def test_digits_are_the_real_ones_in_three_equal_channels() -> None:
    domain = digits.load(DataSpec(size=8))
    raw, labels = digits.base_digits()
    assert domain.images.shape == (1797, 3, 8, 8) and np.array_equal(domain.labels, labels)
    assert all(np.array_equal(domain.images[:, c], raw) for c in range(3))
    assert raw.max() == 255 and raw.min() == 0 and "CC BY 4.0" in domain.licence
    large = digits.load(DataSpec(size=32, n=500))
    assert large.images.shape == (500, 3, 32, 32) and np.bincount(large.labels).min() >= 45
    with pytest.raises(DataProblem, match="digits has 1,797 examples"):
        digits.load(DataSpec(n=1798))


@pytest.mark.slow  # the import of scikit-learn
def test_bundled_files_are_what_scikit_learn_loads(monkeypatch: pytest.MonkeyPatch) -> None:
    assert digits.bundled_file("data", "digits.csv.gz") and digits.bundled_file("images", "moved.jpg") is None
    raw, labels = digits.base_digits()
    photos = [np.asarray(photo) for photo in blended_digits._photos()]
    for module in (digits, blended_digits):
        monkeypatch.setattr(module, "bundled_file", lambda *_: None)
    raw_there, labels_there = digits.base_digits()
    assert np.array_equal(raw, raw_there) and np.array_equal(labels, labels_there)
    for photo, there in zip(photos, blended_digits._photos(), strict=True):
        assert np.array_equal(photo, np.asarray(there))


def test_rendered_digits_take_turns_and_grow_at_the_end() -> None:
    calls: list[tuple[int, int]] = []
    spec = DataSpec("rendered_digits", n=1010, size=16)
    domain = rendered_digits.load(spec, "", lambda done, total: calls.append((done, total)))
    assert np.bincount(domain.labels).tolist() == [101] * 10 and calls[-1] == (1010, 1010)
    fewer = rendered_digits.load(DataSpec("rendered_digits", n=30, size=16))
    assert np.array_equal(fewer.images, domain.images[:30])
    again = rendered_digits.load(DataSpec("rendered_digits", n=30, size=16, val=0.5))
    other = rendered_digits.load(DataSpec("rendered_digits", n=30, size=16, seed=1))
    assert again.fingerprint == fewer.fingerprint != other.fingerprint
    assert (domain.images == domain.images[:, :1]).all()


def test_rendered_digits_can_be_told_apart() -> None:
    """Nearest class mean, learned on one seed, reads another far above chance (0.1)."""
    seen = rendered_digits.load(DataSpec("rendered_digits", n=1000, size=16))
    new = rendered_digits.load(DataSpec("rendered_digits", n=500, size=16, seed=1))

    def flat(images: np.ndarray) -> np.ndarray:
        x = images[:, 0].reshape(len(images), -1).astype(float)
        x -= x.mean(1, keepdims=True)
        x *= np.sign(-x[:, :16].mean(1, keepdims=True))  # the uppermost row is background: light on dark
        return x / np.linalg.norm(x, axis=1, keepdims=True)

    means = np.stack([flat(seen.images)[seen.labels == c].mean(0) for c in range(10)])
    assert ((flat(new.images) @ means.T).argmax(1) == new.labels).mean() > 0.3


@pytest.mark.parametrize("size", [8, 33, 100])
def test_rendered_digits_fill_the_picture_at_every_size(size: int) -> None:
    images = rendered_digits.load(DataSpec("rendered_digits", n=50, size=size)).images[:, 0].astype(float)
    contrast = images.max((1, 2)) - images.min((1, 2))
    ink = (images - images.min((1, 2))[:, None, None]) / contrast[:, None, None]
    assert (contrast > 40).all()
    negative = ink[:, 0].mean(1) > 0.5  # dark on light, told by the uppermost row
    assert 10 < negative.sum() < 40
    ink[negative] = 1 - ink[negative]
    assert 0.1 < ink.mean() < 0.5


def test_blended_digits_are_absolute_differences_with_a_photograph() -> None:
    spec = DataSpec("blended_digits", size=32)
    domain = blended_digits.load(spec)
    assert domain.images.shape == (1797, 3, 32, 32) and "china.jpg" in domain.source
    raw, labels = digits.base_digits()
    assert np.array_equal(domain.labels, labels)
    assert (domain.images[:, 0] != domain.images[:, 2]).mean() > 0.5  # in colour
    mask = blended_digits._masks(resize(raw[7:8], 32))[0]
    crop, photo = blended_digits._crop(blended_digits._photos(), np.random.default_rng((0, 7)), 32)
    assert domain.attributes["background"].numbers[7] == photo
    assert np.array_equal(domain.images[7], np.abs(crop - mask[:, :, None]).transpose(2, 0, 1))
    assert set(np.unique(mask)) >= {0, 255} and np.isin(mask, (0, 255)).mean() > 0.6


def test_the_background_of_a_digit_depends_on_its_index_and_the_seed() -> None:
    whole, part = (blended_digits.load(DataSpec("blended_digits", size=8, n=n)) for n in (0, 40))
    every = {picture.tobytes() for picture in whole.images}
    assert all(picture.tobytes() in every for picture in part.images)
    other = blended_digits.load(DataSpec("blended_digits", size=8, seed=1))
    assert (other.images != whole.images).any((1, 2, 3)).mean() > 0.99
    with pytest.raises(DataProblem, match="has 1,797 examples. Got n = 2,000"):
        blended_digits.load(DataSpec("blended_digits", n=2000))


def test_every_domain_has_a_sentence_for_the_menu() -> None:
    for name in domains:
        assert 30 < len(domains.summary(name)) < 110 and domains.summary(name).endswith(".")
