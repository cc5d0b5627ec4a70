"""From stored latents to states, and from two states to an action: rotations as quaternions, and hues."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from workflow_scripts.data.actions import ActionSpace
from workflow_scripts.support.errors import UserError


def invert_quaternion(q: Tensor) -> Tensor:
    """Invert unit quaternions (..., 4) in (x, y, z, w) order."""
    return q * q.new_tensor([-1.0, -1.0, -1.0, 1.0])


def multiply_quaternions(p: Tensor, q: Tensor) -> Tensor:
    """Hamilton product of quaternions (..., 4) in (x, y, z, w) order: the rotation q, then p."""
    p_vector, p_real = p[..., :3], p[..., 3:]
    q_vector, q_real = q[..., :3], q[..., 3:]
    vector = p_real * q_vector + q_real * p_vector + torch.linalg.cross(p_vector, q_vector)
    return torch.cat([vector, p_real * q_real - (p_vector * q_vector).sum(-1, keepdim=True)], dim=-1)


def canonical(q: Tensor) -> Tensor:
    """Choose, of the two quaternions of a rotation, the one with w >= 0."""
    return torch.where(q[..., 3:] < 0, -q, q)


@dataclass(frozen=True)
class ViewActions:
    """Actions between views with known rotations and hues (Garrido et al. 2023, section 3).

    groups: of "rotation" and "color", those that states and actions describe, in this order.
    canonical_quaternions: bring every quaternion to w >= 0. The authors do not; small models need it.
    hue: "linear", the hue itself and its difference as in the paper, or "circular", sine and cosine,
        under which hue 0 and hue 1 are the same color.
    """

    canonical_quaternions: bool = False
    hue: str = "linear"
    groups: tuple[str, ...] = ("rotation", "color")

    def __post_init__(self) -> None:
        if self.hue not in ("linear", "circular"):
            raise UserError(f"views.hue is {self.hue!r}; choose 'linear' or 'circular'")
        if unknown := set(self.groups) - {"rotation", "color"}:
            raise UserError(f"stored views have no group {min(unknown)!r}; choose from 'rotation' and 'color'")

    def states(self, latents: np.ndarray) -> Tensor:
        """Turn latents (..., 7) into states (..., 6), or (..., 8) with circular hues; less with one group only.

        Entries: quaternion (x, y, z, w) of the extrinsic xyz Euler angles [radian], then the floor's
        and the light's hue [turns], or (sin, cos) of each.
        """
        from scipy.spatial.transform import Rotation

        flat = np.asarray(latents, dtype=np.float64).reshape(-1, latents.shape[-1])
        rotation = torch.from_numpy(Rotation.from_euler("xyz", flat[:, 0:3]).as_quat())
        hues = torch.from_numpy(flat[:, [3, 6]])
        if self.hue == "circular":
            turns = 2 * torch.pi * hues
            hues = torch.stack([turns.sin(), turns.cos()], dim=-1).flatten(1)
        if self.canonical_quaternions:
            rotation = canonical(rotation)
        parts = {"rotation": rotation, "color": hues}
        return torch.cat([parts[group] for group in self.groups], dim=1).float().reshape(*latents.shape[:-1], -1)

    def space(self) -> ActionSpace:
        """Return the groups and their entries: `rotation` has four, `color` two, or four with circular hues."""
        widths = {"rotation": 4, "color": 4 if self.hue == "circular" else 2}
        stops = np.cumsum([widths[group] for group in self.groups]).tolist()
        return ActionSpace(
            {group: slice(stop - widths[group], stop) for group, stop in zip(self.groups, stops, strict=True)},
            self.relate,
        )

    def relate(self, first: Tensor, second: Tensor) -> Tensor:
        """Return the action (..., A) from `first` to `second`: R1^-1 R2, and hue differences."""
        relate = {"rotation": self._relate_rotations, "color": self._relate_hues}
        entries = self.space().groups.items()
        return torch.cat([relate[group](first[..., own], second[..., own]) for group, own in entries], dim=-1)

    def _relate_rotations(self, first: Tensor, second: Tensor) -> Tensor:
        rotation = multiply_quaternions(invert_quaternion(first), second)
        return canonical(rotation) if self.canonical_quaternions else rotation

    def _relate_hues(self, first: Tensor, second: Tensor) -> Tensor:
        if self.hue == "linear":
            return second - first
        sine1, cosine1, sine2, cosine2 = first[..., ::2], first[..., 1::2], second[..., ::2], second[..., 1::2]
        turned = [sine2 * cosine1 - cosine2 * sine1, cosine2 * cosine1 + sine2 * sine1]
        return torch.stack(turned, dim=-1).flatten(-2)
