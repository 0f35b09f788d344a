"""A home in an object store: two writers, late lists and a broken link lose nothing, and nothing foreign is trusted."""

from __future__ import annotations

import dataclasses
import os
import random
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

pytest.importorskip("fsspec", reason="a home in an object store is read through fsspec, which is not installed")

from tests.support.shared import SPEC, Machine, Unreliable, values  # noqa: E402
from tltk import home  # noqa: E402
from tltk.errors import BadSpec, RunProblem  # noqa: E402
from tltk.runs import fetching, manifest, sending, sync, trash  # noqa: E402
from tltk.runs.index import RunEntry  # noqa: E402
from tltk.runs.manifest import File, Manifest, Part  # noqa: E402
from tltk.runs.mirror import sha  # noqa: E402
from tltk.runs.objects import Missing, Store  # noqa: E402
from tltk.runs.predictions import Prediction  # noqa: E402
from tltk.runs.run import FOREIGN, Run  # noqa: E402

Two = tuple[Machine, Machine]
URL = "unreliable://bucket/home"


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    Unreliable.clean()
    monkeypatch.setattr(sending, "PAUSE_SECONDS", 0.0)


@pytest.fixture
def machine(tmp_path: Path) -> Callable[[str], Machine]:
    return lambda name: Machine(tmp_path / name, URL)


@pytest.fixture
def two(machine: Callable[[str], Machine]) -> Two:
    return machine("a"), machine("b")


def objects(below: str = "") -> list[str]:
    return sorted(name for name in Unreliable.store if f"/bucket/home/{below}" in name)


def test_a_run_is_read_elsewhere_as_it_is_written(two: Two) -> None:
    a, b = two
    a.begin(state="running", host="elsewhere", epochs=3)
    for n in range(3):
        a.write_rows(10, 10 * n)
        a.carry()
        b.carry()
        assert values(b.run()) == list(range(10 * n + 10))
    a.end()
    a.carry()
    b.carry()
    assert b.run().result() == {"accuracy": 0.5}
    assert b.run().status.state == "done"
    names = {p.name for p in a.run().path.iterdir() if p.is_file()}
    assert names == {p.name for p in b.run().path.iterdir() if p.is_file()}
    assert all((a.run().path / name).read_bytes() == (b.run().path / name).read_bytes() for name in names)
    assert (a.run().path / "spec.json").stat().st_mtime == pytest.approx((b.run().path / "spec.json").stat().st_mtime)
    with b.here():
        assert RunEntry.of(b.run()).accuracy == 0.5  # as lists show it


def test_rows_are_numbered_parts_and_small_ones_are_joined(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "SMALL_PARTS", 4)
    a, b = two
    a.begin()
    for n in range(10):
        a.write_rows(3, 3 * n)
        a.carry()
        if n % 3 == 0:
            b.carry()
    parts = objects(f"runs/{SPEC.run_id}/{a.copy.writer}/rows")
    assert [int(name.rpartition("/")[2][:6]) for name in parts] == sorted(
        {int(n.rpartition("/")[2][:6]) for n in parts}
    )
    assert len(parts) < 10
    b.carry()
    assert values(b.run()) == list(range(30))


def test_only_new_rows_are_carried(two: Two) -> None:
    a, b = two
    a.begin()
    a.write_rows(1000)
    a.carry()
    b.carry()
    a.copy.store.requests.clear()
    b.copy.store.requests.clear()
    a.write_rows(1, 1000)
    a.carry()
    b.carry()
    assert a.copy.store.requests == {"list": 1, "put": 2}  # the part, then the manifest
    assert b.copy.store.requests == {"list": 1, "get": 2}
    a.carry()
    b.carry()
    assert a.copy.store.requests == {"list": 2, "put": 2}  # nothing where nothing is new
    assert b.copy.store.requests == {"list": 2, "get": 2}
    assert values(b.run()) == list(range(1001))


def test_a_line_that_is_being_written_is_left_for_later(two: Two) -> None:
    a, b = two
    a.begin()
    a.write_rows(2)
    with open(a.run().path / "rows.jsonl", "ab") as file:
        file.write(b'{"epoch": 1, "st')
        file.flush()
        a.carry()
        b.carry()
        assert (b.run().path / "rows.jsonl").read_bytes().endswith(b"\n")
    assert values(b.run()) == [0, 1]


def test_rows_that_were_cut_back_to_a_checkpoint_are_replaced(two: Two) -> None:
    a, b = two
    a.begin()
    for n in range(4):
        a.write_rows(5, 5 * n)
        a.carry()
    b.carry()
    rows = a.run().path / "rows.jsonl"
    kept = rows.read_bytes().splitlines(keepends=True)[:7]
    rows.write_bytes(b"".join(kept))
    a.write_rows(30, 7, value=100.0)  # longer than before: its size alone tells nothing
    a.carry()
    b.carry()
    assert values(b.run()) == [*range(7), *(100.0 + step for step in range(7, 37))]


def test_a_broken_link_keeps_what_could_not_be_sent(two: Two) -> None:
    a, b = two
    a.begin()
    a.write_rows(5)
    Unreliable.down = True
    a.carry()
    a.write_rows(5, 5)
    a.carry()
    assert a.copy.unsent() == [SPEC.run_id]
    a.restart()
    assert a.copy.unsent() == [SPEC.run_id]
    Unreliable.down = False
    a.carry()
    assert a.copy.unsent() == []
    b.carry()
    assert values(b.run()) == list(range(10))


def test_a_manifest_comes_last_so_nothing_half_written_is_read(two: Two) -> None:
    """The link breaks after each possible number of requests."""
    a, b = two
    a.begin()
    a.write_rows(4)
    home.write_atomic(a.run().path / "model.safetensors", os.urandom(100_000))
    a.end()
    for allowed in range(5):
        left = allowed

        class Short(Unreliable):
            def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **kwargs: object) -> None:
                nonlocal left
                if left == 0:
                    super().pipe_file(
                        path, value[: len(value) // 2], mode, **kwargs
                    ) if "/manifests/" not in path else None
                    raise ConnectionError
                left -= 1
                super().pipe_file(path, value, mode, **kwargs)

        a.copy.store.fs = Short()
        with a.here():
            sending.push(a.copy, lambda run, fault: None)
        b.carry()
        is_here = (b.run().path / "spec.json").exists()
        assert not is_here or (b.run().result() is not None and values(b.run()) == [0, 1, 2, 3])
    assert is_here
    assert (b.run().path / "model.safetensors").read_bytes() == (a.run().path / "model.safetensors").read_bytes()


def test_two_who_write_at_once_both_keep_all(two: Two, machine: Callable[[str], Machine]) -> None:
    """Both began the same run, as neither knew of the other."""
    a, b = two
    a.begin(host="a")
    b.begin(host="b")
    a.write_rows(6, value=1000.0)
    b.write_rows(8, value=2000.0)
    a.carry()
    time.sleep(0.01)
    with b.here():
        sending.push(b.copy)  # it has not looked yet
    a.write_rows(2, 6, value=1000.0)
    for _ in range(4):
        a.carry()
        b.carry()
    c = machine("c")
    c.carry()
    first, second = [1000.0 + n for n in range(8)], [2000.0 + n for n in range(8)]
    for one in (a, b, c):
        assert values(one.run()) == first, one.folder.name  # the earlier one counts
        numbers = one.run().attempts()
        assert all(number >= FOREIGN for number in numbers)
        assert [values(one.run().attempt(number)) for number in numbers] == [second], one.folder.name
    assert "by a" in b.run().status.message


def test_whoever_loses_is_asked_to_stop_while_it_runs(two: Two) -> None:
    a, b = two
    a.begin()
    a.carry()
    run = b.begin()
    with b.here():
        sending.push(b.copy)
        run.claim()
        try:
            b.write_rows(3, value=7.0)
            b.carry()
            assert run.stop_file.exists()
            assert values(run) == [7.0, 8.0, 9.0]  # nothing is taken from under it
        finally:
            run.write_status(state="stopped")
            run.release()
    for _ in range(3):
        b.carry()
    assert "by a" in b.run().status.message
    assert [values(b.run().attempt(n)) for n in b.run().attempts()] == [[7.0, 8.0, 9.0]]


def test_a_run_goes_on_elsewhere(two: Two) -> None:
    """The node is lost; another takes its run up, from the checkpoint. The first comes back, and makes way."""
    a, b = two
    a.begin(state="running", host="lost", pid=1)
    a.write_rows(5)
    home.write_atomic(a.run().path / "checkpoint.safetensors", b"after five rows" * 5000)
    a.carry()
    b.carry()
    assert not (b.run().path / "checkpoint.safetensors").exists()  # whoever only looks does not need it
    with b.here():
        assert sync.lacks(SPEC.run_id)
        fetching.fetch(b.copy, SPEC.run_id)
        assert not sync.lacks(SPEC.run_id)
    assert (b.run().path / "checkpoint.safetensors").read_bytes() == b"after five rows" * 5000
    with b.here():
        b.run().write_status(state="stopped", message="by b", host="b")
    b.write_rows(5, 5)
    b.carry()
    for _ in range(3):
        a.carry()
    assert values(a.run()) == list(range(10))
    assert a.run().attempts() == []  # all that it had found is part of what the other went on from
    a.restart()
    a.carry()
    assert values(a.run()) == list(range(10))


def test_what_the_lost_node_found_after_all_is_an_attempt(two: Two, machine: Callable[[str], Machine]) -> None:
    a, b = two
    a.begin()
    a.write_rows(5)
    a.carry()
    b.carry()
    with b.here():
        b.run().write_status(state="stopped", message="by b")
    b.carry()
    a.write_rows(3, 5, value=50.0)  # it was only cut off
    for _ in range(3):
        a.carry()
        b.carry()
    c = machine("c")
    c.carry()
    for one in (a, b, c):
        assert values(one.run()) == list(range(5))
        assert [values(one.run().attempt(n)) for n in one.run().attempts()] == [[0, 1, 2, 3, 4, 55.0, 56.0, 57.0]]


def test_a_run_that_was_taken_up_while_its_checkpoint_lay_elsewhere(two: Two) -> None:
    a, b = two
    a.begin()
    home.write_atomic(a.run().path / "checkpoint.safetensors", b"x" * 100_000)
    a.carry()
    b.carry()
    with b.here():
        b.run().write_status(state="waiting")  # as submitting does, before a worker is there to fetch anything
    b.carry()
    with b.here():
        assert sync.lacks(SPEC.run_id)
        fetching.fetch(b.copy, SPEC.run_id)
    assert (b.run().path / "checkpoint.safetensors").read_bytes() == b"x" * 100_000


def test_late_lists_and_stale_manifests_are_only_late(two: Two) -> None:
    a, b = two
    a.begin()
    a.write_rows(3)
    Unreliable.late = True
    a.carry()
    b.carry()
    assert not b.run().path.exists()
    Unreliable.hidden.clear()
    b.carry()
    for n in range(1, 5):
        a.write_rows(3, 3 * n)
        a.carry()
        for _ in range(3):
            b.carry()
            assert values(b.run()) == list(range(len(values(b.run()))))  # never back, never a hole
    Unreliable.heal()
    b.carry()
    assert values(b.run()) == list(range(15))


@pytest.mark.parametrize("seed", range(3))
def test_whatever_breaks_nothing_is_lost(tmp_path: Path, seed: int) -> None:
    """Three machines, three runs, requests that break before, in and after their work; then all is healed."""
    dice = random.Random(seed)
    Unreliable.dice = random.Random(seed + 100)
    random.seed(seed)
    machines = [Machine(tmp_path / name, URL) for name in "abc"]
    specs = [dataclasses.replace(SPEC, seed=n) for n in range(3)]
    written: dict[str, set[float]] = {spec.run_id: set() for spec in specs}
    next_value = 0
    for _ in range(60):
        Unreliable.share, Unreliable.late = dice.choice([0.0, 0.3, 0.6]), dice.random() < 0.3
        if not Unreliable.late:
            Unreliable.hidden.clear()
            Unreliable.before.clear()
        who, spec, what = dice.choice(machines), dice.choice(specs), dice.random()
        if what < 0.35:
            if not (who.run(spec).path / "spec.json").exists() or dice.random() < 0.2:
                who.begin(spec)
            state, status = who.copy.state(spec.run_id), (who.run(spec).path / "status.json").read_bytes()
            if state.owner in ("", who.copy.writer) or not state.is_fetched(status):  # it was taken up here
                who.write_rows(2, next_value, spec=spec)
                written[spec.run_id] |= {float(next_value), float(next_value + 1)}
                next_value += 2
        elif what < 0.4:
            who.restart()
        else:
            who.carry()
    Unreliable.heal()
    for _ in range(6):
        for one in machines:
            one.carry()
    reader = Machine(tmp_path / "reader", URL)
    reader.carry()
    for spec in specs:
        for one in [*machines, reader]:
            run = one.run(spec)
            found = (
                set(values(run)).union(*(values(run.attempt(n)) for n in run.attempts()))
                if run.path.exists()
                else set()
            )
            assert written[spec.run_id] <= found, (one.folder.name, spec.seed)
        if written[spec.run_id]:
            assert len({tuple(values(one.run(spec))) for one in [*machines, reader]}) == 1


def test_notes_of_two_people_are_both_kept(two: Two) -> None:
    a, b = two
    a.begin()
    a.carry()
    b.carry()
    with b.here():
        b.run().write_label(name="from b", tags=["good"])
        b.run().predict(Prediction("lesson", "yes", "bea", at=1.0))
    with a.here():
        a.run().predict(Prediction("lesson", "no", "al", at=2.0))
    a.write_rows(3)
    for _ in range(3):
        a.carry()
        b.carry()
    assert a.run().label.name == b.run().label.name == "from b"
    assert {p.by for p in a.run().predictions} == {p.by for p in b.run().predictions} == {"al", "bea"}
    assert a.copy.state(SPEC.run_id).owner == a.copy.writer  # a note takes no run away
    with a.here():
        a.run().write_label(name="", tags=[])
    a.carry()
    b.carry()
    assert not b.run().label


def test_a_wish_to_stop_reaches_the_machine_that_runs(two: Two) -> None:
    a, b = two
    a.begin(state="running", host="a")
    a.carry()
    b.carry()
    b.run().ask_to_stop()
    b.carry()
    assert not b.run().stop_file.exists()
    a.carry()
    assert a.run().stop_file.exists()
    a.run().stop_file.unlink()
    a.carry()
    assert not a.run().stop_file.exists()  # a wish is heeded once


def test_a_deleted_run_goes_everywhere_and_comes_back(two: Two) -> None:
    a, b = two
    a.begin()
    a.write_rows(3)
    a.carry()
    b.carry()
    with b.here():
        b.run().delete()
    b.carry()
    a.carry()
    assert not a.run().path.exists()
    with a.here():
        assert [one.id for one in trash.entries()] == [SPEC.run_id]
        trash.put_back(SPEC.run_id)
    a.carry()
    b.carry()
    assert values(b.run()) == [0, 1, 2]


def test_what_was_deleted_goes_from_the_store_after_a_week(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = two
    a.begin()
    a.write_rows(3)
    a.carry()
    b.carry()
    with b.here():
        b.run().delete()
    b.carry()
    assert fetching.purge(b.copy) == 0
    assert objects("runs/")
    later = time.time() + (trash.DAYS + 1) * 86_400
    monkeypatch.setattr(time, "time", lambda: later)
    assert fetching.purge(a.copy) == 0  # whoever deleted it sees to that
    assert fetching.purge(b.copy) == 1
    assert not objects("runs/")
    assert len(objects("manifests/")) == 1  # that it was deleted
    assert fetching.purge(b.copy) == 0
    monkeypatch.undo()


def test_a_copy_that_was_lost_is_fetched_anew(two: Two) -> None:
    a, b = two
    a.begin()
    a.write_rows(3)
    a.end()
    a.carry()
    b.carry()
    for one in (a, b):
        for path in sorted(one.run().path.iterdir()):
            path.unlink()
        one.run().path.rmdir()
        one.carry()
        assert values(one.run()) == [0, 1, 2]
        assert one.run().result() == {"accuracy": 0.5}


def test_a_beat_is_a_sign_of_life_by_the_clock_of_whoever_reads(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "BEAT_SECONDS", 0.0)
    a, b = two
    a.begin(state="running", host="another machine")
    a.carry()
    b.carry()
    status = b.run().path / "status.json"
    os.utime(status, (1.0, 1.0))
    assert b.run().status.state == "failed"
    os.utime(a.run().path / "status.json")
    a.carry()
    b.carry()
    assert b.run().status.state == "running"
    b.copy.store.requests.clear()
    b.carry()
    assert b.copy.store.requests == {"list": 1}


# -- what comes from outside -----------------------------------------------------------------------

RUN, WRITER = "ab" * 6, "0123456789abcdef"
GOOD = File(sha(b"{}"), 2, 0.0, "{}")


@pytest.mark.parametrize(
    "name",
    [
        "../../../home/me/.bashrc",
        "/etc/passwd",
        "a/b",
        "..",
        ".hidden",
        "earlier/../../x",
        "earlier/0/x",
        "earlier/1234567/x",
        "snapshots/../x",
        "C:x",
        "x\\y",
        "x\0",
        "x\n",
        "lock",
        "earlier/1/lock",
        "STOP",
        "rows.jsonl",
        "label.json",
        "x.tmp",
        "nul.txt",
        "COM1",
        "x" * 200,
        "x.",
        "ｅarlier/1/x",
    ],
)
def test_no_name_leads_out_of_the_folder(name: str) -> None:
    assert not manifest.is_shared(name)
    data = msgspec.json.encode(Manifest(RUN, WRITER, term=1, files={name: GOOD}))
    with pytest.raises(RunProblem, match="no file of a run"):
        manifest.read(data, RUN, WRITER)


@pytest.mark.parametrize(
    "name",
    [
        "spec.json",
        "model.safetensors",
        "snapshots/3.safetensors",
        "earlier/12/rows.jsonl",
        "earlier/1/snapshots/1.safetensors",
    ],
)
def test_the_files_of_a_run_are_shared(name: str) -> None:
    assert manifest.is_shared(name)


BAD: dict[str, dict[str, object]] = {
    "another run": {"run": "cd" * 6},
    "another writer": {"writer": "f" * 16},
    "a negative size": {"files": {"x": {"sha": sha(b""), "size": -1}}},
    "a huge size": {"files": {"x": {"sha": sha(b""), "size": 2**60}}},
    "no checksum": {"files": {"x": {"sha": "../../x", "size": 1}}},
    "a checksum with a line": {"files": {"x": {"sha": sha(b"") + "\n", "size": 1}}},
    "another writer's folder": {"files": {"x": {"sha": sha(b""), "size": 1, "writer": "../../../x"}}},
    "rows without end": {"rows": [{"number": n, "sha": sha(b"x"), "size": 64 << 20} for n in range(17)]},
    "an empty part": {"rows": [{"number": 0, "sha": sha(b""), "size": 0}]},
    "a time that cannot be": {"since": 1e300},
    "another version": {"version": 2},
    "a note of another name": {"notes": {"spec.json": {"at": 1.0, "text": "{}"}}},
}


@pytest.mark.parametrize("fields", BAD.values(), ids=BAD.keys())
def test_a_manifest_that_cannot_be_is_refused(fields: dict[str, object]) -> None:
    body = {"run": RUN, "writer": WRITER, "term": 1} | fields
    with pytest.raises(RunProblem, match="must be as tltk writes it"):
        manifest.read(msgspec.json.encode(body), RUN, WRITER)


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[]", b"\x80\x04cos\nsystem\n", b"[" * 100_000, b'{"run": 1}', b" " * (9 << 20)]
)
def test_what_is_no_manifest_is_refused(data: bytes) -> None:
    with pytest.raises(RunProblem):
        manifest.read(data, RUN, WRITER)


@pytest.mark.parametrize("fault", ["other bytes", "more bytes", "fewer bytes", "another inline text", "no such object"])
def test_an_object_that_is_not_what_is_told_is_not_written(two: Two, fault: str) -> None:
    _, b = two
    rows = b'{"epoch":1,"step":0,"seconds":0.5,"split":"val","name":"loss","value":1.0}\n'
    part, spec = Part(0, sha(rows), len(rows)), SPEC.to_json().encode()
    files = {"spec.json": File(sha(spec), len(spec), 0.0, spec.decode())}
    if fault == "another inline text":
        files["result.json"] = File(sha(b"{}"), 2, 0.0, '{"accuracy": 1.0}')
    told = Manifest(SPEC.run_id, WRITER, term=1, rows=(part,), files=files)
    sent = {"other bytes": rows.replace(b"1.0", b"2.0"), "more bytes": rows + rows, "fewer bytes": rows[:-5]}.get(
        fault, rows
    )
    if fault != "no such object":
        b.copy.store.put(f"{manifest.folder(SPEC.run_id, WRITER)}/{part.name}", sent)
    b.copy.store.put(manifest.key(SPEC.run_id, WRITER), msgspec.json.encode(told))
    heard = list[Exception]()
    with b.here():
        fetching.pull(b.copy, lambda run, why: heard.append(why))
    assert len(heard) == 1
    assert isinstance(heard[0], RunProblem)
    assert not b.run().path.exists()
    assert not list(b.copy.incoming.iterdir())


def test_a_link_in_a_folder_is_not_followed(two: Two, tmp_path: Path) -> None:
    a, b = two
    a.begin()
    a.carry()
    b.carry()
    (tmp_path / "outside").mkdir()
    (b.run().path / "snapshots").symlink_to(tmp_path / "outside")
    home.write_atomic(a.run().snapshot(1), b"weights")
    a.write_rows(1)
    a.carry()
    b.carry()
    assert not list((tmp_path / "outside").iterdir())
    with b.here():
        secret = tmp_path / "secret.json"
        secret.write_text("secret")
        run = Run.at("cd" * 6)
        run.path.mkdir()
        (run.path / "spec.json").write_text(SPEC.to_json())
        (run.path / "leak.json").symlink_to(secret)
        sending.push(b.copy)
    assert all(b"secret" not in one.getvalue() for one in Unreliable.store.values())


def test_odd_names_in_the_store_are_left_alone(two: Two) -> None:
    _, b = two
    for name in ("../../x.json", "abc.json", f"{RUN}.json", f"{RUN}.{WRITER}.json.bak", "x" * 300):
        b.copy.store.put(f"{manifest.MANIFESTS}/{name}", b"{}")
    b.carry()
    assert b.copy.here() == set()
    assert b.copy.store.requests["get"] == 0


def test_an_object_is_not_read_beyond_its_size() -> None:
    store = Store(URL)
    store.put("x", b"x" * 1000)
    with pytest.raises(Missing, match="at most 10 bytes"):
        store.get("x", 10)


# -- the home itself -------------------------------------------------------------------------------


def test_a_home_at_a_url_is_a_folder_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TLTK_HOME", "s3://bucket/prefix/")
    monkeypatch.setenv("TLTK_MIRROR", str(tmp_path / "copy"))
    assert home.address() == "s3://bucket/prefix"
    assert home.home() == tmp_path / "copy"
    monkeypatch.setenv("TLTK_HOME", str(tmp_path / "plain"))
    assert home.address() == ""
    assert home.home() == tmp_path / "plain"


def test_pages_tell_of_a_store_that_has_not_been_reached_for_a_while(two: Two) -> None:
    a, _ = two
    with a.here():
        loop = sync.Sync(a.copy)
        loop.step()
        assert sync.trouble() == ""
        a.begin()
        Unreliable.down = True
        loop.polled = 0.0
        assert loop.step() <= 1.0
        assert loop.step() <= 2.0  # ever more rarely
        assert sync.trouble() == ""  # a moment is no trouble
        loop.report = msgspec.structs.replace(loop.report, pulled=0.0)
        loop.step()
        assert "to be sent: 1" in sync.trouble()
        assert "the link is down" in sync.trouble()
        Unreliable.down = False
        loop.step()
        assert sync.trouble() == ""
        assert sync.report().unsent == 0


def test_whoever_wants_a_whole_run_is_served_or_told(two: Two, tmp_path: Path) -> None:
    a, b = two
    a.begin()
    home.write_atomic(a.run().path / "model.safetensors", b"w" * (9 << 20))
    a.end()
    a.carry()
    b.carry()
    with b.here():
        assert sync.size_in_store(SPEC.run_id, "model.safetensors") == 9 << 20
        assert RunEntry.of(b.run()).model == 9 << 20  # lists offer its weights
        assert not (b.run().path / "model.safetensors").exists()
        with pytest.raises(RunProblem, match="must be here whole"):
            sync.complete(SPEC.run_id, seconds=0.0)
        sync.Sync(b.copy).step()  # the wish lies there
        sync.complete(SPEC.run_id, seconds=0.0)
        assert (b.run().path / "model.safetensors").stat().st_size == 9 << 20
        assert sync.size_in_store(SPEC.run_id, "model.safetensors") == -1


def test_a_url_of_nothing_is_refused() -> None:
    with pytest.raises(BadSpec, match="a URL that fsspec knows"):
        Store("nosuchprotocol://x")
