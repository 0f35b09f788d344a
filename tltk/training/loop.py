"""The one training loop, for every strategy: phases in, rows out.

A phase fixes what is frozen. Its frozen part is computed once, if it can be cut off, and the loop
runs over what crosses the cut. Rates are written in one place: lr × lr_scale[layer] × schedule.
Every random stream is a function of (seed, epoch), so a resumed run draws what it would have drawn.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tltk import adapters
from tltk.adapters.adapter import Adapter
from tltk.data.cautions import figures
from tltk.data.domain import Domain, Split
from tltk.errors import BadSpec, Diverged, RunProblem
from tltk.nn.cut import Activations
from tltk.nn.flops import layer_flops
from tltk.nn.freeze import Audit, freeze, take_statistics
from tltk.nn.head import Classifier
from tltk.nn.net import Net
from tltk.nn.state import pack, unpack
from tltk.results.rows import Row
from tltk.results.training import Adaptation, FeatureProbe, Pick, SelfTaught, TaskScore, TrainingResult
from tltk.selection import Unlabelled, criteria
from tltk.specs.parts import ViewSpec
from tltk.specs.size import channels_and_size
from tltk.specs.training import TransferSpec
from tltk.strategies.phase import Phase
from tltk.tasks import Classification, ClassLoss, Outcome, Task
from tltk.terms.term import Side, Step
from tltk.training import checkpoint, cost, pretext
from tltk.training.bank import FeatureBank, derive_seed
from tltk.training.batches import BatchSource, CachedBatches, LiveBatches, epoch_batches
from tltk.training.callbacks import Callbacks, Progress, Stopped
from tltk.training.feeds import EVALUATION_BATCH_PICTURES, Feeds
from tltk.training.forgetting import Known
from tltk.training.loss import batch_loss
from tltk.training.meter import Energy, Meter, forget_peak_memory, peak_memory
from tltk.training.optimizer import make_optimizer, pick_device
from tltk.training.passes import SOURCE, Passes
from tltk.training.precision import choose_precision
from tltk.training.processes import Processes
from tltk.training.schedule import phase_at, progress_at, schedule
from tltk.training.term_set import TermSet
from tltk.verdicts.metrics import ACCURACY, WORDS

ORDER, VIEWS, MIXUP, MODULES, SELECTION = 0, 1, 3, 4, 7  # names of the random streams; others stand in their modules
ORACLE = "oracle"  # the epoch that the target's validation labels would pick
ROWS_PER_EPOCH = 10  # rows of a long epoch

__all__ = ["Callbacks", "Progress", "Stopped", "Training", "pick_device"]


def steps_between_rows(n_steps: int) -> int:
    """Steps from one row of a training's loss to the next, in an epoch of so many."""
    return n_steps // ROWS_PER_EPOCH if n_steps >= 2 * ROWS_PER_EPOCH else n_steps


class Training:
    """One network on one domain through the phases of one strategy.

    Args:
        spec: What was asked for.
        net: The network with its first weights.
        domain: Pictures and labels.
        split: Positions of the training, validation and test pictures.
        phases: What the strategy plans for this network.
        bank: Where features of frozen layers are kept.
        callbacks: Where rows, sentences and checkpoints go.
        source: The second domain and its parts, its labels numbered by the task's classes; None = there is none.
        known: What the network could do at the start, so that what is forgotten of the source is measured; None =
            that is not known.
        classifier: That came with the weights, for the terms that ask for it.
    """

    def __init__(
        self,
        spec: TransferSpec,
        net: Net,
        domain: Domain,
        split: Split,
        phases: list[Phase],
        bank: FeatureBank,
        callbacks: Callbacks,
        source: tuple[Domain, Split] | None = None,
        known: Known | None = None,
        classifier: Classifier | None = None,
    ) -> None:
        self.spec, self.domain, self.split = spec, domain, split
        self.phases, self.callbacks = phases, callbacks
        if len(split.train) < 2:
            raise BadSpec(f"Training needs at least two {domain.noun}. Got {len(split.train)}.")
        self.device, self.processes = pick_device(spec.optim.device), Processes.of(spec.optim)
        self.net = net.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.adapter = adapters.make(spec.adapter)
        self.learns_source = spec.labels in ("source", "both")
        self.adapts = spec.labels == "source"  # without the target's labels
        self.unlabelled = spec.labels == "none"  # terms teach, the head is frozen
        self.source, self.known = source, known if source is not None else None
        self.task: Task = self._task()
        self.terms = TermSet(spec, self.net, self.task.n_outputs, phases, (domain, split), source, classifier)
        self.reads_source = source is not None and (self.learns_source or "source" in self.terms.needs)
        self.audit = Audit(net, spec.net.norm)
        self.audits = [self.audit, *(Audit(one, spec.net.norm) for one in self.terms.companions)]
        self.now = Progress()
        self.best: dict[str, Tensor] = {}
        self.labels = torch.from_numpy(domain.labels)
        self.passes = Passes(
            self.net,
            self.terms.needs,
            self.labels[split.train],
            None if source is None else torch.from_numpy(source[0].labels[source[1].train]),
            self.adapts or self.unlabelled,
            spec.seed,
            self.terms.attributes(),
            self.processes,
        )
        learn = (*net.named_parameters(), *self.terms.modules.named_parameters(prefix="terms"))
        self.names = {id(p): n for n, p in learn}
        channels, self.picture_size = channels_and_size(net.shape)
        below = layer_flops(spec.net.backbone, self.picture_size, channels)
        self.flops = below and (*below, 2 * net.width * self.task.n_outputs)  # None: unknown
        self.precision = choose_precision(spec.optim, self.net, self.device, callbacks.notify)
        self.autocast = torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bfloat16")
        epochs = sum(phase.epochs for phase in phases)
        self.feeds = Feeds(spec, self.net, len(split.train), epochs, bank, callbacks, self.autocast, self.processes)
        self.processes.join_norms(self.net, *self.terms.companions)

    # -- the loop ------------------------------------------------------------------------------

    def run(self) -> TrainingResult:
        """Train from the start, or from the checkpoint, to the end; then test once.

        Returns:
            The result: final figures, budget spent, and the test predictions.

        Raises:
            RunProblem: The loss is not a number, memory ran out, or a frozen layer moved.
            Stopped: `callbacks.check` said so.
        """
        epochs = sum(phase.epochs for phase in self.phases)
        entered: Phase | None = None
        if self.callbacks.saved is not None:
            entered = self._resume(*self.callbacks.saved)
        self._clock = time.perf_counter() - self.now.seconds
        self._begin_metering()
        self._saved_at, self._save_cost = time.perf_counter(), 0.0
        with self._sentences():
            while self.now.epoch < epochs and not self._out_of_patience():
                phase = phase_at(self.phases, self.now.epoch)
                if phase is not entered:
                    self._enter(phase)
                    entered = phase
                if self.now.epoch == 0:
                    self._snapshot()
                    self.callbacks.emit(self._remember() + self._probe_first())
                self._epoch(phase, epochs)
                self._snapshot()
                self._checkpoint(last=self.now.epoch == epochs)
            return self._finish(entered or self.phases[-1])

    def _task(self) -> Task:
        """What is learned, by the labels that are learned from."""
        learned = [] if self.spec.labels == "source" else [self.domain.labels[self.split.train]]
        if self.learns_source and self.source is not None:
            learned.append(self.source[0].labels[self.source[1].train])
        n = len(self.domain.classes)
        counts = np.bincount(np.concatenate(learned), minlength=n)
        return Classification(n, ClassLoss.of(self.spec.optim, counts.tolist()), self.spec.optim.metric)

    def _begin_metering(self) -> None:
        """Count energy and memory from now on."""
        on_gpu = self.device.type == "cuda"
        if on_gpu:
            torch.cuda.reset_peak_memory_stats(self.device)
        else:
            forget_peak_memory()
        uuid = str(torch.cuda.get_device_properties(self.device).uuid) if on_gpu else ""
        self.meter = Meter(uuid, self.spec.optim.threads, processes=self.processes.size)

    def _measure(self) -> tuple[float, Energy]:
        """Seconds and energy of this training so far; the most memory that it has held goes into the progress."""
        most = torch.cuda.max_memory_allocated(self.device) if self.device.type == "cuda" else peak_memory()
        self.now.peak_memory = max(self.now.peak_memory, most)
        seconds = round(time.perf_counter() - self._clock, 3)
        return seconds, self.meter.energy(seconds, self.now.joules, self.now.energy_source)

    @contextmanager
    def _sentences(self) -> Iterator[None]:
        """What torch has to say about a batch that is too large or too small, as a sentence."""
        size = self.spec.optim.batch_size
        try:
            yield
        except torch.cuda.OutOfMemoryError:
            raise RunProblem(
                f"The GPU's memory must hold a batch of {size}. It does not; "
                f"try optim.batch_size {max(size // 2, 1)}, or a higher boundary."
            ) from None
        except ValueError as fault:
            if "more than 1 value per channel" not in str(fault):
                raise
            raise RunProblem(
                f"Batch normalisation needs more than one number per channel. With optim.batch_size {size} and "
                f"these pictures it gets one; take a batch of 2 or more, or larger pictures."
            ) from None

    def _enter(self, phase: Phase) -> None:
        """Freeze, take the features of the frozen part from the bank, build the optimiser: in this order."""
        if self.terms and self.terms.prepared is None:
            self._prepare_terms()
        for one, audit in zip((self.net, *self.terms.companions), self.audits, strict=True):
            freeze(one, phase.boundary, self.spec.net.norm, above=phase.frozen_above, learns=self._learns)
            audit.record(self._learned_before(phase))
        view = self.spec.views
        self.feeds.enter(cost.cache_boundary(self.flops, self.phases, phase, self.spec.optim.mixup))
        self.train_feed = self._feed("train", self.split.train, view, self.feeds.largest)
        self.val_feed = self._feed("val", self.split.val, ViewSpec())
        source_feed = self._enter_source(view)
        if self.spec.optim.compile:
            both = self.learns_source  # domains go through together
            self.train_feed = self.feeds.compiled(self.train_feed, "layers" in self.terms.needs, both)
        self.passes.enter(phase.boundary, self.train_feed, source_feed)
        self._task_feeds: dict[str, BatchSource] = {}
        # What lies above this boundary will have moved: a later phase computes its features again.
        self.now.kept = [(at, part) for at, part in self.now.kept if at <= phase.boundary]
        if self.unlabelled:  # the losses of two phases are of two things
            self.now.best, self.now.losses = Progress().best, []
        old = getattr(self, "optimizer", None)
        self.optimizer = make_optimizer(self.net, phase, self.spec, list(self.terms.modules.values()))
        self._check_optimised()
        self.processes.wrap(self.net, self.terms.modules)
        if old is not None:  # layers that trained before keep their momentum
            for group in self.optimizer.param_groups:
                for parameter in group["params"]:
                    if parameter in old.state:
                        self.optimizer.state[parameter] = old.state[parameter]

    def _enter_source(self, view: ViewSpec) -> BatchSource | None:
        """The source's batches of this phase; None where nothing learns from them."""
        if self.source is None:
            return None
        domain, split = self.source
        if self.adapts:
            self.source_val = self._feed("source_val", split.val, ViewSpec(), domain=domain)
            self.test_feed = self._feed("test", self.split.test, ViewSpec())  # looked at in every epoch
        if self._remembers:
            self.source_test = self._feed("source_test", split.test, ViewSpec(), domain=domain)
        if not self.reads_source:
            return None
        found = self._feed("source", split.train, view, self.feeds.largest, domain)
        if self.learns_source and type(found) is not type(self.train_feed):  # both go through in one batch
            self.feeds.cut = None
            self.train_feed = self.feeds.live(self.domain, self.split.train, view, self._side)
            found = self.feeds.live(domain, split.train, view, self._side)
        return found

    def _prepare_terms(self) -> None:
        """Let the terms compute what they compute once, before the first step.

        Nothing is read from the bank for it: a layer that learns in a later phase alone lies below what is kept for
        the first one, and has a gradient here all the same.
        """
        learning = {i for phase in self.phases for i, scale in enumerate(phase.lr_scale) if scale}
        lowest = min(phase.boundary for phase in self.phases)
        above = [i for i in range(lowest, self.net.depth) if i not in learning]
        freeze(self.net, lowest, self.spec.net.norm, above=above, learns=self._learns)
        feed = LiveBatches(self.net, self.domain, self.split.train, ViewSpec(), self.device)
        theirs, known = None, None
        if self.source is not None:
            domain, split = self.source
            theirs = LiveBatches(self.net, domain, split.train, ViewSpec(), self.device)
            known = None if self.known is None else torch.from_numpy(self.known.labels[split.train])
        self.passes.enter(lowest, feed, theirs)
        self.terms.prepare(self._once, known)

    def _once(self, domain: str, size: int, most: int = 0) -> Iterator[Side]:
        """As `Passes.once`, with the FLOPs counted: thrice a forward pass where the term asks for gradients."""
        for side in self.passes.once(domain, size, most):
            if self.flops is not None:
                self.now.flops += len(side.logits) * sum(self.flops) * (3 if torch.is_grad_enabled() else 1)
            yield side

    def _learns(self, name: str) -> bool:
        """Whether the adapter lets this parameter of a learning layer learn."""
        return self.adapter.learns(self.net, name)

    def _learned_before(self, phase: Phase) -> set[str]:
        """The tensors that learned in an earlier phase, or followed the batches there."""
        return self._learned_in(self.phases[: next(i for i, p in enumerate(self.phases) if p is phase)])

    def _learned_in(self, phases: Sequence[Phase]) -> set[str]:
        """The tensors that learn in some of these phases, or follow the batches there."""
        layers = {i for p in phases for i, scale in enumerate(p.lr_scale) if scale}
        parameters = {name for name, _ in self.net.named_parameters(remove_duplicate=False)}
        return {
            name
            for name, layer in self.net.layer_of.items()
            if layer in layers and (layer == self.net.depth or name not in parameters or self._learns(name))
        }

    def _check_optimised(self) -> None:
        """What asks for a gradient is what the optimiser moves."""
        optimised = {id(p) for p in self._free()}
        lost = [n for n, p in self.net.named_parameters() if p.requires_grad != (id(p) in optimised)]
        if lost:
            raise RunProblem(
                f"What learns must be in the optimiser, and nothing else. {lost[0]} is not so. This is a bug in "
                f"tltk; please report it with this run's folder."
            )

    def _feed(
        self, part: str, index: np.ndarray, view: ViewSpec, batch: int = 0, domain: Domain | None = None
    ) -> BatchSource:
        """The batches of a part, drawn in batches of a size or in order (0); what is kept of them is paid for once."""
        found = self.feeds.make(domain or self.domain, index, view, batch, self._side if batch else None)
        if isinstance(found, CachedBatches):
            self._spend_once(found.cut.boundary, part, len(index) * found.features.copies)
        return found

    def _side(self) -> int:
        """Side of the training pictures in this epoch."""
        return self.feeds.side_px(self.now.epoch)

    def _epoch(self, phase: Phase, epochs: int) -> None:
        """Every picture once (or as many as `epoch_images`), an evaluation, an audit, the rows."""
        order = torch.Generator().manual_seed(derive_seed(self.spec.seed, ORDER, self.now.epoch))
        optim = self.spec.optim
        classes = self._classes_to_balance(self.labels[self.split.train], not self.adapts)
        parts = epoch_batches(len(self.split.train), optim.epoch_images, optim.batch_size, order, classes)
        start, before = time.perf_counter(), self.now.images
        own = (self.processes.rank,) if self.processes.rank else ()  # other shares are dropped from by other draws
        torch.manual_seed(derive_seed(self.spec.seed, MODULES, self.now.epoch, *own))  # dropout, stochastic depth
        draw = np.random.default_rng(derive_seed(self.spec.seed, MIXUP, self.now.epoch))
        generator = torch.Generator().manual_seed(derive_seed(self.spec.seed, VIEWS, self.now.epoch))
        others = self._source_parts(len(parts))
        self.net.train()
        self.terms.modules.train()
        tick = steps_between_rows(len(parts))
        rows: list[Row] = []
        sums = torch.zeros(3 + len(self.terms), device=self.device)  # loss, hits, pictures, the terms
        for i, positions in enumerate(parts):
            self.callbacks.check()
            at = progress_at(self.phases, self.now.epoch + i / len(parts))
            factor = schedule(optim.schedule, at, optim.warmup, self.now.losses)
            for group in self.optimizer.param_groups:
                group["lr"] = optim.lr * group["scale"] * factor
            sums += self._step(positions, generator, draw, others[i] if others else None, at)
            self.now.step += 1
            self.meter.sample()
            if (i + 1) % tick == 0 or i + 1 == len(parts):
                rows += self._train_rows(sums)
                sums.zero_()
                if i + 1 < len(parts):
                    self.callbacks.emit(rows)
                    rows = []
        self._spend(phase, self.now.images - before)
        speed = (self.now.images - before) / max(time.perf_counter() - start, 1e-9)
        self.now.epoch += 1
        if self.now.epoch % optim.evaluate == 0 or self.now.epoch == epochs:
            rows += self._validate() + self._remember()
        rows += self._weigh_tasks() + self._epoch_rows(phase, speed)
        self.callbacks.emit(rows)

    def _source_parts(self, n: int) -> list[Tensor]:
        """Positions of the source's batches of an epoch, n of them, as large as the target's; none without a source."""
        if not self.reads_source:
            return []
        assert self.source is not None
        size = self.feeds.largest
        order = torch.Generator().manual_seed(derive_seed(self.spec.seed, SOURCE, self.now.epoch))
        domain, split = self.source
        classes = self._classes_to_balance(torch.from_numpy(domain.labels[split.train]), self.learns_source)
        return epoch_batches(len(split.train), n * size, size, order, classes)[:n]

    def _classes_to_balance(self, labels: Tensor, learned: bool) -> Tensor | None:
        """The labels of some training pictures where each class is to be drawn as often; None = they are taken in turn.

        Args:
            labels: Class numbers, (n,).
            learned: Whether these labels are learned from: else they are nobody's to look at.
        """
        return labels if learned and self.spec.optim.sampling == "balanced" else None

    def _step(
        self,
        positions: Tensor,
        generator: torch.Generator,
        draw: np.random.Generator,
        other: Tensor | None,
        progress: float,
    ) -> Tensor:
        """One batch forward and back. Returns sums of loss, hits, pictures and each term's value.

        Args:
            positions: Of the target's batch among its training pictures.
            generator: For its augmentation.
            draw: For mixup.
            other: Positions of the source's batch; None without a source.
            progress: Share of the training that is done.
        """

        def forward() -> tuple[Tensor, Tensor | None, list[Tensor], Side | None, Side | None]:
            with self.autocast:
                target: Side | None
                inputs = None if self.learns_source else self.train_feed.rows(positions, generator)
                if inputs is None:
                    loss, target, source, teacher = self._learn_source(positions, other, generator)
                elif self.unlabelled:
                    loss, target, source, teacher = None, self._pass_unlabelled(inputs, positions), None, None
                else:
                    loss, target, source, teacher = self._learn_target(inputs, positions, other, draw)
                pictures = self._pictures_of(inputs, positions)
                step = Step(
                    target, source, self.net, self.audit.first, progress, None, teacher, loss=loss, pictures=pictures
                )
                # Altered pictures pass beside those with labels; where no labels are learned from, there are no others.
                values = self.terms.at_step(step, self.now.epoch, self.now.step, beside=not self.unlabelled)
            total = torch.stack(values if loss is None else [loss, *values]).sum() if values else loss
            assert total is not None
            return total, loss, values, target, source

        total, loss, values, target, source = self.processes.run(forward)
        self.optimizer.zero_grad(set_to_none=True)
        total.backward()
        if self.spec.optim.clip:
            torch.nn.utils.clip_grad_norm_(self._free(), self.spec.optim.clip)
        self.optimizer.step()
        labelled = source if self.adapts else target
        n, hits = len(positions), total.new_zeros((), dtype=torch.float32)
        if loss is not None:
            assert labelled is not None and labelled.labels is not None
            n, hits = len(labelled.logits), self.task.example_scores(labelled.logits, labelled.labels).sum()
        self.now.images += n
        # Left on the device: reading it here would make a GPU wait in every step.
        shown = total if loss is None else loss
        return torch.stack(
            [shown.detach().float() * n, hits, hits.new_full((), n), *(v.detach().float() * n for v in values)]
        )

    def _pass_unlabelled(self, inputs: Activations, positions: Tensor) -> Side | None:
        """The batch as it is, for terms that do not teach by themselves; None where there is none."""
        if all(term.teaches for term in self.terms.values()):
            return None
        with self.passes.layers(len(positions)) as layers:
            features, logits = self.train_feed.forward(inputs)
        return self.passes.target_side(positions, features, logits, layers)

    def _pictures_of(self, inputs: Activations | None, positions: Tensor) -> Tensor | None:
        """The target's pictures of a batch, normalised, for the terms that read them; None where there is none.

        Args:
            inputs: What entered the network of them; None where the source's labels are learned from, and views of
                them are drawn for the terms.
            positions: Among the target's training pictures.
        """
        if "pictures" not in self.terms.needs:
            return None
        if inputs is None:
            own = pretext.draws(self.spec.seed, pretext.PRETEXT, len(self.terms), self.now.epoch, self.now.step)
            inputs = self.train_feed.rows(positions, own)
        return inputs[0]

    def _learn_target(
        self, inputs: Activations, positions: Tensor, other: Tensor | None, draw: np.random.Generator
    ) -> tuple[Tensor, Side, Side | None, Side | None]:
        """The loss of the target's batch; target, source and teacher as the terms see them."""
        labels = self.labels[self.split.train[positions.numpy()]].to(self.device)
        with self.passes.layers(len(positions)) as layers:
            forward = partial(self.processes.through, self.train_feed.forward, n=len(positions))
            loss, features, logits = batch_loss(
                self.task, forward, inputs, labels, self.spec.optim, draw, self.processes.taken
            )
        target = self.passes.target_side(positions, features, logits, layers, inputs)
        source = None if other is None else self.passes.beside(other, self.now.epoch, self.now.step)
        return loss, target, source, self.passes.teach(inputs, positions)

    def _learn_source(
        self, positions: Tensor, other: Tensor | None, generator: torch.Generator
    ) -> tuple[Tensor, Side | None, Side | None, None]:
        """The loss of the source's batch, and of the target's where its labels are used too.

        Without a term that reads the target and without its labels, no picture of it is looked at: that is the
        training that knows the source alone, which adaptation has to beat.
        """
        assert other is not None
        smooth = self.spec.optim.label_smoothing
        if self.adapts and "source" not in self.terms.needs:
            source = self.passes.alone(other, generator)
            assert source.labels is not None
            return self.task.loss(source.logits, source.labels, smooth), None, source, None
        source, target = self.passes.together(other, positions, generator)
        assert source.labels is not None
        loss = self.task.loss(source.logits, source.labels, smooth)
        if target.labels is not None:
            loss = (loss + self.task.loss(target.logits, target.labels, smooth)) / 2
        return loss, target, source, None

    def _free(self) -> list[Tensor]:
        return [p for group in self.optimizer.param_groups for p in group["params"]]

    # -- looking -------------------------------------------------------------------------------

    @torch.no_grad()
    def evaluate(self, feed: BatchSource, index: np.ndarray) -> Outcome:
        """Loss and metrics over a split, in evaluation mode."""
        outcome = self.task.evaluate(self._look(feed, len(index))[1], self.labels[index])
        self._require_finite(outcome.loss, "The loss")
        return outcome

    @torch.no_grad()
    def _look(self, feed: BatchSource, n: int) -> tuple[Tensor, Tensor]:
        """Features and logits of the n pictures of a part, in evaluation mode, on the CPU."""
        if self.net.training:  # to say so to every module costs more than to look at a few hundred features
            self.net.eval()
        self.terms.modules.eval()
        generator = torch.Generator()
        chunks = []
        for positions in torch.split(torch.arange(n), EVALUATION_BATCH_PICTURES):
            self.callbacks.check()
            with self.autocast:
                share = feed.rows(positions, generator)
                features, logits = self.processes.through(feed.forward, share, len(positions))
            chunks.append((features.float().cpu(), logits.float().cpu()))
        return torch.cat([c[0] for c in chunks]), torch.cat([c[1] for c in chunks])

    def _validate(self) -> list[Row]:
        """Figures on the validation pictures: the source's, where the target's labels are not used."""
        rows: list[Row]
        if self.unlabelled:
            return self._validate_unlabelled()
        if self.adapts:
            outcome, rows = self._select()
        else:
            with self._on_target():
                outcome, rows = self.evaluate(self.val_feed, self.split.val), []
        rows += [row for scores in self._score_tasks("val").values() for row in scores[1]]
        self.now.losses.append(outcome.loss)
        rank = self.now.last = (outcome.main, -outcome.loss)
        accuracy = outcome.figures["accuracy"]
        self.now.accuracies = (self.now.accuracies[0], accuracy)
        if rank > tuple(self.now.best):
            self.now.best, self.now.best_epoch = rank, self.now.epoch
            self.now.accuracies = (accuracy, accuracy)
            if self.spec.optim.patience:
                self.best = pack(self.net, "best/") | pack(self.terms.modules, "best_terms/")
        return self._score_rows("val", outcome) + rows + self._idle_rows()

    def _idle_rows(self) -> list[Row]:
        """With the first figures, the accuracies that take no learning, so that live charts can show them."""
        if len(self.now.losses) != 1:
            return []
        shares = self.task.without_learning(self.labels[self.split.test])
        return [self._row("test", name, value) for name, value in shares.items()]

    @torch.no_grad()
    def _score_tasks(self, part: str) -> dict[tuple[str, str], tuple[float, list[Row]]]:
        """(term, task) → accuracy on a part of the pictures of which the task is learned, and its rows.

        Args:
            part: "val" or "test".
        """
        found = {}
        for name, term in self.terms.items():
            if not term.tasks:
                continue
            module, (domain, split) = self.terms.module(name), self.terms.tasks_of(term)
            assert module is not None
            index = getattr(split, part)
            with self._on_target() if domain is self.domain else nullcontext():
                where = part if domain is self.domain else f"source_{part}"
                if where not in self._task_feeds:
                    self._task_feeds[where] = self._feed(where, index, ViewSpec(), domain=domain)
                feed = self._task_feeds[where]
                if isinstance(module, Net):
                    feed = self.passes.for_net(module, feed)
                features, logits = (x.to(self.device) for x in self._look(feed, len(index)))
            for task in term.tasks:
                attribute = domain.attributes[task]
                answers = term.answer(module, task, features, logits).float().cpu()
                outcome = Classification(len(attribute.classes)).evaluate(
                    answers, torch.from_numpy(attribute.numbers[index])
                )
                self._require_finite(outcome.loss, f"The loss of {task}")
                rows = [self._row(part, f"term.{name}.{task}.{k}", outcome.figures[k]) for k in ("loss", "accuracy")]
                found[name, task] = (outcome.main, rows)
        return found

    def _weigh_tasks(self) -> list[Row]:
        """What the loss of each task counts after this epoch."""
        rows = []
        for name, task, weight in self.terms.task_weights():
            self.now.weights.setdefault(name, {}).setdefault(task, []).append(weight)
            rows.append(self._row("train", f"term.{name}.{task}.weight", weight))
        return rows

    def _validate_unlabelled(self) -> list[Row]:
        """The terms' own losses on the validation pictures; their sum tells which epoch is best."""
        with self._on_target():
            figures = self._pretext(self.val_feed, len(self.split.val))
        loss = self._pretext_loss(figures)
        self._require_finite(loss, "The loss of the terms")
        self.now.losses.append(loss)
        rank = self.now.last = (0.0, -loss)
        if rank > tuple(self.now.best):
            self.now.best, self.now.best_epoch = rank, self.now.epoch
            if self.spec.optim.patience:
                self.best = pack(self.net, "best/") | pack(self.terms.modules, "best_terms/")
        return [self._row("val", name, value) for name, value in {"loss": loss, **figures}.items()]

    def _pretext(self, feed: BatchSource, n: int) -> dict[str, float]:
        """What each term that teaches, and what it reports, comes to on the n pictures of a part."""
        with self.autocast:
            return pretext.losses(
                self.terms,
                self.terms.modules,
                self.net,
                self.audit.first,
                feed,
                n,
                self.feeds.largest,
                self.spec.seed,
                self.callbacks.check,
            )

    def _pretext_loss(self, figures: dict[str, float]) -> float:
        """The sum of the terms that teach."""
        return sum(figures[f"term.{name}"] for name, term in self.terms.items() if term.teaches)

    def _probe_first(self) -> list[Row]:
        """What labels tell of the features before anything is learned, where none are learned from."""
        if not self.unlabelled:
            return []
        self.now.probed = self._probe()
        return [self._row("probe", name, share[0]) for name, share in self.now.probed.items()]

    def _probe(self) -> dict[str, pretext.Share]:
        """What labels, used to measure alone, tell of the features as they are now."""
        with self._on_target():
            parts = [
                self._look(self._feed(part, index, ViewSpec()), len(index))[0]
                for part, index in (("target_train", self.split.train), ("test", self.split.test))
            ]
        train, test = (self.labels[index] for index in (self.split.train, self.split.test))
        return pretext.feature_probes(parts[0], train, parts[1], test, self.spec.seed)

    @contextmanager
    def _on_target(self) -> Iterator[None]:
        """Meanwhile the target is looked at: with norm "target", by the statistics of its training pictures."""
        if self.spec.net.norm != "target":
            yield
            return
        put_back = self._take_statistics()
        try:
            yield
        finally:
            put_back()

    def _take_statistics(self) -> Callable[[], None]:
        """Batch normalisation by the target's training pictures, as they are; what is returned undoes it."""
        n, draw = len(self.split.train), torch.Generator()
        feed = self._feed("target_train", self.split.train, ViewSpec())
        # Parts that are equal but for one picture: there are two pictures at least, and a batch of one has no variance.
        parts = torch.tensor_split(torch.arange(n), -(-n // EVALUATION_BATCH_PICTURES))
        with self.autocast:
            return take_statistics(self.net, (partial(feed.forward, feed.rows(part, draw)) for part in parts))

    def _select(self) -> tuple[Outcome, list[Row]]:
        """The source's validation, and what each criterion without target labels says of this epoch.

        The target's labels test every epoch here, so that it can be told what each criterion would have picked; none
        of these figures decides anything.
        """
        assert self.source is not None
        domain, split = self.source
        features, logits = self._look(self.source_val, len(split.val))
        labels = torch.from_numpy(domain.labels[split.val])
        outcome = self.task.evaluate(logits, labels)
        self._require_finite(outcome.loss, "The loss")
        with self._on_target():
            theirs = self._look(self.val_feed, len(self.split.val))
            tested = self.evaluate(self.test_feed, self.split.test).main
        found = Unlabelled(
            theirs[0].double(),
            theirs[1].double(),
            features.double(),
            logits.double(),
            labels,
            lambda: self._look(self._source_train(), len(split.train))[0].double(),
            derive_seed(self.spec.seed, SELECTION),
        )
        says = {name: criteria[name](found) for name in criteria}
        oracle = self.task.evaluate(found.target_logits.float(), self.labels[self.split.val]).main
        for name, value in {**says, ORACLE: oracle}.items():
            if np.isfinite(value) and value > self.now.picks.get(name, (-np.inf,))[0]:
                self.now.picks[name] = (value, self.now.epoch, tested)
        rows = [self._row("select", name, value) for name, value in says.items() if np.isfinite(value)]
        return outcome, [*rows, self._row("oracle", "accuracy", oracle), self._row("oracle", "test_accuracy", tested)]

    def _source_train(self) -> BatchSource:
        """The source's training pictures as they are, without augmentation."""
        assert self.source is not None
        domain, split = self.source
        return self._feed("source_train", split.train, ViewSpec(), domain=domain)

    @property
    def _remembers(self) -> bool:
        """Whether accuracy on the source is measured."""
        return self.source is not None and (self.known is not None or self.learns_source)

    def _remember(self) -> list[Row]:
        """How well the source is still known: by the classifier that came with the weights, or by the head."""
        if self.source is None or not self._remembers:
            return []
        domain, split = self.source
        features, logits = self._look(self.source_test, len(split.test))
        if self.known is not None:
            value = self.known.accuracy(features, split.test)
        else:
            labels = torch.from_numpy(domain.labels[split.test])
            value = float(self.task.example_scores(logits, labels).mean())
        if self.now.epoch == 0:
            self.now.remembered = (value, value)
        self.now.remembered = (self.now.remembered[0], value)
        return [self._row("source", "accuracy", value)]

    def _out_of_patience(self) -> bool:
        patience = self.spec.optim.patience
        return bool(patience and self.now.losses) and self.now.epoch - self.now.best_epoch >= patience

    def _require_finite(self, value: float, what: str) -> None:
        if not np.isfinite(value):
            raise Diverged(
                f"{what} must stay a number. It became {value} at step {self.now.step} of epoch {self.now.epoch} "
                f"with learning rate {self.spec.optim.lr:g}; try a tenth of it, a warm-up, or optim.clip 1. "
                f"If it was so from the first step on, the weights it began with are not numbers."
            )

    def _spend(self, phase: Phase, images: int) -> None:
        """FLOPs of training on so many pictures."""
        kept = self.feeds.cut.boundary if self.feeds.cut is not None else 0
        if self.flops is not None:
            size = self._side() if self.spec.optim.first_size else self.picture_size
            below = layer_flops(self.spec.net.backbone, size, self.net.shape[0])
            self.now.flops += images * cost.step_flops(
                self.flops if below is None else (*below, self.flops[-1]),
                phase.boundary,
                kept,
                phase.frozen_above,
                passes=cost.n_passes(self.spec.terms, self.spec.labels, self.source is not None),
                taught="teacher" in self.terms.needs,
                companion="companion" in self.terms.needs,
            )

    def _spend_once(self, kept: int, part: str, rows: int) -> None:
        """FLOPs of the features of one part, whether they were computed now or found.

        So what a training costs is a function of its spec, the cost where nothing was there before, and does
        not hang on what an earlier run left in the bank or on where this one was interrupted.
        """
        if self.flops is not None and (kept, part) not in self.now.kept:
            self.now.flops += rows * sum(self.flops[:kept])
            self.now.kept.append((kept, part))

    @property
    def _gflops(self) -> float | None:
        """Spent so far, in 10⁹; None where they cannot be counted."""
        return None if self.flops is None else self.now.flops / 1e9

    # -- rows ----------------------------------------------------------------------------------

    def _row(self, split: str, name: str, value: float, layer: int | None = None) -> Row:
        seconds = round(time.perf_counter() - self._clock, 3)
        return Row(self.now.epoch, self.now.step, seconds, split, name, float(value), layer)

    def _train_rows(self, sums: Tensor) -> list[Row]:
        loss, hits, n, *values = sums.tolist()
        self._require_finite(loss, "The loss")
        for name, value in zip(self.terms, values, strict=True):
            self._require_finite(value, f"The term {name}")
        # The norm of the last step alone: over all of them it would cost more than it tells.
        norm = torch.nn.utils.get_total_norm([p.grad for p in self._free() if p.grad is not None])
        self._require_finite(float(norm), "The gradient")
        return [
            self._row("train", "loss", loss / n),
            *([] if self.unlabelled else [self._row("train", "accuracy", hits / n)]),
            self._row("train", "gradient_norm", float(norm)),
            *(self._row("train", f"term.{name}", v / n) for name, v in zip(self.terms, values, strict=True)),
            *(self._row("train", name, value) for name, value in self.terms.reported().items()),
        ]

    def _score_rows(self, split: str, outcome: Outcome) -> list[Row]:
        return [self._row(split, name, value) for name, value in outcome.figures.items()]

    def _epoch_rows(self, phase: Phase, speed: float) -> list[Row]:
        """The audit, each layer's rate and distance, speed, memory and FLOPs."""
        moved = [name for audit in self.audits for name in audit.changed_tensors()]
        if moved:
            raise RunProblem(
                f"What is frozen must not move. {len(moved)} tensors did, the first is {moved[0]}. This is a bug in "
                f"tltk; please report it with this run's folder."
            )
        self.processes.require_equal(self.net, self.terms.modules)
        self._measure()
        rates = {layer: group["lr"] for group in self.optimizer.param_groups for layer in group["layers"]}
        rows = [
            self._row("net", "frozen_moved", 0),
            self._row("net", "boundary", phase.boundary),
            self._row("net", "lr", rates.get(self.net.depth, max(rates.values()))),
            self._row("net", "images_per_second", speed),
            self._row("net", "memory", self.now.peak_memory),
            self._row("net", "images", self.now.images),
        ]
        if self._gflops is not None:
            rows.append(self._row("net", "gflops", self._gflops))
        rows += [self._row("net", "lr", rates.get(i, 0.0), i) for i in range(self.net.depth + 1)]
        return rows + [self._row("net", "change", c, i) for i, c in enumerate(self.audit.change())]

    # -- going on later ------------------------------------------------------------------------

    def _checkpoint(self, last: bool) -> None:
        """Save after an epoch; at most a tenth of the time goes into saving when epochs are short."""
        if self.callbacks.save is None or (not last and time.perf_counter() - self._saved_at < 10 * self._save_cost):
            return
        start = time.perf_counter()
        self.now.seconds = start - self._clock
        try:
            tensors, optimizer = checkpoint.pack_optimizer(self.optimizer, self.names)
        except RunProblem as reason:
            self.callbacks.notify(f"{reason} This run writes no checkpoint: if interrupted, it starts over.")
            self.callbacks.save = None
            return
        tensors |= pack(self.net, "net/") | pack(self.terms.modules, "terms/") | self.best | self.terms.pack()
        _, energy = self._measure()
        progress = {**self.now.__dict__, "joules": energy.joules, "energy_source": energy.source}
        self.callbacks.save(tensors, {"progress": progress, "optimizer": optimizer})
        self._saved_at = time.perf_counter()
        self._save_cost = self._saved_at - start

    def _snapshot(self) -> None:
        """Keep the weights as they are, before training and every so many epochs."""
        every = self.spec.optim.snapshots
        if every and self.now.epoch % every == 0:
            net = self.net
            if type(self.adapter).merge is not Adapter.merge:  # the training goes on with what is not merged
                self.adapter.merge(net := copy.deepcopy(net))
            self.callbacks.snapshot(net, self.now.epoch)

    def _resume(self, tensors: dict[str, Tensor], state: dict[str, Any]) -> Phase:
        """Back to the end of the checkpoint's epoch. The audit keeps the initial weights, which are built again.

        The phase is entered with its first weights in place, so that the bank's key, and the proof
        that frozen layers are those of the start, do not rest on the checkpoint.
        """
        self._clock = time.perf_counter()
        progress = Progress.read(state["progress"])
        self.terms.unpack(tensors)
        phase = phase_at(self.phases, max(progress.epoch - 1, 0))
        self._enter(phase)
        unpack(self.net, tensors, "net/")
        unpack(self.terms.modules, tensors, "terms/")
        for audit in self.audits:
            audit.record(self._learned_before(phase))
        checkpoint.unpack_optimizer(self.optimizer, self.names, tensors, state["optimizer"])
        self.best = {n: t for n, t in tensors.items() if n.startswith(("best/", "best_terms/"))}
        self.now = progress
        return phase

    def _finish(self, phase: Phase) -> TrainingResult:
        if self.best:
            unpack(self.net, self.best, "best/")
            unpack(self.terms.modules, self.best, "best_terms/")
            self.net.to(self.device)
        if not hasattr(self, "optimizer"):
            self._enter(phase)
        moved = sum(len(audit.changed_tensors()) for audit in self.audits)
        learned = self._learned_in(self.phases)
        n_learned = sum(p.numel() for n, p in self.net.named_parameters() if n in learned)  # what is merged, too
        self.adapter.merge(self.net)  # before the test, so that what is tested is what is kept
        feed = self._feed("test", self.split.test, ViewSpec())
        if self.spec.net.norm == "target":
            self._take_statistics()  # the network that is kept has them
        taught = self._self_taught(feed) if self.unlabelled else None
        per_picture: float | None = None
        if taught is None:
            start = time.perf_counter()
            outcome = self.evaluate(feed, self.split.test)
            if isinstance(feed, LiveBatches):
                per_picture = (time.perf_counter() - start) / max(len(self.split.test), 1)
            self.callbacks.emit(self._score_rows("test", outcome))
            told, adaptation = self.task.result(outcome, self.labels[self.split.test]), self._adaptation(outcome.main)
        else:
            told, adaptation = self._without_classes(taught), None
        seconds, energy = self._measure()
        tasks = self._finish_tasks()
        # On the validation pictures, the weights that were tested: the best epoch's with patience, else the last's.
        which = 0 if self.spec.optim.patience else 1
        tested = (self.now.best, self.now.last)[which]
        counts = figures(self.domain, self.split)
        return TrainingResult(
            **told,
            val_accuracy=None if self.unlabelled else self.now.accuracies[0],
            val_score=None if self.unlabelled else self.now.best[0],
            tested_val_score=None if self.unlabelled else tested[0],
            val_loss=-self.now.best[1],
            tested_val_accuracy=None if self.unlabelled else self.now.accuracies[which],
            tested_val_loss=-tested[1],
            best_epoch=self.now.best_epoch,
            epochs=self.now.epoch,
            steps=self.now.step,
            images=self.now.images,
            seconds=seconds,
            gflops=self._gflops,
            n_train=len(self.split.train),
            n_val=len(self.split.val),
            depth=self.net.depth,
            layers=list(self.net.names),
            boundary=phase.boundary,
            frozen_tensors=self.audit.n_recorded,
            frozen_moved=moved,
            cached=self.feeds.is_cached,
            device=str(self.device),
            precision=self.precision,
            classes=list(self.domain.classes),
            adaptation=adaptation if self.adapts else None,
            self_taught=taught,
            source_accuracy_before=self.now.remembered[0] if self.known is not None else None,
            source_accuracy=self.now.remembered[1] if self._remembers else None,
            n_learned=n_learned,
            n_parameters=sum(p.numel() for p in self.net.parameters()),
            peak_memory=self.now.peak_memory,
            joules=energy.joules,
            energy_source=energy.source,
            watts=energy.watts,
            test_seconds=per_picture,
            test_gflops=None if self.flops is None else sum(self.flops) / 1e9,
            tasks=tasks,
            class_weights={name: found["class"] for name, found in self.now.weights.items() if "class" in found},
            fitting=self.net.fitting,
            noun=self.domain.noun,
            **{**counts, "cautions": [*counts["cautions"], *self.net.notes, *self._metric_in_words()]},
        )

    def _metric_in_words(self) -> list[str]:
        """That something else than accuracy decides; nothing where it is accuracy."""
        metric = self.spec.optim.metric
        if metric == ACCURACY:
            return []
        return [f"{WORDS[metric][0].upper()}{WORDS[metric][1:]} chooses rates and epochs, and is what studies weigh."]

    def _finish_tasks(self) -> list[TaskScore]:
        """What became of the tasks beside the class."""
        val, test = self._score_tasks("val"), self._score_tasks("test")
        self.callbacks.emit([row for _, rows in test.values() for row in rows])
        found = []
        for (name, task), (accuracy, _) in test.items():
            domain, split = self.terms.tasks_of(self.terms[name])
            attribute = domain.attributes[task]
            numbers = attribute.numbers[split.test]
            found.append(
                TaskScore(
                    name,
                    task,
                    list(attribute.classes),
                    domain.name,
                    accuracy,
                    val[name, task][0],
                    int(np.bincount(numbers).max()) / len(numbers),
                    self.now.weights.get(name, {}).get(task, []),
                )
            )
        return found

    def _self_taught(self, feed: BatchSource) -> SelfTaught:
        """The terms' losses on validation and test pictures, and what labels tell of the features before and now."""
        val = self._pretext(self._feed("val", self.split.val, ViewSpec()), len(self.split.val))
        test = self._pretext(feed, len(self.split.test))
        after = self._probe()
        self.callbacks.emit(
            [self._row("test", name, value) for name, value in {"loss": self._pretext_loss(test), **test}.items()]
            + [self._row("probe", name, share[0]) for name, share in after.items()]
        )
        before = self.now.probed
        probes = [FeatureProbe(name, *before[name], *after[name]) for name in after if name in before]
        return SelfTaught(val, test, probes)

    def _without_classes(self, taught: SelfTaught) -> dict[str, Any]:
        """Fields of the result that tell of classes, where the head is not trained: a loss, and no accuracy."""
        loss = self._pretext_loss(taught.test)
        return {"accuracy": None, "macro_f1": None, "loss": loss, "predictions": [], "labels": []}

    def _adaptation(self, last: float) -> Adaptation:
        """What was tested at the end, and what each way of picking an epoch would have given."""
        picks = [Pick(name, epoch, test) for name, (_, epoch, test) in self.now.picks.items() if name != ORACLE]
        _, epoch, test = self.now.picks.get(ORACLE, (0.0, self.now.epoch, last))
        return Adaptation(last, picks, Pick(ORACLE, epoch, test))
