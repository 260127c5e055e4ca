"""Fits the weights for a given number of minutes, in one or two processes of one thread each.

The clock, not a step count, drives the learning rate, because the machine is shared. Everything
needed to go on after a kill is in the checkpoint: weights, optimiser state, step and minutes spent.
"""

import os
import time
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
import torch.distributed
from torch import Tensor
from torch.multiprocessing.spawn import spawn
from torch.nn import functional

from spark.batches import Batch, Batches, stage_at
from spark.dataset import load_packed
from spark.model import Spark
from spark.optimiser import Optimisers
from spark.progress import report
from spark.recipe import Recipe

__all__ = ["Job", "load_weights", "train", "training_facts"]

_REPORT_S = 20.0
# The C library returns large blocks to the system after every use; keeping them made a step of
# 8,192 tokens 1.4 times as fast. It must be set before a process starts, hence always a child.
_KEEP_MEMORY = {
    "MALLOC_MMAP_THRESHOLD_": "2000000000",
    "MALLOC_TRIM_THRESHOLD_": "8000000000",
    "MALLOC_TOP_PAD_": "500000000",
}


class Job(msgspec.Struct, frozen=True):
    """What a training process needs to know."""

    recipe: Recipe
    packed: Path
    checkpoint: Path
    processes: int


class _State:
    """What changes while training runs; all of it is in the checkpoint."""

    def __init__(self, job: Job) -> None:
        torch.manual_seed(job.recipe.train.seed)
        self.model = Spark(job.recipe.model)
        self.optimisers = Optimisers(self.model, job.recipe.train)
        self.step = 0
        self.tokens = 0
        self.minutes = 0.0
        if job.checkpoint.exists():
            self._restore(torch.load(job.checkpoint, weights_only=True))
        self._begun = time.monotonic() - self.minutes * 60

    def _restore(self, saved: dict[str, Any]) -> None:
        self.model.load_state_dict(saved["weights"])
        self.optimisers.restore(saved["optimisers"])
        self.step, self.tokens, self.minutes = saved["step"], saved["tokens"], saved["minutes"]

    def save(self, job: Job) -> None:
        """Write the checkpoint and move it into place."""
        partial = job.checkpoint.with_suffix(".partial")
        saved = {
            "weights": self.model.state_dict(),
            "optimisers": self.optimisers.state(),
            "step": self.step,
            "tokens": self.tokens,
            "minutes": self.minutes,
            "processes": job.processes,
        }
        torch.save(saved, partial)
        partial.replace(job.checkpoint)

    def advance(self, tokens: int, processes: int) -> None:
        """Count one step; the slowest clock rules, so that all processes decide alike."""
        self.step += 1
        self.tokens += tokens
        minutes = (time.monotonic() - self._begun) / 60
        if processes > 1:
            shared = torch.tensor([minutes], dtype=torch.float64)
            torch.distributed.all_reduce(shared, op=torch.distributed.ReduceOp.MAX)
            minutes = float(shared)
        self.minutes = minutes


def loss_of(model: Spark, batch: Batch, *, step: int) -> tuple[Tensor, float]:
    """The training loss, and the plain loss on answers for the dashboard.

    The output matrix is a quarter of the work, so light tokens are not weighted down but thinned
    out: a token of weight 0.1 counts fully in one step of ten, which has the same expectation.
    """
    weights = torch.from_numpy(batch.weights).flatten()
    lottery = torch.rand(weights.shape, generator=torch.Generator().manual_seed(step))
    chosen = lottery < weights
    features = model.features(torch.from_numpy(batch.inputs)).flatten(0, 1)[chosen]
    targets = torch.from_numpy(batch.targets).flatten()[chosen]
    losses = functional.cross_entropy(model.logits(features).float(), targets, reduction="none")
    is_answer = weights[chosen] == 1.0
    shown = float(losses.detach()[is_answer].mean()) if is_answer.any() else float("nan")
    return losses.mean(), shown


def _average_gradients(model: Spark, processes: int) -> None:
    if processes == 1:
        return
    gradients = [item.grad for item in model.parameters() if item.grad is not None]
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    torch.distributed.all_reduce(flat)
    flat /= processes
    position = 0
    for gradient in gradients:
        gradient.copy_(flat[position : position + gradient.numel()].view_as(gradient))
        position += gradient.numel()


class _Dashboard:
    """One line every few seconds: loss, speed, what is left."""

    def __init__(self, minutes_total: float) -> None:
        self._minutes_total = minutes_total
        self._losses: list[float] = []
        self._tokens_before: int | None = None
        self._since = time.monotonic()

    def note(self, state: _State, *, loss: float) -> None:
        """Remember the loss, and write a line when it is time."""
        self._losses.append(loss)
        if self._tokens_before is None:
            self._tokens_before = state.tokens
        spent = time.monotonic() - self._since
        if spent < _REPORT_S:
            return
        speed = (state.tokens - self._tokens_before) / spent
        left = max(self._minutes_total - state.minutes, 0.0)
        answer = float(np.nanmean(self._losses))
        report(f"step {state.step} answer loss {answer:.3f} {speed:,.0f} tok/s {left:.1f} min left")
        self._losses, self._tokens_before = [], state.tokens
        self._since = time.monotonic()


def _learn(job: Job, state: _State, batch: Batch) -> float:
    """One step on one batch; the answer loss comes back for the dashboard."""
    recipe = job.recipe.train
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss, shown = loss_of(state.model, batch, step=state.step)
    loss.backward()  # type: ignore[no-untyped-call]
    _average_gradients(state.model, job.processes)
    torch.nn.utils.clip_grad_norm_(state.model.parameters(), recipe.gradient_norm_max)
    state.optimisers.step(state.minutes / recipe.minutes)
    return shown


def _loop(rank: int, job: Job, state: _State) -> None:
    recipe = job.recipe.train
    batches = Batches(load_packed(job.packed), recipe)
    dashboard = _Dashboard(recipe.minutes)
    saved = state.minutes
    while state.minutes < recipe.minutes:
        stage = stage_at(recipe, state.minutes / recipe.minutes)
        batch = batches.draw(state.step, rank=rank, stage=stage)
        loss = _learn(job, state, batch)
        state.advance(int(batch.weights.size) * job.processes, job.processes)
        if rank > 0:
            continue
        dashboard.note(state, loss=loss)
        is_over = state.minutes >= recipe.minutes
        if is_over or state.minutes - saved > recipe.checkpoint_minutes:
            state.save(job)
            saved = state.minutes


def _work(rank: int, job: Job) -> None:
    """One process of the run."""
    torch.set_num_threads(1)
    if job.processes > 1:
        meeting = f"file://{job.checkpoint.with_suffix('.meeting').resolve()}"
        torch.distributed.init_process_group(
            "gloo", init_method=meeting, rank=rank, world_size=job.processes
        )
    _loop(rank, job, _State(job))


def train(job: Job) -> None:
    """Run to the end of the budget, going on from the checkpoint if there is one."""
    report(f"training for {job.recipe.train.minutes} minutes in {job.processes} process(es)")
    os.environ.update(_KEEP_MEMORY)
    job.checkpoint.parent.mkdir(parents=True, exist_ok=True)
    job.checkpoint.with_suffix(".meeting").unlink(missing_ok=True)
    spawn(_work, args=(job,), nprocs=job.processes)  # type: ignore[no-untyped-call]


def load_weights(checkpoint: Path) -> dict[str, Tensor]:
    """The weights of a checkpoint, in full precision."""
    state = torch.load(checkpoint, weights_only=True)
    return {name: weight.float() for name, weight in state["weights"].items()}


def training_facts(checkpoint: Path) -> dict[str, float]:
    """What the card says about the run."""
    state = torch.load(checkpoint, weights_only=True)
    facts = {name: state[name] for name in ("minutes", "tokens", "processes")}
    parameters = sum(weight.numel() for weight in state["weights"].values())
    return {**facts, "steps": state["step"], "parameters": parameters}
