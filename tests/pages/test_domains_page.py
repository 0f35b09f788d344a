"""Domains in the states that need no browser: known, asked, old, failed, without a source, without a path."""

from __future__ import annotations

import dataclasses
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.domain_pages import known
from tests.support.pages import _no_workers as _no_workers
from tests.support.pages import answered, is_clean, open_page, texts
from tests.support.results import inspected as seen
from tltk.analyses.inspect.result import InspectResult
from tltk.analyses.inspect.spec import InspectSpec
from tltk.analyses.unknown_words.result import ClassVocabulary, UnknownWordsResult, WordCount
from tltk.analyses.unknown_words.spec import UnknownWordsSpec
from tltk.dashboard import domain_pictures, domain_view
from tltk.dashboard.plan import FIRST
from tltk.data.audio.files import as_wav
from tltk.jobs import queue
from tltk.results.account import Branch, Groups, Part
from tltk.runs.run import Run
from tltk.specs.parts import DataSpec
from tltk.specs.reading import with_absolute_paths

assert FIRST.source is not None
SOURCE, TARGET = FIRST.source, FIRST.target


def html(app: Any) -> str:
    return "\n".join(element.proto.body for element in app.get("html"))


def choose(app: Any, label: str, value: Any) -> Any:
    return next(s for s in app.selectbox if s.label == label).set_value(value).run()


def target_of(app: Any) -> DataSpec:
    found: DataSpec = app.session_state["plan"].target
    return found


def source_of(app: Any) -> DataSpec:
    found: DataSpec = app.session_state["plan"].source
    return found


def test_a_new_user_waits_for_both_domains_and_can_go_on() -> None:
    app = open_page("domains")
    is_clean(app)
    assert texts(app).count("Reading the pictures") == 2
    assert len(queue.jobs()) == 2
    assert [s.label for s in app.selectbox].count("Corruption") == 2


def test_both_domains_are_shown_by_class() -> None:
    known(SOURCE, seen(skipped=[("a/broken.jpg", "it is cut off")]))
    known(TARGET, seen(mean=[0.5, 0.5, 0.5]))
    app = open_page("domains")
    is_clean(app)
    drawn = html(app)
    assert drawn.count("data:image/webp") == 20 and 'alt="2 pictures of 3, target"' in drawn
    assert "1,000 in 10 classes" in drawn and "36 × 36 px, colour" in drawn and "grey in three channels" in drawn
    assert "0.40 ± 0.22" in drawn and "CC BY 4.0" in drawn and "a &lt;place&gt;" in drawn
    assert "the target are grey, those of the source have colour" in texts(app)
    assert [e.label for e in app.expander][1:-1] == ["1 file or folder of the source left out"]
    assert list(app.dataframe[0].value["Reason"]) == ["it is cut off"]


def test_an_answer_of_an_earlier_version_is_shown_and_can_be_asked_again() -> None:
    known(SOURCE, seen(shown_labels=None, mean=[], std=[]))
    known(TARGET)
    app = open_page("domains")
    is_clean(app)
    assert "by an earlier version" in texts(app) and "not measured" in html(app)
    next(b for b in app.button if b.label == "Read the pictures again").click().run()
    is_clean(app)
    assert [job.run for job in queue.jobs()] == [InspectSpec(SOURCE).run_id]
    is_clean(open_page("shift"))  # the strip reads the same answers


def test_of_many_classes_ten_are_shown_and_both_sides_turn_together() -> None:
    names = [f"formula {i}" for i in range(25)]
    for spec in (SOURCE, TARGET):
        known(spec, seen(names))
    app = open_page("domains")
    is_clean(app)
    assert html(app).count("data:image/webp") == 20 and 'of formula 9, source"' in html(app)
    assert "Every class of the source has 100 pictures" not in texts(app)  # 25 bars can be read
    choose(app, "Classes shown", 20)
    is_clean(app)
    assert html(app).count("data:image/webp") == 10 and 'of formula 24, target"' in html(app)


def test_domains_with_other_classes_have_their_own_pages() -> None:
    known(SOURCE, seen([f"formula {i}" for i in range(200)], each=20))
    known(TARGET)
    app = open_page("domains")
    is_clean(app)
    assert "Classes of the source" in [s.label for s in app.selectbox]
    assert "share no class by name" in texts(app)
    assert "Every class of the source has 20 pictures." in texts(app)  # two hundred bars of one length say less


def test_without_a_source_the_target_stands_alone() -> None:
    known(TARGET)
    app = open_page("domains")
    choose(app, "Source", "none")
    is_clean(app)
    assert app.session_state["plan"].source is None
    assert "No source chosen. Choose one" in texts(app)
    assert html(app).count("data:image/webp") == 10
    choose(app, "Source", "shapes")
    is_clean(app)
    source = source_of(app)
    assert (source.name, source.n) == ("shapes", 2000)
    next(n for n in app.number_input if n.label == "Rotation").set_value(30.0).run()
    is_clean(app)
    assert source_of(app).name == "shapes:rotation=30"


def test_sounds_are_seen_and_heard() -> None:
    app = open_page("domains")
    choose(app, "Target", "tones")
    known(target_of(app), seen(["tone", "rise"], sounds=[0, 2], channels=1, mean=[0.4], std=[0.2]))
    known(source_of(app))
    run = Run.at(with_absolute_paths(InspectSpec(target_of(app))).run_id)
    for number in (0, 2):
        (run.path / f"sound-{number}.wav").write_bytes(as_wav(np.sin(np.arange(100.0)), 8000))
    app.run()
    is_clean(app)
    box = next(s for s in app.selectbox if s.label == "Listen to the target")
    assert list(box.options) == ["tone", "rise"] and "Listen to the source" not in [s.label for s in app.selectbox]
    first = app.get("audio")[0].proto.url
    choose(app, "Listen to the target", "rise")
    is_clean(app)
    assert first and len(app.get("audio")) == 1
    (run.path / "sound-2.wav").unlink()
    app.run()
    is_clean(app)
    assert not app.get("audio") and "The sounds of this result were deleted." in texts(app)


def test_texts_are_shown_as_sentences_and_not_as_markup() -> None:
    app = open_page("domains")
    choose(app, "Target", "sentences")
    said = ["A *dull* film <b>now</b>", "I left", "![x](http://a.b/c) superb", "Great cast"]
    one = seen(["bad", "good"], channels=1, shown=4, shown_labels=[0, 0, 1, 1], texts=said, mean=[0.3], std=[0.3])
    known(target_of(app), one)
    known(source_of(app), one)
    app.run()
    is_clean(app)
    told = texts(app)
    assert all(text in told for text in said)
    given = "\n".join(str(element.value) for element in app.markdown)
    assert "<b>now" not in given and "![x](" not in given and "*dull*" not in given.replace("\\*", "")
    labels = [n.label for n in app.number_input]
    assert "Size (tokens)" in labels and "Texts" in labels
    assert "Corruption" not in [s.label for s in app.selectbox if "target" in (s.key or "")]
    assert any("bytes, 32 tokens at most" in str(h.proto) or "tokens at most" in str(h.proto) for h in app.get("html"))


def test_rows_are_shown_as_a_table_of_columns_and_values() -> None:
    app = open_page("domains")
    choose(app, "Target", "transactions")
    here, there = ["age", "sex = f"], ["age", "<b>income</b>"]
    table: dict[str, Any] = {
        "channels": 1,
        "shown": 2,
        "shown_labels": [0, 1],
        "texts": ["age 3", "age 4"],
        "mean": [0.3],
        "std": [0.3],
    }
    known(target_of(app), seen(["bad", "good"], **table, columns=here, rows=[[41.5, None], [39.0, 1.0]]))
    known(source_of(app), seen(["bad", "good"], **table, columns=there, rows=[[1.0, 2.0], [3.0, 4.0]]))
    app.run()
    is_clean(app)
    frames = {tuple(frame.value.columns): frame.value for frame in app.dataframe}
    frame = frames["class", "age", "sex = f"]
    assert list(frame["class"]) == ["bad", "good"] and list(frame["age"]) == [41.5, 39.0]
    assert frame["sex = f"].isna().tolist() == [True, False]
    told = texts(app)
    assert "Rows by class" in told and "share 1 column by name" in told and "only in the target: **sex = f**" in told
    given = "\n".join(str(element.value) for element in app.markdown)
    assert "<b>income" not in given
    labels = [n.label for n in app.number_input]
    assert "Size (columns)" in labels and "Rows" in labels
    assert any("2 columns, of " in str(h.proto) for h in app.get("html"))


def test_a_design_on_rows_offers_networks_that_read_them() -> None:
    app = open_page("design", target="transactions", source="transactions:prices=1", size="16", backbone="mlp")
    is_clean(app)
    menu = next(s for s in app.selectbox if s.label == "Backbone")
    assert "mlp" in menu.options and "resnet18" not in menu.options
    assert "standardised columns, then 3 layers of 64 numbers each" in texts(app)
    assert "This link asks for the rows of transactions" in texts(app) and "pictures of transactions" not in texts(app)
    assert "Size (columns)" in [n.label for n in app.number_input]


def test_dials_of_sounds_are_widgets(tmp_path: Path) -> None:
    app = open_page("domains")
    choose(app, "Target", "tones")
    next(n for n in app.number_input if n.label == "Reverberation").set_value(1.0).run()
    is_clean(app)
    assert target_of(app).name == "tones:reverberation=1" and target_of(app).n == 2000
    next(n for n in app.number_input if n.label == "Reverberation").set_value(0.0).run()
    assert target_of(app).name == "tones"
    choose(app, "Target", "sound")
    is_clean(app)
    assert "Seconds" not in [n.label for n in app.number_input]  # before there is a path
    next(t for t in app.text_input if t.label.startswith("Folder of sounds")).set_value(str(tmp_path)).run()
    next(n for n in app.number_input if n.label == "Seconds").set_value(2.0).run()
    is_clean(app)
    assert target_of(app).name == f"sound:{tmp_path}?seconds=2"
    next(n for n in app.number_input if n.label == "Seconds").set_value(1.0).run()
    assert target_of(app).name == f"sound:{tmp_path}"
    next(n for n in app.number_input if n.label == "Fmin").set_value(9000.0).run()  # above half the rate
    is_clean(app)
    assert target_of(app).name == f"sound:{tmp_path}"


def test_any_domain_can_be_corrupted() -> None:
    app = open_page("domains")
    assert all(s.disabled for s in app.select_slider)
    corruption = [s for s in app.selectbox if s.label == "Corruption"][1]
    corruption.set_value("fog").run()
    is_clean(app)
    assert target_of(app).name == "blended_digits~fog:3"
    app.select_slider[1].set_value(5).run()
    assert target_of(app).name == "blended_digits~fog:5"
    choose(app, "Target", "shapes")
    assert target_of(app).name == "shapes"  # another domain begins clean
    [s for s in app.selectbox if s.label == "Corruption"][1].set_value("snow").run()
    next(n for n in app.number_input if n.label == "Hue").set_value(0.5).run()
    assert target_of(app).name == "shapes:hue=0.5~snow:3"
    [s for s in app.selectbox if s.label == "Corruption"][1].set_value("none").run()
    assert target_of(app).name == "shapes:hue=0.5"
    is_clean(app)


def test_a_path_is_asked_for_read_and_its_fault_told(tmp_path: Path) -> None:
    app = open_page("domains")
    choose(app, "Target", "folder")
    is_clean(app)
    assert "Enter a path above" in texts(app)
    place = str(tmp_path / "pictures")
    next(t for t in app.text_input if t.label.startswith("Folder")).set_value(f" {place} ").run()
    is_clean(app)
    assert target_of(app).name == f"folder:{place}"
    assert "is nothing there; check the path." in texts(app)
    run = Run.at(with_absolute_paths(InspectSpec(target_of(app))).run_id)
    assert queue.find(run.id) is None and not run.path.exists()
    for name in ("cat/1.png", "cat/2.png", "cat/3.png", "dog/1.png", "dog/2.png", "dog/3.png"):
        (tmp_path / "pictures" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "pictures" / name).write_bytes(b"no picture")  # only a worker looks into it
    app.run()
    is_clean(app)
    assert queue.find(run.id) is not None
    run.write_status(state="failed", message="No picture of it can be read.")
    queue.remove(run.id)
    app.run()
    is_clean(app)
    assert "No picture of it can be read." in texts(app)
    assert "Ask again" in [b.label for b in app.button]


def test_a_domain_of_a_link_that_does_not_exist_is_told() -> None:
    app = open_page("domains", target="digitz")
    is_clean(app)
    assert "Did you mean 'digits'?" in texts(app)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("digits", ("digits", "", "")),
        ("digits~fog:3", ("digits", "", "~fog:3")),
        ("folder:~/a~b", ("folder", "~/a~b", "")),
        ("folder:/a b~snow:1", ("folder", "/a b", "~snow:1")),
        ("shapes:hue=0.2~fog:9", ("shapes", "hue=0.2", "~fog:9")),
        ("folder:", ("folder", "", "")),
    ],
)
def test_a_name_has_three_parts(name: str, found: tuple[str, str, str]) -> None:
    assert domain_view.parts(name) == found


def test_what_to_mind_is_said_in_words() -> None:
    def said(**sides: InspectResult) -> str:
        return "\n".join(domain_view.remarks(sides))

    assert said(Source=seen(), Target=seen()) == ""
    uneven = seen(["cat", "dog_*"], counts=[101, 20])
    assert "very unbalanced: **cat** has 101 pictures, **dog\\_\\*** 20" in said(Target=uneven)
    assert said(Target=seen(["cat", "dog"], counts=[100, 20])) == ""
    assert "All 2 classes of the target have fewer than 20" in said(Target=seen(["cat", "dog"], each=19))
    grey = seen(channels=1, mean=[0.4], std=[0.1])
    assert "The source has 1 channel, the target 3 channels." in said(Source=grey, Target=seen())
    both = said(Source=seen(["a", "b", "c"]), Target=seen(["c", "d"]))
    assert "share 1 class by name; only in the source: **a**, **b**; only in the target: **d**" in both
    shifted = said(Source=seen(["a", "b"], counts=[50, 50]), Target=seen(["a", "b"], counts=[80, 20]))
    assert "**a** makes up 50% of the source and 80% of the target" in shifted
    assert "and 4 more" in said(Source=seen([*"abcdefghijk"]), Target=seen(["a", "z"]))


def test_a_strip_takes_turns() -> None:
    assert domain_pictures.one_of_each(seen(shown=6, shown_labels=[0, 0, 0, 1, 1, 2]), 4) == [0, 3, 5, 1]
    assert domain_pictures.one_of_each(seen(shown=3, shown_labels=None), 12) == [0, 1, 2]
    assert domain_pictures.one_of_each(seen(shown=0, shown_labels=[]), 12) == []


def test_another_domain_keeps_what_is_not_its_own() -> None:
    app = open_page("domains", n="500")
    choose(app, "Target", "digits")
    assert target_of(app) == replace(TARGET, name="digits", n=0)  # fewer may be there than were asked for before


def test_how_pictures_become_squares_is_chosen_for_both_and_told() -> None:
    padded, source = replace(TARGET, fit="pad"), replace(SOURCE, fit="pad")
    known(padded, seen(fit="pad", empty=0.25))
    known(source, seen(fit="pad"))
    app = open_page("domains")
    choose(app, "Fit into the size", "pad")
    assert target_of(app) == padded and source_of(app) == source
    is_clean(app)
    assert html(app).count("of which 25% is empty on average") == 1, "the source's pictures are squares"


def test_the_dials_of_a_domain_are_told() -> None:
    app = open_page("domains", target="shapes:hues=1")
    is_clean(app)
    assert "Now: shapes:hues=1." in texts(app)


TREE = [
    Branch("train", "train", 10, 600),
    Branch("test", "test", 10, 400),
    Branch("<b>masks", "left out", 0, 7),
]
PARTS = {
    "train": Part(500, "the folder train, less what is held out for val; 50 of each class"),
    "val": Part(100, "15% drawn from the train part"),
    "test": Part(400, "the folder <test>"),
}
TOLD: dict[str, Any] = {
    "tree": TREE,
    "parts": PARTS,
    "notes": ["Class cat loses 5 of its 9 files: they are cut off."],
    "cautions": ["3 of 1,000 pictures of x are copies."],
    "skipped": [
        ("<b>masks", "7 pictures, beside train and test, not part of the data"),
        ("train/a.txt", "the ending .txt is not a picture format"),
        ("train/b.txt", "the ending .txt is not a picture format"),
    ],
}


def test_how_folders_were_understood_is_shown_as_look_tells_it() -> None:
    known(SOURCE)
    known(TARGET, seen(**TOLD))
    app = open_page("domains")
    is_clean(app)
    drawn = html(app)
    assert "500<small>the folder train, less what is held out for val; 50 of each class</small>" in drawn
    assert (
        "100<small>15% drawn from the train part</small>" in drawn
        and "400<small>the folder &lt;test&gt;</small>" in drawn
    )
    [table] = [part for part in drawn.split("<table") if part.startswith(' class="tltk-tree"')]
    assert '<th scope="row">train</th><td>training</td><td>10</td><td>600</td>' in table
    assert "left out: 7 pictures, beside train and test, not part of the data" in table and "&lt;b&gt;masks" in table
    assert "<b>masks" not in drawn
    assert "Target: Class cat loses 5 of its 9 files" in texts(app) and "3 of 1,000 pictures" in texts(app)
    assert [e.label for e in app.expander][1:-1] == ["3 files or folders of the target left out"]
    assert "Most often: the ending .txt is not a picture format (2)" in texts(app)
    assert "do not lie in folders" in texts(app)  # of the source


def test_a_large_tree_is_cut_and_says_so() -> None:
    branches = [Branch(f"f{i}", "left out", 0, 1) for i in range(40)]
    drawn = domain_view._tree(seen(tree=[*TREE[:1], *branches], skipped=[]))
    assert drawn.count("<tr") == 1 + domain_view.BRANCHES + 1 and "and 25 more folders" in drawn


@pytest.mark.parametrize("name", ["design", "shift"])
def test_where_a_target_is_chosen_it_is_told_in_short(name: str) -> None:
    known(SOURCE)
    known(TARGET, seen(**TOLD))
    app = open_page(name)
    is_clean(app)
    said = texts(app)
    assert "1,000 pictures of 10 classes (0, 1, 2, 3, 4, …)." in said
    assert "validation 100 (15% drawn from the train part), test 400 (the folder <test>)" in said
    assert "Folders left out: <b>masks." in said and "2 files were left out, such as train/a.txt: the" in said
    [warning] = [w.value for w in app.warning if "Class cat loses" in w.value]
    assert "are copies" in warning and not any("Class cat loses" in c.value for c in app.caption)


def test_groups_are_asked_for_where_there_are_files_and_counted() -> None:
    spec = dataclasses.replace(TARGET, name="folder:/pictures", group_by="folder")
    known(SOURCE)
    known(spec, seen(groups=Groups("folder", 12, 40, "<b>p3", 0)))
    app = open_page("domains", target=spec.name, **{"group-by": "folder"})
    is_clean(app)
    assert "12 groups by folder, the largest, &lt;b&gt;p3, with 40 pictures; none of them lies in two parts." in html(
        app
    )
    field = next(e for e in app.text_input if e.label == "Group by")
    assert field.value == "folder"
    field.set_value("ward").run()
    assert "group_by must be folder, folder:2, column:NAME or name:PATTERN" in texts(app)
    menu = next(e for e in app.selectbox if e.label == "Target")
    menu.set_value("digits").run()
    assert not [e for e in app.text_input if e.label == "Group by"]


def test_the_class_that_is_chosen_is_the_only_row_of_both() -> None:
    for spec in (SOURCE, TARGET):
        known(spec, seen())
    app = open_page("domains")
    every = html(app).count('class="name"')
    choose(app, "Class", seen().classes[1])
    is_clean(app)
    assert every > 2 and html(app).count('class="name"') == 2
    assert html(app).count(f">{seen().classes[1]}<") == 2


def test_words_without_a_vector_are_counted_by_class_and_are_no_markup(tmp_path: Path) -> None:
    file = tmp_path / "vectors.txt"
    file.write_text("good 1 2\n")
    app = open_page("domains")
    choose(app, "Target", "sentences")
    said = seen(
        ["bad", "good"], channels=1, shown=2, shown_labels=[0, 1], texts=["dull", "fine"], mean=[0.3], std=[0.3]
    )
    known(target_of(app), said)
    known(source_of(app))
    app.run()
    is_clean(app)
    assert "Words without a vector" in texts(app) and "Count in the target" not in [b.label for b in app.button]
    next(t for t in app.text_input if t.label == "File of word vectors").set_value(str(file)).run()
    is_clean(app)
    labels = [b.label for b in app.button]
    assert "Count in the target" in labels and "Count in the source" not in labels, "the source holds pictures"
    next(b for b in app.button if b.label == "Count in the target").click().run()
    spec = UnknownWordsSpec(target_of(app), str(file))
    assert spec.run_id in [job.run for job in queue.jobs()]
    often = [WordCount("<b>film", 7), WordCount("plot", 1_200)]
    classes = [ClassVocabulary("bad <i>", 5_000, 1_207, 0.2414, 31, often), ClassVocabulary("good", 10, 0, 0.0, 0, [])]
    sentence = "24% of the words of this domain are unknown to these vectors; most often *film* (7)."
    answered(
        with_absolute_paths(spec),
        UnknownWordsResult("sentences", 9, 1, 2, 5_010, 1_207, 0.24, 31, often, classes, sentence),
    )
    app.run()
    is_clean(app)
    drawn = html(app)
    assert sentence in texts(app) and "*film*" not in "\n".join(str(m.value) for m in app.markdown).replace("\\*", "")
    assert "bad &lt;i&gt;" in drawn and "1,207 (24%)" in drawn and "&lt;b&gt;film (7), plot (1,200)" in drawn
    assert "<td>0 (0%)</td><td>0</td><td>none</td>" in drawn
    assert any("tltk continue-vectors" in c.value and str(file) in c.value for c in app.code)
    assert any("tltk unknown-words" in c.value for c in app.code)
