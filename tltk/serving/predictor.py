"""One network in memory, which is asked by one request at a time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import numpy as np
import torch

from tltk.analyses.network import rebuild
from tltk.analyses.predict.analysis import predict_files, predict_rows, predict_texts
from tltk.analyses.predict.files import rows
from tltk.analyses.trained import open_training, run_name
from tltk.errors import BadSpec
from tltk.jobs.pool import n_threads
from tltk.serving.receive import Cell, Received, Refused, Row
from tltk.specs.nouns import PICTURES, TEXTS, noun_of
from tltk.training.callbacks import Callbacks, Stopped

CHANNELS = 3  # of picture files
MAX_ANSWER_SECONDS = 120.0  # that a request may keep the network from others


class Predictor:
    """A finished training to be asked again and again; it answers as `tltk predict` does, bit for bit.

    Requests wait for each other: a network uses all threads that there are, and the pictures of two requests in one
    batch would round otherwise than each alone.

    Args:
        run: Id of a finished training; ID@EPOCH = a snapshot of it.

    Raises:
        UnknownName, WeightsMissing: There is no such run, or it has no weights.
        BadSpec: It is no training that names classes, or one that sees other pictures than files are.
    """

    def __init__(self, run: str) -> None:
        self.trained = open_training(run_name(run))
        self.should_stop: Callable[[], bool] = lambda: False  # set by the server
        self.noun = noun_of(self.trained.spec.net.backbone)
        self.answered = 0  # pictures, texts or rows so far
        self._thread = ThreadPoolExecutor(1, "tltk-predict", torch.set_num_threads, (n_threads(),))
        self.net = self._thread.submit(rebuild, self.trained).result()
        if self.noun == PICTURES and self.net.channels != CHANNELS:
            raise BadSpec(
                f"What is served reads picture files, which have {CHANNELS} channels. The pictures of run "
                f"{self.trained.run.id} have {self.net.channels}; serve a training on pictures in colour."
            )
        blank = np.zeros((1, *self.net.net.shape), np.uint8)
        self._thread.submit(self.net.answer, blank, np.arange(1), 1).result()  # a network that cannot run fails here

    async def ask(self, examples: Received | list[str] | list[Row], embedding: bool = False) -> dict[str, Any]:
        """Which class each of these examples is of, as the endpoint answers it.

        Args:
            examples: Of pictures the name of each, as it is told, and where it lies; texts; or rows by column.
            embedding: Tell what enters the head, too.

        Raises:
            DataProblem: None of them can be read.
            Refused: They take too long.
            Stopped: The server is about to end.
        """
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._answer, examples, embedding)

    def _answer(self, examples: Received | list[str] | list[Row], embedding: bool) -> dict[str, Any]:
        end = time.monotonic() + MAX_ANSWER_SECONDS

        def check() -> None:
            if self.should_stop():
                raise Stopped
            if time.monotonic() > end:
                raise Refused(
                    413,
                    f"{self.noun.capitalize()} of a request must be answered within {MAX_ANSWER_SECONDS:.0f} seconds. "
                    f"These were not; send fewer at a time, or smaller ones.",
                )

        callbacks = Callbacks(check=check)
        more: dict[str, Any] = {"embedding": embedding, "callbacks": callbacks}
        if self.noun == PICTURES:
            result, tensors = predict_files(self.trained, self.net, cast(Received, examples), **more)
        elif self.noun == TEXTS:
            result, tensors = predict_texts(self.trained, self.net, cast(list[str], examples), **more)
        else:
            told = [{name: _said(cell) for name, cell in row.items()} for row in cast(list[Row], examples)]
            result, tensors = predict_rows(self.trained, self.net, told, **more)
        self.answered += len(result.names)
        embeddings = tensors["embeddings"].numpy() if embedding else None
        found = list(rows(result, tensors["probabilities"].numpy(), embeddings))
        if self.noun != PICTURES:  # named by their places: what was sent stands there, as exported programs print it
            found = [{self.noun[:-1]: examples[int(one.pop("picture").split()[1]) - 1], **one} for one in found]
        return {"run": result.run, "predictions": found, "remarks": result.remarks}

    def close(self) -> None:
        """End its thread; what it is doing is let go at the next batch."""
        self._thread.shutdown(wait=False, cancel_futures=True)


def _said(cell: Cell) -> str:
    """A value of JSON as the cell of a table that a training reads."""
    if cell is None:
        return ""
    return str(cell).lower() if isinstance(cell, bool) else str(cell).strip()
