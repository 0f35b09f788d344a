"""Files of other people: named, put into timm's layout, refused in a sentence, and never run."""

from __future__ import annotations

import json
import pickle
import struct
from collections import OrderedDict
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest
import timm
import torch
import torchvision
from safetensors.torch import load_file, save_file
from torch import Tensor

from tltk import home
from tltk.analyses.import_weights.analysis import import_weights
from tltk.analyses.import_weights.result import ImportWeightsResult
from tltk.analyses.import_weights.spec import ImportWeightsSpec
from tltk.errors import BadSpec, UnknownName, WeightsMissing
from tltk.specs.parts import NetSpec
from tltk.weights import catalogue, store, weightfile
from tltk.weights import load as weights

NAME = "test_resnet"
GUESS = catalogue.guess_backbones


@cache
def made(name: str, **options: Any) -> dict[str, Tensor]:
    torch.manual_seed(5)
    return dict(timm.create_model(name, **{"num_classes": 11, **options}).state_dict())


def state(name: str = NAME, **options: Any) -> dict[str, Tensor]:
    """What timm writes, classifier and all."""
    return {n: t.clone().contiguous() for n, t in made(name, **options).items()}


def file_of(path: Path, tensors: dict[str, Tensor], **header: str) -> Path:
    save_file({n: t.contiguous() for n, t in tensors.items()}, path, header or None)
    return path


def asked(path: Path, backbone: str = "", name: str = "") -> ImportWeightsResult:
    found = import_weights(ImportWeightsSpec(f"file:{path}", backbone, name))
    return msgspec.convert(json.loads(json.dumps(msgspec.to_builtins(found), allow_nan=False)), ImportWeightsResult)


def kept(name: str) -> dict[str, Tensor]:
    return load_file(store.find(name).file)


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing shipped; and the catalogue knows the nets of these tests, whatever its table has."""
    monkeypatch.setattr(store, "shipped_shelf", lambda: tmp_path / "shipped")

    def guess(shapes: dict[str, tuple[int, ...]]) -> list[str]:
        known = {n: tuple(t.shape) for n, t in state().items()}
        body = [n for n in known if not n.startswith("fc.") and n != "conv1.0.weight"]
        return [NAME] if all(shapes.get(n) == known[n] for n in body) else []

    monkeypatch.setattr(catalogue, "guess_backbones", guess)


# -- what it answers --------------------------------------------------------------------------------------


def test_a_file_of_timm_is_known_by_its_tensors(tmp_path: Path) -> None:
    path = file_of(tmp_path / "w.safetensors", state())
    found = asked(path)
    assert msgspec.to_builtins(found) == {
        "name": "",
        "weights": f"file:{path}",
        "backbone": NAME,
        "guessed": True,
        "candidates": [NAME],
        "layout": "timm",
        "parameters": sum(p.numel() for p in timm.create_model(NAME, num_classes=0).parameters()),
        "channels": 3,
        "classifier": "classifier of 11 classes",
        "classes": 11,
        "tensors": len(state()),
        "bytes": path.stat().st_size,
        "sha256": store.sha256(path),
        "licence": "unknown",
        "notes": [],
        "part": "",
        "class_names": [],
        "data": "",
    }
    assert store.entries() == []


def test_a_name_puts_it_into_the_store(tmp_path: Path) -> None:
    header = {
        "arch": f"{NAME}.r160_in1k",
        "licence": "CC0",
        "source": "a friend",
        "mean": "(0.5,)",
        "run": "not passed on",
    }
    path = file_of(tmp_path / "w.safetensors", state(), **header)
    found = asked(path, name="mine")
    assert (found.name, found.weights, found.guessed, found.licence) == ("mine", "store:mine", False, "CC0")
    entry = store.find("mine")
    assert store.is_intact(entry) and not entry.shipped
    assert (entry.card.backbone, entry.card.channels, entry.card.licence, entry.card.source) == (
        NAME,
        3,
        "CC0",
        "a friend",
    )
    assert entry.card.parameters == found.parameters
    assert str(tmp_path) not in json.dumps(store.as_dict(entry)["summary"]) and "w.safetensors" in entry.card.summary
    written, told = load_file(entry.file), weightfile.read_header(entry.file)[1]
    assert told == {
        "backbone": NAME,
        "classifier": "fc",
        "licence": "CC0",
        "source": "a friend",
        "mean": "(0.5,)",
    }
    assert all(torch.equal(t, written[n]) for n, t in state().items())
    net, same = (
        weights.build_net(NetSpec(backbone=NAME, weights=w), 4, 32, 3, 0) for w in ("store:mine", f"file:{path}")
    )
    assert all(torch.equal(t, same.state_dict()[n]) for n, t in net.state_dict().items())


def test_a_strangers_words_are_one_short_line(tmp_path: Path) -> None:
    path = file_of(tmp_path / "w.safetensors", state(), licence="MIT\n# \x1b[31mred", source="x" * 999)
    found = asked(path, name="mine")
    card = store.find("mine").card
    assert (found.licence, card.licence, card.source) == ("MIT # [31mred", "MIT # [31mred", "x" * 200)
    with pytest.raises(WeightsMissing) as fault:
        asked(file_of(tmp_path / "v.safetensors", {"a\x1b[2J\n": torch.zeros(2)}))
    assert "1 tensors, a [2J." in str(fault.value)


def test_the_table_of_the_catalogue_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "guess_backbones", GUESS)
    for channels in (3, 1):
        found = asked(file_of(tmp_path / "w.safetensors", state("mobilenetv2_035", in_chans=channels)))
        assert (found.backbone, found.guessed, found.channels) == ("mobilenetv2_035", True, channels)


@pytest.mark.parametrize("around", ["module.", "_orig_mod.", "model.", "module._orig_mod.backbone.", "encoder."])
@pytest.mark.parametrize("beside", [True, False])
def test_what_training_programs_put_around_names(around: str, beside: bool, tmp_path: Path) -> None:
    given = {n if beside and n.startswith("fc.") else around + n: t for n, t in state().items()}
    found = asked(file_of(tmp_path / "w.safetensors", given | {"n_averaged": torch.tensor(7)}), name="mine")
    assert (found.backbone, found.classes, found.notes) == (NAME, 11, [])
    assert set(kept("mine")) == set(state())


def test_what_only_some_names_share_stays(tmp_path: Path) -> None:
    given = {n if i else f"model.{n}": t for i, (n, t) in enumerate(state().items())}
    with pytest.raises(WeightsMissing, match=r"1 missing \(conv1\.0\.weight\)"):
        asked(file_of(tmp_path / "w.safetensors", given))


def test_an_unknown_architecture_is_said(tmp_path: Path) -> None:
    path = file_of(tmp_path / "w.safetensors", {f"layer{i}.weight": torch.zeros(2) for i in range(5)}, arch="of my own")
    with pytest.raises(WeightsMissing) as fault:
        asked(path)
    for part in ("w.safetensors", "5 tensors", "layer0.weight, layer1.weight", "--backbone"):
        assert part in str(fault.value)
    with pytest.raises(WeightsMissing, match="must fit test_resnet tensor by tensor.*missing.*5 unknown"):
        asked(path, NAME, "mine")
    with pytest.raises(UnknownName, match="Did you mean 'test_resnet'"):
        asked(path, "test_resnett")
    assert store.entries() == []


def test_several_architectures_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "guess_backbones", lambda shapes: [NAME, "test_vit"])
    found = asked(file_of(tmp_path / "w.safetensors", state()), name="mine")
    assert (found.backbone, found.candidates) == (NAME, [NAME, "test_vit"])
    assert found.notes[0].startswith("The same tensors also fit test_vit;")
    assert store.find("mine").card.notes == tuple(found.notes)


# -- classifiers, channels, numbers -----------------------------------------------------------------------


def test_a_classifier_is_kept_under_timms_name(tmp_path: Path) -> None:
    given = {n.replace("fc.", "last_linear."): t for n, t in state().items()}
    assert asked(file_of(tmp_path / "w.safetensors", given), name="mine").classes == 11
    assert torch.equal(kept("mine")["fc.weight"], given["last_linear.weight"])
    found = weights.source_head(NetSpec(backbone=NAME, weights="store:mine"))
    assert found is not None
    assert torch.equal(found[0], given["last_linear.weight"]) and torch.equal(found[1], given["last_linear.bias"])


def test_a_classifier_as_a_convolution_and_without_a_bias(tmp_path: Path) -> None:
    given = {n: t for n, t in state().items() if n != "fc.bias"}
    given["fc.weight"] = given["fc.weight"][:, :, None, None]
    assert asked(file_of(tmp_path / "w.safetensors", given), name="mine").classes == 11
    assert kept("mine")["fc.weight"].ndim == 2 and not kept("mine")["fc.bias"].any()  # timm's own has one


@pytest.mark.parametrize(
    "odd",
    [
        {"fc.weight": torch.zeros(4, 3)},
        {"head.0.weight": torch.zeros(4, 4), "head.2.weight": torch.zeros(4, 4)},
        {"fc.prototypes": torch.zeros(4, 4)},
        {"fc.weight": torch.zeros(4)},
    ],
)
def test_another_classifier_is_left_out(odd: dict[str, Tensor], tmp_path: Path) -> None:
    body = {n: t for n, t in state().items() if not n.startswith("fc.")}
    found = asked(file_of(tmp_path / "w.safetensors", body | odd), name="mine")
    assert (found.classes, found.classifier) == (None, "no classifier")
    assert len(found.notes) == 1 and next(iter(odd)) in found.notes[0] and "left out" in found.notes[0]
    assert set(kept("mine")) == set(body)
    assert weights.source_head(NetSpec(backbone=NAME, weights="store:mine")) is None


def test_weights_of_a_run_of_ours(tmp_path: Path) -> None:
    spec = NetSpec(backbone=NAME)
    net = weights.build_net(spec, 5, 32, 3, 4)
    weights.save(net, spec, tmp_path / "w.safetensors", run="abc")
    found = asked(tmp_path / "w.safetensors", name="mine")
    assert (found.backbone, found.guessed, found.classes) == (NAME, False, 5)
    assert torch.equal(kept("mine")["fc.weight"], net.state_dict()["head.0.weight"])
    again = weights.build_net(NetSpec(backbone=NAME, weights="store:mine"), 2, 32, 3, 9)
    assert all(torch.equal(t, again.state_dict()[n]) for n, t in net.state_dict().items() if n.startswith("backbone."))


@pytest.mark.parametrize("channels", [1, 2, 5])
def test_other_channels(channels: int, tmp_path: Path) -> None:
    path = file_of(tmp_path / "w.safetensors", state(in_chans=channels))
    found = asked(path, name="mine")
    assert found.channels == store.find("mine").card.channels == channels
    net = weights.build_net(NetSpec(backbone=NAME, weights="store:mine"), 4, 32, channels, 0)
    assert net(torch.rand(2, channels, 32, 32))[1].shape == (2, 4)


def test_three_channels_become_others_when_used(tmp_path: Path) -> None:
    asked(file_of(tmp_path / "w.safetensors", state()), name="mine")
    for channels in (1, 4):
        net = weights.build_net(NetSpec(backbone=NAME, weights="store:mine"), 4, 32, channels, 0)
        assert torch.isfinite(net(torch.rand(2, channels, 32, 32))[1]).all()


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions(kind: torch.dtype, tmp_path: Path) -> None:
    given = {n: t.to(kind) if t.is_floating_point() else t for n, t in state().items()}
    asked(file_of(tmp_path / "w.safetensors", given), name="mine")
    stored = torch.float32 if kind == torch.float64 else kind
    assert {t.dtype for t in kept("mine").values() if t.is_floating_point()} == {stored}
    net = weights.build_net(NetSpec(backbone=NAME, weights="store:mine"), 4, 32, 3, 0)
    assert {p.dtype for p in net.parameters()} == {torch.float32}


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_numbers_that_are_none_are_refused(number: float, tmp_path: Path) -> None:
    given = state()
    given["layer1.0.conv1.weight"][0, 0, 0, 0] = number
    with pytest.raises(WeightsMissing, match=r"must be finite.*layer1\.0\.conv1\.weight"):
        asked(file_of(tmp_path / "w.safetensors", given), name="mine")
    assert store.entries() == []


def test_quantised_weights_are_refused(tmp_path: Path) -> None:
    given = state()
    given["layer1.0.conv1.weight"] = given["layer1.0.conv1.weight"].to(torch.int8)
    with pytest.raises(WeightsMissing, match=r"layer1\.0\.conv1\.weight is int8.*before they are quantised"):
        asked(file_of(tmp_path / "w.safetensors", given))


@pytest.mark.filterwarnings("ignore:.*quantize_per_tensor")
def test_quantised_tensors_of_a_pickle_are_refused(tmp_path: Path) -> None:
    torch.save(
        {**state(), "fc.weight": torch.quantize_per_tensor(torch.zeros(3, 3), 0.1, 0, torch.qint8)}, tmp_path / "w.pth"
    )
    with pytest.raises(WeightsMissing, match=r"fc\.weight is qint8"):
        asked(tmp_path / "w.pth")


def test_positions_for_larger_pictures(tmp_path: Path) -> None:
    given = state("test_vit", img_size=64)
    assert asked(file_of(tmp_path / "w.safetensors", given), "test_vit", "mine").layout == "timm"
    assert torch.equal(kept("mine")["pos_embed"], given["pos_embed"])


def test_padding_of_tensorflow_is_kept(tmp_path: Path) -> None:
    path = file_of(tmp_path / "w.safetensors", state("mobilenetv2_035"), arch="mobilenetv2_035", pad_type="same")
    asked(path, name="mine")
    assert weightfile.read_header(store.find("mine").file)[1]["pad_type"] == "same"
    net = weights.build_net(NetSpec(backbone="mobilenetv2_035", weights="store:mine"), 4, 32, 3, 0)
    assert net.options == {"pad_type": "same"}


def test_a_file_of_torchvision(tmp_path: Path) -> None:
    torch.manual_seed(1)
    model = torchvision.models.get_model("mobilenet_v2", weights=None, num_classes=6).eval()
    torch.save(OrderedDict((f"module.{n}", t) for n, t in model.state_dict().items()), tmp_path / "w.pth")
    found = asked(tmp_path / "w.pth", name="mine")
    assert (found.backbone, found.layout, found.guessed, found.classes) == (
        "mobilenetv2_100",
        "torchvision",
        True,
        6,
    )
    net = weights.build_net(NetSpec(backbone="mobilenetv2_100", weights="store:mine"), 6, 32, 3, 0).eval()
    head = weights.source_head(NetSpec(backbone="mobilenetv2_100", weights="store:mine"))
    assert head is not None
    picture = torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        ours = torch.nn.functional.linear(net(picture)[0], *head)
        assert torch.allclose(ours, model(picture), atol=1e-5)


# -- pickles ----------------------------------------------------------------------------------------------


def test_plain_pickles_of_tensors_are_taken(tmp_path: Path) -> None:
    for number, suffix in enumerate((".pth", ".PT", ".bin", ".ckpt", ".tar")):
        torch.save(state(), tmp_path / f"w{suffix}", _use_new_zipfile_serialization=suffix != ".tar")
        assert asked(tmp_path / f"w{suffix}", name=f"mine{number}").classes == 11
        assert all(torch.equal(t, state()[n]) for n, t in kept(f"mine{number}").items())


def test_a_checkpoint_is_searched_and_its_average_taken(tmp_path: Path) -> None:
    averaged = {f"module.{n}": t + 1 if t.is_floating_point() else t for n, t in state().items()}
    held = {"epoch": 3, "arch": NAME, "state_dict": state(), "state_dict_ema": averaged, "optimizer": {"state": {}}}
    torch.save(held, tmp_path / "w.pth.tar")
    found = asked(tmp_path / "w.pth.tar", name="mine")
    assert found.part == "state_dict_ema.module" and len(found.notes) == 1
    assert found.notes[0].startswith(
        "The file holds 2 networks: state_dict_ema.module, state_dict. state_dict_ema.module was taken (a moving average"
    )
    assert torch.equal(kept("mine")["fc.bias"], state()["fc.bias"] + 1)
    torch.save({"model": {"state_dict": state()}}, tmp_path / "deep.pth")
    assert asked(tmp_path / "deep.pth").notes == []


class Hostile:
    """Writes a file when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.write_text, (self.marker, "ran")


@pytest.mark.parametrize("suffix", [".pth", ".pt", ".bin", ".safetensors", ""])
@pytest.mark.parametrize("way", ["zip", "legacy", "bare", "beside"])
def test_what_would_run_is_refused_and_does_not_run(suffix: str, way: str, tmp_path: Path) -> None:
    marker, path = tmp_path / "marker", tmp_path / f"w{suffix}"
    if way == "bare":
        path.write_bytes(pickle.dumps(Hostile(marker)))
    else:
        held: Any = {**state(), "extra": Hostile(marker)} if way == "beside" else Hostile(marker)
        torch.save(held, path, _use_new_zipfile_serialization=way != "legacy")
    with pytest.raises(WeightsMissing, match="must (hold tensors and nothing that could run|be safetensors)"):
        asked(path, NAME, "mine")
    assert not marker.exists()
    assert store.entries() == []


def test_a_whole_model_gives_its_tensors_and_runs_nothing(tmp_path: Path) -> None:
    torch.manual_seed(5)
    model = timm.create_model(NAME, num_classes=11)
    for number, held in enumerate((model, {"model": model, "epoch": 3})):
        torch.save(held, tmp_path / "w.pth")
        found = asked(tmp_path / "w.pth", name=f"mine{number}")
        assert found.notes == ["It was saved as a whole model. Its tensors were taken; none of its code was run."]
        assert all(torch.equal(t, kept(f"mine{number}")[n]) for n, t in model.state_dict().items())


def test_a_refusal_does_not_say_how_to_open_it_all_the_same(tmp_path: Path) -> None:
    for data in (pickle.dumps(Hostile(tmp_path / "marker")), b"<html>", b""):
        (tmp_path / "w.pth").write_bytes(data)
        with pytest.raises(WeightsMissing) as fault:
            asked(tmp_path / "w.pth")
        assert "weights_only" not in str(fault.value) and "\x1b" not in str(fault.value)


@pytest.mark.parametrize(
    "held", [{}, {"epoch": 3}, [3, [None]], torch.zeros(2), {"model": {"a": 1}}, {(3,): torch.zeros(2)}, None, 3]
)
def test_a_pickle_without_tensors_by_name(held: Any, tmp_path: Path) -> None:
    torch.save(held, tmp_path / "w.pth")
    with pytest.raises(WeightsMissing, match="must hold tensors by name. w.pth holds none"):
        asked(tmp_path / "w.pth")


def test_one_number_that_says_it_is_many(tmp_path: Path) -> None:
    torch.save({"fc.weight": torch.zeros(1).expand(10**6, 10**6)}, tmp_path / "w.pth")
    with pytest.raises(WeightsMissing, match="larger than all of it"):
        asked(tmp_path / "w.pth", NAME)


# -- files that are none ----------------------------------------------------------------------------------


def header(text: bytes, length: int | None = None) -> bytes:
    return struct.pack("<Q", len(text) if length is None else length) + text


@pytest.mark.parametrize("suffix", [".safetensors", ".pth", ".tar", ""])
@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"PK\x03\x04",
        b"\x80\x02}q\x00.",
        b"<html>404</html>" * 50,
        header(b"{}", 2**63),
        header(b'{"a": {"dtype": "F32", "shape": [1000000000000], "data_offsets": [0, 4]}}') + b"\0" * 4,
        header(b'{"a": {"dtype": "Q9", "shape": [1], "data_offsets": [0, 4]}}') + b"\0" * 4,
        header(b'{"a": {"dtype": "F8_E4M3", "shape": [4], "data_offsets": [0, 4]}}') + b"\0" * 4,
        header(b'{"__metadata__": {"arch": 5}}'),
        header(b"[]"),
        header(b"{}"),
    ],
    ids=range(11),
)
def test_no_weight_file_is_refused(suffix: str, data: bytes, tmp_path: Path) -> None:
    (tmp_path / f"w{suffix}").write_bytes(data)
    with pytest.raises(WeightsMissing):
        asked(tmp_path / f"w{suffix}", "", "mine")
    assert store.entries() == []


@pytest.mark.parametrize("part", [0.02, 0.5, 0.999])
@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_half_a_file_is_refused(part: float, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"w{suffix}"
    file_of(path, state()) if suffix == ".safetensors" else torch.save(state(), path)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * part)])
    with pytest.raises(WeightsMissing, match=path.name):
        asked(path, NAME, "mine")
    assert store.entries() == []


@pytest.mark.parametrize("name", ["folder", "folder.pth", "none.safetensors", "none.pth"])
def test_no_file(name: str, tmp_path: Path) -> None:
    if name.startswith("folder"):
        (tmp_path / name).mkdir()
    with pytest.raises(WeightsMissing, match="must (exist|hold model.safetensors)"):
        asked(tmp_path / name)


@pytest.mark.parametrize("name", ["../../x", "/x", "a/b", "A", ".x", "a..b", "x" * 65, "a b"])
def test_names_that_are_no_names(name: str, tmp_path: Path) -> None:
    path = file_of(tmp_path / "w.safetensors", state())
    with pytest.raises(BadSpec, match="small letters"):
        asked(path, name=name)
    assert not list(home.folder("weights").iterdir())


def test_a_name_is_taken_once(tmp_path: Path) -> None:
    path = file_of(tmp_path / "w.safetensors", state())
    asked(path, name="mine")
    with pytest.raises(BadSpec, match="must be new"):
        asked(path, name="mine")


@pytest.mark.parametrize("text", ["", "scratch", "file:", "hub:a1_in1k", "run:abcdef"])
def test_weights_that_are_no_file(text: str) -> None:
    with pytest.raises(WeightsMissing, match="must be a file, as in file:PATH"):
        import_weights(ImportWeightsSpec(text))
