"""Anything may stand in a config or in a latent file: it is understood, or refused in one sentence."""

import contextlib
import copy
import io

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workflow_scripts.data.readers.threediebench import LATENT_NAMES, read_latents
from workflow_scripts.experiment.config import complete_config, load_experiment
from workflow_scripts.experiment.plain import check_plain, read_yaml, retype
from workflow_scripts.experiment.runs import get_settings, list_runs
from workflow_scripts.support.errors import UserError

pytestmark = pytest.mark.faults
CONFIG = load_experiment("contextssl/hard")
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
)


def list_paths(value, path=()):
    """The paths of all entries of nested maps and lists."""
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for key, entry in entries for place in ((*path, key), *list_paths(entry, (*path, key)))]


PATHS = list_paths(CONFIG)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(path=st.sampled_from(PATHS), value=VALUES, remove=st.booleans())
def test_any_entry_of_a_config_may_be_anything(path, value, remove):
    config = copy.deepcopy(CONFIG)
    place = config
    for key in path[:-1]:
        place = place[key]
    if remove:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    with contextlib.suppress(UserError):
        completed = complete_config(config)
        assert complete_config(completed) == completed
        for run in list_runs(completed):
            get_settings(completed, run)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    text=st.text(max_size=30)
    | st.text("abx: {}[],-&*!<>|?'\"#%@~.1\n\t", max_size=40)
    | st.sampled_from(["&a [*a]", "!!set {a}", "{a: b: c}", "\t", "- - -", "? a"])
)
def test_any_text_is_plain_yaml_or_refused(text, tmp_path_factory):
    file = tmp_path_factory.mktemp("yaml") / "config.yaml"
    file.write_text(text)
    with contextlib.suppress(UserError):
        check_plain(read_yaml(file), "what was read")


@settings(max_examples=200, deadline=None, derandomize=True)
@given(value=VALUES | st.lists(st.sampled_from([".nan", "0x1F", "1e3", "1:30", "~", "*a", "&a", "- 1", "1_0", "0b1"])))
def test_any_command_line_is_plain_or_refused(value):
    with contextlib.suppress(UserError):
        check_plain(retype(value), "what was given")


def encode(array):
    content = io.BytesIO()
    np.save(content, array, allow_pickle=True)
    return content.getvalue()


WHOLE = encode(np.linspace(-1, 1, 7))
ARRAYS = st.builds(
    lambda shape, kind, value: encode(np.full(shape, value).astype(kind)),
    st.sampled_from([(7,), (), (6,), (7, 1), (0,), (1, 7)]),
    st.sampled_from(["f2", "f4", "f8", "i8", "c16", "?", "U3", "M8[s]", "O"]),
    st.sampled_from([0.5, 0.0]),
)
NUMBERS = st.lists(st.floats(), min_size=7, max_size=7).map(lambda numbers: encode(np.array(numbers)))
FLIPPED = st.builds(
    lambda place, bit: bytes(byte ^ (1 << bit if i == place else 0) for i, byte in enumerate(WHOLE)),
    st.integers(0, len(WHOLE) - 1),
    st.integers(0, 7),
)
CUT = st.integers(0, len(WHOLE) - 1).map(lambda end: WHOLE[:end])


@pytest.mark.filterwarnings("ignore")
@settings(max_examples=400, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(content=st.binary(max_size=200) | ARRAYS | NUMBERS | FLIPPED | CUT)
def test_latents_are_seven_finite_floats_or_refused(content, tmp_path_factory):
    file = tmp_path_factory.mktemp("latents") / "latent_0.npy"
    file.write_bytes(content)
    with contextlib.suppress(UserError):
        latents = read_latents(file)
        assert latents.shape == (len(LATENT_NAMES),)
        assert latents.dtype == np.float32
        assert np.isfinite(latents).all()
