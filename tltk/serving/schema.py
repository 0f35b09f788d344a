"""What the endpoint says of itself: an OpenAPI document for programs, a page with a form for people. No torch."""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape
from typing import Any

from tltk import __version__
from tltk.analyses.trained import TrainedRun
from tltk.data.decode import ENDINGS, MAX_PIXELS
from tltk.data.rows import IS, MISSING
from tltk.data.sources.table import OTHER
from tltk.serving.receive import FORM, JSON, MAX_BYTES, MAX_EXAMPLES, MAX_PICTURES, RAW
from tltk.specs.nouns import PICTURES, ROWS, TEXTS, noun_of
from tltk.specs.size import in_pixels

FAULTS = {
    400: "The request is not whole, or bears another server's name.",
    403: "It comes from a page of another site.",
    408: "It did not come in time.",
    413: f"It is longer than {MAX_BYTES >> 20} MB, has more than {{most:,}} {{noun}}, or takes too long.",
    415: "Its type is neither a picture nor a form.",
    422: "It holds no {noun}, or none that can be read.",
    503: "Too many requests wait, or the server is about to end.",
}
LIMITS = (
    f"At most {MAX_BYTES >> 20} MB and {MAX_PICTURES:,} pictures a request, at most {MAX_PIXELS:,} pixels a picture "
    f"(half as many in WebP, AVIF and HEIF)."
)
OF_WORDS = {  # summary of the route, and what is sent
    TEXTS: ("Which class each text is of.", "A text; a longer one than the training kept is cut as there."),
    ROWS: (
        "Which class each row is of.",
        "The value of each column by its name, capitals and blanks aside. null and an empty text are missing, as an "
        "empty cell of a table is; a column that is not named is read as its mean in the training; columns that it "
        "does not know are left out.",
    ),
}


def _faults(noun: str) -> dict[int, str]:
    """What each status means."""
    most = MAX_PICTURES if noun == PICTURES else MAX_EXAMPLES
    told = {number: why.format(noun=noun, most=most) for number, why in FAULTS.items()}
    return (
        told
        if noun == PICTURES
        else {**told, 415: f"Its type is not {JSON}.", 422: f"It holds no {noun}, or it is no such JSON."}
    )


def _limits(noun: str) -> str:
    return LIMITS if noun == PICTURES else f"At most {MAX_BYTES >> 20} MB and {MAX_EXAMPLES:,} {noun} a request."


def inputs(columns: Sequence[str]) -> dict[str, list[str]]:
    """The columns of a table that a network reads: name → the words that it knows; none = it holds numbers.

    Args:
        columns: As the network has them: `age`, `age is missing`, `colour = red`.
    """
    found: dict[str, list[str]] = {}
    for name in columns:
        base, is_word, word = name.partition(IS)
        if is_word:
            found.setdefault(base, []).extend([word] if word != OTHER else [])
        else:
            found.setdefault(name.removesuffix(MISSING), [])
    return found


def schema(trained: TrainedRun, columns: Sequence[str] = ()) -> dict[str, Any]:
    """The endpoint as OpenAPI 3.1.

    Args:
        trained: The training that answers.
        columns: That its network reads, where it reads rows.
    """
    classes = trained.result.classes
    noun = noun_of(trained.spec.net.backbone)
    one = noun[:-1]
    share = {"type": "number", "minimum": 0, "maximum": 1}
    sent: dict[str, Any] = {"type": "string", "description": "Its name, as it was sent."}
    if noun != PICTURES:
        sent = {"$ref": "#/components/schemas/Sent"}
    answered = {
        "type": "object",
        "required": [one, "class", "probability", "probabilities"],
        "properties": {
            one: sent,
            "class": {"type": "string", "enum": classes, "description": "The most probable class."},
            "probability": {**share, "description": "Of that class."},
            "probabilities": {"type": "object", "properties": {name: share for name in classes}},
            "embedding": {
                "type": "array",
                "items": {"type": "number"},
                "description": "What enters the head; with embedding=1 alone.",
            },
        },
    }
    unread = {
        "type": "object",
        "required": [one, "not_read"],
        "properties": {
            one: {"type": "string"} if noun == PICTURES else sent,
            "not_read": {"type": "string", "description": "Why, in a few words."},
        },
    }
    fault = {"type": "object", "required": ["error"], "properties": {"error": {"type": "string"}}}
    answer = {
        "type": "object",
        "required": ["run", "predictions", "remarks"],
        "properties": {
            "run": {"type": "string", "description": "Id of the training."},
            "predictions": {
                "type": "array",
                "description": f"One for each {one} in the order that they were sent, then those that were not read.",
                "items": {"anyOf": [{"$ref": f"#/components/schemas/{kind}"} for kind in (one.capitalize(), "Unread")]},
            },
            "remarks": {"type": "array", "items": {"type": "string"}},
        },
    }
    raw = {"schema": {"type": "string", "format": "binary"}}
    several = {"type": "array", "items": {"type": "string", "format": "binary"}, "maxItems": MAX_PICTURES}
    parameters = [_query("embedding", {"type": "boolean", "default": False}, "1 = tell what enters the head, too.")]
    content: dict[str, Any] = {
        FORM: {"schema": {"type": "object", "properties": {"picture": several}}},
        RAW: raw,
        "image/*": raw,
    }
    schemas = {"Answer": answer, one.capitalize(): answered, "Unread": unread, "Fault": fault}
    summary = "Which class each picture shows."
    if noun == PICTURES:
        about = "Of a picture that is the whole body; a form brings names of its own."
        parameters.append(_query("name", {"type": "string"}, about))
    else:
        summary, schemas["Sent"] = OF_WORDS[noun][0], _sent(noun, columns)
        examples = {"type": "array", "items": sent, "minItems": 1, "maxItems": MAX_EXAMPLES}
        body = {"type": "object", "required": [noun], "properties": {noun: examples}, "additionalProperties": False}
        content = {JSON: {"schema": body}}
    return {
        "openapi": "3.1.0",
        "info": {"title": f"{trained.spec.net.backbone} of run {trained.run.id}", "version": __version__},
        "paths": {
            "/predict": {
                "post": {
                    "summary": summary,
                    "description": f"Answers as `tltk predict` does. {_limits(noun)}",
                    "parameters": parameters,
                    "requestBody": {"required": True, "content": content},
                    "responses": {
                        "200": _json("What it says.", {"$ref": "#/components/schemas/Answer"}),
                        **{
                            str(n): _json(why, {"$ref": "#/components/schemas/Fault"})
                            for n, why in _faults(noun).items()
                        },
                    },
                }
            },
            "/health": {
                "get": {
                    "summary": f"Whether it answers: run, network, classes, device, {noun} so far, requests waiting.",
                    "responses": {"200": _json("It does.", {"type": "object"})},
                }
            },
        },
        "components": {"schemas": schemas},
    }


def _sent(noun: str, columns: Sequence[str]) -> dict[str, Any]:
    """A text, or a row by its columns."""
    about = OF_WORDS[noun][1]
    if noun == TEXTS:
        return {"type": "string", "description": about}
    kinds: dict[str, Any] = {}
    for name, words in inputs(columns).items():
        kinds[name] = {"type": ["string", "null"] if words else ["number", "string", "null"]}
        if words:
            kinds[name]["description"] = f"Words that it knows: {', '.join(words)}; any other is like the rest."
    any_cell = {"type": ["number", "string", "boolean", "null"]}
    return {"type": "object", "description": about, "properties": kinds, "additionalProperties": any_cell}


def _query(name: str, kind: dict[str, Any], about: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "schema": kind, "description": about}


def _json(about: str, kind: dict[str, Any]) -> dict[str, Any]:
    return {"description": about, "content": {"application/json": {"schema": kind}}}


PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>tltk serve</title>
<link rel="icon" href="data:,">
<style>
:root {{ color-scheme: light dark; --rule: color-mix(in srgb, currentColor 40%, transparent); }}
body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem; }}
h1 {{ font-size: 1.5rem; }}
h2 {{ font-size: 1.125rem; margin-top: 2rem; }}
pre {{ padding: .75rem; border: 1px solid var(--rule); border-radius: .5rem; white-space: pre-wrap; }}
table {{ border-collapse: collapse; width: 100%; }}
th, td {{ text-align: left; padding: .25rem .75rem .25rem 0; overflow-wrap: anywhere; }}
th, td {{ border-bottom: 1px solid var(--rule); }}
td + td, th {{ overflow-wrap: break-word; }}
#answer {{ margin-top: 1rem; }}
textarea {{ display: block; width: 100%; box-sizing: border-box; margin: .5rem 0; font: inherit; }}
form {{ padding: 1rem; border: 1px solid var(--rule); border-radius: .5rem; }}
</style>
<h1>{title}</h1>
<p>{lead}</p>
{form}
<div id="answer" role="status"></div>
<h2>From a program</h2>
<pre>{calls}</pre>
<p>The answer is JSON: <code>{{"run": …, "predictions": [{{"{one}": …, "class": …, "probability": …,
"probabilities": {{…}}}}, …], "remarks": […]}}</code>. A {one} that cannot be read has <code>not_read</code>, why,
instead of a class. Where a request cannot be answered it is <code>{{"error": …}}</code>.</p>
<table><tr><th>status<th>means</tr>{faults}</table>
<p>{limits} <a href="/openapi.json">OpenAPI</a>, <a href="/health">health</a>.</p>
<script>
const form = document.querySelector("form"), place = document.querySelector("#answer");
form.addEventListener("submit", async (event) => {{
  event.preventDefault();
  place.textContent = "Predicting …";
  let found;
  try {{
    found = await (await fetch("/predict", {{ method: "POST", {body} }})).json();
  }} catch (fault) {{
    const wrong = fault instanceof SyntaxError ? "Rows must be JSON, one a line. " + fault.message : "";
    found = {{ error: wrong || "The server did not answer. Is it still running?" }};
  }}
  place.textContent = found.error ?? "";
  if (found.error) return;
  const table = document.createElement("table");
  const add = (cells, kind) => {{
    const row = table.insertRow();
    for (const text of cells) row.appendChild(document.createElement(kind)).textContent = text;
  }};
  add(["{one}", "class", "probability"], "th");
  for (const one of found.predictions)
    add([{shown}, one.class ?? one.not_read, one.probability?.toFixed(3) ?? "not read"], "td");
  place.append(table, ...found.remarks);
}});
</script>
"""
NAMED = 40  # classes that the page names


OF_PICTURES = """<form method="post" action="/predict" enctype="multipart/form-data">
<label>Pictures <input type="file" name="picture" accept="{endings}" multiple required></label>
<button>Predict</button>
</form>"""
WRITTEN = """<form method="post" action="/predict">
<label>{label}<textarea name="lines" rows="6" required>{example}</textarea></label>
<button>Predict</button>
</form>"""
CALLS = {
    PICTURES: """curl -F picture=@cat.jpg -F picture=@dog.jpg {here}/predict
curl --data-binary @cat.jpg -H 'Content-Type: image/jpeg' '{here}/predict?name=cat.jpg&embedding=1'""",
    TEXTS: """curl --json '{{"texts": ["The first.", "The second."]}}' '{here}/predict'
curl --json @texts.json '{here}/predict?embedding=1'""",
    ROWS: """curl --json '{{"rows": [{example}]}}' '{here}/predict'
curl --json @rows.json '{here}/predict?embedding=1'""",
}
LINES = 'new FormData(form).get("lines").split("\\n").filter((line) => line.trim())'
BODIES = {  # of what the form sends
    PICTURES: "body: new FormData(form)",
    TEXTS: f'headers: {{ "Content-Type": "{JSON}" }}, body: JSON.stringify({{ texts: {LINES} }})',
    ROWS: f'headers: {{ "Content-Type": "{JSON}" }}, body: JSON.stringify({{ rows: {LINES}.map(JSON.parse) }})',
}
EXAMPLE_COLUMNS = 8  # of the row that the form begins with


def example(columns: Sequence[str]) -> str:
    """A row as JSON that such a network can read, to begin with.

    Args:
        columns: Of the network.
    """
    told: dict[str, str | int] = {}
    for name, words in list(inputs(columns).items())[:EXAMPLE_COLUMNS]:
        told[name] = words[0] if words else 1
    return json.dumps(told, ensure_ascii=False)


def page(trained: TrainedRun, here: str, columns: Sequence[str] = ()) -> str:
    """The page at GET /: what answers, a form to try it, and how a program asks; it needs nothing from elsewhere.

    Args:
        trained: The training that answers.
        here: The server's own address, as the reader of the page has it.
        columns: That its network reads, where it reads rows.
    """
    classes = trained.result.classes
    noun = noun_of(trained.spec.net.backbone)
    known = ", ".join(classes[:NAMED]) + (", …" if len(classes) > NAMED else "")
    lead = f"{noun.capitalize()} in, one of {len(classes):,} classes out: {known}."
    if noun == PICTURES:
        size = in_pixels(trained.spec.target.picture_size) + " (" + trained.spec.target.fit + ")"
        lead += f" Each picture is prepared as those of the training were: upright, {size}."
        form = OF_PICTURES.format(endings=",".join(sorted(ENDINGS)))
    elif noun == TEXTS:
        form = WRITTEN.format(label="Texts, one a line", example="")
    else:
        names = list(inputs(columns))
        lead += f" It reads the columns {', '.join(names[:NAMED])}{', …' if len(names) > NAMED else ''}. "
        lead += OF_WORDS[ROWS][1]
        form = WRITTEN.format(label="Rows, each a line of JSON", example=escape(example(columns)))
    return PAGE.format(
        title=escape(f"{trained.spec.net.backbone} of run {trained.run.id}"),
        lead=escape(lead),
        form=form,
        calls=escape(CALLS[noun].format(here=here, example=example(columns).replace("'", "\\u0027")), quote=False),
        one=noun[:-1],
        body=BODIES[noun],
        shown={PICTURES: "one.picture", TEXTS: "one.text", ROWS: "JSON.stringify(one.row)"}[noun],
        faults="".join(f"<tr><td>{number}<td>{escape(why)}</tr>" for number, why in _faults(noun).items()),
        limits=escape(_limits(noun)),
    )
