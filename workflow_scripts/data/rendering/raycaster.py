"""A ray-caster for composites of ellipsoids and boxes on a colored floor, batched over views.

The scene is 3DIEBench's (Garrido et al. 2023) with closed-form solids for meshes: the object
at the origin, turned by the latents; a floor plane below it in HSV(hue, .6, .6); a weak white sun and
ambient light; a spot light HSV(hue, 1, .8) at distance 4, aimed at the object; a camera at distance
2.5 and elevation 45 degrees. World axes: x to the right of the image, z up, the camera at -y.
Surfaces are Lambert's: radiance = albedo * (ambient + sun + spot), where the cosines are positive.

Every tensor is made where the views' latents are, on a CPU or a GPU. Devices, and kinds of them, round differently: a
pixel may differ by a level between them, and one at an edge by more. On one and the same device, the same bytes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from workflow_scripts.data.rendering.scenes import OBJECT_RADIUS, Composite

CAMERA_DISTANCE = 2.5
CAMERA_ELEVATION = math.radians(45)
# Tangent of half the angle of view: the enclosing sphere of an object fills 96 % of the image's width.
FRAME = 1.04 * math.tan(math.asin(OBJECT_RADIUS / CAMERA_DISTANCE))
SPOT_DISTANCE = 4.0
SHADOW_MARGIN = 2e-3  # share of the way from the light in which a surface does not shade itself
# In a batch: what fits a CPU's cache; on a GPU, where launching an operation takes longer than a small one, as a rule
# all views of an object (2 GiB with eight parts). Rays in other batches may differ in the last bit.
CPU_RAYS, GPU_RAYS = 2**15, 2**21


@dataclass(frozen=True)
class Lighting:
    """Strengths of the lights, relative; the sun's direction points from the object to the sun."""

    ambient: float = 0.4
    sun: float = 0.25
    sun_direction: tuple[float, float, float] = (-0.5, -0.5, 0.7071)
    spot: float = 0.65
    shadow: bool = True


@dataclass(frozen=True)
class PosedComposite:
    """A composite in V poses: maps from the world to frames where a part is the unit ball or the cube [-1, 1]^3.

    local = matrices @ world - offsets; matrices (V, K, 3, 3), offsets (K, 3); greys (K,). The first
    `balls` of the K parts are ellipsoids, the others boxes.
    """

    matrices: Tensor
    offsets: Tensor
    greys: Tensor
    balls: int


def rotation_matrices(angles: Tensor) -> Tensor:
    """Turn extrinsic xyz Euler angles (..., 3) [radian] into matrices (..., 3, 3): first x, last z."""
    (sx, sy, sz), (cx, cy, cz) = angles.sin().unbind(-1), angles.cos().unbind(-1)
    rows = [
        [cy * cz, sx * sy * cz - cx * sz, cx * sy * cz + sx * sz],
        [cy * sz, sx * sy * sz + cx * cz, cx * sy * sz - sx * cz],
        [-sy, sx * cy, cx * cy],
    ]
    return torch.stack([torch.stack(row, dim=-1) for row in rows], dim=-2)


def hsv_to_rgb(hue: Tensor, saturation: float, value: float) -> Tensor:
    """Turn hues (...) [turns] into RGB (..., 3) in [0, 1]."""
    position = (torch.tensor([5.0, 3.0, 1.0], dtype=hue.dtype, device=hue.device) + 6 * hue[..., None]) % 6
    return value - value * saturation * torch.minimum(position, 4 - position).clamp(0, 1)


def dot(first: Tensor, second: Tensor) -> Tensor:
    """Return scalar products (..., P) of vectors (..., 3, P); several times as fast as a sum over that dimension."""
    (x, y, z), (u, v, w) = first.unbind(-2), second.unbind(-2)
    return (x * u).addcmul_(y, v).addcmul_(z, w)


def intersect_balls(origins: Tensor, directions: Tensor) -> Tensor:
    """Return where rays enter the unit ball: origins (..., 3), directions (..., 3, P) to distances (..., P).

    Distances are in units of the direction's length, infinite where a ray misses. Origins lie outside.
    """
    a, b = dot(directions, directions), dot(directions, origins[..., None])
    c = dot(origins[..., None], origins[..., None]) - 1
    root = (b * b).sub_(a * c).sqrt_()  # NaN where a ray misses
    entry = root.add_(b).div_(a).neg_()
    return torch.where(entry > 0, entry, math.inf)


def intersect_cubes(origins: Tensor, directions: Tensor) -> Tensor:
    """Return where rays enter the cube [-1, 1]^3; shapes as for `intersect_balls`."""
    inverse = (directions + 1e-12).reciprocal_()  # no zeros, whose infinities would cancel to NaN
    middle, width = inverse * -origins[..., None], inverse.abs()
    (ex, ey, ez), (lx, ly, lz) = (middle - width).unbind(-2), (middle + width).unbind(-2)
    entry = torch.maximum(torch.maximum(ex, ey), ez)
    leave = torch.minimum(torch.minimum(lx, ly), lz)
    return torch.where((entry > 0) & (entry <= leave), entry, math.inf)


def intersect(posed: PosedComposite, origins: Tensor, directions: Tensor) -> Tensor:
    """Return where rays from an origin per view (V, 3), directions (V, 3, P), enter each part: (V, K, P)."""
    local_origins = (posed.matrices @ origins[:, None, :, None])[..., 0] - posed.offsets
    # One product for all parts of a view: the rows of their matrices lie below each other.
    local = (posed.matrices.flatten(1, 2) @ directions).unflatten(1, (-1, 3))
    solved = []
    if posed.balls > 0:
        solved.append(intersect_balls(local_origins[:, : posed.balls], local[:, : posed.balls]))
    if posed.balls < len(posed.greys):
        solved.append(intersect_cubes(local_origins[:, posed.balls :], local[:, posed.balls :]))
    return torch.cat(solved, dim=1)


def pose(composite: Composite, rotations: Tensor) -> PosedComposite:
    """Turn a composite about the origin by rotations (V, 3, 3)."""
    order = np.argsort(composite.boxes, kind="stable")
    axes, half_sizes, centres, greys = (
        torch.from_numpy(array[order]).float()
        for array in (composite.axes, composite.half_sizes, composite.centres, composite.greys)
    )
    unposed = axes.mT / half_sizes[:, :, None]  # (K, 3, 3)
    offsets = (unposed @ centres[:, :, None])[..., 0]
    unposed, offsets, greys = (tensor.to(rotations.device) for tensor in (unposed, offsets, greys))
    return PosedComposite(unposed @ rotations.mT[:, None], offsets, greys, int((~composite.boxes).sum()))


def find_normals(posed: PosedComposite, views: Tensor, parts: Tensor, points: Tensor) -> Tensor:
    """Return outward unit normals (n, 3) at points (n, 3) on the surface of parts (n,) in views (n,)."""
    matrices = posed.matrices[views, parts]
    local = (matrices * points[:, None]).sum(-1) - posed.offsets[parts]
    size = local.abs()
    face = torch.where(size == size.amax(-1, keepdim=True), local.sign(), 0)
    normals = torch.where((parts >= posed.balls)[:, None], face, local)
    return torch.nn.functional.normalize((normals[..., None] * matrices).sum(1), dim=-1)


@lru_cache(maxsize=8)
def make_camera(side: int, device: torch.device | str = "cpu") -> tuple[Tensor, Tensor]:
    """Return the camera's place (3,) and the directions (3, side * side) of its rays, row by row. Not to be changed."""
    sine, cosine = math.sin(CAMERA_ELEVATION), math.cos(CAMERA_ELEVATION)
    place = CAMERA_DISTANCE * torch.tensor([0.0, -cosine, sine])
    right, up = torch.tensor([1.0, 0.0, 0.0]), torch.tensor([0.0, sine, cosine])
    steps = ((torch.arange(side) + 0.5) / side * 2 - 1) * FRAME
    across, down = steps.repeat(side), steps.repeat_interleave(side)
    directions = -place[:, None] / CAMERA_DISTANCE + right[:, None] * across - up[:, None] * down
    return place.to(device), directions.to(device)


def place_spot(theta: Tensor, phi: Tensor) -> Tensor:
    """Return the places (..., 3) of the spot light; theta is its angle from the zenith, phi its azimuth."""
    flat = theta.sin()
    return SPOT_DISTANCE * torch.stack([flat * phi.cos(), flat * phi.sin(), theta.cos()], dim=-1)


def shade(composite: Composite, latents: Tensor, side: int, lighting: Lighting) -> Tensor:
    """Return the radiance (V, 3, side * side) of one ray per pixel for views with latents (V, 7)."""
    posed = pose(composite, rotation_matrices(latents[:, 0:3]))
    place, directions = make_camera(side, latents.device)
    distances = intersect(posed, place.expand(len(latents), 3), directions.expand(len(latents), -1, -1))
    nearest, parts = distances.min(dim=1)
    floor = (-OBJECT_RADIUS - place[2]) / directions[2]
    points = place[:, None] + torch.minimum(nearest, floor)[:, None] * directions
    normals = latents.new_tensor([0.0, 0.0, 1.0])[:, None].repeat(len(latents), 1, side**2)
    albedo = hsv_to_rgb(latents[:, 3], 0.6, 0.6)[:, :, None].repeat(1, 1, side**2)
    views, rays = (nearest < floor).nonzero(as_tuple=True)
    hit = parts[views, rays]
    normals.mT[views, rays] = find_normals(posed, views, hit, points.mT[views, rays])
    albedo.mT[views, rays] = posed.greys[hit][:, None]

    light = light_up(posed, latents, points, normals, lighting)
    return albedo.mul_(light)


def light_up(posed: PosedComposite, latents: Tensor, points: Tensor, normals: Tensor, lighting: Lighting) -> Tensor:
    """Return the light (V, 3, P) that reaches points (V, 3, P) with normals (V, 3, P)."""
    spots = place_spot(latents[:, 4], latents[:, 5])
    beams = points - spots[:, :, None]
    cosines = dot(normals, beams).div_(dot(beams, beams).sqrt_()).neg_()
    spot = cosines.clamp_(min=0).mul_(lighting.spot)
    if lighting.shadow:
        spot.masked_fill_(intersect(posed, spots, beams).amin(1) < 1 - SHADOW_MARGIN, 0)
    sun = latents.new_tensor(lighting.sun_direction)
    white = (sun @ normals).clamp_(min=0).mul_(lighting.sun).add_(lighting.ambient)
    colors = hsv_to_rgb(latents[:, 6], 1.0, 0.8)[:, :, None]
    return white[:, None] + colors * spot[:, None]


def render(
    composite: Composite,
    latents: np.ndarray,
    resolution: int,
    supersampling: int = 2,
    lighting: Lighting | None = None,
    device: str = "cpu",
) -> np.ndarray:
    """Draw views of a composite: latents (V, 7) to images (V, resolution, resolution, 3) uint8.

    A pixel is the mean of `supersampling` squared rays. Views are worked on in batches that depend on
    the image size and the kind of device alone, so the same call gives the same bytes.
    """
    side = resolution * supersampling
    batch = max(1, (CPU_RAYS if device == "cpu" else GPU_RAYS) // side**2)
    images = []
    for chunk in torch.from_numpy(np.asarray(latents)).float().to(device).split(batch):
        radiance = shade(composite, chunk, side, lighting or Lighting())
        cells = radiance.reshape(len(chunk), 3, resolution, supersampling, resolution, supersampling)
        pixels = (cells.mean(dim=(3, 5)).clamp(0, 1) * 255).round().to(torch.uint8)
        images.append(pixels.permute(0, 2, 3, 1).contiguous().cpu())
    return torch.cat(images).numpy()
