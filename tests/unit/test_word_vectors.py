"""Word vectors as a network: files of three programs, words without a vector, and the layers of their mean."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.support.texts import lines
from tltk import data
from tltk.analyses.sample import Context
from tltk.analyses.unknown_words.analysis import unknown_words
from tltk.analyses.unknown_words.spec import UnknownWordsSpec
from tltk.analyses.unknown_words.table import lines as told
from tltk.data import texts
from tltk.data.vectors import count_unknown, describe_unknown, known_form, read_vectors
from tltk.errors import BadSpec, DataProblem, WeightsMissing
from tltk.jobs.checking import check
from tltk.specs.parts import DataSpec, NetSpec, OptimSpec
from tltk.specs.training import TransferSpec
from tltk.training.bank import FeatureBank
from tltk.training.callbacks import Callbacks
from tltk.training.compose import train
from tltk.weights.load import build_net

KNOWN = {"film": (1, 0), "good": (0, 1), "plot": (1, 1), "battery": (2, 0)}
ROWS = [f"{word} {x}.5 {y}" for word, (x, y) in KNOWN.items()]


def write(path: Path, *, head: bool = False, rows: list[str] | None = None) -> Path:
    told = rows or ROWS
    path.write_text("\n".join([f"{len(told)} 2"] * head + told) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("head", [True, False])  # word2vec and fastText write one, GloVe does not
def test_a_file_is_read(tmp_path: Path, head: bool) -> None:
    found = read_vectors(write(tmp_path / "a.txt", head=head))
    assert found.words == tuple(KNOWN)
    assert np.array_equal(found.vectors, np.array([(x + 0.5, y) for x, y in KNOWN.values()], np.float32))


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (["a 1 2", "b 1"], "Line 2 of a.txt has 1 cells"),
        (["a 1 x"], "Line 1"),
        (["lonely"], "Line 1"),
        (["a 1 2 3", "b 1 2 3", "c 1 2"], "Line 3 of a.txt has 2 cells"),
        (["a x y 1", "b 1"], "Line 1 of a.txt"),
    ],
)
def test_what_is_no_file_of_vectors_is_a_sentence(tmp_path: Path, rows: list[str], words: str) -> None:
    with pytest.raises(DataProblem, match=words):
        read_vectors(write(tmp_path / "a.txt", rows=rows))


def test_words_may_hold_blanks_and_lines_may_be_empty(tmp_path: Path) -> None:
    """As in GloVe's vectors from 840 billion words: `. . . 0.1 0.2`, `at name@domain.com 0.3 0.4`."""
    rows = [*ROWS, ". . . 3.5 4", "at name@domain.com 5 6", "", "2 7 8"]
    found = read_vectors(write(tmp_path / "a.txt", rows=rows))
    assert found.words == (*KNOWN, ". . .", "at name@domain.com", "2")
    assert found.vectors[-3:].tolist() == [[3.5, 4], [5, 6], [7, 8]]


def test_a_file_that_lacks_words_that_its_head_promises_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", head=True)
    path.write_text("\n".join(path.read_text().splitlines()[:-1]) + "\n")
    with pytest.raises(DataProblem, match=r"says 4 and has 3: it is cut off. Get it again"):
        read_vectors(path)


def test_simpler_forms_and_counts() -> None:
    assert [known_form(w, KNOWN) for w in ("films", "batteries", "plotted", "is", "good's")] == [
        "film",
        "battery",
        "",
        "",
        "good",
    ]
    found = count_unknown(["Good films, good plot!", "A dull, dull plot"], KNOWN)
    assert (found.words, found.unknown, found.by_form) == (8, 3, 1)
    assert found.most == (("dull", 2), ("a", 1))
    assert describe_unknown(found).startswith(
        "38% of the words of this domain are unknown to these vectors; most often dull"
    )


def test_the_network_is_the_mean_of_known_words(tmp_path: Path) -> None:
    name = f"vectors:{write(tmp_path / 'a.txt')}"
    net = build_net(NetSpec(name, name), 2, 16, 1, 0).eval()
    assert net.names == ("vectors", "head") and net.width == 2
    x = torch.from_numpy(texts.encode(["A good film", "nothing known", "films"], 16)).float()
    with torch.no_grad():
        features = net(x)[0]
    assert features.tolist() == [[1.0, 0.5], [0.0, 0.0], [1.5, 0.0]]
    scratch = build_net(NetSpec(name), 2, 16, 1, 0)
    assert not torch.equal(scratch.state_dict()["backbone.encoder.vectors.weight"][2:], torch.zeros(4, 2))
    other = f"vectors:{write(tmp_path / 'b.txt', rows=ROWS[:3])}"
    with pytest.raises(WeightsMissing, match="of this network's words"):
        build_net(NetSpec(name, other), 2, 16, 1, 0)
    with pytest.raises(WeightsMissing, match="There is none at"):
        check(TransferSpec(target=DataSpec("sentences", n=40), net=NetSpec("vectors:/nowhere", "vectors:/nowhere")))


def test_a_training_says_what_is_unknown_and_frozen_vectors_stay(tmp_path: Path) -> None:
    name = f"vectors:{write(tmp_path / 'a.txt')}"
    spec = TransferSpec(
        target=DataSpec(f"text:{lines(tmp_path / 'lines.txt')}", size=16),
        net=NetSpec(name, name, boundary=1),
        optim=OptimSpec(epochs=2, batch_size=8, device="cpu"),
    )
    check(spec)
    trained = train(spec)
    assert trained.result.frozen_moved == 0
    assert any("unknown to these vectors; most often" in note for note in trained.net.notes)
    free = train(dataclasses.replace(spec, net=NetSpec(name, name)))
    read = torch.from_numpy(read_vectors(tmp_path / "a.txt").vectors)
    assert torch.equal(trained.net.state_dict()["backbone.encoder.vectors.weight"][2:], read)
    assert not torch.equal(free.net.state_dict()["backbone.encoder.vectors.weight"][2:], read)


def test_words_are_listed_by_class(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt")
    spec = UnknownWordsSpec(DataSpec(f"text:{lines(tmp_path / 'lines.txt')}", size=16), str(path))
    context = Context(data.load, FeatureBank(disk=0), Callbacks())
    found = unknown_words(spec, context)
    assert [one.name for one in found.classes] == ["0", "1"] and found.vectors == 4
    assert sum(one.unknown for one in found.classes) == found.unknown
    assert "dull" in [word.word for word in found.classes[0].most] and found.classes[0].share > 0.5
    printed = "\n".join(told(found))
    assert "most often in 0:" in printed and found.sentence in printed
    with pytest.raises(BadSpec, match="Words are of texts"):
        unknown_words(UnknownWordsSpec(DataSpec("digits", n=60, size=8), str(path)), context)
    with pytest.raises(BadSpec, match="name one with --file"):
        UnknownWordsSpec().check()
