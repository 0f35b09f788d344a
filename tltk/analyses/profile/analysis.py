"""Every quantity on one depth axis: what each layer knows, where two domains part, what fine-tuning changed.

A column is a list of numbers, one per layer and one for what enters the head, with an interval or a
null band beside it where there is one. Features come from one pass; columns are kept by content, so
that a question with one measure more computes that measure alone.
"""

from __future__ import annotations

import time

from tltk.analyses.profile.change import add_change, similarity
from tltk.analyses.profile.knowledge import add_knowledge, majority_share
from tltk.analyses.profile.ledger import Ledger
from tltk.analyses.profile.result import ProfileResult
from tltk.analyses.profile.shift import Shift, Side, add_shift, correct_columns
from tltk.analyses.profile.spec import ProfileSpec
from tltk.analyses.sample import Context, features, network, samples
from tltk.shift.multiple import describe_correction


def profile(spec: ProfileSpec, context: Context) -> ProfileResult:
    """All columns that the spec asks for.

    Raises:
        UnknownName, BadSpec: What `spec.check` refuses; domains that do not go together.
        WeightsMissing: Weights that are not there, or do not fit.
    """
    spec.check()
    start = time.perf_counter()
    target, source = samples(spec, context)
    net = network(spec.net, target, spec.seed)
    sides: dict[str, Side] = {
        side: (sample, features(net, sample, context, spec.pooling))
        for side, sample in (("target", target), ("source", source))
        if sample is not None
    }
    seconds = {"features": time.perf_counter() - start}
    names = [*net.names[:-1], "features"]
    ledger = Ledger(context, names, seconds)
    for side, (sample, layers) in sides.items():
        add_knowledge(ledger, side, sample, layers, spec)
    shift = add_shift(ledger, net, sides["source"], sides["target"], spec, context) if source is not None else Shift()
    matrix = similarity(ledger, sides["target"][1])
    after = add_change(ledger, net, target, sides["target"][1], spec, context)
    columns = correct_columns(ledger.columns)
    tests = sum(len(column.p) for column in columns)
    seconds["all"] = time.perf_counter() - start
    return ProfileResult(
        names=names,
        depth=net.depth,
        columns=columns,
        tests=tests,
        correction=describe_correction(tests, spec.permutations) if tests else "",
        within=shift.within,
        compared=shift.compared,
        drawn=shift.drawn,
        why=shift.why,
        cka=matrix,
        cka_after=after,
        n={side: len(sample) for side, (sample, _) in sides.items()},
        chance={side: majority_share(sample) for side, (sample, _) in sides.items()},
        seconds={part: round(value, 3) for part, value in seconds.items()},
    )
