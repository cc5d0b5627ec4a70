"""What a method is: an encoder, a loss on a batch of views, and perhaps a context.

To add a method, add one module here whose `METHOD` is a subclass of `Method`, and name it in a config.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from workflow_scripts.data.actions import ActionSpace
from workflow_scripts.data.batch import INDEPENDENT, PAIR, Batch, Sharing
from workflow_scripts.models.encoders.base import Encoder
from workflow_scripts.support.errors import UserError
from workflow_scripts.support.plugins import load_plugin
from workflow_scripts.support.seeding import derive_seed
from workflow_scripts.support.settings import NoSettings


@dataclass(frozen=True)
class Task:
    """What a data set asks of a method: the groups of its states and actions, and how many classes there are."""

    space: ActionSpace
    classes: int


@dataclass(frozen=True)
class Loss:
    """Scalars by name. minimised: the parts whose sum is minimised. watched: only written to the history."""

    minimised: dict[str, Tensor]
    watched: dict[str, Tensor] = field(default_factory=dict)


class Method(nn.Module):
    """Base of all methods. `self.encoder` maps images to h, the features that probes read.

    task: of the data set. settings: an instance of `Settings`. group: the one it is trained for, of a method that needs
    one. Everything that a step depends on and that gradients do not change, such as a momentum encoder or a queue, is a
    buffer or a parameter without gradient: so it is in every checkpoint.
    """

    Settings: ClassVar[type] = NoSettings
    trains: ClassVar[bool] = True  # False: a control, evaluated at its random initialisation
    needs_group: ClassVar[bool] = False  # True: a `PredictorMethod`, trained for one group
    views: ClassVar[int] = len(PAIR)  # of an object in a step; planning reads it, see `sharing`
    # Names of the `embeddings` that it can have; "<group>" stands for one of the data's. Planning reads them.
    readouts: ClassVar[tuple[str, ...]] = ()

    def __init__(self, encoder: Encoder, task: Task, settings: Any, group: str = "") -> None:
        super().__init__()
        self.encoder = encoder
        self.task, self.space, self.settings, self.group = task, task.space, settings, group

    def sharing(self) -> Sharing:
        """Return, for each of the `views` of a batch, the groups whose parameters it copies from the first view."""
        return (INDEPENDENT,) * self.views

    @property
    def multiple(self) -> int:
        """Of which the objects of a batch are a multiple; what is left of an epoch is cut to one."""
        return 1

    def encode(self, batch: Batch) -> Tensor:
        """Return the features (K, N, D) of all views, from one encoder pass."""
        features: Tensor = self.encoder(batch.views.flatten(0, 1)).unflatten(0, batch.views.shape[:2])
        return features

    def loss(self, batch: Batch, generator: torch.Generator) -> Loss:
        """Return the loss on a batch.

        generator: on the CPU, new at each step, so that every device and every resumed run draws alike.
        """
        raise NotImplementedError

    def after_step(self) -> None:
        """Do what follows a step of the optimiser: move a momentum encoder, fill a queue."""

    def embeddings(self, features: Tensor) -> dict[str, Tensor]:
        """Return the named readouts (N, O) of features (N, D) that are evaluated beside them, such as a projector's."""
        return {}

    def logits(self, features: Tensor) -> Tensor | None:
        """Return the class logits (N, classes) of features (N, D), of a method with an online probe."""
        return None


class ContextMethod(Method):
    """A method whose embedding of an image depends on a context of pairs."""

    uses_actions: ClassVar[bool] = True  # False: its contexts are pairs without actions

    @property
    def hides_actions(self) -> bool:
        """Whether it was trained with contexts that show no action, too: its invariant environment."""
        return False

    def predict_states(self, embeddings: Tensor) -> Tensor | None:
        """Return states (N, A) that the method itself reads from embeddings (N, O); None of one that reads none."""
        return None

    def cache_context(self, features: Tensor, actions: Tensor) -> Any:
        """Digest a context of c tokens: features (c, D) and actions (c, A)."""
        raise NotImplementedError

    def embed(self, features: Tensor, actions: Tensor, context: Any) -> Tensor:
        """Embed (M, D) features with (M, A) actions under a digested context, as (M, O)."""
        raise NotImplementedError


class PredictorMethod(Method):
    """A method that predicts how an action of its group moves an embedding: rho(project(h), a) is near project(h+)."""

    needs_group = True
    readouts = ("g",)
    predictor: nn.Module

    def __init__(self, encoder: Encoder, task: Task, settings: Any, group: str = "") -> None:
        super().__init__(encoder, task, settings, group)
        self.entries = task.space.groups[group]
        self.action_dim = self.entries.stop - self.entries.start

    def project(self, features: Tensor) -> Tensor:
        """Map features (N, D) to the embeddings (N, O) that predictions are compared with."""
        raise NotImplementedError

    def predict(self, embeddings: Tensor, actions: Tensor) -> Tensor:
        """Move embeddings (N, O) by actions (N, A), of which it reads the entries of its group."""
        moved: Tensor = self.predictor(embeddings, actions[:, self.entries])
        return moved

    def embeddings(self, features: Tensor) -> dict[str, Tensor]:
        """Return the projection g."""
        return {"g": self.project(features)}


def make_method(
    name: str, settings: dict[str, Any], encoder: Encoder, task: Task, seed: int, group: str = ""
) -> Method:
    """Build a method with random weights drawn from `seed`; torch's global generator is left as found."""
    cls: type[Method] = load_plugin("methods", name, "METHOD")
    groups = task.space.groups
    if cls.needs_group != (group in groups):
        example = f"{name}@{next(iter(groups), 'group')}" if cls.needs_group else name
        raise UserError(f"method {name} {'needs a' if cls.needs_group else 'takes no'} group; write {example}")
    known = set(cls.Settings.__dataclass_fields__)  # type: ignore[attr-defined]
    if unknown := set(settings) - known:
        raise UserError(f"unknown setting of method {name}: {', '.join(sorted(unknown))}; it takes {sorted(known)}")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(seed, "method", name))
        return cls(encoder, task, cls.Settings(**settings), group)
