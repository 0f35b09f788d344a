"""Pictures named by the nearest of the classes' sentences."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

import numpy as np
import torch

from tltk.analyses.sample import Context
from tltk.analyses.zero_shot_text.result import PromptResult, ZeroShotTextResult
from tltk.analyses.zero_shot_text.spec import ZeroShotTextSpec
from tltk.data.division import shuffle
from tltk.data.domain import Domain, Ints
from tltk.errors import DataProblem
from tltk.probes.linear import wilson
from tltk.probes.text_zero_shot import prompts, text_logits
from tltk.weights.clip import Clip, load_clip

BATCH = 64  # pictures


def zero_shot_text(spec: ZeroShotTextSpec, context: Context) -> ZeroShotTextResult:
    """Accuracy of a model of picture and text that was told the classes' names and nothing else.

    Raises:
        BadSpec: What `spec.check` refuses, or the extra is not installed.
        WeightsMissing: No such model.
        DataProblem: Pictures of other than one or three channels.
    """
    spec.check()
    start = time.perf_counter()
    domain = context.load(spec.target)
    if domain.images.shape[1] not in (1, 3):
        raise DataProblem(
            f"A model of picture and text reads pictures in grey or colour. {spec.target.name} has "
            f"{domain.images.shape[1]} channels; take another domain."
        )
    clip = load_clip(spec.checkpoint)
    pool = domain.split(spec.target, spec.seed).test if spec.part == "test" else np.arange(len(domain.labels))
    single = np.sort(pool[np.unique(domain.twins[pool], return_index=True)[1]])
    index = np.sort(shuffle(single, spec.seed)[: spec.pictures])
    sentences = prompts(domain.classes, spec.template)
    texts = clip.embed_texts(sentences)
    said = np.concatenate(
        [_name(clip, texts, domain, index[i : i + BATCH], context) for i in range(0, len(index), BATCH)]
    )
    labels = domain.labels[index]
    right = int((said == labels).sum())
    lo, hi = wilson(right, len(index))
    chance = 1 / len(domain.classes)
    name = Path(spec.checkpoint).name
    return ZeroShotTextResult(
        accuracy=right / len(index),
        lo=lo,
        hi=hi,
        chance=chance,
        majority=float(np.bincount(labels).max() / len(labels)),
        classes=[_class(domain, said, labels, c, sentence) for c, sentence in enumerate(sentences)],
        checkpoint=name,
        template=spec.template,
        part=spec.part,
        n=len(index),
        size=clip.size,
        sentence=(
            f"Named from the names of {len(domain.classes)} classes alone: {right / len(index):.1%} right, {lo:.1%} … "
            f"{hi:.1%} (95%, {len(index):,} pictures), where chance gives {chance:.1%}."
        ),
        remarks=_remarks(spec, domain, clip.size, len(pool) - len(single)),
        seconds=round(time.perf_counter() - start, 3),
    )


def _name(clip: Clip, texts: torch.Tensor, domain: Domain, index: Ints, context: Context) -> Ints:
    """The class of each of these pictures."""
    context.callbacks.check()
    images = torch.from_numpy(np.array(domain.images[index])).float() / 255
    found: Ints = text_logits(clip.embed_pictures(images), texts, clip.scale).argmax(1).numpy()
    return found


def _class(domain: Domain, said: Ints, labels: Ints, c: int, sentence: str) -> PromptResult:
    own = said[labels == c]
    wrong = Counter(own[own != c].tolist()).most_common(1)
    share = float((own == c).mean()) if len(own) else None
    return PromptResult(domain.classes[c], sentence, len(own), share, domain.classes[wrong[0][0]] if wrong else "")


def _remarks(spec: ZeroShotTextSpec, domain: Domain, size: int, copies: int) -> list[str]:
    said = ["What such a model has seen is rarely known: pictures of this domain may have been among it."]
    if (given := domain.images.shape[-1]) != size:
        said.append(f"Pictures of {given} px were brought to {size} px; --size {size} reads them at that size.")
    if copies:
        said.append(f"{copies:,} pictures that are copies of another were left out.")
    if all(name.strip().isdecimal() for name in domain.classes):
        said.append("The classes' names are numbers, which say little in a sentence; a template may help.")
    return said
