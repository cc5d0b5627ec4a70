"""ContextSSL (Gupta et al. 2024): a representation that follows the symmetries its context shows.

A transformer reads pairs of views with the action between them and predicts embeddings under NT-Xent.
Which group of the action is shown, the *environment*, tells it what to be equivariant to. A context
mask hides most of the other pairs from each token, so that it cannot cheat by memorising them.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from workflow_scripts.data.actions import ActionSpace
from workflow_scripts.data.views import Pairs
from workflow_scripts.methods.in_context import InContextMethod, TransformerSettings
from workflow_scripts.methods.losses import info_nce
from workflow_scripts.support.errors import UserError

MINIMUM_COSINE = 1e-7  # the authors' clamp: views that already point apart are not pushed further


@dataclass(frozen=True)
class Settings(TransformerSettings):
    """Settings of ContextSSL; the paper's values stand in experiments/paper.yaml.

    environments: "sample" draws one environment a batch, as the paper does; "all" takes the mean over them. There is
        one for each group, in which its actions are shown; with invariant_environment one more, which shows none.
    auxiliary_weight, auxiliary_widths: of the predictor of the second view's state; weight 0 = off.
    action_scale: see `ContextTransformer`.
    """

    temperature: float
    environments: str
    invariant_environment: bool
    auxiliary_weight: float
    auxiliary_widths: list[int]
    action_scale: float


class ContextSSL(InContextMethod):
    """NT-Xent on the transformer's outputs, plus the auxiliary predictor."""

    Settings = Settings

    def __init__(self, encoder: nn.Module, space: ActionSpace, settings: Any) -> None:
        super().__init__(encoder, space, settings, settings.action_scale)
        if settings.environments not in ("sample", "all"):
            raise UserError(f"contextssl.environments is {settings.environments!r}; choose 'sample' or 'all'")
        output_dim = settings.output_dim or int(encoder.dim)  # type: ignore[arg-type]
        widths = [output_dim, *settings.auxiliary_widths]
        hidden = [layer for a, b in itertools.pairwise(widths) for layer in (nn.Linear(a, b), nn.ReLU())]
        self.auxiliary = nn.Sequential(*hidden, nn.Linear(widths[-1], space.dim))

    @property
    def hides_actions(self) -> bool:
        """Whether there is an invariant environment."""
        return bool(self.settings.invariant_environment)

    def loss(self, pairs: Pairs, generator: torch.Generator) -> dict[str, Tensor]:
        """Return the contrastive and the auxiliary loss, averaged over this step's environments."""
        environments: list[str | None] = [*self.space.groups, *([None] if self.settings.invariant_environment else [])]
        if self.settings.environments == "sample":
            drawn = torch.randint(len(environments), (1,), generator=generator)
            environments = [environments[int(drawn)]]
        features = torch.stack(self.encode_pairs(pairs), dim=1)  # (N, 2, D)
        losses = [self._environment_loss(group, features, pairs, generator) for group in environments]
        return {part: torch.stack([loss[part] for loss in losses]).mean() for part in losses[0]}

    def _environment_loss(
        self, group: str | None, features: Tensor, pairs: Pairs, generator: torch.Generator
    ) -> dict[str, Tensor]:
        """Return the losses with only `group`, or nothing, shown in the actions. features: (N, 2, D)."""
        s = self.settings
        action = self.space.show(pairs.action, (group,) if group else ())
        outputs = self.predict_blocks(features, action, generator)
        losses = {"contrastive": info_nce(outputs[:, 0], outputs[:, 1], s.temperature, MINIMUM_COSINE)}
        if s.auxiliary_weight:
            # Where nothing is shown there is nothing to predict: a zero, so that all environments have the same parts.
            entries = self.space.groups[group] if group else slice(0, self.space.dim)
            weight = s.auxiliary_weight if group else 0.0
            predicted = self.auxiliary(F.normalize(outputs.float(), dim=-1))[..., entries].float()
            target = pairs.state[:, None, entries].expand_as(predicted)
            losses["auxiliary"] = weight * F.mse_loss(predicted, target)
        return losses


METHOD = ContextSSL
