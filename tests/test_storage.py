"""How embeddings are held on a GPU, tried on a CPU: in half precision, on the device, and what that does to numbers."""

import dataclasses

import numpy as np
import pytest
import torch
from raw_trees import pack_small_3diebench
from small_runs import STORED, make_small_evaluator, open_small

from workflow_scripts.data.actions import difference
from workflow_scripts.evaluation.embeddings import read_ahead
from workflow_scripts.evaluation.metrics import r2_per_component, top1
from workflow_scripts.evaluation.probes import Bank, probe_class, probe_individual, probe_relative
from workflow_scripts.evaluation.settings import ProbeSettings
from workflow_scripts.evaluation.storage import (
    Embeddings,
    Storage,
    choose_storage,
    count_free,
    faster_products,
    find_room,
    shrink,
)

pytestmark = pytest.mark.unit
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def packed(unsynced, tmp_path_factory):
    return pack_small_3diebench(tmp_path_factory.mktemp("stored"), train=12, views=3)


def test_arrays_stay_on_the_device_until_there_is_no_room(tmp_path):
    arrays = {"h": torch.randn(6, 5, 4), "z+": torch.randn(6, 5, 4), "labels": torch.arange(6)}
    for kept, half in ((0, False), (2**20, False), (300, True)):
        embeddings = Embeddings(tmp_path / f"{kept}", Storage(half, kept))
        embeddings.write("train", iter(arrays.items()))
        assert embeddings.names == list(arrays)
        files = {file.name for file in (tmp_path / f"{kept}").iterdir()}
        assert (
            files
            == {
                0: {f"train.{name}.npy" for name in arrays},
                2**20: set(),
                300: {"train.z+.npy"},  # 240 bytes are h's; labels fit into what is left
            }[kept]
        )
        for name, array in arrays.items():
            loaded, read = embeddings.load("train", name, CPU), embeddings.read("train", name)
            assert torch.equal(loaded, torch.from_numpy(np.array(read)))
            assert embeddings.measure("train", name) == (read.nbytes, loaded.dtype)
            expected = array.half() if half and array.is_floating_point() else array
            assert torch.equal(loaded, expected)


def test_states_and_logits_lose_no_digits(tmp_path):
    arrays = {name: torch.randn(3, 2, 4) for name in ("states", "logits", "h")}
    embeddings = Embeddings(tmp_path, Storage(half=True))
    embeddings.write("test", iter(arrays.items()))
    kinds = [embeddings.read("test", name).dtype for name in arrays]
    assert kinds == [np.float32, np.float32, np.float16]


def test_numbers_near_the_ends_of_half_precision_are_not_shrunk():
    values = torch.randn(100)
    assert shrink(values).dtype == torch.float16
    for factor in (1e-4, 1e5, 0.0):
        assert shrink(factor * values).dtype == torch.float32
    assert shrink(torch.tensor([float("nan"), 1.0])).dtype == torch.float32
    assert shrink(torch.empty(0)).dtype == torch.float32


def test_a_cpu_holds_and_multiplies_in_float32():
    assert choose_storage(CPU) == choose_storage(CPU, files=True) == Storage()
    assert find_room(2**50, CPU) == CPU
    with faster_products(CPU):
        assert torch.get_float32_matmul_precision() == "highest"


def test_a_gpu_without_an_index_tells_its_free_memory(monkeypatch):
    """Of all that torch tells, one number is of a device with an index only; the torch that is installed decides."""
    for name, value in {
        "mem_get_info": (50_000, 100_000),
        "memory_allocated": 10_000,
        "memory_reserved": 20_000,
    }.items():
        monkeypatch.setattr(torch.cuda, name, lambda device=None, value=value: value)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 3)
    monkeypatch.setattr(torch.cuda.memory, "_lazy_init", lambda: None)
    monkeypatch.setattr(torch._C, "_cuda_getMemoryFraction", {3: 0.8}.__getitem__, raising=False)
    gpu = torch.device("cuda")
    assert count_free(gpu) == 60_000  # of 70,000 that it could have; it may have 80,000
    monkeypatch.setattr(torch._C, "_cuda_getMemoryFraction", {3: 0.25}.__getitem__, raising=False)
    assert count_free(gpu) == 15_000
    assert choose_storage(gpu) == Storage(True, 5250, 4500)
    assert choose_storage(gpu, files=True).kept == 0
    assert (find_room(7499, gpu), find_room(7500, gpu)) == (gpu, CPU)


def test_products_are_as_exact_as_before_once_a_gpu_is_done():
    def fail():
        with faster_products(torch.device("cuda")):
            assert torch.get_float32_matmul_precision() == "high"
            raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011
        fail()
    assert torch.get_float32_matmul_precision() == "highest"


def test_what_is_read_ahead_is_the_same_and_fails_alike():
    def chunks(count):
        for i in range(count):
            yield torch.tensor(i), torch.tensor(-i)
        if count == 3:
            raise OSError("gone")

    assert [(int(a), int(b)) for a, b in read_ahead(chunks(5))] == [(i, -i) for i in range(5)]
    assert list(read_ahead(chunks(0))) == []
    seen = []
    with pytest.raises(OSError, match="gone"):
        seen.extend(int(a) for a, _ in read_ahead(chunks(3)))
    stopped = read_ahead(chunks(5))
    assert int(next(stopped)[0]) == 0
    stopped.close()  # nothing waits for a thread


def make_banks(half):
    """Embeddings as an encoder makes them: far from the origin, alike, and with directions of very different size."""
    random = np.random.default_rng(0)
    sizes = np.geomspace(1, 0.02, 24)
    mixing, classes = random.normal(size=(6, 24)) * sizes, random.normal(size=(8, 24)) * sizes
    banks = []
    for count in (1500, 500):
        states, labels = random.uniform(-1, 1, size=(count, 4, 6)), random.integers(8, size=count)
        values = 4 + np.tanh(states @ mixing / 2) + classes[labels][:, None] / 3
        values += 0.3 * sizes * random.normal(size=values.shape)
        stored = torch.from_numpy(values).float()[None]
        bank = Bank(shrink(stored) if half else stored, torch.from_numpy(states).float(), torch.from_numpy(labels))
        banks.append(bank)
    return banks


@pytest.mark.parametrize("unit", [True, False])
def test_half_precision_moves_no_number_that_is_reported(unit):
    """At most .002 of R2 and .2 points of top-1, of numbers that are neither 0 nor at their best."""
    scores = {}
    for half in (False, True):
        train, test = (dataclasses.replace(bank, unit=unit) for bank in make_banks(half))
        assert (train.values.dtype == torch.float16) == half
        linear, network = ProbeSettings(), ProbeSettings(hidden=[64], steps=1200, lr=3e-3)
        found = []
        for settings in (linear, network):
            truth, (values,) = probe_relative(
                train, {"test": test}, difference, slice(0, 6), range(4), settings, 4000, 0
            )["test"]
            found.append(r2_per_component(truth, values))
        truth, (values,) = probe_individual(train, {"test": test}, slice(0, 6), range(4), linear, 0)["test"]
        found.append(r2_per_component(truth, values))
        classes = ProbeSettings(steps=1000, lr=0.1)
        truth, (values,) = probe_class(train, {"test": test}, range(4), 8, classes, 0)["test"]
        scores[half] = np.array([*found, top1(truth, values) / 100])
    assert (scores[False] > 0.2).all()
    assert (scores[False] < 0.99).all()
    moved = np.abs(scores[True] - scores[False])
    assert 0 < moved.max() <= 0.002, moved


def test_every_evaluator_measures_what_is_held_in_half_precision(packed, tmp_path):
    names = ("retrieval", "relative_latents", "individual_latents", "classes", "context_labels", "probe_effect")
    rows = {}
    for storage in (Storage(), Storage(half=True), Storage(half=True, kept=2**30)):
        run = open_small(tmp_path, "contextssl", STORED, packed, storage=storage)
        found = [row for name in names for row in make_small_evaluator(name).rows(run)]
        keys = ("representation", "condition", "level", "task", "metric")
        rows[storage] = {tuple(row[key] for key in keys): row["value"] for row in found}
        assert make_small_evaluator("neighbours").exhibit(run)
        assert (run.read("test", "h").dtype == np.float16) == storage.half
    exact, filed, kept = rows.values()
    assert kept == filed
    assert filed.keys() == exact.keys()
    assert len(exact) > 40
    assert not {key for key in exact if key[4] in ("mrr", "top1") and abs(exact[key] - filed[key]) > 15}
