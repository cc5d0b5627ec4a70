"""Images for all other parts: drawn on the GPU while they are packed, and as JPEG by processes of the CPU."""

from __future__ import annotations

import math
import os
import shutil
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from workflow_scripts.benchmarks.experiments import read_config
from workflow_scripts.benchmarks.gpu.parts import Report
from workflow_scripts.benchmarks.gpu.scale import Check, find_render, list_learners, list_timed
from workflow_scripts.benchmarks.measuring import summarise
from workflow_scripts.data.packed import PackedDataset
from workflow_scripts.data.packing import pack
from workflow_scripts.data.rendering.scenes import SPLITS, list_objects, make_classes
from workflow_scripts.data.rendering.settings import ObjectsPerClass, RenderSettings, parse_settings
from workflow_scripts.data.rendering.source import draw_tree
from workflow_scripts.data.rendering.tree import draw_views
from workflow_scripts.experiment.costs import count_inputs
from workflow_scripts.training.devices import choose_device

DRAWN = "rendered"  # layout of sources that are drawn while they are packed
TRIED = 6  # objects that tell how fast images are drawn
PACKING = 0.4  # share of the seconds in which images are drawn: packing has more to do
SHARED = 0.5  # of one process's speed that is left to each of as many as there are processors
FEW_VIEWS, LEAST_VIEWS = 8, 2  # of an object, where the CPU has to draw everything; and where there is no time


def draw_for_training(check: Check, report: Report) -> None:
    """Draw the images of the learning curve while they are packed: as many as there are seconds for.

    Where the GPU fails to, processes of the CPU draw few: the speed of trainings can still be measured.
    """
    began, cores = time.perf_counter(), os.cpu_count() or 1
    _, source = find_render(read_config(check.scale.learning))
    settings = replace(parse_settings(source["render"]), jpeg_quality=None)
    folder, objects = check.packed("learning").parent, count_needed(check)

    def draw(settings: RenderSettings, device: str, folder: Path) -> None:
        rate = measure_rate(settings, device) * (1 if device == "cuda" else max(1.0, SHARED * cores))
        left = check.seconds - (time.perf_counter() - began)
        limited = limit_images(settings, rate * PACKING * left, objects)
        report_drawing(report, folder, limited, source, device, cores)

    try:
        draw(settings, choose_device(check.device, 1).type, folder)
    except Exception as error:
        report({"case": f"drawn on the device {check.device}", "error": f"{type(error).__name__}: {error}"})
        few = replace(settings, views=min(FEW_VIEWS, settings.views), supersampling=1)
        other = folder.with_name("by-cpu")
        draw(few, "cpu", other)
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(other, folder)


def count_needed(check: Check) -> int:
    """Return how many training objects the trainings need that read these images: the largest batch is of them."""
    runs = list_timed(read_config(check.scale.speed)) + list_learners(read_config(check.scale.learning))
    return max(
        math.ceil(settings["training"]["batch"] / (1 - settings["dataset"]["holdout"]["share"])) for _, settings in runs
    )


def measure_rate(settings: RenderSettings, device: str) -> float:
    """Return how many images a second one thread draws on a device."""
    templates, names = make_classes(settings), list_objects(settings, SPLITS[0])[: TRIED + 1]
    draw_views(settings, templates[names[0].label], names[0], device)
    began = time.perf_counter()
    for name in names[1:]:
        draw_views(settings, templates[name.label], name, device)
    return max(1, len(names) - 1) * settings.views / (time.perf_counter() - began)


def limit_images(settings: RenderSettings, images: float, objects: int) -> RenderSettings:
    """Return settings with at most about so many images: as large a share of each split's objects, then fewer views.

    Kept are `objects` training objects, if there are as many, two objects of a class in each split, and two views.
    """
    own, classes = settings.objects_per_class, settings.classes
    share = min(1.0, images / (classes * (own.train + own.test) * settings.views))
    least = (max(2, math.ceil(objects / classes) + 1), 2)  # and one, as what is held out of a class is rounded
    counts = [
        min(count, max(few, round(count * share))) for count, few in zip((own.train, own.test), least, strict=True)
    ]
    views = min(settings.views, max(LEAST_VIEWS, math.ceil(images / (classes * sum(counts)))))
    return replace(settings, objects_per_class=ObjectsPerClass(*counts), views=views)


def report_drawing(
    report: Report, folder: Path, settings: RenderSettings, source: dict[str, Any], device: str, workers: int
) -> None:
    """Draw and pack a source without image files into `folder`/packed, and report how fast."""
    prepare_tree(folder, settings, workers)
    began = time.perf_counter()
    pack(folder / "raw.json", folder / "packed", DRAWN, source["resolution"], workers=workers, device=device)
    seconds = time.perf_counter() - began
    images = math.prod(PackedDataset(folder / "packed").inputs.shape[:2])
    case = f"drawn while packed, {source['resolution']} px, {'GPU' if device == 'cuda' else f'{workers} processes'}"
    report(summarise("packing", case, "images", "images/s", [images / seconds]))
    report(summarise("packing", case, "in all", "images", [images]))


def prepare_tree(folder: Path, settings: RenderSettings, workers: int, device: str = "cpu") -> None:
    """Do what the step that renders does, in `folder`."""
    draw_tree(folder / "raw", folder / "raw.json", folder / "sheet.png", "gpu-check", settings, workers, device)


def draw_for_recipe(check: Check, report: Report) -> None:
    """Draw the recipe's images as JPEG by processes of the CPU, then pack them, and report how fast."""
    cores = os.cpu_count() or 1
    config = read_config(check.scale.recipe)
    name, source = find_render(config)
    settings, folder = parse_settings(source["render"]), check.packed("recipe").parent
    images, case = count_inputs(config, name), f"JPEG, {settings.resolution} px, {cores} processes"
    began = time.perf_counter()
    prepare_tree(folder, settings, cores)
    report(summarise("rendering", case, "images", "images/s", [images / (time.perf_counter() - began)]))
    began = time.perf_counter()
    pack(folder / "raw.json", folder / "packed", source["layout"], source["resolution"], workers=cores)
    report(summarise("packing", case, "images", "images/s", [images / (time.perf_counter() - began)]))
