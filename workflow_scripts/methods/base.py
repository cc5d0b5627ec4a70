"""What a method is: an encoder, a loss on pairs of views, and perhaps a context.

To add a method, add one module here whose `METHOD` is a subclass of `Method`, and name it in the
config. The module is found by the method's name, a `+` written as `_plus`.
"""

from __future__ import annotations

import dataclasses
import importlib
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from workflow_scripts.data.actions import ActionSpace
from workflow_scripts.data.views import Pairs
from workflow_scripts.experiment.identity import module_name
from workflow_scripts.support.errors import UserError
from workflow_scripts.support.seeding import derive_seed


@dataclass(frozen=True)
class Settings:
    """The settings of a method without any."""


class Method(nn.Module):
    """Base of all methods. `self.encoder` maps images to h, the features that probes read."""

    Settings: ClassVar[type] = Settings
    trains: ClassVar[bool] = True  # False: a control, evaluated at its random initialisation
    needs_group: ClassVar[bool] = False  # True: a `PredictorMethod`, trained for one group

    def __init__(self, encoder: nn.Module, space: ActionSpace, settings: Any) -> None:
        super().__init__()
        self.encoder = encoder
        self.space = space
        self.settings = settings

    def encode_pairs(self, pairs: Pairs) -> tuple[Tensor, Tensor]:
        """Return the features (N, D) of the first and of the second views, from one encoder pass."""
        features = self.encoder(pairs.inputs.flatten(0, 1))
        first, second = features.unflatten(0, (2, -1))
        return first, second

    def project(self, features: Tensor) -> Tensor | None:
        """Map features (N, D) to the embeddings (N, O) that the loss sees; None for a method without such a map."""
        return None

    def loss(self, pairs: Pairs, generator: torch.Generator) -> dict[str, Tensor]:
        """Return the parts of the loss on a batch; what is minimised is their sum.

        generator: on the CPU, new at each step, so that every device and every resumed run draws alike.
        """
        raise NotImplementedError


class ContextMethod(Method):
    """A method whose embedding of an image depends on a context of pairs."""

    uses_actions: ClassVar[bool] = True  # False: its contexts are pairs without actions

    @property
    def hides_actions(self) -> bool:
        """Whether it was trained with contexts that show no action, too: its invariant environment."""
        return False

    def cache_context(self, features: Tensor, actions: Tensor) -> Any:
        """Digest a context of c tokens: features (c, D) and actions (c, A)."""
        raise NotImplementedError

    def embed(self, features: Tensor, actions: Tensor, context: Any) -> Tensor:
        """Embed (M, D) features with (M, A) actions under a digested context, as (M, O)."""
        raise NotImplementedError


class PredictorMethod(Method):
    """A method that predicts how an action of its group moves an embedding: rho(project(h), a) is near project(h+)."""

    needs_group = True

    def project(self, features: Tensor) -> Tensor:
        """Map features (N, D) to the embeddings (N, O) that predictions are compared with."""
        raise NotImplementedError

    def __init__(self, encoder: nn.Module, space: ActionSpace, settings: Any, group: str) -> None:
        super().__init__(encoder, space, settings)
        self.entries = space.groups[group]
        self.action_dim = self.entries.stop - self.entries.start

    def predict(self, embeddings: Tensor, actions: Tensor) -> Tensor:
        """Move embeddings (N, O) by actions (N, A), of which it reads the entries of its group."""
        moved: Tensor = self.predictor(embeddings, actions[:, self.entries])  # type: ignore[operator]
        return moved


def load_method(name: str) -> type[Method]:
    """Import the class of a method by its name."""
    module = module_name(name)
    if not module.isidentifier():
        raise UserError(f"method {name!r} is not a name; use letters, digits, '_' and a final '+'")
    path = f"workflow_scripts.methods.{module}"
    try:
        method: type[Method] = importlib.import_module(path).METHOD
    except ModuleNotFoundError as error:
        if error.name != path:
            raise
        raise UserError(f"there is no method {name!r}: workflow_scripts/methods/{module}.py is missing") from None
    return method


def make_method(
    name: str, settings: dict[str, Any], encoder: nn.Module, space: ActionSpace, seed: int, group: str = ""
) -> Method:
    """Build a method with random weights drawn from `seed`; torch's global generator is left as found."""
    cls = load_method(name)
    if cls.needs_group != (group in space.groups):
        example = f"{name}@{next(iter(space.groups))}" if cls.needs_group else name
        raise UserError(f"method {name} {'needs a' if cls.needs_group else 'takes no'} group; write {example}")
    known = {field.name for field in dataclasses.fields(cls.Settings)}
    for kind, keys in (("unknown", set(settings) - known), ("missing", known - set(settings))):
        if keys:
            raise UserError(f"{kind} setting of method {name}: {', '.join(sorted(keys))}; it takes {sorted(known)}")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(seed, "method", name))
        return cls(encoder, space, cls.Settings(**settings), *([group] if group else []))
