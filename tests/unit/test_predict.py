"""What a finished training says of pictures: its own, files, folders, archives; and what cannot be read is named."""

from __future__ import annotations

import csv
import dataclasses
import json
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

import tltk as api
from tests.support.shell import here, refused, said, tltk  # noqa: F401 – a fixture
from tltk.analyses.predict.files import Predictions
from tltk.analyses.predict.spec import PredictSpec
from tltk.data import load
from tltk.data.decode import decode
from tltk.errors import BadSpec, RunProblem
from tltk.jobs import executor
from tltk.runs.run import Run
from tltk.specs.parts import AdapterSpec, DataSpec, NetSpec, OptimSpec, StrategySpec, TermSpec
from tltk.specs.training import TransferSpec
from tltk.weights import store
from tltk.weights.load import build_net

pytestmark = pytest.mark.usefixtures("here")
TARGET = DataSpec("digits", n=200, size=16)
SOURCE = DataSpec("rendered_digits", n=200, size=16)
OPTIM = OptimSpec(epochs=6, lr=1e-2, batch_size=16, device="cpu")
PLAIN = TransferSpec(TARGET, NetSpec("test_resnet"), optim=OPTIM)


def trained(spec: TransferSpec = PLAIN) -> Run:
    run = executor().submit(spec)
    assert run.status.state == "done", run.status.message
    return run


def pictures(folder: Path, n: int = 5) -> Path:
    """Some digits as files, larger than the training reads them, and oblong."""
    folder.mkdir(parents=True)
    domain = load(dataclasses.replace(TARGET, size=32))
    for i in range(n):
        digit = Image.fromarray(np.ascontiguousarray(domain.images[i].transpose(1, 2, 0)))
        wide = Image.new("RGB", (48, 32))
        wide.paste(digit, (8, 0))
        wide.save(folder / f"{i}.png")
    return folder


def test_of_its_own_test_pictures_it_says_what_it_said_when_it_was_tested() -> None:
    specs = (
        PLAIN,
        dataclasses.replace(PLAIN, adapter=AdapterSpec("lora", {"rank": 2})),
        dataclasses.replace(PLAIN, net=NetSpec("test_resnet", boundary=2, norm="target", head="cosine")),
        dataclasses.replace(PLAIN, source=SOURCE, labels="source", terms=(TermSpec("coral"),)),
        dataclasses.replace(PLAIN, source=SOURCE, labels="both", strategy=StrategySpec("lp_ft")),
        dataclasses.replace(PLAIN, net=NetSpec("test_vit")),
        dataclasses.replace(PLAIN, without=SOURCE, target=dataclasses.replace(TARGET, shots=3)),
    )
    for spec in specs:
        run = trained(spec)
        found = api.predict(run, "digits", part="test")
        result = run.result()
        assert result is not None
        assert found.result.predicted == result["predictions"], spec
        assert [result["classes"].index(name) for name in found.result.labels] == result["labels"], spec


def test_weights_that_a_training_began_with_may_be_gone(tmp_path: Path) -> None:
    first = trained()
    shutil.copy(first.path / "model.safetensors", tmp_path / "start.safetensors")
    run = trained(dataclasses.replace(PLAIN, net=NetSpec("test_resnet", weights=f"file:{tmp_path}/start.safetensors")))
    (tmp_path / "start.safetensors").unlink()
    assert api.predict(run, "digits", part="test").result.predicted == (run.result() or {})["predictions"]


def test_probabilities_and_embeddings_are_those_of_the_network_on_files(tmp_path: Path) -> None:
    run = trained()
    folder = pictures(tmp_path / "new")
    found = api.predict(run.id[:8], folder, embedding=True)
    assert found.result.names == [str(folder / f"{i}.png") for i in range(5)]
    net = build_net(PLAIN.net, 10, 16, 3, 0).eval()
    net.load_state_dict(load_file(store.run_weights(run.id)[1]))
    x = torch.from_numpy(np.stack([decode(folder / f"{i}.png", 16) for i in range(5)])).double() / 255
    net = net.double()
    with torch.no_grad():
        features, logits = net(net.normalise(x))
    np.testing.assert_allclose(found.probabilities, logits.softmax(1).numpy(), atol=1e-5)
    assert found.embeddings is not None
    np.testing.assert_allclose(found.embeddings, features.numpy(), rtol=1e-3, atol=1e-4)
    assert found.result.probability == pytest.approx(logits.softmax(1).max(1).values.tolist(), abs=1e-5)
    assert found.result.cropped == pytest.approx(1 / 3)


def test_files_folders_and_archives_give_the_same(tmp_path: Path) -> None:
    run = trained()
    folder = pictures(tmp_path / "new" / "unsorted")
    with zipfile.ZipFile(tmp_path / "new.zip", "w") as archive:
        for path in sorted(folder.iterdir()):
            archive.write(path, f"some/{path.name}")
    ways = (
        [str(path) for path in sorted(folder.iterdir())],
        [str(tmp_path / "new")],
        [f"folder:{folder}"],
        [str(tmp_path / "new.zip")],
        [f"archive:{tmp_path}/new.zip/some"],
    )
    found = [api.predict(run, way) for way in ways]
    for one in found[1:]:
        assert one.result.predicted == found[0].result.predicted
        np.testing.assert_array_equal(one.probabilities, found[0].probabilities)
    assert found[3].result.names[0] == str(tmp_path / "new.zip" / "some" / "0.png")


def test_batches_and_chunks_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, folder = trained(), pictures(tmp_path / "new", 7)
    whole = api.predict(run, folder)
    monkeypatch.setattr("tltk.analyses.predict.analysis.CHUNK_BYTES", 3 * 3 * 16**2)
    parts = api.predict(run, folder, batch=2)
    assert parts.result.predicted == whole.result.predicted
    np.testing.assert_allclose(parts.probabilities, whole.probabilities, atol=1e-6)


def test_what_cannot_be_read_is_named_with_its_reason(tmp_path: Path) -> None:
    run, folder = trained(), pictures(tmp_path / "new", 2)
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no picture")
    (folder / "empty.png").write_bytes(b"")
    (folder / "film.mp4").write_bytes(b"film")
    (folder / "words.txt").write_text("words")
    odd = folder / "caf\udce9.png"
    shutil.copy(folder / "0.png", odd)
    found = api.predict(run, folder)
    assert len(found.result.names) == 3 and found.result.names[2].endswith("caf\\xe9.png")
    told = {Path(one.name).name: one.reason for one in found.result.skipped}
    assert set(told) == {"broken.jpg", "empty.png", "film.mp4", "words.txt"}
    assert told["empty.png"] == "the file is empty" and ".mp4" in told["film.mp4"] and told["broken.jpg"]
    (tmp_path / "bad").mkdir()
    shutil.copy(folder / "broken.jpg", tmp_path / "bad")
    with pytest.raises(BadSpec, match="None is: .*broken.jpg: cannot be decoded"):
        api.predict(run, tmp_path / "bad")


def test_pictures_of_sixteen_bits_are_read_with_the_training_s_scale(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for name in ("a", "b"):
        (tmp_path / "set" / name).mkdir(parents=True)
        for i in range(8):
            values = rng.integers(0, 30_000, (16, 16)).astype(np.uint16)
            Image.fromarray(values).save(tmp_path / "set" / name / f"{i}.png")
    run = trained(dataclasses.replace(PLAIN, target=DataSpec(f"folder:{tmp_path}/set", size=16)))
    alone = tmp_path / "dark.png"  # its own range would be another
    Image.fromarray((rng.integers(0, 200, (16, 16))).astype(np.uint16)).save(alone)
    light = tmp_path / "light.png"
    Image.fromarray((rng.integers(30_000, 65_535, (16, 16))).astype(np.uint16)).save(light)
    one, both = api.predict(run, alone), api.predict(run, [alone, light])
    np.testing.assert_allclose(one.probabilities[0], both.probabilities[0], atol=1e-6)
    assert "scale of those that it was trained on" in one.result.remarks[0]


def test_what_changed_on_the_disk_is_looked_at_anew(tmp_path: Path) -> None:
    run, folder = trained(), pictures(tmp_path / "new", 2)
    assert len(api.predict(run, folder).result.names) == 2
    shutil.copy(folder / "0.png", folder / "9.png")
    assert len(api.predict(run, folder).result.names) == 3


def test_the_shell_prints_and_writes_all(tmp_path: Path) -> None:
    run, folder = trained(), pictures(tmp_path / "new", 3)
    (folder / "broken.jpg").write_bytes(b"no picture")
    words = ["predict", run.id[:6], str(folder), "--embedding"]
    files = {form: tmp_path / f"out.{form}" for form in ("csv", "jsonl", "parquet")}
    done = tltk(*words, *(word for form, file in files.items() for word in (f"--{form}", str(file))))
    assert done.exit_code == 0, done.output
    assert "not read" in done.stdout and "broken.jpg" in done.stdout and "pictures per second" in done.stdout
    found = said(*words)
    assert found["kind"] == "predict" and found["result"]["classes"] == [str(i) for i in range(10)]
    rows = found["predictions"]
    assert [Path(row["picture"]).name for row in rows] == ["0.png", "1.png", "2.png", "broken.jpg"]
    assert sum(rows[0]["probabilities"].values()) == pytest.approx(1) and len(rows[0]["embedding"]) > 8
    assert "not_read" in rows[3]
    assert [json.loads(line) for line in files["jsonl"].read_text().splitlines()] == rows
    with files["csv"].open(newline="") as file:
        table = list(csv.DictReader(file))
    assert [row["class"] for row in table] == [rows[i].get("class", "") for i in range(4)]
    assert float(table[0]["p_3"]) == rows[0]["probabilities"]["3"] and table[3]["not_read"]
    parquet = pytest.importorskip("pyarrow.parquet").read_table(files["parquet"]).to_pydict()
    assert parquet["class"] == [row["class"] for row in table] and parquet["p_3"][3] is None


def test_without_pyarrow_parquet_is_refused_before_anything_is_queued(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, folder = trained(), pictures(tmp_path / "new", 1)
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    refused(["predict", run.id, str(folder), "--parquet", str(tmp_path / "out")], "pyarrow")


@pytest.mark.parametrize(
    ("paths", "sentence"),
    [
        (["nowhere.png"], "nowhere.png is not there"),
        (["folder:nowhere"], "is nothing there; check the path"),
        (["archive:nowhere.zip"], "archive:PATH must name"),
        (["digit"], "digit is not there"),
        (["digits~fog:9"], "severity"),
        (["shapes:hux=1"], "hux"),
        (["a\0b"], "null"),
        (["x" * 5000], "at most 2,000 characters"),
        ([""], "needs pictures"),
    ],
)
def test_words_that_name_nothing_are_refused(paths: list[str], sentence: str) -> None:
    refused(["predict", trained().id, *paths], sentence)


def test_more_is_refused_in_a_sentence(tmp_path: Path) -> None:
    run = trained()
    (tmp_path / "empty").mkdir()
    refused(["predict", run.id, str(tmp_path / "empty")], "must hold pictures")
    refused(["predict", "abcdef", "digits"], "A run must be one of")
    refused(["predict", "no id", "digits"], "Got 'no id'")
    refused(["predict", run.id, "digits", "--batch", "0"], "PredictSpec.batch must be between")
    refused(["predict", run.id, "digits", "--csv", str(tmp_path / "no" / "out.csv")], "folder that exists")
    refused(["predict", f"{run.id}@9", "digits"], "must have kept the weights of epoch 9")
    image = pictures(tmp_path / "new", 1) / "0.png"
    refused(["predict", run.id, str(image), "--part", "test"], "leave out --part")
    pictured = executor().submit(api.InspectSpec(TARGET))
    refused(["predict", pictured.id, "digits"], "must be a training")
    unlabelled = dataclasses.replace(PLAIN, labels="none", terms=(TermSpec("denoising"),))
    refused(["predict", trained(unlabelled).id, "digits"], "must have learned from labels")
    unfinished = Run.create(dataclasses.replace(PLAIN, seed=9))
    refused(["predict", unfinished.id, "digits"], "must have finished")
    (run.path / "model.safetensors").unlink()
    refused(["predict", run.id, "digits"], "weights")
    with pytest.raises(BadSpec, match="finished training"):
        api.launch(PredictSpec("", ("digits",)))


def test_a_snapshot_predicts_too() -> None:
    run = trained(dataclasses.replace(PLAIN, optim=dataclasses.replace(OPTIM, snapshots=1)))
    last = api.predict(f"{run.id}@6", "digits", part="test")
    assert last.result.predicted == (run.result() or {})["predictions"]
    assert api.predict(f"{run.id}@0", "digits", part="test").result.predicted != last.result.predicted


def test_the_command_asks_for_the_same() -> None:
    from tltk.specs.command import to_command, to_python

    spec = PredictSpec("4f1c2ab90d3e", ("/a b", "digits"), "test", True, 8)
    assert to_command(spec) == "tltk predict 4f1c2ab90d3e '/a b' digits --part test --embedding --batch 8"
    assert "PredictSpec(" in to_python(spec)
    assert PredictSpec.from_json(spec.to_json()) == spec


def test_a_file_that_is_lost_is_a_sentence() -> None:
    run = trained()
    found = api.predict(run, "digits")
    (found.run.path / found.result.file).unlink()
    with pytest.raises(RunProblem, match="--again"):
        Predictions.of(found.run)
