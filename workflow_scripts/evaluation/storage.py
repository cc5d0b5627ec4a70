"""Where embeddings are until they are measured, and how exactly they are held and multiplied.

On a CPU: float32 arrays in files, products in float32. On a GPU: arrays in half precision, on the device as far as
there is room and else in files; products in TF32, whose inputs have the 10 bits of half precision, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from workflow_scripts.methods.base import Method
from workflow_scripts.support.errors import UserError
from workflow_scripts.training.divergence import advise, is_finite

BANK_BYTES = 2**32  # of training embeddings that are probed side by side, on a CPU
# Shares of a GPU's free memory. What is left is for an array while it is made, and for test embeddings.
KEPT_SHARE, BANK_SHARE = 0.35, 0.3
HALF = (2.0**-7, 2.0**15)  # largest numbers of arrays that half precision holds as exactly as others: not near its ends
EXACT = ("states", "logits")  # arrays that are never held in half precision: what is true, and what must not tie


@dataclass(frozen=True)
class Storage:
    """half: whether arrays are held in half precision. kept: bytes of them that stay on the device. bank: bytes of
    training embeddings that are probed side by side: more contexts than fit are probed one part after another.
    """

    half: bool = False
    kept: int = 0
    bank: int = BANK_BYTES


def choose_storage(device: torch.device, files: bool = False) -> Storage:
    """Return how embeddings are held on a device. files: all of them are wanted as files, too."""
    if device.type != "cuda":
        return Storage()
    free = count_free(device)
    return Storage(True, 0 if files else int(KEPT_SHARE * free), int(BANK_SHARE * free))


def count_free(device: torch.device) -> int:
    """Return the free bytes of a GPU that this process may have, with those that it holds and does not use."""
    free, total = torch.cuda.mem_get_info(device)
    used, reserved = torch.cuda.memory_allocated(device), torch.cuda.memory_reserved(device)
    # Alone of these functions it takes no device without an index, which is what a job has.
    allowed = int(total * torch.cuda.get_per_process_memory_fraction(torch.cuda.current_device()))
    return min(free + reserved, allowed) - used


def find_room(size: int, device: torch.device) -> torch.device:
    """Return the device if an array of so many bytes and another one fit into its memory, else the CPU."""
    fits = device.type != "cuda" or 2 * size < count_free(device)
    return device if fits else torch.device("cpu")


def shrink(array: Tensor) -> Tensor:
    """Return an array in half precision, or as it is if half precision would lose more than digits."""
    lowest, highest = map(float, array.aminmax()) if array.numel() else (0.0, 0.0)  # not abs: that is an array, too
    largest = max(-lowest, highest)
    return array.half() if HALF[0] <= largest <= HALF[1] else array


@contextmanager
def faster_products(device: torch.device) -> Iterator[None]:
    """Let a GPU multiply float32 matrices in TF32 meanwhile."""
    before = torch.get_float32_matmul_precision()
    if device.type == "cuda":
        torch.set_float32_matmul_precision("high")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def check_embeddings(
    arrays: Iterator[tuple[str, Tensor]], method: Method, split: str, run: Path
) -> Iterator[tuple[str, Tensor]]:
    """Yield arrays as they come. Raises `UserError` for one that is not finite: of it nothing could be measured."""
    for name, array in arrays:
        if not is_finite(array):
            given = not method.trains or name == "states" or "attribute." in name
            why = "so are the data; pack them again" if given else f"the training diverged; {advise(run)}"
            raise UserError(f"the array {name} of the {split} split of {run} is not finite: {why}")
        yield name, array


class Embeddings:
    """Arrays of several splits: `<split>.<name>.npy` in a folder, or on a device.

    names: of the arrays, the same in every split.
    """

    def __init__(self, folder: Path, storage: Storage | None = None) -> None:
        self.folder, self.storage = folder, storage or Storage()
        self.names: list[str] = []
        self._kept: dict[str, Tensor] = {}
        self._room = self.storage.kept

    def write(self, split: str, arrays: Iterator[tuple[str, Tensor]]) -> None:
        """Store each array of a split as it comes. Embeddings may lose digits; states and logits do not."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.names = []
        for name, array in arrays:
            if self.storage.half and name not in EXACT and array.dtype == torch.float32:
                array = shrink(array)
            key = f"{split}.{name}"
            if array.nbytes <= self._room:
                self._kept[key] = array
                self._room -= array.nbytes
            else:
                np.save(self.folder / f"{key}.npy", array.cpu().numpy(), allow_pickle=False)
            self.names.append(name)

    def read(self, split: str, name: str) -> np.ndarray:
        """Open one stored array, memory-mapped if it is a file."""
        if (kept := self._kept.get(f"{split}.{name}")) is not None:
            return kept.cpu().numpy()
        array: np.ndarray = np.load(self.folder / f"{split}.{name}.npy", mmap_mode="r", allow_pickle=False)
        return array

    def load(self, split: str, name: str, device: torch.device) -> Tensor:
        """Return one stored array on a device."""
        if (kept := self._kept.get(f"{split}.{name}")) is not None:
            return kept.to(device)
        return torch.from_numpy(np.array(self.read(split, name))).to(device)

    def measure(self, split: str, name: str) -> tuple[int, torch.dtype]:
        """Return the size [bytes] and the type of one stored array."""
        if (kept := self._kept.get(f"{split}.{name}")) is not None:
            return kept.nbytes, kept.dtype
        array = self.read(split, name)
        return array.nbytes, torch.from_numpy(array[:0].copy()).dtype
