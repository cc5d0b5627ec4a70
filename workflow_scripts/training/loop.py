"""The one training loop, for every method.

Step t is a function of the weights, the optimiser's state, the seed and t alone, so a run that was
killed and resumed ends with the weights of an unbroken one, bit for bit on one CPU with one number of threads.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from tqdm import tqdm

from workflow_scripts.data.views.base import Views
from workflow_scripts.methods.base import Loss, Method
from workflow_scripts.support.errors import PreemptedError, UserError
from workflow_scripts.support.progress import make_bar
from workflow_scripts.support.seeding import derive_seed, torch_generator
from workflow_scripts.training.batches import BatchOrder, iterate_batches
from workflow_scripts.training.compilation import EncoderCompiler
from workflow_scripts.training.devices import mixed_precision
from workflow_scripts.training.divergence import advise, check_finite, check_usable
from workflow_scripts.training.optimisation import learning_rate, make_optimizer
from workflow_scripts.training.preemption import Preemption
from workflow_scripts.training.settings import EngineSettings
from workflow_scripts.training.state import TrainingState

THREADS = 3  # that prepare batches for a GPU: one took 12.8 ms for 1024 images of 128 px, half of a step on an H200


@dataclass(frozen=True)
class Engine:
    """How a run is executed: `device` and `compile` decide the last digits of each step. See `EngineSettings`."""

    device: torch.device
    log_every: int = EngineSettings.log_every
    checkpoint_seconds: float = EngineSettings.checkpoint_seconds
    compile: str = "auto"


class Meter:
    """Running means of what a loss gives, kept on the device between two lines of the history."""

    def __init__(self, state: TrainingState, bar: tqdm[Any]) -> None:
        self.state, self.bar = state, bar
        self._minimised: list[str] = []
        self._clear()

    def _clear(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._counts: Counter[str] = Counter()
        self._steps, self._images, self._since = 0, 0, time.perf_counter()

    def add(self, loss: Loss, images: int) -> None:
        """Add one step's values, without waiting for the device. images: views that it read."""
        for name, value in {**loss.watched, **loss.minimised}.items():
            self._sums[name] = self._sums.get(name, 0) + value.detach().float()
            self._counts[name] += 1
        self._minimised = list(loss.minimised)
        self._steps += 1
        self._images += images

    def write(self, step: int, rate: float) -> None:
        """Write the means since the last line, each over the steps that gave it; a non-finite loss stops the run."""
        means = {name: float(total) / self._counts[name] for name, total in self._sums.items()}
        bad = [name for name in self._minimised if not math.isfinite(means[name])]
        if bad:
            raise UserError(
                f"the {bad[0]} loss became {means[bad[0]]} between steps {step - self._steps} and {step}: the training "
                f"diverged; {advise(self.state.run)}"
            )
        elapsed = time.perf_counter() - self._since
        speed = self._images / elapsed
        loss = sum(means[name] for name in self._minimised)
        pace = {"images_per_second": round(speed, 1), "seconds": round(elapsed, 3)}
        self.state.log({"step": step, "loss": loss, **means, "lr": rate, **pace})
        self.bar.set_postfix(loss=f"{loss:.3f}", images_per_s=f"{speed:.0f}", refresh=False)
        self._clear()


def train(
    method: Method, views: Views, settings: dict[str, Any], seed: int, state: TrainingState, engine: Engine
) -> None:
    """Train `method` in place for `settings["steps"]` steps, from the last checkpoint in `state` if there is one.

    Raises `UserError` when the loss is no longer finite, `PreemptedError` after a signal to stop and a checkpoint.
    """
    with Preemption() as preemption:
        _train(method, views, settings, seed, state, engine, preemption)


def _train(
    method: Method,
    views: Views,
    settings: dict[str, Any],
    seed: int,
    state: TrainingState,
    engine: Engine,
    preemption: Preemption,
) -> None:
    device, steps = engine.device, settings["steps"]
    method.to(device, memory_format=torch.channels_last).train()  # type: ignore[call-overload]
    optimizer = make_optimizer(method, settings, device)
    start = _resume(method, optimizer, state, device)
    sharing, size = method.sharing(), settings["batch"]
    order = BatchOrder(len(views), size, seed, settings["last_batch"] == "keep", method.multiple)
    threads = THREADS if device.type == "cuda" else 0
    compiler = EncoderCompiler(method.encoder, engine.compile, device.type, steps - start, size)
    bar = make_bar(state.name, steps, "step", start, smoothing=0.05)
    meter = Meter(state, bar)
    saved = time.monotonic()
    with closing(iterate_batches(views, sharing, order, seed, range(start, steps), threads)) as batches:
        for step, batch in enumerate(batches, start):
            rate = learning_rate(step, settings)
            for group in optimizer.param_groups:
                group["lr"] = rate
            torch.manual_seed(derive_seed(seed, "network", step))  # of layers that draw, such as dropout
            with mixed_precision(device), compiler.used_for(batch):
                loss = method.loss(batch, torch_generator(seed, "loss", step))
            optimizer.zero_grad(set_to_none=True)
            torch.stack([part.float() for part in loss.minimised.values()]).sum().backward()
            if settings["clip_norm"]:
                nn.utils.clip_grad_norm_(method.parameters(), settings["clip_norm"])
            optimizer.step()
            with torch.no_grad():
                method.after_step()
            meter.add(loss, batch.views.shape[:2].numel())
            bar.update()
            done = step + 1
            stop = preemption.requested  # read once: a signal from here on ends the next step, which is saved
            due = time.monotonic() - saved >= engine.checkpoint_seconds or bool(stop)
            if done % engine.log_every == 0 or done == steps or due:
                meter.write(done, rate)  # also the check that the loss is finite, so before any checkpoint
            if done == steps:
                check_usable(method, batch, state.run)
            if due or done == steps:
                check_finite(method.state_dict(), state.run, f"the weights of {state.run}")
                state.save(done, method.state_dict(), optimizer.state_dict())
                saved = time.monotonic()
            if stop and done < steps:
                bar.close()
                raise PreemptedError(
                    f"stopped after step {done} of {steps} on {stop}; the same command goes on from there"
                )
    bar.close()


def _resume(method: Method, optimizer: torch.optim.Optimizer, state: TrainingState, device: torch.device) -> int:
    """Load the last checkpoint, if any, and return the step to go on from."""
    checkpoint = state.load(device)
    start = 0
    if checkpoint is not None:
        try:
            method.load_state_dict(checkpoint["model"])
            optimizer.load_state_dict(checkpoint["optimizer"])
            _check_shapes(optimizer)
        except Exception as error:  # torch raises many kinds for a state that is not one of this model
            state.refuse(f"does not fit the method as it is now ({' '.join(str(error).split())})")
        start = checkpoint["step"]
    state.truncate_history(start)
    return start


def _check_shapes(optimizer: torch.optim.Optimizer) -> None:
    """Raise `ValueError` where the state of a parameter has another shape than it. Scalars count steps."""
    for parameter, own in optimizer.state.items():
        for name, value in own.items():
            if isinstance(value, Tensor) and value.ndim and value.shape != parameter.shape:
                raise ValueError(f"the optimiser's {name} has the shape {tuple(value.shape)}")
