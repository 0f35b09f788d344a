"""Precision: as asked for, or whichever is faster, by figures that are measured once."""

from __future__ import annotations

import dataclasses

import msgspec
import pytest
import torch

from tests.support.engine import domain, spec
from tltk import home
from tltk.nn.net import Net
from tltk.specs.parts import OptimSpec
from tltk.training import precision
from tltk.training.compose import build_network, train
from tltk.training.precision import choose_precision, step_seconds

CPU = torch.device("cpu")


def network(name: str = "test_resnet") -> Net:
    return build_network(spec(name), domain())[0]


@pytest.mark.parametrize(
    ("asked", "device", "found"),
    [
        ("float32", "cuda", "float32"),
        ("bfloat16", "cpu", "bfloat16"),
        ("auto", "cpu", "float32"),
        ("auto", "cuda", "bfloat16"),
        ("auto", "mps", "float32"),
        ("fastest", "cuda", "bfloat16"),
    ],
)
def test_what_is_asked_for_needs_no_measuring(
    asked: str, device: str, found: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "_measure", None)
    assert choose_precision(OptimSpec(precision=asked), network(), torch.device(device)) == found


@pytest.mark.parametrize(
    ("seconds", "found"), [((2.0, 1.0), "bfloat16"), ((1.0, 2.0), "float32"), ((1.05, 1.0), "float32")]
)
def test_the_figures_decide_and_are_told_and_kept(
    seconds: tuple[float, float], found: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[int] = []

    def measure(net: object, batch: int) -> dict[str, float]:
        measured.append(batch)
        return dict(zip(precision.PRECISIONS, seconds, strict=True))

    monkeypatch.setattr(precision, "_measure", measure)
    told: list[str] = []
    fastest = OptimSpec(precision="fastest", batch_size=64)
    assert choose_precision(fastest, network(), CPU, told.append) == found
    assert told == [
        f"It computes in {found}: on this machine a step in bfloat16 is {seconds[0] / seconds[1]:.2f} times as fast "
        f"as in float32."
    ]
    assert choose_precision(fastest, network(), CPU) == found
    assert measured == [precision.LARGEST_BATCH], "measured once"
    choose_precision(fastest, network("test_convnext"), CPU)
    assert len(measured) == 2, "another network is measured by itself"


def test_a_measurement_changes_neither_network_nor_random_numbers() -> None:
    net = network()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    training = net.training
    state = torch.random.get_rng_state()
    found = step_seconds(net, 4)
    assert set(found) == set(precision.PRECISIONS) and all(0 < s < 60 for s in found.values())
    assert all(torch.equal(net.state_dict()[name], tensor) for name, tensor in before.items())
    assert net.training == training and all(p.grad is None for p in net.parameters())
    assert torch.equal(torch.random.get_rng_state(), state)


@pytest.mark.parametrize("content", [b"", b"[1]", b'{"x": 1}'])
def test_a_damaged_file_is_measured_again(content: bytes) -> None:
    (home.home() / precision.FILE).write_bytes(content)
    assert step_seconds(network(), 2)["float32"] > 0
    assert msgspec.json.decode((home.home() / precision.FILE).read_bytes())


@pytest.mark.parametrize("asked", ["float32", "bfloat16"])
def test_a_result_says_in_which_precision_it_was_computed(asked: str) -> None:
    asks = spec()
    asks = dataclasses.replace(asks, optim=dataclasses.replace(asks.optim, precision=asked, epochs=1))
    assert train(asks, domain=domain()).result.precision == asked
