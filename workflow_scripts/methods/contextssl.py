"""ContextSSL (Gupta et al. 2024): a representation that follows the symmetries its context shows.

A transformer reads pairs of views with the action between them and predicts embeddings under NT-Xent.
Which group of the action is shown, the *environment*, tells it what to be equivariant to. A context
mask hides most of the other pairs from each token, so that it cannot cheat by memorising them.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from workflow_scripts.data.batch import Batch
from workflow_scripts.methods.base import Loss, Task
from workflow_scripts.methods.in_context import MINIMUM_COSINE, InContextMethod, TransformerSettings
from workflow_scripts.methods.losses import info_nce
from workflow_scripts.models.encoders.base import Encoder
from workflow_scripts.support.settings import Positive, Weight, Widths


@dataclass(frozen=True)
class Settings(TransformerSettings):
    """Settings of ContextSSL; defaults are its run on 3DIEBench.

    environments: "sample" draws one environment a batch, as the paper does; "all" takes the mean over them. There is
        one for each group, in which its actions are shown; with invariant_environment one more, which shows none.
    auxiliary_weight, auxiliary_widths: of the predictor of the second view's state; weight 0 = off.
    action_scale: see `ContextTransformer`.
    """

    temperature: Positive = 0.1
    environments: Literal["sample", "all"] = "sample"
    invariant_environment: bool = False
    auxiliary_weight: Weight = 5.0
    auxiliary_widths: Widths = field(default_factory=lambda: [1024, 1024])
    action_scale: Positive = 1.0


class ContextSSL(InContextMethod):
    """NT-Xent on the transformer's outputs, plus the auxiliary predictor."""

    Settings = Settings

    def __init__(self, encoder: Encoder, task: Task, settings: Any, group: str = "") -> None:
        super().__init__(encoder, task, settings, group, settings.action_scale)
        output_dim = settings.output_dim or encoder.dim
        widths = [output_dim, *settings.auxiliary_widths]
        hidden = [layer for a, b in itertools.pairwise(widths) for layer in (nn.Linear(a, b), nn.ReLU())]
        self.auxiliary = nn.Sequential(*hidden, nn.Linear(widths[-1], task.space.dim))

    @property
    def hides_actions(self) -> bool:
        """Whether there is an invariant environment."""
        return bool(self.settings.invariant_environment)

    def predict_states(self, embeddings: Tensor) -> Tensor | None:
        """Return what the auxiliary predictor reads from embeddings (..., O), at length 1: states (..., A)."""
        return self._read_states(embeddings) if self.settings.auxiliary_weight else None

    def _read_states(self, embeddings: Tensor) -> Tensor:
        states: Tensor = self.auxiliary(F.normalize(embeddings.float(), dim=-1)).float()
        return states

    def loss(self, batch: Batch, generator: torch.Generator) -> Loss:
        """Return the contrastive and the auxiliary loss, averaged over this step's environments.

        Watched: "auxiliary <group>", the mean squared error of each group that was shown, without its weight.
        """
        environments: list[str | None] = [*self.space.groups, *([None] if self.settings.invariant_environment else [])]
        if self.settings.environments == "sample":
            drawn = torch.randint(len(environments), (1,), generator=generator)
            environments = [environments[int(drawn)]]
        features = self.encode(batch).transpose(0, 1)  # (N, 2, D)
        losses = [self._environment_loss(group, features, batch, generator) for group in environments]
        parts = {part: torch.stack([loss.minimised[part] for loss in losses]).mean() for part in losses[0].minimised}
        return Loss(parts, {name: value for loss in losses for name, value in loss.watched.items()})

    def show_environment(self, actions: Tensor, group: str | None, generator: torch.Generator) -> Tensor:
        """Return actions (N, A) as the environment of a group shows them, None = the invariant one."""
        return self.space.show(actions, (group,) if group else ())

    def _environment_loss(self, group: str | None, features: Tensor, batch: Batch, generator: torch.Generator) -> Loss:
        """Return the losses with only `group`, or nothing, shown in the actions. features: (N, 2, D)."""
        s = self.settings
        action = self.show_environment(batch.action(), group, generator)
        outputs = self.predict_blocks(features, action, generator)
        losses = {"contrastive": info_nce(outputs[:, 0], outputs[:, 1], s.temperature, MINIMUM_COSINE)}
        watched = {}
        if s.auxiliary_weight:
            # Where nothing is shown there is nothing to predict: a zero, so that all environments have the same parts.
            entries = self.space.groups[group] if group else slice(0, self.space.dim)
            weight = s.auxiliary_weight if group else 0.0
            predicted = self._read_states(outputs)[..., entries]
            target = batch.states[1][:, None, entries].expand_as(predicted)
            error = F.mse_loss(predicted, target)
            losses["auxiliary"] = weight * error
            watched = {f"auxiliary {group}": error.detach()} if group else {}
        return Loss(losses, watched)


METHOD = ContextSSL
