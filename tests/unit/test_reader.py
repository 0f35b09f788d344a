"""Weight files as programs leave them: the network is found wherever it lies, and nothing in a file is run."""

from __future__ import annotations

import argparse
import builtins
import collections
import datetime
import json
import os
import pathlib
import pickle
import re
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import load, save_file
from torch import Tensor

from tltk.errors import WeightsMissing
from tltk.jobs import provenance
from tltk.specs.parts import NetSpec
from tltk.weights import load as weights
from tltk.weights import weightfile
from tltk.weights.checks import check_weights
from tltk.weights.reader import read
from tltk.weights.safe_unpickler import is_harmless

NAME = "test_resnet"
State = dict[str, Tensor]


@cache
def _made(name: str, **options: Any) -> State:
    torch.manual_seed(0)
    return dict(timm.create_model(name, **{"num_classes": 7, **options}).state_dict())


def state(name: str = NAME, **options: Any) -> State:
    return {n: t.clone() for n, t in _made(name, **options).items()}


def below(prefix: str, tensors: State | None = None) -> State:
    return {prefix + n: t for n, t in (tensors or state()).items()}


def body(tensors: State | None = None) -> State:
    return {n: t for n, t in (tensors or state()).items() if not n.startswith("fc.")}


def plus(by: float) -> State:
    return {n: t + by if t.is_floating_point() else t for n, t in state().items()}


def pth(path: Path, held: Any, **options: Any) -> Path:
    torch.save(held, path, **options)
    return path


def is_whole(path: Path, wanted: State | None = None, classes: int | None = 7, **asked: str) -> Any:
    """The file is read to these tensors, by `read` and as `file:` alike."""
    found = read(path, **asked)
    wanted = body(wanted)
    assert found.backbone == NAME
    assert {n for n in found.body if not n.endswith("num_batches_tracked")} == {
        n for n in wanted if not n.endswith("num_batches_tracked")
    }
    assert all(torch.equal(t.float(), wanted[n].float()) for n, t in found.body.items())
    assert (len(found.classifier["weight"]) if found.classifier else None) == classes
    if "part" not in asked:
        net = weights.build_net(NetSpec(NAME, f"file:{path}"), 3, 32, found.channels, 0)
        ours = net.state_dict()
        assert all(torch.equal(ours[f"backbone.{n}"], t.float()) for n, t in wanted.items() if t.is_floating_point())
        assert net.notes == [n for n in found.notes if "same tensors" not in n]
    return found


# -- around and beside the network ------------------------------------------------------------------------

WRAPPERS: dict[str, Callable[[], Any]] = {
    "plain": state,
    "dp": lambda: {"state_dict": below("module.")},
    "model_state_dict": lambda: {"model_state_dict": state(), "optimizer_state_dict": {}, "epoch": 3},
    "net": lambda: {"net": state(), "acc": 90.0},
    "weights": lambda: {"weights": state()},
    "model_state": lambda: {"model_state": state()},
    "network": lambda: {"network": state()},
    "of no list": lambda: {"Übung": below("my.own.words.")},
    "lightning": lambda: {
        "epoch": 1,
        "global_step": 10,
        "state_dict": below("model."),
        "hyper_parameters": {"lr": 0.1},
        "callbacks": {},
        "optimizer_states": [{"state": {0: {"exp_avg": torch.zeros(3), "step": torch.tensor(1.0)}}}],
    },
    "lightning net": lambda: {"state_dict": below("net."), "pytorch-lightning_version": "2"},
    "deepspeed": lambda: {"state_dict": below("_forward_module.model.")},
    "compiled": lambda: {"state_dict": below("model._orig_mod.")},
    "ema prefix": lambda: {"state_dict": below("ema_model.")},
    "deep": lambda: {"a": {"b": {"state_dict": state()}}},
    "in a list": lambda: [{"model": state()}],
    "nested": lambda: {
        "backbone": body(),
        "fc": {n.removeprefix("fc."): t for n, t in state().items() if n.startswith("fc.")},
    },
    "sequential": lambda: below("0."),
    "fastai": lambda: {"model": {("1." if n.startswith("fc.") else "0.") + n: t for n, t in state().items()}},
    "linear of a sequential": lambda: {
        **below("0.", body()),
        **{n.replace("fc.", "1."): t for n, t in state().items() if n.startswith("fc.")},
    },
    "head in a sequential": lambda: {n.replace("fc.", "fc.1."): t for n, t in state().items()},
    "head by another name": lambda: {n.replace("fc.", "classifier."): t for n, t in state().items()},
    "parameters": lambda: {n: torch.nn.Parameter(t, requires_grad=False) for n, t in state().items()},
    "no counters": lambda: {n: t for n, t in state().items() if not n.endswith("num_batches_tracked")},
    "averaged": lambda: {"n_averaged": torch.tensor(3), **below("module.")},
    "ema none": lambda: {"ema": None, "model": state()},
}


@pytest.mark.parametrize("name", WRAPPERS)
def test_the_network_is_found_whatever_is_around_it(name: str, tmp_path: Path) -> None:
    assert is_whole(pth(tmp_path / "w.pth", WRAPPERS[name]())).notes == []


@pytest.mark.parametrize("prefix", ["", "module.", "model.", "a.b.c.d.", "timm_model."])
@pytest.mark.parametrize("suffix", [".safetensors", ".pth", ".bin", ""])
def test_safetensors_of_any_name(prefix: str, suffix: str, tmp_path: Path) -> None:
    save_file(below(prefix), tmp_path / f"w{suffix}")
    assert is_whole(tmp_path / f"w{suffix}").part == prefix.rstrip(".")


@pytest.mark.parametrize("suffix", [".safetensors", ".h5", ".json", ""])
def test_pickles_of_any_name(suffix: str, tmp_path: Path) -> None:
    is_whole(pth(tmp_path / f"w{suffix}", state()))
    is_whole(pth(tmp_path / f"v{suffix}", state(), _use_new_zipfile_serialization=False))


COMPANIONS: dict[str, tuple[Callable[[], Any], str]] = {
    "lightning": (
        lambda: {
            "state_dict": below("backbone.") | {"criterion.weight": torch.ones(7), "train_acc.count": torch.tensor(1)}
        },
        "criterion",
    ),
    "moco": (lambda: {"state_dict": below("module.encoder_q.") | {"module.queue": torch.zeros(3, 5)}}, "queue"),
    "moco, in the network": (lambda: {**state(), "queue": torch.zeros(3, 5), "queue_ptr": torch.zeros(1)}, "queue"),
    "simsiam": (lambda: below("encoder.") | {"predictor.0.weight": torch.zeros(4, 4)}, "predictor"),
    "barlow": (lambda: below("module.backbone.") | {"module.projector.0.weight": torch.zeros(4, 4)}, "projector"),
    "supervised contrast": (
        lambda: {
            "model": below("encoder.", body())
            | {"head.0.weight": torch.zeros(4, 4), "head.2.weight": torch.zeros(4, 4)}
        },
        "head",
    ),
    "mmpretrain": (
        lambda: below("backbone.", body()) | {"neck.weight": torch.ones(3), "head.fc.weight": torch.zeros(7, 3)},
        "neck",
    ),
    "detection": (
        lambda: (
            below("backbone.body.")
            | {"rpn.head.conv.weight": torch.zeros(4, 4, 1, 1), "backbone.fpn.x.weight": torch.zeros(2)}
        ),
        "rpn",
    ),
}


@pytest.mark.parametrize("name", COMPANIONS)
def test_what_lies_beside_is_left_out_and_named(name: str, tmp_path: Path) -> None:
    held, left = COMPANIONS[name]
    bare = name in ("supervised contrast", "mmpretrain")
    found = is_whole(pth(tmp_path / "w.pth", held()), classes=None if bare else 7)
    assert any(left in note and "eft out" in note for note in found.notes)


def test_a_decoder_beside_a_transformer(tmp_path: Path) -> None:
    held = {
        "model": state("test_vit") | {"mask_token": torch.zeros(1, 1, 8), "decoder_embed.weight": torch.zeros(8, 8)}
    }
    found = read(pth(tmp_path / "w.pth", held))
    assert found.backbone == "test_vit" and len(found.classifier["weight"]) == 7
    assert found.notes == ["Left out, since it is not of the network: mask_token, decoder_embed."]
    missing = {n: t for n, t in state("test_vit").items() if not n.startswith("norm.")}
    with pytest.raises(WeightsMissing, match="must be known by the names and shapes"):
        read(pth(tmp_path / "w.pth", missing))
    with pytest.raises(WeightsMissing, match=r"must fit test_vit.*2 missing \(norm.weight, norm.bias\)"):
        read(tmp_path / "w.pth", "test_vit")


def test_of_several_networks_one_is_taken_by_the_rule_or_as_asked(tmp_path: Path) -> None:
    path = pth(tmp_path / "ema.pth", {"state_dict": state(), "state_dict_ema": plus(1)})
    found = is_whole(path, plus(1))
    assert found.part == "state_dict_ema" and "2 networks: state_dict_ema, state_dict." in found.notes[0]
    asked = is_whole(path, part="state_dict")
    assert asked.part == "state_dict" and "state_dict was taken (as asked)" in asked.notes[0]
    with pytest.raises(WeightsMissing, match="There is none at 'nosuch'; there are state_dict_ema, state_dict"):
        read(path, part="nosuch")
    dino = {
        "student": below("module.backbone.", body()) | {"module.head.mlp.0.weight": torch.zeros(4, 4)},
        "teacher": below("backbone.", body(plus(1))) | {"head.mlp.0.weight": torch.zeros(4, 4)},
    }
    path = pth(tmp_path / "dino.pth", dino)
    assert is_whole(path, plus(1), classes=None).part == "teacher.backbone"
    assert is_whole(path, classes=None, part="student").part == "student.module.backbone"
    moco = {"state_dict": below("module.encoder_k.", plus(1)) | below("module.encoder_q.")}
    assert is_whole(pth(tmp_path / "moco.pth", moco)).part == "state_dict.module.encoder_q"


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16])
def test_half_precision(kind: torch.dtype, tmp_path: Path) -> None:
    given = {n: t.to(kind) if t.is_floating_point() else t for n, t in state().items()}
    is_whole(pth(tmp_path / "w.pth", given), given)
    save_file(given, tmp_path / "w.safetensors")
    is_whole(tmp_path / "w.safetensors", given)


@pytest.mark.parametrize("channels", [1, 4])
def test_other_channels(channels: int, tmp_path: Path) -> None:
    given = state(in_chans=channels)
    assert is_whole(pth(tmp_path / "w.pth", given), given).channels == channels


def test_a_wide_classifier(tmp_path: Path) -> None:
    wide = state() | {"fc.weight": torch.zeros(21843, 96), "fc.bias": torch.zeros(21843)}
    is_whole(pth(tmp_path / "w.pth", wide), classes=21843)


# -- folders ----------------------------------------------------------------------------------------------


def test_a_folder_of_the_hub(tmp_path: Path) -> None:
    folder = tmp_path / "hf"
    folder.mkdir()
    names = [f"class {i}" for i in range(7)]
    config = {"architecture": NAME, "num_classes": 7, "pretrained_cfg": {"license": "mit", "label_names": names}}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "README.md").write_text(
        "---\ntags:\n- x\nlicense: apache-2.0\ndatasets:\n- imagenet-1k\n- cub\n---\n# A net\n"
    )
    save_file(state(), folder / "model.safetensors")
    found = is_whole(folder)
    assert (found.guessed, found.classes, found.told["data"]) == (False, names, "imagenet-1k, cub")
    (folder / "model.safetensors").unlink()
    is_whole(pth(folder / "pytorch_model.bin", below("timm_model.")))
    is_whole(folder)
    (folder / "config.json").write_text(json.dumps({"id2label": {str(i): names[i] for i in range(7)}}))
    assert read(folder).classes == names
    for odd in ("[", '{"architecture": 5, "label_names": {"a": 1}}', "[1]", '{"architecture": "bert"}'):
        (folder / "config.json").write_text(odd)
        assert is_whole(folder).classes == []


@pytest.mark.skipif(os.name != "posix", reason="devices are files")
def test_what_lies_beside_the_weights_may_be_a_device(tmp_path: Path) -> None:
    save_file(state(), tmp_path / "model.safetensors")
    for name in ("config.json", "README.md"):
        (tmp_path / name).symlink_to("/dev/zero")
    assert is_whole(tmp_path).classes == []


def test_a_folder_of_the_hubs_cache(tmp_path: Path) -> None:
    """It keeps files by revision; the one that `refs/main` names is meant, else the newest."""
    folder = tmp_path / "models--x--net"
    for revision in ("aaa", "bbb"):
        (folder / "snapshots" / revision).mkdir(parents=True)
        (folder / "snapshots" / revision / "README.md").write_text(f"---\nlicense: of {revision}\n---\n")
        save_file(state(), folder / "snapshots" / revision / "model.safetensors")
    os.utime(folder / "snapshots" / "aaa", (1, 1))
    assert is_whole(folder).told["license"] == "of bbb"
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text("aaa\n")
    assert is_whole(folder).told["license"] == "of aaa"
    for odd in ("../..", "", "ccc", "\0"):  # a revision that is none leads nowhere else
        (folder / "refs" / "main").write_text(odd)
        assert is_whole(folder).told["license"] == "of bbb"


def test_pieces_with_an_index(tmp_path: Path) -> None:
    names = list(state())
    parts = {f"model-0000{i + 1}-of-00002.safetensors": names[i::2] for i in range(2)}
    for file, own in parts.items():
        save_file({n: state()[n] for n in own}, tmp_path / file)
    index = {"metadata": {}, "weight_map": {n: file for file, own in parts.items() for n in own}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    is_whole(tmp_path / "model.safetensors.index.json")
    is_whole(tmp_path)
    (tmp_path / "model-00002-of-00002.safetensors").unlink()
    with pytest.raises(WeightsMissing, match="model-00002-of-00002.safetensors is missing"):
        read(tmp_path)


def test_a_folder_with_one_or_several_files(tmp_path: Path) -> None:
    pth(tmp_path / "best.ckpt", state())
    (tmp_path / "log.txt").write_text("x")
    is_whole(tmp_path)
    pth(tmp_path / "last.ckpt", state())
    with pytest.raises(WeightsMissing, match="holds several: best.ckpt, last.ckpt; name one of them"):
        read(tmp_path)


def test_names_of_classes_beside_the_tensors(tmp_path: Path) -> None:
    names = [f"c{i}" for i in range(7)]
    for held in ({"classes": names}, {"class_to_idx": {n: i for i, n in enumerate(names)}}, {"class_names": names}):
        assert read(pth(tmp_path / "w.pth", {"model": state(), **held})).classes == names
    for odd in ({"classes": names[1:]}, {"classes": 7}, {"class_to_idx": {"a": "b"}}, {"classes": [1, 2]}):
        assert read(pth(tmp_path / "w.pth", {"model": state(), **odd})).classes == []


# -- pickles ----------------------------------------------------------------------------------------------


class Settings:
    """As a training script defines one in __main__."""

    def __init__(self) -> None:
        self.lr = 1


class Mapping(dict):  # type: ignore[type-arg]
    """As EasyDict, ConfigDict or CfgNode."""


class CfgNode(Mapping):
    pass


@pytest.mark.parametrize(
    "beside",
    [
        argparse.Namespace(lr=1, inner=argparse.Namespace(a=[1])),
        Settings(),
        CfgNode(lr=1, inner=CfgNode(a=1)),
        collections.defaultdict(list, {"a": [1]}),
        collections.deque([1, 2]),
        pathlib.PurePosixPath("/a"),
        datetime.datetime(2020, 1, 1),
        np.float64(0.5),
        np.arange(3),
        {1, 2},
        frozenset({1}),
        slice(1),
        torch.optim.lr_scheduler.StepLR(torch.optim.SGD([torch.zeros(1, requires_grad=True)]), 1),
        torch.nn.CrossEntropyLoss(),
        1 + 2j,
    ],
    ids=lambda v: type(v).__name__,
)
def test_objects_of_a_training_are_left_unread(beside: Any, tmp_path: Path) -> None:
    is_whole(pth(tmp_path / "w.pth", {"model": state(), "beside": beside}))
    if not isinstance(beside, torch.nn.Module):
        is_whole(pth(tmp_path / "v.pth", {"model": state(), "beside": beside}, _use_new_zipfile_serialization=False))


def test_a_whole_model_in_the_old_form(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissing, match="it holds a whole model in the form of before 2020"):
        read(pth(tmp_path / "w.pth", {"m": torch.nn.Linear(2, 2)}, _use_new_zipfile_serialization=False))


def test_what_holds_itself_ends(tmp_path: Path) -> None:
    held: dict[str, Any] = {}
    held["state_dict"] = held
    with pytest.raises(WeightsMissing, match="must hold tensors by name"):
        read(pth(tmp_path / "a.pth", held))
    held["model"] = state()
    held["list"] = [held, [held]]
    is_whole(pth(tmp_path / "b.pth", held))
    many: Any = [torch.zeros(1)]
    for _ in range(60):  # 2⁶⁰ paths to one tensor
        many = [many, many]
    is_whole(pth(tmp_path / "c.pth", {"model": state(), "many": many}))
    deep: Any = torch.zeros(1)
    for _ in range(400):
        deep = {"a": deep}
    is_whole(pth(tmp_path / "d.pth", {"model": state(), "deep": deep}))


class Running:
    """Calls a function with arguments when it is unpickled as usual."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.function, self.arguments = function, arguments

    def __reduce__(self) -> tuple[Any, ...]:
        return self.function, self.arguments


@pytest.mark.parametrize("way", ["zip", "legacy", "bare"])
@pytest.mark.parametrize("attack", range(8))
def test_nothing_in_a_file_is_run(attack: int, way: str, tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    code = f"open({str(marker)!r}, 'w').write('ran')"
    attacks = [
        Running(Path.write_text, marker, "ran"),
        Running(os.system, f"touch {marker}"),
        Running(builtins.exec, code),
        Running(builtins.eval, f"__import__('os').system('touch {marker}')"),
        Running(subprocess.Popen, ["touch", str(marker)]),
        Running(subprocess.check_call, ["touch", str(marker)]),
        Running(builtins.open, str(marker), "w"),
        Running(torch.serialization.load, str(marker)),
    ]
    held = {"model": state(), "beside": attacks[attack]}
    path = tmp_path / "w.pth"
    if way == "bare":
        path.write_bytes(pickle.dumps(held, protocol=2))
    else:
        torch.save(held, path, _use_new_zipfile_serialization=way == "zip")
    with pytest.raises(WeightsMissing, match="must hold tensors and nothing that could run"):
        read(path)
    assert not marker.exists()


class Left:
    """A class whose unpickling would run code, by its name a plain one: it is never asked for its code."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __setstate__(self, state: Any) -> None:
        Path(state["marker"]).write_text("ran")

    def __del__(self) -> None:
        pass


def test_a_class_is_never_the_real_one(tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    is_whole(pth(tmp_path / "w.pth", {"model": state(), "beside": Left(marker)}))
    assert not marker.exists()


@pytest.mark.parametrize(
    ("name", "fine"),
    [
        ("argparse.Namespace", True),
        ("__main__.Settings", True),
        ("yacs.config.CfgNode", True),
        ("a.b._Private", True),
        ("numpy._core.multiarray.scalar", True),
        ("types.SimpleNamespace", True),
        ("types.FunctionType", False),
        ("subprocess.Popen", False),
        ("os.PathLike", False),
        ("builtins.getattr", False),
        ("pathlib.Path.write_text", False),
        ("torch.load", False),
        ("", False),
        ("Namespace", False),
        ("a b.C", False),
        ("operator.attrgetter", False),
    ],
)
def test_harmless_names(name: str, fine: bool) -> None:
    assert is_harmless(name) is fine


def repacked(path: Path, name: Callable[[str], str], compress: int) -> None:
    """As another program writes a zip again."""
    with zipfile.ZipFile(path) as archive:
        entries = {i.filename: archive.read(i) for i in archive.infolist()}
    with zipfile.ZipFile(path, "w", compress) as out:
        for old, data in entries.items():
            info = zipfile.ZipInfo()
            info.filename, info.compress_type = name(old), compress
            out.writestr(info, data)


@pytest.mark.parametrize("compress", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("name", [str, lambda n: n.replace("/", "\\"), lambda n: f"some folder/{n}"])
def test_a_zip_that_another_program_packed_again(name: Callable[[str], str], compress: int, tmp_path: Path) -> None:
    path = pth(tmp_path / "w.pth", {"state_dict": state()})
    repacked(path, name, compress)
    is_whole(path)


def test_zeros_that_were_packed_to_almost_nothing(tmp_path: Path) -> None:
    zeros = {n: torch.zeros_like(t) for n, t in state().items()}
    path = pth(tmp_path / "w.pth", zeros)
    repacked(path, str, zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 50_000
    is_whole(path, zeros)
    check_weights(f"file:{path}", NAME)


def test_a_zip_that_is_a_bomb(tmp_path: Path) -> None:
    path = pth(tmp_path / "w.pth", {"a": torch.zeros(2**26)})
    repacked(path, str, zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 2**22
    with pytest.raises(WeightsMissing, match="unpacks to far more than it is"):
        read(path)


def test_other_zips(tmp_path: Path) -> None:
    def zipped(*names: str) -> Path:
        with zipfile.ZipFile(tmp_path / "w.pth", "w") as out:
            for name in names:
                out.writestr(name, b"x")
        return tmp_path / "w.pth"

    for names, words in (
        (["a/resnet.pth"], "unpack it and name that file"),
        (["a.npy"], "npz"),
        (["x/saved_model.pb"], "TensorFlow"),
        (["model.weights.h5", "config.json"], "Keras"),
        (["readme.txt"], "without weights"),
        ([], "without weights"),
    ):
        with pytest.raises(WeightsMissing, match=words):
            read(zipped(*names))
    model: Any = torch.nn.Linear(2, 2)
    with pytest.warns(Warning):
        torch.jit.script(model).save(str(tmp_path / "s.pt"))
    with pytest.raises(WeightsMissing, match="TorchScript"):
        read(tmp_path / "s.pt")


# -- numbers and sizes ------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore")
def test_quantised_tensors_are_refused(tmp_path: Path) -> None:
    small = torch.ao.quantization.quantize_dynamic(torch.nn.Sequential(torch.nn.Linear(4, 4)), {torch.nn.Linear})
    with pytest.raises(WeightsMissing, match="before they are quantised"):
        read(pth(tmp_path / "w.pth", small.state_dict()))
    for kind in (torch.int8, torch.uint8, torch.int16, torch.complex64):
        given = state()
        given["layer1.0.conv1.weight"] = given["layer1.0.conv1.weight"].to(kind)
        with pytest.raises(WeightsMissing, match="must be floating-point"):
            read(pth(tmp_path / "w.pth", given))


def test_tensors_that_are_no_dense_numbers(tmp_path: Path) -> None:
    given = state()
    whole = given["layer1.0.conv1.weight"]
    for odd in (whole.to_sparse(), torch.zeros(whole.shape, device="meta")):
        given["layer1.0.conv1.weight"] = odd
        with pytest.raises(WeightsMissing, match="must be dense tensors"):
            read(pth(tmp_path / "w.pth", given))


def test_many_tensors_that_share_one_number(tmp_path: Path) -> None:
    given = {n: torch.zeros(1).expand(t.shape) if t.ndim else t for n, t in state("resnet18").items()}
    with pytest.raises(WeightsMissing, match="larger than all of it"):
        read(pth(tmp_path / "w.pth", given), "resnet18")


def test_a_giant_is_compared_before_it_is_built(tmp_path: Path) -> None:
    """In a process of its own, whose largest memory can be read; the giant has 4 GB of numbers."""
    save_file({"a": torch.zeros(1)}, tmp_path / "w.safetensors", {"arch": "vit_giant_patch14_clip_224"})
    code = (
        "import resource, sys\nfrom pathlib import Path\nfrom tltk.errors import WeightsMissing\n"
        "from tltk.weights.reader import read\nbefore = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try:\n    read(Path(sys.argv[1]))\nexcept WeightsMissing as fault:\n    print(fault)\n"
        "assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500_000"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "w.safetensors")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "must fit vit_giant_patch14_clip_224 tensor by tensor" in done.stdout


def test_a_long_chain_of_dots_is_no_work(tmp_path: Path) -> None:
    entries = {
        "a." * 100_000 + str(i): {"dtype": "F32", "shape": [1], "data_offsets": [4 * i, 4 * i + 4]} for i in range(9)
    }
    text = json.dumps(entries).encode()
    (tmp_path / "w.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + b"\0" * 36)
    with pytest.raises(WeightsMissing, match="must be known by the names") as fault:
        read(tmp_path / "w.safetensors")
    assert len(str(fault.value)) < 2000


# -- the same weights are the same file -------------------------------------------------------------------


def test_a_file_is_written_in_a_fixed_order() -> None:
    header = {name: "x" for name in ["the", "words", "of", "a", "header", "in", "no", "order", "at", "all"]}
    tensors = {n: t.contiguous() for n, t in state().items()}
    first = weightfile.pack_tensors(tensors, header)
    assert all(weightfile.pack_tensors(tensors, header) == first for _ in range(5))
    backwards = dict(reversed(list(tensors.items()))), dict(reversed(list(header.items())))
    assert weightfile.pack_tensors(*backwards) == first
    arrays = {n: t.numpy() for n, t in tensors.items()}
    assert weightfile.pack_tensors(arrays, header) == first
    assert load(first).keys() == tensors.keys() and all(torch.equal(t, tensors[n]) for n, t in load(first).items())


TYPES = ("bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64")


def test_it_lies_as_safetensors_lays_it() -> None:
    """Their own writer makes the same file but for the order of the words in the header."""
    from safetensors.torch import save

    tensors = {f"{name}.{i}": torch.arange(6).reshape(2, 3).to(getattr(torch, name)) for i in (1, 0) for name in TYPES}
    tensors |= {"scalar": torch.tensor(2.5), "empty": torch.zeros(0, 3), "turned": torch.arange(6.0).reshape(2, 3).T}
    mine = weightfile.pack_tensors(tensors, {"a": "b"})
    theirs = save({n: t.contiguous() for n, t in tensors.items()}, {"a": "b"})
    parts = [
        (json.loads(one[8:start]), one[start:])
        for one in (mine, theirs)
        for start in (8 + int.from_bytes(one[:8], "little"),)
    ]
    assert parts[0] == parts[1]


def test_a_type_that_is_not_written_is_named() -> None:
    with pytest.raises(ValueError, match="w is complex64"):
        weightfile.tensor_pieces({"w": torch.zeros(2, dtype=torch.complex64)}, {})


def test_the_same_in_every_process(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom pathlib import Path\nfrom tltk.training import checkpoint\nfrom tltk.nn.state import pack\nfrom tltk.weights.load import build_net, save\n"
        "from tltk.specs.parts import NetSpec\nspec = NetSpec('test_resnet')\nnet = build_net(spec, 3, 32, 3, 0)\n"
        "folder = Path(sys.argv[1])\nsave(net, spec, folder / 'w.safetensors', run='a', classes='[]', data='digits')\n"
        "checkpoint.write(folder / 'c.safetensors', pack(net, 'net/'), {'rows': 3})\n"
    )
    for seed in ("0", "1", "2"):
        (tmp_path / seed).mkdir()
        env = {**os.environ, "PYTHONHASHSEED": seed}
        subprocess.run([sys.executable, "-c", code, str(tmp_path / seed)], env=env, check=True)
    for name in ("w.safetensors", "c.safetensors"):
        assert len({(tmp_path / seed / name).read_bytes() for seed in ("0", "1", "2")}) == 1


def test_nothing_else_writes_safetensors() -> None:
    """A second way would write the header in another order each time."""
    package = Path(weightfile.__file__).parent
    writers = [
        str(path.relative_to(package))
        for path in package.rglob("*.py")
        if re.search(r"from safetensors[.\w]* import [^\n]*\b(save|save_file|serialize)", path.read_text("utf-8"))
    ]
    assert writers == []


def test_a_change_in_a_folder_of_weights_is_noticed(tmp_path: Path) -> None:
    file = pth(tmp_path / "model.bin", state())
    index = tmp_path / "pytorch_model.bin.index.json"
    index.write_text(json.dumps({"weight_map": {"a": "model.bin"}}))
    for where in (f"file:{tmp_path}", f"file:{index}", f"file:{file}"):
        before = provenance.source_version(where)
        assert before and before == provenance.source_version(where)
        os.utime(file, ns=(0, os.stat(file).st_mtime_ns + 10**9))
        assert provenance.source_version(where) != before
