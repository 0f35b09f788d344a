"""Trainings of texts and of rows behind an HTTP address: their answers are those of `tltk predict`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.support.shell import agree, here, tltk  # noqa: F401 – fixtures
from tests.support.words import trained_on
from tltk.serving import receive
from tltk.serving.app import create_app
from tltk.serving.predictor import Predictor

pytestmark = pytest.mark.usefixtures("here")
HOST = "http://127.0.0.1:8600"
TEXTS = ["A lovely noise.", "nothing that anyone knows: qqq", "Poor plots, said slowly"]
ROWS: list[dict[str, Any]] = [
    {"age": 30, "Colour": "red"},
    {"age": None, "Colour": "BLUE"},
    {"age": 61.5, "Colour": ""},
]


@contextmanager
def served(run: str) -> Iterator[TestClient]:
    with TestClient(create_app(Predictor(run)), HOST, raise_server_exceptions=False) as client:
        yield client


def answers(client: TestClient, noun: str, examples: list[Any]) -> dict[str, Any]:
    reply = client.post("/predict", json={noun: examples})
    assert reply.status_code == 200, reply.text
    body: dict[str, Any] = reply.json()
    return body


def predicted(run: str, file: Path, text: str) -> list[dict[str, Any]]:
    """What `tltk predict` says of each line, without its name."""
    file.write_text(text)
    done = tltk("predict", run, str(file), "--jsonl", str(file) + "l")
    assert done.exit_code == 0, done.output
    told = [json.loads(line) for line in Path(str(file) + "l").read_text().splitlines()]
    return [{name: value for name, value in row.items() if name != "picture"} for row in told]


def fault(client: TestClient, status: int, **more: Any) -> str:
    reply = client.post("/predict", **more)
    assert reply.status_code == status, reply.text
    assert set(reply.json()) == {"error"} and "picture" not in reply.text
    return str(reply.json()["error"])


def test_texts_are_answered_as_predict_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, _ = trained_on("vectors", tmp_path)
    wanted = predicted(run, tmp_path / "a.txt", "\n".join(TEXTS))
    with served(run) as client:
        body = answers(client, "texts", [TEXTS[0], " ", "a\0b", *TEXTS[1:]])
        agree("tltk serve", body)
        assert body["predictions"] == [
            *({"text": text, **one} for text, one in zip(TEXTS, wanted, strict=True)),
            {"text": "a\0b", "not_read": "it holds a null character"},
            {"text": " ", "not_read": "it is empty"},
        ]
        assert len({json.dumps(one["probabilities"]) for one in wanted}) == 3
        [one] = client.post("/predict?embedding=1", json={"texts": TEXTS[:1]}).json()["predictions"]
        assert len(one["embedding"]) == 8
        health = client.get("/health").json()
        assert health["texts"] == 4 and health["size"] == 32 and "fit" not in health
        page, found = client.get("/").text, client.get("/openapi.json").json()
        assert '{"texts": ["The first."' in page and "<textarea" in page and "icture" not in page
        assert "icture" not in json.dumps(found) and list(found["components"]["schemas"])[1] == "Text"
        content = found["paths"]["/predict"]["post"]["requestBody"]["content"]
        assert content["application/json"]["schema"]["required"] == ["texts"]
        monkeypatch.setattr(receive, "MAX_EXAMPLES", 2)
        assert "at most 2 texts" in fault(client, 413, json={"texts": TEXTS})


def test_rows_are_answered_as_predict_does_whatever_comes_beside_them(tmp_path: Path) -> None:
    run, _ = trained_on("rows", tmp_path)
    wanted = predicted(run, tmp_path / "new.csv", "age,Colour,more\n30,red,1\n,BLUE,2\n61.5,,3\n")
    half = predicted(run, tmp_path / "half.csv", "age\n30\n")
    with served(run) as client:
        body = answers(client, "rows", ROWS)
        agree("tltk serve", body)
        assert body["predictions"] == [{"row": row, **one} for row, one in zip(ROWS, wanted, strict=True)]
        assert len({json.dumps(one["probabilities"]) for one in wanted}) == 3 and body["remarks"] == []
        odd = [{"weight": True}, *ROWS, {" AGE": "30"}]  # some without a column, which another batch rounds otherwise
        body = answers(client, "rows", odd)
        assert [one["row"] for one in body["predictions"]] == [*odd[1:], odd[0]]
        for one, own in zip(body["predictions"], [*wanted, *half], strict=False):
            assert one["probabilities"] == pytest.approx(own["probabilities"], abs=1e-6)
        assert body["predictions"][-1] == {"row": odd[0], "not_read": "it names no column that the network knows"}
        assert body["remarks"] == ["Not in row 5, and read as its mean in the training: 'Colour'."]
        remark = "age: 1 of 1 cells are no numbers, and are read as missing."
        assert remark in answers(client, "rows", [{"age": "x", "Colour": "red"}])["remarks"]
        assert "None is: row 1: it names no column" in fault(client, 422, json={"rows": [{"weight": 1}]})
        assert client.get("/health").json()["columns"][0] == "age"
        known = client.get("/openapi.json").json()["components"]["schemas"]["Sent"]["properties"]
        assert list(known) == ["age", "Colour"] and "red" in known["Colour"]["description"]
        assert '{"age": 1, "Colour": ' in client.get("/").text.replace("&quot;", '"')


def test_what_is_no_such_json_is_told_in_a_sentence(tmp_path: Path) -> None:
    run, _ = trained_on("rows", tmp_path)
    with served(run) as client:
        for text, word in (
            ("", "It is empty"),
            ('{"rows": []}', "Its list is empty"),
            ("[1", "must be JSON like"),
            ('{"texts": ["a"]}', "texts"),
            ('{"rows": [{"age": [1]}]}', "got `array`"),
            ('{"rows": {"age": 1}}', "got `object`"),
            ('{"rows": [{"age": 1e999}]}', "out of range"),
            ('{"rows": [{"age": "\\ud800"}]}', "must be JSON like"),
            ("[" * 100_000, "must be JSON like"),
        ):
            head = {"Content-Type": "application/json"}
            assert word in fault(client, 422, content=text, headers=head)
        assert "must be application/json" in fault(client, 415, files={"picture": ("a.png", b"x")})
        reply = client.post("/predict", content='{"rows": [{"age": %s}]}' % ("9" * 5000), headers=head)
        assert reply.status_code in (200, 422) and "Internal" not in reply.text
        assert "Rows are sent by POST /predict" in client.get("/nothing").json()["error"]
