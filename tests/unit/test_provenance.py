"""What lies behind the names in a spec: marks, changes, and a run that begins again for them."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from tests.support.stored import added
from tltk import home
from tltk.analyses.rank.spec import RankSpec
from tltk.cli import main as cli
from tltk.jobs import executor, provenance, queue
from tltk.jobs.worker import execute
from tltk.runs.process import identity
from tltk.runs.run import Run
from tltk.specs.parts import DataSpec, NetSpec, OptimSpec
from tltk.specs.training import TransferSpec
from tltk.studies.compare.spec import CompareSpec
from tltk.training.loop import Training
from tltk.weights import store


def pictures(root: Path, n: int) -> Path:
    """A folder of two classes with n pictures each."""
    for c in range(2):
        (root / f"c{c}").mkdir(parents=True, exist_ok=True)
        for k in range(n):
            value = np.random.default_rng((c, k)).integers(0, 100, (16, 16, 3), dtype=np.uint8) + np.uint8(100 * c)
            Image.fromarray(value).save(root / f"c{c}" / f"{k}.png")
    return root


def test_marks_are_of_what_can_change(tmp_path: Path) -> None:
    folder, file = pictures(tmp_path / "a", 1), tmp_path / "w.safetensors"
    file.write_bytes(b"1")
    added("mine")
    plain = TransferSpec(target=DataSpec("shapes:hue=0.1"))
    assert provenance.source_versions(plain) == {}
    spec = CompareSpec(
        target=DataSpec(f"folder:{folder}~fog:2"), source=DataSpec("digits"), net=NetSpec("test_resnet", "store:mine")
    )
    found = provenance.source_versions(spec)
    assert set(found) == {f"folder:{folder}~fog:2", "store:mine"}
    assert found["store:mine"] == store.find("mine").card.sha256
    asked = RankSpec(candidates=("test_resnet@store:mine", f"test_vit@file:{file}", "test_vit@scratch"))
    assert set(provenance.source_versions(asked)) == {"store:mine", f"file:{file}"}


def test_changes_of_every_kind(tmp_path: Path) -> None:
    folder, file = pictures(tmp_path / "a", 1), tmp_path / "w.safetensors"
    file.write_bytes(b"1")
    added("mine")
    first = Run.create(TransferSpec())
    (first.path / "result.json").write_text('{"accuracy": 0.5}')
    names = [f"folder:{folder}", f"file:{file}", "store:mine", f"run:{first.id}"]
    run = Run.create(
        RankSpec(DataSpec(names[0]), tuple(f"test_resnet@{name}" for name in [*names[1:], f"{names[3]}@2"]))
    )
    assert provenance.changed_sources(run) == []  # nothing was noted yet
    provenance.record_source_versions(run)
    assert provenance.changed_sources(run) == []
    pictures(folder, 2)
    assert provenance.changed_sources(run) == [names[0]]
    file.write_bytes(b"22")
    shutil.rmtree(home.folder("weights") / "mine")
    assert provenance.changed_sources(run) == [names[1], names[0]]  # what has gone is no change
    added("mine", summary="another")
    assert provenance.changed_sources(run) == [names[1], names[0]]  # the same tensors again
    store.put(home.folder("weights"), b"other", store.find("mine").card)
    (first.path / "result.json").write_text('{"accuracy": 0.6}')
    assert set(provenance.changed_sources(run)) == {*names, f"{names[3]}@2"}
    provenance.record_source_versions(run)
    assert len(provenance.changed_sources(run)) == 5  # a run that goes on keeps what it began with
    shutil.rmtree(folder)
    assert names[0] not in provenance.changed_sources(run)
    (run.path / provenance.FILE).write_text("torn")
    assert provenance.changed_sources(run) == []


def test_a_run_is_run_anew_when_its_pictures_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TLTK_EXECUTOR", "tests.support.executors:Idle")
    monkeypatch.setattr("tltk.jobs.queue.add", lambda *_, **__: None)
    folder = pictures(tmp_path / "a", 6)
    spec = TransferSpec(
        target=DataSpec(f"folder:{folder}", size=16),
        net=NetSpec("test_resnet"),
        optim=OptimSpec(epochs=1, batch_size=4, device="cpu"),
    )
    run = executor().submit(spec)
    execute(run)
    first = run.result()
    assert first is not None and executor().submit(spec).result() == first
    execute(run)
    assert run.result() == first  # done is done
    pictures(folder, 12)
    assert executor().submit(spec).result() is None
    execute(run)
    second = run.result()
    assert second is not None and second["n_train"] > first["n_train"]
    pictures(folder, 18)
    execute(run)  # as a study does with its children, which nobody submits
    third = run.result()
    assert third is not None and third["n_train"] > second["n_train"]
    shutil.rmtree(folder)
    assert executor().submit(spec).result() == third  # all that is left of them


# -- change in the middle ----------------------------------------------------------------------------------


@pytest.fixture
def _handler(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TLTK_EXECUTOR", "tests.support.executors:Idle")
    monkeypatch.setattr(Training, "_checkpoint", _always)
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def _always(self: Training, last: bool) -> None:
    """A checkpoint after each epoch, and a request to stop after the second."""
    self._saved_at, self._save_cost = -1e9, 0.0
    _checkpoint(self, last)
    if self.now.epoch == 2:
        Path(os.environ["TLTK_TEST_STOP"]).touch()


_checkpoint = Training._checkpoint


@pytest.mark.usefixtures("_handler")
@pytest.mark.parametrize("what", ["nothing", "pictures", "note", "rows"])
def test_a_resumed_run_goes_on_only_with_what_it_began_with(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = pictures(tmp_path / "a", 8)
    spec = TransferSpec(
        target=DataSpec(f"folder:{folder}", size=16),
        net=NetSpec("test_resnet"),
        optim=OptimSpec(epochs=4, batch_size=4, device="cpu"),
    )
    run = executor().submit(spec)
    monkeypatch.setenv("TLTK_TEST_STOP", str(run.stop_file))
    execute(run)
    assert run.status.state == "stopped" and (run.path / "checkpoint.safetensors").exists()
    before = run.rows()[0]
    if what == "pictures":
        pictures(folder, 16)
    elif what == "note":
        (run.path / "inputs.json").write_bytes(b'{"\xff": 1}')
    elif what == "rows":
        (run.path / "rows.jsonl").write_bytes((run.path / "rows.jsonl").read_bytes().replace(b"{", b"\xff", 1))
    monkeypatch.setenv("TLTK_TEST_STOP", str(tmp_path / "no"))
    # As the supervisor hands it over: it runs, as this very process.
    run.write_status(state="running", message="Starting.", pid=os.getpid(), pid_born=identity(os.getpid()))
    execute(run)
    rows, status = run.rows()[0], run.status
    assert status.state == "done"
    earlier = run.path / "earlier" / "1"
    assert earlier.exists() == (what != "nothing")
    steps = [r.step for r in rows if (r.split, r.name) == ("train", "loss")]
    assert steps == sorted(set(steps))  # nothing twice, nothing lost
    result = run.result()
    assert result is not None and result["steps"] % 4 == 0
    if what == "nothing":
        assert rows[: len(before)] == before and status.message == ""
        return
    assert "started again" in status.message and "earlier/1" in status.message
    assert "started again" in capfd.readouterr().out  # the log
    if what != "rows":
        assert Run(earlier).rows()[0] == before  # kept
    done = CliRunner().invoke(cli.main, ["runs", "show", run.id])
    assert "started again" in done.output


@pytest.mark.usefixtures("_handler")
def test_what_was_found_before_a_change_is_kept_when_the_same_is_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = pictures(tmp_path / "a", 6)
    spec = TransferSpec(
        target=DataSpec(f"folder:{folder}", size=16),
        net=NetSpec("test_resnet"),
        optim=OptimSpec(epochs=1, batch_size=4, device="cpu"),
    )
    monkeypatch.setenv("TLTK_TEST_STOP", str(tmp_path / "no"))
    run = executor().submit(spec)
    execute(run)
    found = []
    for n in (12, 18):
        queue.remove(run.id)
        found.append(run.result())
        pictures(folder, n)
        run = executor().submit(spec)
        assert run.result() is None and run.status.state == "waiting"
        assert "started again" in run.status.note
        execute(run)
    assert [Run(run.path / "earlier" / str(n)).result() for n in (1, 2)] == found
    assert (run.path / "earlier" / "1" / "model.safetensors").is_file()
    run.clear()
    assert (run.path / "earlier" / "2" / "result.json").is_file()  # to forget one is not to forget the others


@pytest.mark.parametrize("threads", [0, 1, 4])
def test_what_other_threads_found_is_put_aside(threads: int) -> None:
    """Another number of threads rounds sums otherwise: such a run is not that of its spec."""
    run = Run.create(TransferSpec(optim=OptimSpec(threads=1)))
    home.write_atomic(run.path / "result.json", '{"accuracy": 0.5}')
    run.write_status(state="done", threads=threads)
    provenance.discard_outdated(run)
    if threads == 4:
        assert run.result() is None and "because 4 threads had computed it and the spec says 1" in run.status.note
        assert Run(run.path / "earlier" / "1").result() == {"accuracy": 0.5}
    else:
        assert run.result() == {"accuracy": 0.5}
