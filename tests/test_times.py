"""Wall-clock times in the report."""

import pytest

from workflow_scripts.reporting.times import describe_times

pytestmark = pytest.mark.unit


def test_times_tell_data_sets_apart(tmp_path):
    paths = [f"results/{name}/simclr/seed{seed}/pretrain.time.tsv" for name in ("toy", "twin") for seed in (0, 1)]
    for number, path in enumerate(["results/data/raw/render.time.tsv", *paths]):
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).write_text(f"s\tmax_rss\n{number}\t100\n")
    given = [tmp_path / path for path in ["results/data/raw/render.time.tsv", *paths, "results/x/y/seed0/no.time.tsv"]]
    assert [line[:5] for line in describe_times(given)["rows"]] == [
        ["raw", "render", "", "1", "0.0"],
        ["toy", "pretrain", "simclr", "2", "1.5"],
        ["twin", "pretrain", "simclr", "2", "3.5"],
    ]
