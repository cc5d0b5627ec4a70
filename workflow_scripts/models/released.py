"""Checkpoints from outside: reading them without running code they may hold, and comparing them with a model."""

from __future__ import annotations

import re
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import Tensor

from workflow_scripts.support.errors import UserError

EXPORT = "save it again with torch.save(model.state_dict(), FILE)"


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a `state_dict` by name, without running any code that the file may hold.

    The `state_dict` may stand under "state_dict" or "model", its names behind the "module." of DataParallel. Raises
    `UserError` for a file that cannot be read, is damaged, holds code, or holds no `state_dict`.
    """
    found = _load(path)
    for key in ("state_dict", "model"):
        if isinstance(found, dict) and isinstance(found.get(key), dict):
            found = found[key]
    if not isinstance(found, dict) or not found:
        raise UserError(f"{path} holds no state_dict, a map from names to tensors; {EXPORT}")
    for name, value in found.items():
        if not isinstance(name, str) or not isinstance(value, Tensor) or value.layout != torch.strided or value.is_meta:
            raise UserError(f"{path} holds no state_dict: its entry {name!r} is no dense tensor with a name; {EXPORT}")
    prefix = "module." if all(name.startswith("module.") for name in found) else ""
    return {name.removeprefix(prefix): value for name, value in found.items()}


def _load(path: Path) -> Any:
    """Return what torch.save wrote to a file."""
    try:
        path.open("rb").close()
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}; give the path of a checkpoint") from None
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                if archive.testzip():  # torch compares no checksums: a flipped bit would become a weight
                    raise zipfile.BadZipFile
        with warnings.catch_warnings(action="ignore"):
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds for a file that is not whole
        code = re.search(r"GLOBAL (\S+)", str(error)) if isinstance(error, UnpicklingError) else None
        what = f"holds code ({code[1]}), which is not run" if code else "is damaged, or not a file of torch.save"
        raise UserError(f"{path} {what}; {'' if code else 'get it again, or '}{EXPORT}") from None


def compare_tensors(
    tensors: dict[str, Tensor],
    expected: dict[str, Tensor],
    may_lack: Callable[[str], bool],
    is_unused: Callable[[str], bool],
) -> list[str]:
    """Say in what the tensors of a checkpoint differ from a model's: names, shapes, kinds, values.

    expected: the model's, of which shape and dtype are read. may_lack, is_unused: names that may be missing, or left
    over.
    """
    missing = [name for name in expected if name not in tensors and not may_lack(name)]
    unexpected = [name for name in tensors if name not in expected and not is_unused(name)]
    differences = [
        f"{what}: {', '.join(names)}" for what, names in (("missing", missing), ("unexpected", unexpected)) if names
    ]
    for name, wanted in expected.items():
        if (value := tensors.get(name)) is None:
            continue
        if value.shape != wanted.shape:
            differences.append(f"{name} has the shape {tuple(value.shape)}, not {tuple(wanted.shape)}")
        elif value.is_floating_point() != wanted.is_floating_point():
            differences.append(f"{name} holds {value.dtype}, not {wanted.dtype}")
        elif not value.to(wanted.dtype).isfinite().all():
            differences.append(f"{name} holds values that are not finite")
    return differences
