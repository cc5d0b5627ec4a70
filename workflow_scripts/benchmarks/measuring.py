"""Timing things fairly: in turn, several times, with their spread, each part in a process of its own.

A machine is noisy: what is compared runs in turn, and a ratio is taken within each turn.
"""

from __future__ import annotations

import multiprocessing
import resource
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from typing import Any, NamedTuple

import numpy as np

MIB = 2**20


class Measurement(NamedTuple):
    """One measured quantity: the median of `n` repeats, the least and the most."""

    benchmark: str
    case: str
    quantity: str
    unit: str
    value: float
    low: float
    high: float
    n: int


def time_in_turn(functions: Mapping[str, Callable[[], Any]], repeats: int) -> dict[str, np.ndarray]:
    """Return the seconds (repeats,) that each function took; each ran once before, untimed."""
    for function in functions.values():
        function()
    seconds: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(repeats):
        for name, function in functions.items():
            began = time.perf_counter()
            function()
            seconds[name].append(time.perf_counter() - began)
    return {name: np.array(values) for name, values in seconds.items()}


def summarise(benchmark: str, case: str, quantity: str, unit: str, values: Iterable[float]) -> Measurement:
    """Return the measurement of repeated values."""
    found = np.array(list(values), dtype=float)
    return Measurement(benchmark, case, quantity, unit, float(np.median(found)), found.min(), found.max(), len(found))


def run_alone(function: Callable[..., list[Measurement]], *arguments: Any) -> list[Measurement]:
    """Return what a function measures in a new process, and that process's peak memory, children included."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn) as pool:
        return pool.submit(_with_memory, function, arguments).result()


def _with_memory(function: Callable[..., list[Measurement]], arguments: tuple[Any, ...]) -> list[Measurement]:
    rows = function(*arguments)
    usage = [resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    peak = max(usage) / 1024  # KiB on Linux
    return [*rows, Measurement(*rows[0][:2], "peak memory", "MiB", peak, peak, peak, 1)]


def fit_exponent(sizes: Iterable[float], costs: Iterable[float]) -> float:
    """Return p of the power law cost = c * size^p that fits best on logarithmic scales."""
    return float(np.polyfit(np.log(list(sizes)), np.log(list(costs)), 1)[0])
