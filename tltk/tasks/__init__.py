"""What is to be learned: target, loss, metrics and a score per example. Classification is the only task so far."""

from __future__ import annotations

from tltk.tasks.classification import Classification
from tltk.tasks.losses import ClassLoss
from tltk.tasks.task import Outcome, Task

__all__ = ["ClassLoss", "Classification", "Outcome", "Task"]
