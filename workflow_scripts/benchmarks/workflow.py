"""Everything but networks: rendering and packing images, planning a large DAG, making tables again."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from workflow_scripts.benchmarks.experiments import default_experiment, find_dataset, read_config
from workflow_scripts.benchmarks.measuring import MIB, Measurement, summarise
from workflow_scripts.benchmarks.setting import RENDER, SIDES, Setting
from workflow_scripts.data.rendering.settings import parse_settings
from workflow_scripts.data.rendering.source import draw_tree
from workflow_scripts.experiment.rooms import ROOT
from workflow_scripts.experiment.runs import list_runs

RUNS = 1000


def _time(function: Callable[[], object]) -> float:
    began = time.perf_counter()
    function()
    return time.perf_counter() - began


def _call(*words: str, folder: Path | None = None) -> None:
    """Run one of the environment's programs, in silence unless it fails."""
    binaries = Path(sys.executable).parent
    environment = {**os.environ, "PATH": f"{binaries}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    subprocess.run([str(binaries / words[0]), *words[1:]], cwd=folder, env=environment, check=True, capture_output=True)


def measure_data(setting: Setting) -> list[Measurement]:
    """Render the benchmark's images, pack them at each resolution, and return the speeds."""
    folder, workers, config = setting.folder, os.cpu_count() or 1, read_config()
    source = config["sources"][config["dataset_settings"][find_dataset(config)]["source"]]
    settings = parse_settings({**source["render"], **RENDER})
    objects = settings.classes * (settings.objects_per_class.train + settings.objects_per_class.test)
    images = objects * settings.views
    render = _time(
        lambda: draw_tree(folder / "raw", folder / "raw.json", folder / "sheet.png", "bench", settings, workers)
    )
    case = f"{settings.resolution} px, {workers} processes"
    rows = [summarise("rendering", case, "images", "images/s", [images / render])]
    read = sum(path.stat().st_size for path in (folder / "raw").rglob("*.jpg"))
    for side in SIDES:
        options = ["--manifest", str(folder / "raw.json"), "--output", str(setting.packed(side))]
        options += ["--layout", source["layout"], "--resolution", str(side), "--workers", str(workers)]
        seconds = _time(lambda options=options: _call("python", "-m", "workflow_scripts.pack", *options))  # type: ignore[misc]
        case = f"{settings.resolution} to {side} px, {workers} processes"
        rows.append(summarise("packing", case, "images, start of the job included", "images/s", [images / seconds]))
        rows.append(summarise("packing", case, "JPEG read", "MB/s", [read / seconds / 1e6]))
        rows.append(summarise("packing", case, "written", "MB/s", [images * side**2 * 3 / seconds / 1e6]))
    return rows


def measure_planning(setting: Setting) -> list[Measurement]:
    """Return the time in which Snakemake plans an experiment of a thousand runs."""
    config = read_config()
    seeds = list(range(-(-RUNS // len(list_runs(config)))))
    count = len(list_runs({**config, "seeds": seeds}))
    with tempfile.TemporaryDirectory() as scratch:
        words = ["snakemake", "--snakefile", str(ROOT / "Snakefile"), "--cores", "1", "--dry-run", "--quiet", "all"]
        words += ["--config", f"seeds={seeds}".replace(" ", "")]
        seconds = [_time(lambda: _call(*words, folder=Path(scratch))) for _ in range(setting.repeats)]
    return [summarise("planning", f"{count} runs", "time", "s", seconds)]


def measure_tables(setting: Setting) -> list[Measurement]:
    """Return the time of `make tables`, of the stored rows of the default experiment."""
    make = ["make", "--silent", "tables", f"VENV={Path(sys.executable).parents[1]}"]

    def regenerate() -> None:
        subprocess.run(make, cwd=ROOT, check=True, capture_output=True)

    return [summarise("tables", "default experiment", "time", "s", [_time(regenerate) for _ in range(setting.repeats)])]


def has_results() -> bool:
    """Whether there are rows of the default experiment to make tables of."""
    space, _, name = default_experiment().partition("/")
    return (ROOT / "results" / space / "metrics" / f"{name}.parquet").exists()


def measure_disk(setting: Setting) -> list[Measurement]:
    """Return the speed at which random pairs are gathered from packed images, from memory or disk as they lie."""
    import numpy as np

    from workflow_scripts.data.packed import PackedDataset

    inputs = PackedDataset(setting.packed(SIDES[-1])).inputs
    random = np.random.default_rng(0)

    def gather() -> None:
        objects, views = (random.integers(count, size=512) for count in inputs.shape[:2])
        inputs[objects, views].sum()

    gather()
    size = 512 * SIDES[-1] ** 2 * 3 / MIB
    speeds = [size / _time(gather) for _ in range(setting.repeats)]
    return [summarise("gathering", f"512 random images at {SIDES[-1]} px", "read", "MiB/s", speeds)]
