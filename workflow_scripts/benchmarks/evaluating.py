"""Evaluation: images encoded once against once an epoch, probes side by side against one by one, context lengths."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from workflow_scripts.benchmarks.measuring import Row, summarise, time_in_turn
from workflow_scripts.benchmarks.setting import SIDES, Setting, prepare, read_config
from workflow_scripts.benchmarks.training import place, wait
from workflow_scripts.data.views import open_views
from workflow_scripts.evaluation.contexts import draw_context, make_contexts
from workflow_scripts.evaluation.embeddings import embed_split
from workflow_scripts.evaluation.fitting import ProbeSettings, fit_probe
from workflow_scripts.methods.base import ContextMethod

EPOCHS = 200  # of a probe, in the authors' protocol
LENGTHS = (14, 126, 1022)  # tokens of a context
PROBE_STEPS = 100


@torch.inference_mode()
def measure_embedding(setting: Setting) -> list[Row]:
    """Return how many times cheaper it is to encode a split once than in every epoch of every probe."""
    method, train, settings = prepare(setting, "contextssl", SIDES[0])
    device, evaluation = setting.open_device(), read_config()["evaluation"]
    place(method, setting).eval()
    assert isinstance(method, ContextMethod)
    views = open_views(setting.packed(SIDES[0]), settings["dataset"], "test", device)
    pairs = draw_context(method, train, max(evaluation["context_lengths"]) // 2, 0)
    contexts = make_contexts(method, *pairs, evaluation)
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


def measure_probes(setting: Setting) -> list[Row]:
    """Return how many times faster probes train side by side than one by one."""
    device, probes = setting.open_device(), read_config()["evaluation"]["probes"]
    settings = ProbeSettings(**{**probes["rotation"], "steps": PROBE_STEPS})
    models, width = 10, 2 * read_config()["method_settings"]["contextssl"]["settings"]["output_dim"]
    inputs, target = (
        torch.randn(models, settings.batch, width, device=device),
        torch.randn(settings.batch, 4, device=device),
    )

    def fit(values: Tensor) -> None:
        fit_probe(iter([(values, target)] * PROBE_STEPS), 4, settings, 0, "benchmark")
        wait(device)

    def one_by_one() -> None:
        for model in range(models):
            fit(inputs[model : model + 1])

    seconds = time_in_turn({"ours": lambda: fit(inputs), "one by one": one_by_one}, setting.repeats)
    case = f"{models} rotation probes"
    return [
        summarise("probes", case, "time a step", "ms", 1000 * seconds["ours"] / PROBE_STEPS),
        summarise("probes", case, "speed-up over one by one", "x", seconds["one by one"] / seconds["ours"]),
    ]


@torch.inference_mode()
def measure_contexts(setting: Setting) -> list[Row]:
    """Return the time to embed 4,096 images under contexts of several lengths."""
    method, _, settings = prepare(setting, "contextssl", SIDES[0])
    place(method, setting).eval()
    assert isinstance(method, ContextMethod)
    device, width = setting.open_device(), settings["encoder"]["dim"]
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
