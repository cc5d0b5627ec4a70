"""Evaluation: images encoded once against once an epoch, probes side by side against one by one, context lengths."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from workflow_scripts.benchmarks.experiments import read_config
from workflow_scripts.benchmarks.measuring import Measurement, summarise, time_in_turn
from workflow_scripts.benchmarks.setting import SIDES, Setting, prepare
from workflow_scripts.benchmarks.training import place, wait
from workflow_scripts.data.views import open_views
from workflow_scripts.evaluation.contexts import draw_contexts
from workflow_scripts.evaluation.embeddings import embed_split
from workflow_scripts.evaluation.fitting import fit_probe
from workflow_scripts.evaluation.settings import Contexts, ProbeSettings
from workflow_scripts.methods.base import ContextMethod

EPOCHS = 200  # of a probe that encodes its images in every epoch, as is usual
LENGTHS = (14, 126, 1022)  # tokens of a context
PROBES, PROBE_INPUTS, PROBE_OUTPUTS = 10, 32, 4
PROBE = ProbeSettings(hidden=[256, 256], steps=100, lr=1e-3, batch=256)


@torch.inference_mode()
def measure_embedding(setting: Setting, name: str) -> list[Measurement]:
    """Return how many times cheaper it is to encode a split once than in every epoch of every probe.

    name: of a run whose method has a context.
    """
    method, train, settings = prepare(setting, name, SIDES[0])
    device, evaluation = setting.open_device(), read_config()["evaluation"]
    place(method, setting.open_device()).eval()
    assert isinstance(method, ContextMethod)
    views = open_views(setting.packed(SIDES[0]), settings["dataset"], "test", device)
    contexts = draw_contexts(method, train, Contexts(**evaluation["contexts"]), evaluation["seed"])
    features, actions = contexts[max(contexts, key=lambda name: len(contexts[name][0]))]

    def epoch() -> None:
        context = method.cache_context(features, actions)
        for inputs, _ in views.fixed(size=64):
            h = method.encoder(inputs.flatten(0, 1))
            method.embed(h, torch.zeros(len(h), method.space.dim, device=device), context)
        wait(device)

    seconds = time_in_turn(
        {"ours": lambda: list(embed_split(method, views, contexts, device)), "epoch": epoch}, setting.repeats
    )
    images = len(views) * views.views
    ratio = EPOCHS * len(contexts) * seconds["epoch"] / seconds["ours"]
    case = f"{images} images, {len(contexts)} contexts"
    return [
        summarise("embedding", case, "time", "s", seconds["ours"]),
        summarise(
            "embedding", case, f"gain over encoding in each of {EPOCHS} epochs (extrapolated from one)", "x", ratio
        ),
    ]


def measure_probes(setting: Setting) -> list[Measurement]:
    """Return how many times faster probes train side by side than one by one."""
    device = setting.open_device()
    inputs = torch.randn(PROBES, PROBE.batch, PROBE_INPUTS, device=device)
    target = torch.randn(PROBE.batch, PROBE_OUTPUTS, device=device)

    def fit(values: Tensor) -> None:
        fit_probe(iter([(values, target)] * PROBE.steps), PROBE_OUTPUTS, PROBE, 0, "benchmark")
        wait(device)

    def one_by_one() -> None:
        for model in range(PROBES):
            fit(inputs[model : model + 1])

    seconds = time_in_turn({"ours": lambda: fit(inputs), "one by one": one_by_one}, setting.repeats)
    case = f"{PROBES} probes, {len(PROBE.hidden)} hidden layers"
    return [
        summarise("probes", case, "time a step", "ms", 1000 * seconds["ours"] / PROBE.steps),
        summarise("probes", case, "speed-up over one by one", "x", seconds["one by one"] / seconds["ours"]),
    ]


@torch.inference_mode()
def measure_contexts(setting: Setting, name: str) -> list[Measurement]:
    """Return the time to embed 4,096 images under contexts of several lengths, by a method that has one."""
    method, _, _ = prepare(setting, name, SIDES[0])
    place(method, setting.open_device()).eval()
    assert isinstance(method, ContextMethod)
    device, width = setting.open_device(), method.encoder.dim
    random = torch.Generator().manual_seed(0)

    def draw(count: int) -> tuple[Tensor, Tensor]:
        shapes = ((count, width), (count, method.space.dim))
        features, actions = (torch.randn(*shape, generator=random).to(device) for shape in shapes)
        return features, actions

    queries = draw(4096)

    def embed(context: tuple[Tensor, Tensor]) -> None:
        method.embed(*queries, method.cache_context(*context))
        wait(device)

    functions = {str(length): partial(embed, draw(length)) for length in LENGTHS}
    seconds = time_in_turn(functions, setting.repeats)
    return [summarise("embedding against context length", c, "time", "s", v) for c, v in seconds.items()]
