"""Wall-clock times in the report."""

import pytest

from workflow_scripts.reporting.times import describe_times

pytestmark = pytest.mark.unit


def test_times_tell_data_sets_apart(tmp_path):
    source = tmp_path / "results" / "space" / "data" / "raw"
    runs = [tmp_path / f"results/space/{name}/simclr/seed{seed}" for name in ("toy", "twin") for seed in (0, 1)]
    files = [source / "pack.time.tsv", source / "render.time.tsv"]
    files += [run / f"{stage}.time.tsv" for stage in ("pretrain", "evaluate") for run in runs]
    for number, path in enumerate(files):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"s\tmax_rss\n{number}\t100\n")
    runs.append(tmp_path / "results/space/x/y/seed0")  # which has none
    assert [line[:5] for line in describe_times([source], runs)["lines"]] == [
        ["raw", "render", "", "1", "1.0"],
        ["raw", "pack", "", "1", "0.0"],
        ["toy", "pretrain", "simclr", "2", "2.5"],
        ["twin", "pretrain", "simclr", "2", "4.5"],
        ["toy", "evaluate", "simclr", "2", "6.5"],
        ["twin", "evaluate", "simclr", "2", "8.5"],
    ]
