"""Sources that evaluators look at where they are given: left out of planning where they are not."""

import copy

import pytest
from project import tell

from workflow_scripts.experiment.config import complete_config, load_experiment
from workflow_scripts.experiment.plan import describe_costs
from workflow_scripts.experiment.runs import is_given, list_other_sources

pytestmark = pytest.mark.unit
BIRDS = {"download": "inaturalist-2019", "layout": "inaturalist", "resolution": 32, "optional": True}


def make_config(source, evaluators=None):
    """An experiment with a source of that name, which an evaluator looks at. evaluators: as after checking."""
    config = copy.deepcopy(load_experiment("contextssl/smoke"))
    config["sources"]["species"] = dict(source)
    return config | {"evaluation": {**config["evaluation"], "evaluators": evaluators or {"x": {"source": "species"}}}}


@pytest.mark.parametrize(
    ("change", "given"),
    [
        ({}, False),
        ({"path": None}, False),
        ({"path": "/data/inat"}, True),
        ({"optional": False}, True),
        ({"download": "flowers-102", "layout": "flowers102"}, True),  # downloaded
        ({"download": "adult-package", "layout": "adult"}, True),  # from a package
    ],
)
def test_what_is_neither_given_nor_downloaded_is_left_out(change, given):
    source = {**BIRDS, **change}
    assert is_given(source) == given
    config = make_config(source, {"x": {"source": "species"}, "y": {"sources": ["smoke", "species"]}})
    assert list_other_sources(config) == ["species", "smoke"] if given else ["smoke"]


def test_costs_are_without_what_is_not_given():
    assert "species" not in describe_costs(make_config(BIRDS))
    assert "species 786 MiB)" in describe_costs(make_config({**BIRDS, "path": "/data/inat"}))


def test_a_config_may_have_optional_sources():
    config = make_config(BIRDS, load_experiment("contextssl/smoke")["evaluation"]["evaluators"])
    assert complete_config(copy.deepcopy(config))["sources"]["species"] == BIRDS, "no default enters it"
    config["sources"]["species"]["optional"] = "yes"
    assert "sources.species.optional: 'yes' is not of type 'boolean'" in tell(complete_config, config)
    config = make_config({"synthesize": {"kind": "mimic3"}, "layout": "mimic3", "optional": True}, {"classes": {}})
    assert "'download' is a dependency of 'optional'" in tell(complete_config, config)


def test_a_data_set_of_what_is_not_given_is_refused():
    config = make_config(BIRDS, {"classes": {}})
    views = {"kind": "augmented", "augmentations": [{"kind": "hflip"}]}
    config["dataset_settings"]["birds"] = {"source": "species", "views": views}
    complete_config(copy.deepcopy(config))  # it is not selected
    config |= {"datasets": ["birds"], "methods": ["simclr"]}
    said = tell(complete_config, config)
    assert "data set birds is of the optional source species, which is not given; set sources.species.path" in said
