"""What the endpoint says of itself: an OpenAPI document for programs, a page with a form for people. No torch."""

from __future__ import annotations

from html import escape
from typing import Any

from tltk import __version__
from tltk.analyses.trained import TrainedRun
from tltk.data.decode import ENDINGS, MAX_PIXELS
from tltk.serving.receive import FORM, MAX_BYTES, MAX_PICTURES, RAW
from tltk.specs.size import in_pixels

FAULTS = {
    400: "The request is not whole, or bears another server's name.",
    403: "It comes from a page of another site.",
    408: "It did not come in time.",
    413: f"It is longer than {MAX_BYTES >> 20} MB, has more than {MAX_PICTURES:,} pictures, or takes too long.",
    415: "Its type is neither a picture nor a form.",
    422: "It holds no picture, or none that can be read.",
    503: "Too many requests wait, or the server is about to end.",
}
LIMITS = (
    f"At most {MAX_BYTES >> 20} MB and {MAX_PICTURES:,} pictures a request, at most {MAX_PIXELS:,} pixels a picture "
    f"(half as many in WebP, AVIF and HEIF)."
)


def schema(trained: TrainedRun) -> dict[str, Any]:
    """The endpoint as OpenAPI 3.1.

    Args:
        trained: The training that answers.
    """
    classes = trained.result.classes
    share = {"type": "number", "minimum": 0, "maximum": 1}
    picture = {
        "type": "object",
        "required": ["picture", "class", "probability", "probabilities"],
        "properties": {
            "picture": {"type": "string", "description": "Its name, as it was sent."},
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
        "required": ["picture", "not_read"],
        "properties": {
            "picture": {"type": "string"},
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
                "description": "One for each picture in the order that they were sent, then those that were not read.",
                "items": {"anyOf": [{"$ref": "#/components/schemas/Picture"}, {"$ref": "#/components/schemas/Unread"}]},
            },
            "remarks": {"type": "array", "items": {"type": "string"}},
        },
    }
    raw = {"schema": {"type": "string", "format": "binary"}}
    several = {"type": "array", "items": {"type": "string", "format": "binary"}, "maxItems": MAX_PICTURES}
    parameters = [
        _query("embedding", {"type": "boolean", "default": False}, "1 = tell what enters the head, too."),
        _query("name", {"type": "string"}, "Of a picture that is the whole body; a form brings names of its own."),
    ]
    return {
        "openapi": "3.1.0",
        "info": {"title": f"{trained.spec.net.backbone} of run {trained.run.id}", "version": __version__},
        "paths": {
            "/predict": {
                "post": {
                    "summary": "Which class each picture shows.",
                    "description": f"Answers as `tltk predict` does. {LIMITS}",
                    "parameters": parameters,
                    "requestBody": {
                        "required": True,
                        "content": {
                            FORM: {"schema": {"type": "object", "properties": {"picture": several}}},
                            RAW: raw,
                            "image/*": raw,
                        },
                    },
                    "responses": {
                        "200": _json("What it sees.", {"$ref": "#/components/schemas/Answer"}),
                        **{str(n): _json(why, {"$ref": "#/components/schemas/Fault"}) for n, why in FAULTS.items()},
                    },
                }
            },
            "/health": {
                "get": {
                    "summary": "Whether it answers: run, network, classes, device, pictures so far, requests waiting.",
                    "responses": {"200": _json("It does.", {"type": "object"})},
                }
            },
        },
        "components": {"schemas": {"Answer": answer, "Picture": picture, "Unread": unread, "Fault": fault}},
    }


def _query(name: str, kind: dict[str, Any], about: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "schema": kind, "description": about}


def _json(about: str, kind: dict[str, Any]) -> dict[str, Any]:
    return {"description": about, "content": {"application/json": {"schema": kind}}}


PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>tltk serve</title>
<style>
:root {{ color-scheme: light dark; --rule: color-mix(in srgb, currentColor 40%, transparent); }}
body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem; }}
h1 {{ font-size: 1.5rem; }}
h2 {{ font-size: 1.125rem; margin-top: 2rem; }}
pre {{ padding: .75rem; border: 1px solid var(--rule); border-radius: .5rem; white-space: pre-wrap; }}
table {{ border-collapse: collapse; width: 100%; }}
th, td {{ text-align: left; padding: .25rem .75rem .25rem 0; overflow-wrap: anywhere; }}
th, td {{ border-bottom: 1px solid var(--rule); }}
#answer {{ margin-top: 1rem; }}
form {{ padding: 1rem; border: 1px solid var(--rule); border-radius: .5rem; }}
</style>
<h1>{title}</h1>
<p>Pictures in, one of {n} classes out: {names}. Each picture is prepared as those of the
training were: upright, {size}.</p>
<form method="post" action="/predict" enctype="multipart/form-data">
<label>Pictures <input type="file" name="picture" accept="{endings}" multiple required></label>
<button>Predict</button>
</form>
<div id="answer" role="status"></div>
<h2>From a program</h2>
<pre>curl -F picture=@cat.jpg -F picture=@dog.jpg {here}/predict
curl --data-binary @cat.jpg -H 'Content-Type: image/jpeg' '{here}/predict?name=cat.jpg&amp;embedding=1'</pre>
<p>The answer is JSON: <code>{{"run": …, "predictions": [{{"picture": …, "class": …, "probability": …,
"probabilities": {{…}}}}, …], "remarks": […]}}</code>. A picture that cannot be read has <code>not_read</code>, why,
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
    found = await (await fetch("/predict", {{ method: "POST", body: new FormData(form) }})).json();
  }} catch {{
    found = {{ error: "The server did not answer. Is it still running?" }};
  }}
  place.textContent = found.error ?? "";
  if (found.error) return;
  const table = document.createElement("table");
  const add = (cells, kind) => {{
    const row = table.insertRow();
    for (const text of cells) row.appendChild(document.createElement(kind)).textContent = text;
  }};
  add(["picture", "class", "probability"], "th");
  for (const one of found.predictions)
    add([one.picture, one.class ?? one.not_read, one.probability?.toFixed(3) ?? "not read"], "td");
  place.append(table, ...found.remarks);
}});
</script>
"""
NAMED = 40  # classes that the page names


def page(trained: TrainedRun, here: str) -> str:
    """The page at GET /: what answers, a form to try it, and how a program asks; it needs nothing from elsewhere.

    Args:
        trained: The training that answers.
        here: The server's own address, as the reader of the page has it.
    """
    classes = trained.result.classes
    return PAGE.format(
        title=escape(f"{trained.spec.net.backbone} of run {trained.run.id}"),
        n=f"{len(classes):,}",
        names=escape(", ".join(classes[:NAMED]) + (", …" if len(classes) > NAMED else "")),
        size=in_pixels(trained.spec.target.picture_size) + " (" + trained.spec.target.fit + ")",
        endings=",".join(sorted(ENDINGS)),
        here=escape(here),
        faults="".join(f"<tr><td>{number}<td>{escape(why)}</tr>" for number, why in FAULTS.items()),
        limits=escape(LIMITS),
    )
