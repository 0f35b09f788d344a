"""The network as ONNX: pictures as bytes in, probabilities out, any number of them; run by onnxruntime and compared."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tltk.analyses.export.forms import form_of
from tltk.analyses.export.network import Trained, check_alike, first_line
from tltk.errors import BadSpec

NEEDED = ("onnx", "onnxscript", "onnxruntime")
MAX_BYTES = 2_000_000_000  # of weights; a protocol buffer ends at 2 GiB


def write_onnx(trained: Trained, file: Path) -> tuple[float, list[str]]:
    """Write the network, run the file, and compare.

    Args:
        trained: The training.
        file: Where to.

    Returns:
        The largest difference of an answer; how the file is used, in sentences.

    Raises:
        BadSpec: The packages of `tltk[onnx]` are missing; torch cannot express the network in ONNX; other answers.
    """
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise BadSpec(
            f"To write ONNX and to check it, the packages of tltk[onnx] must be installed. {', '.join(missing)} "
            f"{'is' if len(missing) == 1 else 'are'} missing: pip install 'tltk[onnx]', or export a script or a folder."
        )
    if (size := trained.file.stat().st_size) > MAX_BYTES:
        raise BadSpec(
            f"An ONNX file holds at most 2 GB. The weights of run {trained.run.id} are {size / 1e9:.1f} GB; export a "
            f"script or a folder."
        )
    form, noise = form_of(trained), trained.noise()
    module, inputs = form.module(trained).eval(), form.inputs(trained, noise)
    axes = {name: torch.export.Dim(name, min=1) for names in form.axes.values() for name in names}
    shapes = tuple({at: axes[name] for at, name in enumerate(names)} for names in form.axes.values())
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()), torch.no_grad():
        warnings.simplefilter("ignore")  # of torch's own tracing
        try:
            torch.onnx.export(
                module,
                inputs,
                str(file),
                input_names=list(form.axes),
                output_names=[trained.answers],
                dynamic_shapes=shapes,
                dynamo=True,
                external_data=False,
                verbose=False,
            )
        except Exception as fault:  # each network stumbles over the tracing in its own way
            raise BadSpec(
                f"A network must be one that torch.onnx can express. {trained.spec.net.backbone} of run "
                f"{trained.run.id} is none: {type(fault).__name__}: {first_line(fault)}. Export a script or a folder."
            ) from None
    _write_facts(trained, file)
    session = _session(file)

    def run(inputs: Sequence[Tensor]) -> Tensor:
        named = {name: x.numpy() for name, x in zip(form.axes, inputs, strict=True)}
        return torch.from_numpy(session.run(None, named)[0])

    whole, single = run(inputs), run(form.inputs(trained, noise[:1]))
    off = check_alike(trained, whole, "The ONNX network")
    check_alike(trained, torch.cat([single, whole[1:]]), f"The ONNX network, given one of its {trained.noun},")
    return off, [
        f"Input {', '.join(map(repr, form.axes))}: {form.told(trained)}; output {trained.answers!r}. How examples are "
        f"prepared and the classes stand in its metadata."
    ]


def _session(file: Path) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])


def _write_facts(trained: Trained, file: Path) -> None:
    """Classes, network and run in the file's own metadata."""
    import onnx

    model = onnx.load(str(file), load_external_data=False)
    facts = {
        name: fact if isinstance(fact, str) else json.dumps(fact, ensure_ascii=False)
        for name, fact in trained.facts.items()
    }
    onnx.helper.set_model_props(model, facts)
    for node in model.graph.node:  # torch notes which line of which file of this machine made it
        del node.metadata_props[:]
        node.doc_string = ""
    for value in (*model.graph.value_info, *model.graph.initializer):
        value.doc_string = ""
        del value.metadata_props[:]
    file.write_bytes(model.SerializeToString())
