"""What a user gives to make: mistakes are told in a sentence that names the variable, the option or the file."""

import pytest
from project import ROOT, tell

from workflow_scripts.experiment.config import find_experiment, list_experiments
from workflow_scripts.experiment.given import check_options, count_seeds, list_options, locate_profile

pytestmark = pytest.mark.unit


@pytest.fixture
def root(tmp_path):
    """A project of two papers."""
    for name in ("one/small", "two/small", "two/large"):
        path = tmp_path / "papers" / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("seeds: [0]\n")
    (tmp_path / "profiles" / "here").mkdir(parents=True)
    (tmp_path / "profiles" / "here" / "profile.yaml").touch()
    (tmp_path / "profiles" / "empty").mkdir()
    (tmp_path / "config.yaml").write_text("experiment: one/small\n")
    return tmp_path


def test_variables_are_options():
    nothing = {"EXPERIMENT": "", "SEEDS": "", "HOME": "/"}
    assert list_options(nothing) == ["--profile", "profiles/default"]
    given = {"EXPERIMENT": "contextssl/smoke", "SEEDS": "3", "PROFILE": "slurm"}
    options = ["--profile", "profiles/slurm", "--config", "experiment=contextssl/smoke", "seeds=[0,1,2]"]
    assert list_options(given) == options


def test_the_last_part_of_a_name_is_enough_where_it_is_one(root):
    assert find_experiment("large", root) == find_experiment("two/large", root) == "two/large"
    said = "several papers have an experiment 'small'; write one/small or two/small"
    assert tell(find_experiment, "small", root) == said
    for name in ("nonsense", "", "two/", "/large", "one/large", ["two/large"]):
        said = f"there is no experiment {name!r}; the experiments are one/small, two/large, two/small"
        assert tell(find_experiment, name, root) == said
    assert all(name in tell(list_options, {"EXPERIMENT": "nonsense"}) for name in list_experiments())


@pytest.mark.parametrize("text", ["abc", "0", "-1", "1.5", "1e3", "³", " 3", "0x3", "10000", "[0]", "9" * 5000])
def test_what_is_no_number_of_seeds_is_told(text):
    said = tell(list_options, {"SEEDS": text})
    assert said.startswith(f"SEEDS={text} is no number of seeds from 1 to")
    assert "write SEEDS=3" in said


def test_seeds_that_can_be_meant():
    assert [count_seeds(text) for text in ("1", "03", "1000")] == [1, 3, 1000]


@pytest.mark.parametrize("name", ["nope", "empty", "../profiles/here", "/tmp"])
def test_a_profile_that_is_not_there_is_told(name, root):
    said = tell(locate_profile, name, root)
    assert said.startswith(f"PROFILE={name}: profiles/ has no such folder with a profile.yaml")
    assert "here" in said
    assert locate_profile("here", root) == root / "profiles" / "here"


def test_files_that_snakemake_reads_are_named(root):
    config, own = root / "config.yaml", root / "own.yaml"
    own.write_text("engine: {threads: 1}\n")
    options = ["--quiet", "--configfiles", str(own), "--config", "a=1"]
    check_options(options, root)
    own.write_text("a: [1, 2\nb: 3\n")
    assert tell(check_options, options, root).startswith(
        f"{own} is not plain YAML: while parsing a flow sequence, line 1"
    )
    own.unlink()
    assert tell(check_options, options, root) == f"{own} does not exist"
    for text in ("", "- 1", "text"):
        config.write_text(text)
        assert tell(check_options, [], root) == f"{config} holds no map; write keys such as `experiment:` in it"


def test_a_config_option_that_is_no_pair_is_told():
    assert tell(check_options, ["--config", "a=1", "nope", "--quiet"], ROOT).startswith("--config nope is no key=value")
