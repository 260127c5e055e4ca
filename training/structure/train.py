"""Fits the weights for a given number of minutes, on CPU in processes of one thread each.

The clock, not a step count, drives the learning rate, because the machine is shared. Everything
needed to go on after a kill is in the checkpoint: weights, optimiser state, step and minutes spent.
"""

import json
import math
import os
import time
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
import torch.distributed
from torch import Tensor
from torch.multiprocessing.spawn import spawn
from torch.nn import functional

from structure.batches import Batch, Batches, lottery, phase_at
from structure.dataset import load_rows
from structure.deepseek2 import Deepseek2
from structure.network import Network, build
from structure.optimiser import Optimisers, rate_factor
from structure.progress import report
from structure.qat import as_stored
from structure.recipe import Recipe
from structure.recipe_deepseek2 import Deepseek2Recipe
from structure.rows import Part

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
    rows: dict[str, Path]  # by phase
    checkpoint: Path
    processes: int
    device: str = "cpu"
    sitting_minutes: float = math.inf  # stop after so many, to be continued

    @property
    def history(self) -> Path:
        """The course of the run, one JSON object a line."""
        return self.checkpoint.with_name("history.jsonl")


class _State:
    """What changes while training runs; all of it is in the checkpoint."""

    def __init__(self, job: Job, rank: int) -> None:
        torch.manual_seed(job.recipe.train.seed)
        self.model = build(job.recipe.model).to(job.device)
        self.optimisers = Optimisers(
            self.model, job.recipe.train, rank=rank, processes=job.processes
        )
        self.step = 0
        self.tokens = 0
        self.minutes = 0.0
        self.taken: dict[str, int] = dict.fromkeys(job.rows, 0)
        if job.checkpoint.exists():
            saved = torch.load(job.checkpoint, weights_only=True, map_location=job.device)
            self._restore(saved)
        self._begun = time.monotonic() - self.minutes * 60

    def _restore(self, saved: dict[str, Any]) -> None:
        self.model.load_state_dict(saved["weights"])
        self.optimisers.restore(saved["optimisers"])
        self.step, self.tokens, self.minutes = saved["step"], saved["tokens"], saved["minutes"]
        self.taken |= saved["taken"]

    def save(self, job: Job, rank: int) -> None:
        """Write the checkpoint and move it into place; every process must come here."""
        saved = {
            "weights": self.model.state_dict(),
            "optimisers": self.optimisers.state(),
            "step": self.step,
            "tokens": self.tokens,
            "minutes": self.minutes,
            "taken": self.taken,
            "processes": job.processes,
        }
        if rank == 0:
            partial = job.checkpoint.with_suffix(".partial")
            torch.save(saved, partial)
            partial.replace(job.checkpoint)

    def advance(self, phase: str, tokens: int, processes: int) -> None:
        """Count one step; the slowest clock rules, so that all processes decide alike."""
        self.step += 1
        self.tokens += tokens
        self.taken[phase] += 1
        minutes = (time.monotonic() - self._begun) / 60
        if processes > 1:
            shared = torch.tensor([minutes], dtype=torch.float64)
            torch.distributed.all_reduce(shared, op=torch.distributed.ReduceOp.MAX)
            minutes = float(shared)
        self.minutes = minutes


class _Learner:
    """One process: its model, its batches, and a step."""

    def __init__(self, job: Job, rank: int) -> None:
        self._job, self._rank = job, rank
        self._recipe = job.recipe.train
        self.state = _State(job, rank)
        self._batches = Batches(lambda phase: load_rows(job.rows[phase]), self._recipe)
        self._shares = {
            Part.PROMPT: self._recipe.prompt_weight,
            Part.DOCUMENT: self._recipe.document_weight,
            Part.ANSWER: 1.0,
            Part.CHOICE: 1.0,
        }
        features = self.state.model.features
        self._features = (
            torch.compile(features, dynamic=False) if self._recipe.compile else features
        )

    def _loss(self, batch: Batch) -> tuple[Tensor, float]:
        """The training loss, and the plain loss on answers for the dashboard.

        The output matrix is a quarter of the work, so light tokens are not weighted down but
        thinned out: of tokens with weight 0.1 one in ten counts, which has the same expectation.
        """
        seed = (self._recipe.seed, self.state.step, self._rank)
        chosen = lottery(batch.parts, self._shares, seed=seed)
        device = self._job.device
        features = self._features(
            torch.from_numpy(batch.inputs).to(device),
            torch.from_numpy(batch.positions).to(device),
            torch.from_numpy(batch.mask).to(device),
        )
        rows = features.flatten(0, 1)[torch.from_numpy(chosen).flatten().to(device)]
        targets = torch.from_numpy(batch.targets[chosen]).to(device)
        logits = self.state.model.logits(rows).float()
        losses = functional.cross_entropy(logits, targets, reduction="none")
        parts = batch.parts[chosen]
        is_answer = torch.from_numpy(parts >= Part.ANSWER).to(device)
        shown = float(losses.detach()[is_answer].mean()) if is_answer.any() else float("nan")
        heavy = np.where(parts == Part.CHOICE, self._recipe.choice_weight, 1.0)
        weights = torch.from_numpy(heavy.astype(np.float32)).to(device)
        return (losses * weights).sum() / weights.sum(), shown

    def step(self) -> "_Report":
        """Learn from one batch."""
        state, recipe = self.state, self._recipe
        progress = state.minutes / recipe.minutes
        phase = phase_at(self._job.recipe.data.phases, progress).name
        processes = self._job.processes
        batch = self._batches.draw(phase, state.taken[phase], rank=self._rank, processes=processes)
        with self._rounding(progress):
            with torch.autocast(self._job.device, dtype=torch.bfloat16):
                loss, shown = self._loss(batch)
            loss.backward()  # type: ignore[no-untyped-call]
        _average_gradients(state.model, processes)
        torch.nn.utils.clip_grad_norm_(state.model.parameters(), recipe.gradient_norm_max)
        rate = state.optimisers.step(progress)
        state.model.zero_grad(set_to_none=True)
        self._balance(progress)
        state.advance(phase, batch.inputs.size * processes, processes)
        return _Report(phase, shown, rate)

    def _rounding(self, progress: float) -> AbstractContextManager[None]:
        """The last part of a four-bit model's training sees the weights as the file rounds them."""
        shape, model = self._job.recipe.model, self.state.model
        if isinstance(shape, Deepseek2Recipe) and progress >= 1 - shape.rounding_share:
            return as_stored(model, shape)
        return nullcontext()

    def _balance(self, progress: float) -> None:
        """Even out the load of the experts, where there are any."""
        shape, model = self._job.recipe.model, self.state.model
        if not (isinstance(model, Deepseek2) and isinstance(shape, Deepseek2Recipe)):
            return
        loads = model.take_loads()
        if self._job.processes > 1:
            torch.distributed.all_reduce(loads)
        model.balance(loads, rate=shape.balance_rate * rate_factor(self._recipe, progress))


class _Report(msgspec.Struct, frozen=True):
    """What one step tells the dashboard."""

    phase: str
    answer_loss: float
    rate: float


def _average_gradients(model: Network, processes: int) -> None:
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
    """One line every few seconds: loss, speed, what is left; the same goes to the history."""

    def __init__(self, job: Job, state: _State) -> None:
        self._job, self._state = job, state
        self._losses: list[float] = []
        self._tokens_before = state.tokens
        self._since = time.monotonic()

    def note(self, step: _Report) -> None:
        """Remember the loss, and write a line when it is time."""
        self._losses.append(step.answer_loss)
        spent = time.monotonic() - self._since
        if spent < _REPORT_S:
            return
        state = self._state
        speed = (state.tokens - self._tokens_before) / spent
        left = max(self._job.recipe.train.minutes - state.minutes, 0.0)
        loss = float(np.nanmean(self._losses))
        report(
            f"{step.phase} step {state.step} answer loss {loss:.3f} rate {step.rate:.2f} "
            f"{speed:,.0f} tok/s {left:.1f} min left"
        )
        self._keep(step, loss=loss, speed=speed)
        self._losses, self._tokens_before = [], state.tokens
        self._since = time.monotonic()

    def _keep(self, step: _Report, *, loss: float, speed: float) -> None:
        line = {
            "minutes": round(self._state.minutes, 2),
            "step": self._state.step,
            "tokens": self._state.tokens,
            "answer_loss": round(loss, 4),
            "tokens_per_s": round(speed),
            "rate": round(step.rate, 4),
            "stage": step.phase,
        }
        with self._job.history.open("a", encoding="utf-8") as history:
            history.write(json.dumps(line) + "\n")


def _loop(rank: int, job: Job) -> None:
    learner = _Learner(job, rank)
    state, recipe = learner.state, job.recipe.train
    dashboard = _Dashboard(job, state)
    saved = state.minutes
    end = min(recipe.minutes, state.minutes + job.sitting_minutes)
    while state.minutes < end:
        done = learner.step()
        if rank == 0:
            dashboard.note(done)
        is_over = state.minutes >= end
        if is_over or state.minutes - saved > recipe.checkpoint_minutes:
            state.save(job, rank)
            saved = state.minutes


def _work(rank: int, job: Job) -> None:
    """One process of the run."""
    torch.set_num_threads(1)
    if job.processes > 1:
        meeting = f"file://{job.checkpoint.with_suffix('.meeting').resolve()}"
        torch.distributed.init_process_group(
            "gloo", init_method=meeting, rank=rank, world_size=job.processes
        )
    _loop(rank, job)


def train(job: Job) -> None:
    """Run to the end of the budget, going on from the checkpoint if there is one."""
    report(f"training for {job.recipe.train.minutes} minutes in {job.processes} process(es)")
    os.environ.update(_KEEP_MEMORY)
    job.checkpoint.parent.mkdir(parents=True, exist_ok=True)
    job.checkpoint.with_suffix(".meeting").unlink(missing_ok=True)
    spawn(_work, args=(job,), nprocs=job.processes)  # type: ignore[no-untyped-call]


def load_weights(checkpoint: Path) -> dict[str, Tensor]:
    """The weights of a checkpoint, in full precision."""
    state = torch.load(checkpoint, weights_only=True, map_location="cpu")
    return {name: weight.float() for name, weight in state["weights"].items()}


def training_facts(checkpoint: Path) -> dict[str, float]:
    """What the card says about the run."""
    state = torch.load(checkpoint, weights_only=True, map_location="cpu")
    facts = {name: state[name] for name in ("minutes", "tokens", "processes")}
    parameters = sum(weight.numel() for weight in state["weights"].values())
    return {**facts, "steps": state["step"], "parameters": parameters}
