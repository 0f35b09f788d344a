"""The terms of a training at work: what they learn themselves, what they prepare, and what they say of a step."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from functools import partial

import torch
from torch import Tensor, nn

from tltk import terms
from tltk.data.attributes import attribute_to_learn
from tltk.data.domain import Domain, Split
from tltk.nn.freeze import keep_running_statistics
from tltk.nn.head import Classifier, make_head
from tltk.nn.net import Net
from tltk.specs.parts import ViewSpec
from tltk.specs.training import TransferSpec
from tltk.strategies.phase import Phase
from tltk.terms.term import Batches, Setting, Start, Step, Term
from tltk.training.bank import derive_seed
from tltk.training.pretext import PRETEXT, draws

TERMS = 6  # name of the random stream of what they begin with


class TermSet(Mapping[str, Term]):
    """The terms that are on, by name; one with weight 0 is as if there were none.

    Args:
        spec: The training.
        net: With its first weights.
        n_outputs: Of its head.
        phases: What the strategy plans.
        target: The domain and its parts.
        source: The second domain and its parts; None = there is none.
        classifier: That came with the weights, for the terms that ask for it.
    """

    def __init__(
        self,
        spec: TransferSpec,
        net: Net,
        n_outputs: int,
        phases: list[Phase],
        target: tuple[Domain, Split],
        source: tuple[Domain, Split] | None,
        classifier: Classifier | None,
    ) -> None:
        made = [terms.make(one) for one in spec.terms]
        self._terms = {one.name: term for one, term in zip(spec.terms, made, strict=True) if term.weight}
        self._spec, self._net, self._n_outputs, self._phases = spec, net, n_outputs, phases
        self._target, self._source = target, source
        self._device = next(net.parameters()).device
        self.needs = {need for term in self._terms.values() for need in term.needs}
        self.modules = self._build()
        self.companions = [module for module in self.modules.values() if isinstance(module, Net)]
        self.prepared: dict[str, dict[str, Tensor]] | None = None  # None until it is known
        self._reports: dict[str, list[Tensor]] = {}
        self._classifier = None
        if classifier is not None and "classifier" in self.needs:
            self._classifier = dataclasses.replace(
                classifier, weight=classifier.weight.to(self._device), bias=classifier.bias.to(self._device)
            )

    def __getitem__(self, name: str) -> Term:
        return self._terms[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._terms)

    def __len__(self) -> int:
        return len(self._terms)

    def _build(self) -> nn.ModuleDict:
        """What the terms learn themselves, by the term's place among them; its initial weights depend on the seed."""
        found = nn.ModuleDict()
        kind, dropout = self._spec.net.head, self._spec.net.dropout
        with torch.random.fork_rng(devices=[]):
            for i, term in enumerate(self.values()):
                torch.manual_seed(derive_seed(self._spec.seed, TERMS, i))
                domain, split = self.tasks_of(term)
                classes = {task: attribute_to_learn(domain, task, split.train).classes for task in term.tasks}
                head = partial(make_head, kind, self._net.width, dropout=dropout)
                module = term.build(Setting(self._net, self._n_outputs, head, classes, self._phases))
                if module is not None:
                    found[str(i)] = module
        return found.to(self._device)

    def module(self, name: str) -> nn.Module | None:
        """What this term learns itself; None where it learns nothing.

        Args:
            name: Of the term.
        """
        at = str(list(self._terms).index(name))
        return self.modules[at] if at in self.modules else None  # noqa: SIM401  (it has no `get`)

    def tasks_of(self, term: Term) -> tuple[Domain, Split]:
        """The domain of whose pictures a term learns its tasks, and its parts."""
        if self._source is not None and (self._spec.labels == "source" or term.tasks_on_source):
            return self._source
        return self._target

    def attributes(self) -> dict[str, dict[str, Tensor]]:
        """Domain → name → number of each of its training pictures, of the attributes that terms learn."""
        found: dict[str, dict[str, Tensor]] = {"target": {}, "source": {}}
        for term in self.values():
            domain, split = self.tasks_of(term)
            for task in term.tasks:
                numbers = torch.from_numpy(domain.attributes[task].numbers[split.train])
                found["target" if domain is self._target[0] else "source"][task] = numbers
        return found

    # -- before the first step -----------------------------------------------------------------

    def prepare(self, once: Batches, known: Tensor | None) -> None:
        """Let each term compute what it computes once.

        Args:
            once: As `Passes.once`.
            known: What the network says of the source's training pictures at the start, (m,); None = nobody knows.
        """
        domain, split = self._target
        found = {}
        for i, (name, term) in enumerate(self.items()):
            start = Start(
                self._net,
                self._n_outputs,
                len(split.train),
                derive_seed(self._spec.seed, TERMS, i, 1),
                self._classifier,
                once,
                self._pictures,
                tuple(domain.classes),
                known,
            )
            found[name] = {key: self._laid_out(value.detach()) for key, value in term.prepare(start).items()}
        self._net.zero_grad(set_to_none=True)
        self.prepared = found

    def _pictures(self, size: int) -> Iterator[Tensor]:
        """The target's training pictures in order, in 0 … 1, without augmentation."""
        domain, split = self._target
        for index in torch.split(torch.from_numpy(split.train), size):
            examples = domain.modality.tensors(domain, index.numpy(), self._device)
            yield domain.modality.augment(examples, ViewSpec(), torch.Generator())

    def _laid_out(self, prepared: Tensor) -> Tensor:
        """On the device, filters laid out as the network's: beside another layout they take half as long again.

        The same whether they were computed now or come from a checkpoint, since sums of another layout round otherwise.
        """
        layout = torch.channels_last if prepared.ndim == 4 else torch.contiguous_format
        return prepared.to(self._device).contiguous(memory_format=layout)

    def pack(self) -> dict[str, Tensor]:
        """What they prepared, as tensors of a checkpoint."""
        held = (self.prepared or {}).items()
        return {f"prepared/{term}/{key}": x.contiguous() for term, of in held for key, x in of.items()}

    def unpack(self, tensors: Mapping[str, Tensor]) -> None:
        """Take back what they prepared.

        Args:
            tensors: Of a checkpoint.
        """
        self.prepared = {name: {} for name in self}
        for name, tensor in tensors.items():
            part, _, rest = name.partition("/")
            if part == "prepared":
                term, _, key = rest.partition("/")
                self.prepared[term][key] = self._laid_out(tensor)

    # -- at each step --------------------------------------------------------------------------

    def at_step(self, step: Step, epoch: int, number: int, beside: bool) -> list[Tensor]:
        """Each term's value.

        Args:
            step: What all see of it; what is a term's own is added here.
            epoch: That it is in.
            number: Of the step, since the start of the training.
            beside: Whether altered pictures pass beside others, so that running statistics are not told of them.
        """
        found = []
        for i, (name, term) in enumerate(self.items()):

            def report(what: str, value: Tensor, name: str = name) -> None:
                self._reports.setdefault(f"term.{name}.{what}", []).append(value.detach().float())

            own = dataclasses.replace(
                step,
                module=self.module(name),
                prepared=(self.prepared or {}).get(name, {}),
                classifier=self._classifier,
                report=report,
                draw=draws(self._spec.seed, PRETEXT, i, epoch, number),
            )
            with keep_running_statistics(self._net) if term.passes and beside else nullcontext():
                found.append(term(own))
        return found

    def reported(self) -> dict[str, float]:
        """The means of what the terms have reported since they were last asked, by name."""
        found = {name: float(torch.stack(values).mean()) for name, values in self._reports.items()}
        self._reports.clear()
        return found

    def task_weights(self) -> Iterator[tuple[str, str, float]]:
        """Term, task, and what the task's loss counts now."""
        for name, term in self.items():
            module = self.module(name)
            if module is not None:
                for task, weight in term.task_weights(module).items():
                    yield name, task, weight
