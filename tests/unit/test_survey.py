"""The table of the catalogue is what timm and torch say, for the timm that it was made with."""

from __future__ import annotations

import pytest
import timm
import torch

from tltk.analyses.describe.analysis import layer_flops
from tltk.weights import catalogue
from tltk.weights.survey import count, pretrained, seen, survey

SMALL = ("test_resnet", "test_vit", "mobilenetv2_035", "resnet10t", "convnext_atto")
own = pytest.mark.skipif(
    catalogue.made_with() != timm.__version__,
    reason=f"the table was made with timm {catalogue.made_with()}; `python -m tltk.weights.survey` makes it anew",
)


@own
def test_the_table_has_just_what_timm_has() -> None:
    assert list(catalogue.catalogue()) == timm.list_models()
    tags = {f"{b.name}.{w.tag}" if w.tag else b.name for b in catalogue.catalogue().values() for w in b.weights}
    assert tags == {n for n in timm.list_pretrained() if "." in n or not timm.list_pretrained(f"{n}.*")}


@own
@pytest.mark.parametrize("name", SMALL)
def test_a_line_is_what_a_survey_finds(name: str) -> None:
    found = survey(name)
    assert found == catalogue.catalogue()[name]
    model = timm.create_model(name, num_classes=0)
    assert found.parameters == sum(p.numel() for p in model.parameters())
    with torch.no_grad():
        assert model.eval()(torch.zeros(1, 3, found.size, found.size)).shape == (1, found.features)


@pytest.mark.parametrize("name", SMALL[:2])
def test_flops_are_those_of_the_layers(name: str) -> None:
    """The figure of the catalogue and the sum of what Design shows follow one convention."""
    size = catalogue.catalogue()[name].size
    assert catalogue.catalogue()[name].flops == sum(layer_flops(name, size, 3))


def test_what_cannot_be_counted_is_left_empty() -> None:
    class Stubborn(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x * x.mean().item()

    assert count(Stubborn(), 3, 32) == (None, None)


@pytest.mark.parametrize("name", ["test_resnet", "mobilenetv2_035"])
@pytest.mark.parametrize("options", [{}, {"in_chans": 1}, {"num_classes": 0}, {"num_classes": 7}])
def test_a_file_is_recognised(name: str, options: dict[str, int]) -> None:
    with torch.device("meta"):
        state = timm.create_model(name, **options).state_dict()
    assert catalogue.guess({n: tuple(t.shape) for n, t in state.items()})[0] == name


def test_weights_of_a_model() -> None:
    first, *others = pretrained("resnet50")
    assert first.tag == timm.get_pretrained_cfg("resnet50").tag
    assert {w.tag for w in (first, *others)} == {n.partition(".")[2] for n in timm.list_pretrained("resnet50")}


@pytest.mark.parametrize(
    ("tag", "words"),
    [
        ("a1_in1k", "ImageNet-1k"),
        ("augreg_in21k_ft_in1k", "ImageNet-21k, then ImageNet-1k"),
        ("laion2b_ft_in12k_in1k", "LAION-2B, then ImageNet-12k, then ImageNet-1k"),
        ("mim_in22k_ft_in22k_in1k", "ImageNet-22k without labels, then ImageNet-22k, then ImageNet-1k"),
        ("ns_jft_in1k", "JFT-300M and ImageNet-1k"),
        ("fcmae_ft_in1k", "ImageNet-1k without labels, then ImageNet-1k"),
        ("ssld_stage2_ft_in1k", "ImageNet-22k and ImageNet-1k, then ImageNet-1k"),
        ("clip_ft_in1k", "not stated, then ImageNet-1k"),
        ("openai", "WIT-400M"),
        ("gemma4_31b_it", ""),
        ("", ""),
    ],
)  # fmt: skip
def test_what_a_tag_says(tag: str, words: str) -> None:
    assert seen(tag) == words
