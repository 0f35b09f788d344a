"""Classes named by a sentence each: the text that lies nearest to a picture."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def text_logits(images: Tensor, texts: Tensor, scale: float) -> Tensor:
    """s · ⟨f/‖f‖, t_k/‖t_k‖⟩: a picture's class is the text of the largest; p(k | x) is their softmax.

    Reference: Radford, Kim, Hallacy, Ramesh, Goh, Agarwal, Sastry, Askell, Mishkin, Clark, Krueger and Sutskever
    (2021), Learning transferable visual models from natural language supervision, ICML, §3.1.2. arXiv:2103.00020.

    Args:
        images: Embeddings of pictures, (n, d).
        texts: Embeddings of a sentence for each class, (k, d).
        scale: s, the inverse temperature that the model has learned.

    Returns:
        (n, k).
    """
    return scale * F.normalize(images, dim=1) @ F.normalize(texts, dim=1).T


def prompts(classes: tuple[str, ...], template: str) -> list[str]:
    """A sentence for each class: the template with the name in place of {}, underscores as spaces.

    Reference: Radford et al. (2021), §3.1.4.

    Args:
        classes: Names.
        template: Holds {} once or more.
    """
    return [template.replace("{}", name.replace("_", " ").strip()) for name in classes]
