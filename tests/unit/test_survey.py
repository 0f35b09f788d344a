"""The survey asks a network at few sizes and finds the rule of them; what it finds is what the engine takes."""

from __future__ import annotations

import warnings

import pytest
import torch

from tltk.errors import BadSpec
from tltk.nn.flops import Shapes
from tltk.nn.net import make_backbone, make_net
from tltk.specs.parts import NetSpec
from tltk.weights.catalogue import Backbone, Sizes, catalogue
from tltk.weights.survey import known_size_rule, size_rule


class Adds(torch.nn.Module):
    """A shortcut, added in place, that is one place shorter."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.add_(x[:, 1:])


RULES = [
    Sizes(8),
    Sizes(32),
    Sizes(75),
    Sizes(16, 16),
    Sizes(32, 32),
    Sizes(29, 32, below=3),
    Sizes(31, 32, 1, 1),
    Sizes(32, 32, above=7),
    Sizes(17, 32, below=15),
    Sizes(193, 0, below=31),
    Sizes(256, 256),
]


@pytest.mark.parametrize("rule", RULES, ids=str)
@pytest.mark.parametrize("own", [224, 256, 384])
def test_a_rule_is_found_by_few_questions(rule: Sizes, own: int) -> None:
    one, asked = Backbone("", "", 0, own, 0, "", sizes=rule), list[int]()
    if not one.takes(own):
        pytest.skip("a network takes its own size")

    def takes(size: int) -> bool:
        asked.append(size)
        return one.takes(size)

    found = size_rule(takes, own)
    assert found is not None
    told = Backbone("", "", 0, own, 0, "", sizes=found)
    assert [told.takes(s) for s in range(8, 1025)] == [one.takes(s) for s in range(8, 1025)]
    assert len(asked) == len(set(asked)) < 110
    again = size_rule(takes, own, found)
    assert again == found and len(set(asked)) < 110


def test_where_no_rule_holds_none_is_told() -> None:
    assert size_rule(lambda size: size in (20, 24, 28, 36, 72, 240), 240) is None


def test_a_relatives_rule_that_does_not_fit_is_not_believed() -> None:
    assert size_rule(lambda size: size >= 16, 224, Sizes(16, 16)) == Sizes(16)
    assert size_rule(lambda size: size >= 16, 224, Sizes(32)) == Sizes(16)


@pytest.mark.parametrize(
    "name", ["test_vit", "test_resnet", "test_convnext", "ghostnetv2_100", "dla46x_c", "pit_ti_224"]
)
def test_the_table_says_what_the_engine_takes(name: str) -> None:
    one = catalogue()[name]
    for size in (8, 15, 16, 24, 28, 29, 31, 32, 33, 34, 39, 40, 48, 64, 72):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                make_net(make_backbone(name, size, 3), size, 3, 2, NetSpec(backbone=name), 0)
            except BadSpec:
                assert not one.takes(size), size
            else:
                assert one.takes(size), size


def test_the_table_is_what_the_survey_finds() -> None:
    for name in ("test_vit", "test_convnext", "dla46x_c"):
        one = catalogue()[name]
        assert known_size_rule(one, {}) == one.sizes is not None


@pytest.mark.parametrize(
    ("made", "args"),
    [
        (torch.nn.Linear(8, 4), (2, 7)),
        (torch.nn.LayerNorm(8), (2, 7)),
        (torch.nn.LayerNorm((2, 8)), (3, 8)),
        (Adds(), (2, 7)),
    ],
    ids=["linear", "norm", "norm of two axes", "sum in place"],
)
def test_shapes_that_do_not_fit_are_refused_as_torch_refuses_them(made: torch.nn.Module, args: tuple[int, ...]) -> None:
    with torch.no_grad(), pytest.raises(RuntimeError):
        made(torch.zeros(args))
    with Shapes(), torch.no_grad(), pytest.raises(RuntimeError):
        made.to("meta")(torch.zeros(args, device="meta"))
