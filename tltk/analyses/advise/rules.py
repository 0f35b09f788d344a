"""The field's rules of thumb: few or many labels, similar or different pictures. No torch here.

Reference:
    Azizpour, Razavian, Sullivan, Maki and Carlsson (2016), Factors of transferability for a generic ConvNet
    representation, IEEE TPAMI 38(9), §4; Kornblith, Shlens and Le (2019), Do better ImageNet models transfer better?,
    CVPR, §4.3–4.5. arXiv:1406.5774, arXiv:1805.08974.
"""

from __future__ import annotations

from dataclasses import dataclass

from tltk.analyses.advise.result import SuggestionResult


@dataclass(frozen=True)
class Facts:
    """What the rules look at.

    Attributes:
        few: Whether there are few labels.
        similar: yes, no or cannot tell.
        per_class: Labels of the smallest class.
        limit: From how many labels on they are many.
        best_layer: The earliest layer whose probe cannot be told from the best; `depth` = what enters the head.
        depth: Layers of the backbone.
    """

    few: bool
    similar: str
    per_class: int
    limit: int
    best_layer: int
    depth: int


def suggest(facts: Facts) -> list[SuggestionResult]:
    """Techniques to try, best first.

    Args:
        facts: What was measured.
    """
    many = f"With {facts.limit} labels per class or more, fine-tuning late layers comes first."
    fewer = f"With fewer than {facts.limit} labels per class, frozen features come first."
    other = "If a probe of these features were no better than one of random features, earlier layers would come first."
    alike = "If a probe of these features were better than one of random features, frozen features would come first."
    late = max(facts.depth // 2, 1)
    cut = min(max(facts.best_layer + 1, 1), facts.depth)
    labels = f"There are {'few' if facts.few else 'many'} labels ({facts.per_class} in the smallest class)"
    if facts.similar == "no":
        place = "the features that enter the head know the target no better than random ones"
        if facts.few:
            return [
                _one(
                    f"fine_tune@{cut}", cut, f"{labels} and {place}: keep the layers up to the best probe only.", alike
                ),
                _one("lp_ft", 0, f"{labels} and {place}: a good head first, then all layers, gently.", many),
                _one("scratch", 0, f"{place[0].upper()}{place[1:]}: the weights may be of no use at all.", alike),
            ]
        return [
            _one("fine_tune", 0, f"{labels} and {place}: all layers can be learned, from these weights.", fewer),
            _one("scratch", 0, f"{labels} and {place}: new weights may do as well, and owe nothing.", alike),
            _one("discriminative", 0, f"{labels}: lower layers change least.", alike),
        ]
    known = (
        "the features that enter the head know the target"
        if facts.similar == "yes"
        else "it cannot be told whether the features know the target"
    )
    if facts.few:
        return [
            _one(
                "feature_extraction",
                facts.depth,
                f"{labels} and {known}: frozen features need none to be learned.",
                many,
            ),
            _one("bias", 0, f"{labels}: biases are few enough to be learned from them.", many),
            _one("lp_ft", late, f"{labels} and {known}: a good head first keeps features from being distorted.", other),
        ]
    return [
        _one(f"fine_tune@{late}", late, f"{labels} and {known}: late layers can be fitted to the target.", fewer),
        _one("fine_tune", 0, f"{labels}: all layers can be learned.", fewer),
        _one("discriminative", 0, f"{labels} and {known}: lower layers are general and change least.", other),
    ]


def _one(technique: str, boundary: int, why: str, change: str) -> SuggestionResult:
    return SuggestionResult(technique, boundary, why, change, None)
