"""BatchNorm of a batch in parts, as if each part were on a GPU of its own (He et al. 2020, section 3.3).

Statistics of whole batches tell which images are in one batch, from which a contrastive task can be solved without
looking at what they show. Those of parts, with the images of the other view in another order, do not.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

FEWEST = 2  # images in a part: of one image of one pixel there is no variance


class SplitBatchNorm2d(nn.BatchNorm2d):
    """In training, each of `splits` parts of a batch (B, C, H, W) has mean and variance of its own.

    A part is a run of consecutive images. The running statistics, with which evaluation normalises, follow the mean
    over the parts of their means and of their variances, as in the small demo of the authors of He et al. 2020. A batch
    that cannot be split so, into parts of equal size and two images or more, is split into as many as it can, down to
    one, see `count_parts`.
    """

    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor
    momentum: float

    def __init__(self, channels: int, splits: int) -> None:
        super().__init__(channels)
        self.splits = splits

    def forward(self, inputs: Tensor) -> Tensor:
        """Normalise (B, C, H, W)."""
        if not self.training:
            return super().forward(inputs)
        parts = count_parts(len(inputs), self.splits)
        # The parts of the batch become channels of their own, normalised by one call; a call for each part is faster on
        # a CPU, but starts eight times as many operations on a GPU. Channels are innermost, as training has them.
        apart = inputs.unflatten(0, (parts, -1)).permute(1, 3, 4, 0, 2)  # (B / parts, H, W, parts, C)
        mean, variance = self.running_mean.repeat(parts), self.running_var.repeat(parts)
        weight, bias = self.weight.repeat(parts), self.bias.repeat(parts)
        wide = apart.flatten(3).movedim(3, 1)
        normal = F.batch_norm(wide, mean, variance, weight, bias, True, self.momentum, self.eps)
        with torch.no_grad():
            self.running_mean.copy_(mean.unflatten(0, (parts, -1)).mean(0))
            self.running_var.copy_(variance.unflatten(0, (parts, -1)).mean(0))
            self.num_batches_tracked += 1
        together = normal.movedim(1, 3).unflatten(3, (parts, -1)).permute(3, 0, 1, 2, 4)
        return together.flatten(0, 1).movedim(3, 1)


def count_parts(images: int, splits: int) -> int:
    """Return into how many parts a batch is split: as many of equal size as there can be, at most `splits`."""
    most = max(1, min(splits, images // FEWEST))
    return next(parts for parts in range(most, 0, -1) if images % parts == 0)


def split_norms(network: nn.Module, splits: int) -> None:
    """Put split ones in the place of all BatchNorm2d of a network, which is new: their statistics start anew."""
    for name, child in network.named_children():
        if isinstance(child, nn.BatchNorm2d):
            setattr(network, name, SplitBatchNorm2d(child.num_features, splits))
        else:
            split_norms(child, splits)
