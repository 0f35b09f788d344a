"""The network as TorchScript: pictures as bytes in, probabilities out, any number of them; run and compared."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import torch

from tltk.analyses.export.forms import form_of
from tltk.analyses.export.network import Trained, check_alike, first_line
from tltk.errors import BadSpec

FACTS = "facts.json"  # in the file: classes, network, run
# Records that torch reads a network without: which line of which file of this machine made an operation, and the noise.
NOTES, TRACED = ".debug_pkl", "traced_inputs"
WRITERS_OWN = ("version", "byteorder", ".data/serialization_id")


def write_torchscript(trained: Trained, file: Path) -> tuple[float, list[str]]:
    """Trace the network on pictures of noise, write it, run the file, and compare.

    Args:
        trained: The training.
        file: Where to.

    Returns:
        The largest difference of an answer; how the file is used, in sentences.

    Raises:
        BadSpec: torch cannot trace the network, or what it traced answers otherwise.
    """
    form, noise = form_of(trained), trained.noise()
    module, inputs = form.module(trained).eval(), form.inputs(trained, noise)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # of torch's own tracing
        try:
            traced = torch.jit.trace(module, inputs, check_trace=False)  # type: ignore[no-untyped-call]
            torch.jit.save(traced, str(file), _extra_files={FACTS: json.dumps(trained.facts, ensure_ascii=False)})
        except Exception as fault:  # each network stumbles over the tracing in its own way
            raise BadSpec(
                f"A network must be one that torch.jit can trace. {trained.spec.net.backbone} of run "
                f"{trained.run.id} is none: {type(fault).__name__}: {first_line(fault)}. Export a script or a folder."
            ) from None
        _leave_out_notes(file)
        net = torch.jit.load(str(file), map_location="cpu")  # type: ignore[no-untyped-call]
        try:
            whole, single = net(*inputs), net(*form.inputs(trained, noise[:1]))
        except RuntimeError as fault:  # a number of examples, or a length, that was traced in
            raise BadSpec(
                f"A traced network must take any number of {trained.noun}. {trained.spec.net.backbone} of run "
                f"{trained.run.id} does not: {first_line(fault)}. Export a script or a folder."
            ) from None
    off = check_alike(trained, whole, "The TorchScript network")
    check_alike(trained, torch.cat([single, whole[1:]]), f"The TorchScript network, given one of its {trained.noun},")
    return off, [
        f"torch.jit.load(FILE) takes {', '.join(form.axes)}, {form.told(trained)}, and gives {trained.answers}. How "
        f"examples are prepared and the classes stand in its extra file {FACTS}. Such a file can run code: open only "
        f"those that you trust."
    ]


def _leave_out_notes(file: Path) -> None:
    """Write the file anew without the records that name files of this machine."""
    reader = torch._C.PyTorchFileReader(str(file))
    kept = {
        name: reader.get_record(name)
        for name in reader.get_all_records()
        if not name.endswith(NOTES) and not name.startswith(TRACED) and name not in WRITERS_OWN
    }
    del reader
    writer = torch._C.PyTorchFileWriter(str(file))
    for name, data in kept.items():
        writer.write_record(name, data, len(data))
    writer.write_end_of_file()
