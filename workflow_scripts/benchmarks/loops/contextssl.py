"""ContextSSL in a training loop of the usual kind: what the pipeline would cost without any care.

Each sample decodes and resizes its JPEGs and computes its action with scipy; a DataLoader collates floats; masks are
built in Python; images are contiguous; every step waits for its loss (the manner of the authors' released code).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from scipy.spatial.transform import Rotation
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import functional as transforms

from workflow_scripts.methods.contextssl import ContextSSL
from workflow_scripts.methods.losses import info_nce


class ImagePairs(Dataset[tuple[Tensor, ...]]):
    """Two random views of an object, decoded from JPEG. objects: paths without view number and ending."""

    def __init__(self, objects: list[Path], views: int, resolution: int, mean: list[float], std: list[float]) -> None:
        self.objects, self.views, self.resolution = objects, views, resolution
        self.mean, self.std = mean, std

    def __len__(self) -> int:
        return len(self.objects)

    def _read(self, index: int, view: int) -> tuple[Tensor, np.ndarray]:
        folder = self.objects[index]
        image = Image.open(folder / f"image_{view}.jpg").convert("RGB").resize((self.resolution, self.resolution))
        latents = np.load(folder / f"latent_{view}.npy", allow_pickle=False)
        return transforms.normalize(transforms.to_tensor(image), self.mean, self.std), latents

    def __getitem__(self, index: int) -> tuple[Tensor, ...]:
        first, second = np.random.default_rng().choice(self.views, size=2, replace=False)
        (image1, latents1), (image2, latents2) = self._read(index, first), self._read(index, second)
        rotation1, rotation2 = (Rotation.from_euler("xyz", latents[:3]) for latents in (latents1, latents2))
        relative = (rotation1.inv() * rotation2).as_quat()
        hues = [latents2[3] - latents1[3], latents2[6] - latents1[6]]
        action = torch.tensor(np.concatenate([relative, hues]), dtype=torch.float32)
        state = torch.tensor(np.concatenate([rotation2.as_quat(), latents2[[3, 6]]]), dtype=torch.float32)
        return image1, image2, action, state


def build_mask(tokens: int, probability: float) -> Tensor:
    """Build one layer's context mask (T, T) bool in Python, entry by entry."""
    mask = torch.zeros(tokens, tokens, dtype=torch.bool)
    for row in range(tokens):
        for pair in range((row + 1) // 2):
            if pair != row // 2 and float(torch.rand(())) >= probability:
                mask[row, 2 * pair] = mask[row, 2 * pair + 1] = True
        mask[row, row] = True
    return mask


def take_steps(
    method: ContextSSL, raw: Path, meta: dict[str, Any], training: dict[str, Any], side: int, device: torch.device
) -> int:
    """Train for one pass over the training objects, and return the number of steps."""
    method.to(device).train()
    own = method.settings
    objects = [raw / name.strip("/") for name in np.load(raw / "train_images.npy").tolist()]
    dataset = ImagePairs(objects, meta["views"], side, meta["mean"], meta["std"])
    loader = DataLoader(dataset, training["batch"], shuffle=True, drop_last=True)
    optimizer = torch.optim.AdamW(method.parameters(), lr=training["lr"])
    losses = []
    for images1, images2, action, state in loader:
        features = method.encoder(torch.cat([images1, images2]).to(device)).unflatten(0, (2, -1)).transpose(0, 1)
        action, state = action.to(device), state.to(device)
        total = torch.zeros((), device=device)
        for group, entries in method.space.groups.items():
            shown = method.space.show(action, (group,))
            masks = torch.stack([build_mask(own.block_tokens, own.mask_probability) for _ in range(own.layers)])
            actions = torch.stack([shown, torch.zeros_like(shown)], dim=1)
            blocks = (t.flatten(0, 1).unflatten(0, (-1, own.block_tokens)) for t in (features, actions))
            outputs = method.predictor(*blocks, masks.to(device)).flatten(0, 1).unflatten(0, (-1, 2))
            predicted = method.auxiliary(torch.nn.functional.normalize(outputs, dim=-1))[..., entries]
            expected = state[:, None, entries].expand_as(predicted)
            total = total + info_nce(outputs[:, 0], outputs[:, 1], own.temperature, 1e-7)
            total = total + own.auxiliary_weight * (predicted - expected).pow(2).mean()
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        losses.append(total.item())
    return len(losses)


LOOP = take_steps
