"""An encoder's forward and backward pass, compiled: fewer and larger kernels, the same result but for rounding."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cached_property

import torch
from torch import Tensor
from torch._functorch import config as functorch

from workflow_scripts.data.batch import Batch
from workflow_scripts.models.encoders.base import Encoder

BACKEND = "inductor"  # of torch.compile, its default
EAGER = "force_non_lazy_backward_lowering"  # a setting of torch: the backward pass is compiled with the forward one
# What compiling costs and brings, measured once: ResNet-18, 1024 images of 128 px, bfloat16, one H200, torch 2.11.
COMPILE_SECONDS = 34.0
SAVED_SECONDS = 0.0347 - 0.0248  # a step
MEASURED_NUMBERS = 1024 * 3 * 128**2  # that the encoder reads in such a step


def pays_to_compile(device: str, steps: int, numbers: int) -> bool:
    """Tell whether compiling an encoder takes less time than it saves.

    device: its type. steps: still to be taken. numbers: that the encoder reads in a step, views x objects x (3 x
    pixels, or columns); what a step saves is taken as in proportion to them. On a CPU it never pays: a resumed run has
    to end with the bits of an unbroken one there.
    """
    return device == "cuda" and steps * SAVED_SECONDS * numbers / MEASURED_NUMBERS > COMPILE_SECONDS


def compile_backward_too() -> AbstractContextManager[object]:
    """Within it, what compiles a forward pass compiles its backward pass as well, instead of when that first runs.

    Whatever cannot be compiled fails in the forward pass then, before anything has changed. Nothing where torch lacks
    the setting.
    """
    context: AbstractContextManager[object] = (
        functorch.patch(EAGER, True) if hasattr(functorch, EAGER) else nullcontext()
    )
    return context


class EncoderCompiler:
    """Has an encoder run compiled in the steps for which this pays; where it cannot be compiled, as it is.

    choice: "on", "off", or "auto" for `pays_to_compile`. steps: still to be taken. size: objects in a whole batch.
    Names in the encoder's `state_dict` stay, and between two steps the encoder is as it was.
    """

    def __init__(self, encoder: Encoder, choice: str, device: str, steps: int, size: int) -> None:
        self.encoder, self.choice, self.device, self.steps, self.size = encoder, choice, device, steps, size
        self.failed = False
        self._plain = encoder.forward

    def wants(self, batch: Batch) -> bool:
        """Tell whether a batch is for the compiled encoder. A smaller last one is not: it would be compiled apart."""
        if self.failed or self.choice == "off" or len(batch.labels) != self.size:
            return False
        return self.choice == "on" or pays_to_compile(self.device, self.steps, batch.views.numel())

    @contextmanager
    def used_for(self, batch: Batch) -> Iterator[None]:
        """Within it, the forward passes of the encoder are compiled, if the batch is for that."""
        if not self.wants(batch):
            yield
            return
        self.encoder.forward = self._run  # type: ignore[method-assign]
        try:
            yield
        finally:
            del self.encoder.forward

    @cached_property
    def _compiled(self) -> Callable[[Tensor], Tensor]:
        # All of it or nothing: a failure half-way would leave BatchNorm's statistics moved.
        return torch.compile(self._plain, backend=BACKEND, dynamic=False, fullgraph=True)

    def _run(self, inputs: Tensor) -> Tensor:
        """Map inputs (B, ...) to features (B, D)."""
        if not self.failed:
            try:
                with compile_backward_too():
                    return self._compiled(inputs)
            except torch.OutOfMemoryError:
                raise  # the step needs more than there is, compiled or not
            except Exception as error:  # of many kinds: no compiler, an operation it does not know, a full disk
                self.failed = True
                reason = " ".join(str(error).split("\n")[:2]).strip() or type(error).__name__
                print(f"warning: the encoder is trained uncompiled; compiling it failed: {reason}", file=sys.stderr)
        return self._plain(inputs)
