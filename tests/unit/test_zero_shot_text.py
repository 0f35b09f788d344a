"""Zero-shot by text: what open_clip itself says of these pictures; nothing fetched, nothing unpickled."""

from __future__ import annotations

import importlib
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tests.support import clip as toy
from tests.support.engine import domain
from tests.support.layers import context, round_trips
from tltk.analyses.zero_shot_text.analysis import zero_shot_text
from tltk.analyses.zero_shot_text.spec import ZeroShotTextSpec
from tltk.analyses.zero_shot_text.table import lines
from tltk.errors import BadSpec, WeightsMissing
from tltk.probes.text_zero_shot import prompts, text_logits
from tltk.specs.parts import DataSpec
from tltk.weights.clip import check_checkpoint, load_clip

with_open_clip = pytest.mark.skipif(not toy.IS_INSTALLED, reason="open_clip is not installed; tltk[clip] brings it")


def test_logits_are_scaled_cosines() -> None:
    draw = np.random.default_rng(0)
    f, t = draw.normal(size=(4, 6)), draw.normal(size=(3, 6))
    cosines = [[a @ b / np.sqrt((a @ a) * (b @ b)) for b in t] for a in f]
    found = text_logits(torch.from_numpy(f), torch.from_numpy(t), 20.0)
    np.testing.assert_allclose(found.numpy(), 20 * np.array(cosines), rtol=1e-12)


def test_a_prompt_is_the_template_with_the_name() -> None:
    assert prompts(("art_painting", "dog"), "a {}, {}.") == ["a art painting, art painting.", "a dog, dog."]


def test_a_template_without_a_place_is_a_sentence() -> None:
    with pytest.raises(BadSpec, match="must hold {}, which stands"):
        ZeroShotTextSpec(template="a photo").check()


def test_what_is_no_checkpoint_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissing, match="must be named. None is; give --checkpoint"):
        check_checkpoint(" ")
    with pytest.raises(WeightsMissing, match="There is none at"):
        check_checkpoint(str(tmp_path))
    (tmp_path / "open_clip_config.json").write_text("[")
    with pytest.raises(WeightsMissing, match="must be JSON"):
        check_checkpoint(str(tmp_path))
    (tmp_path / "open_clip_config.json").write_text("{}")
    with pytest.raises(WeightsMissing, match="object named model_cfg"):
        check_checkpoint(str(tmp_path))
    toy.write_config(tmp_path, hf_model_name="roberta-base")
    with pytest.raises(WeightsMissing, match="others are fetched.*names roberta-base"):
        check_checkpoint(str(tmp_path))


def test_a_pickle_is_not_taken_for_weights(tmp_path: Path) -> None:
    toy.write_config(tmp_path)
    (tmp_path / "open_clip_pytorch_model.bin").write_bytes(pickle.dumps({}))
    with pytest.raises(WeightsMissing, match="files that can run code are not read. There are none"):
        check_checkpoint(str(tmp_path))


@pytest.mark.skipif(toy.IS_INSTALLED, reason="open_clip is installed")
def test_where_the_extra_is_missing_a_sentence_says_how_to_get_it(tmp_path: Path) -> None:
    toy.write_config(tmp_path)
    (tmp_path / "open_clip_model.safetensors").write_bytes(b"")
    with pytest.raises(BadSpec, match=r"not installed; pip install 'tltk\[clip\]'"):
        load_clip(str(tmp_path))


@with_open_clip
def test_predictions_are_those_of_open_clip(tmp_path: Path) -> None:
    folder = toy.write_checkpoint(tmp_path / "toy")
    there = domain(60, seed=5)
    spec = ZeroShotTextSpec(DataSpec("here"), str(folder), template="a drawing of {}", part="all")
    found = zero_shot_text(spec, context(here=there))
    open_clip = importlib.import_module("open_clip")
    model, preprocess = open_clip.create_model_from_pretrained(f"local-dir:{folder}")
    model.eval()
    words = open_clip.get_tokenizer(f"local-dir:{folder}")([f"a drawing of {name}" for name in there.classes])
    pictures = torch.stack([preprocess(Image.fromarray(x.transpose(1, 2, 0))) for x in there.images])
    with torch.inference_mode():
        logits = model.get_logits(pictures, words)[0]
    clip = load_clip(str(folder))
    images = torch.from_numpy(there.images).float() / 255
    mine = text_logits(clip.embed_pictures(images), clip.embed_texts(prompts(there.classes, spec.template)), clip.scale)
    torch.testing.assert_close(mine, logits, rtol=1e-4, atol=1e-4)
    said = logits.argmax(1).numpy()
    assert found.accuracy == pytest.approx((said == there.labels).mean())
    assert [one.n for one in found.classes] == np.bincount(there.labels).tolist()
    for c, one in enumerate(found.classes):
        assert one.accuracy == pytest.approx((said[there.labels == c] == c).mean())
    assert found.checkpoint == "toy" and found.lo <= found.accuracy <= found.hi
    round_trips(found)
    text = "\n".join(lines(found))
    assert f"Named from the names of {len(there.classes)} classes alone" in text


@with_open_clip
def test_grey_pictures_of_another_size_are_brought_to_the_models(tmp_path: Path) -> None:
    folder = toy.write_checkpoint(tmp_path / "toy", "model.safetensors")
    (folder / "open_clip_pytorch_model.bin").write_bytes(b"no tensors")  # which open_clip itself would prefer
    clip = load_clip(str(folder))
    grey = torch.rand(2, 1, 20, 20)
    colour = clip.embed_pictures(grey.expand(-1, 3, -1, -1))
    torch.testing.assert_close(clip.embed_pictures(grey), colour)
    found = zero_shot_text(ZeroShotTextSpec(DataSpec("there"), str(folder)), context(there=domain(60, size=16)))
    assert any("Pictures of 16 px were brought to 32 px" in remark for remark in found.remarks)


@with_open_clip
def test_weights_that_do_not_fit_are_a_sentence(tmp_path: Path) -> None:
    folder = toy.write_checkpoint(tmp_path / "toy")
    toy.write_config(folder, width=64, heads=4)
    with pytest.raises(WeightsMissing, match="must fit their config. open_clip says"):
        load_clip(str(folder))
