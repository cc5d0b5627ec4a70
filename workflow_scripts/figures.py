"""Rule `figures`: the papers' figures beside the published ones, contact sheets, training curves."""

from __future__ import annotations

import argparse
from pathlib import Path

from workflow_scripts.reporting.arguments import add_view_arguments
from workflow_scripts.support.errors import command
from workflow_scripts.support.files import parse_json


@command
def main() -> None:
    """Draw all figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_view_arguments(parser)
    parser.add_argument("--images", nargs="*", default=[], help="sources that hold images")
    parser.add_argument("--output", type=Path, required=True, help="folder to write to")
    arguments = parser.parse_args()
    datasets = parse_json(arguments.datasets, "--datasets")
    from workflow_scripts.reporting.cells import list_subjects, read_material
    from workflow_scripts.reporting.drawing import save_figure
    from workflow_scripts.reporting.interactive import draw_progress
    from workflow_scripts.reporting.papers import read_paper
    from workflow_scripts.reporting.plots import plot_progress
    from workflow_scripts.reporting.samples import plot_samples
    from workflow_scripts.reporting.targets import CURVES
    from workflow_scripts.reporting.trainings import COLUMNS, LABEL, collect_histories
    from workflow_scripts.support.files import write_text

    material = read_material(arguments.rows, arguments.sources, datasets, arguments.runs)
    packed = {meta.parent.parent.name: meta.parent for meta in arguments.sources}
    for paper in map(read_paper, arguments.papers):
        for place, figure, subject in list_subjects(material, paper, arguments.runs, packed):
            save_figure(figure.draw(subject), arguments.output / place.stem, figure.interactive)
            if figure.interactive:
                write_text(arguments.output / f"{place.stem}.json", figure.draw_interactive(subject))
    for source in arguments.images:
        save_figure(plot_samples(packed[source], source), arguments.output / f"{source}.samples", drawn=False)
    histories = collect_histories(arguments.runs)
    save_figure(plot_progress(histories, "Step", 1, None, COLUMNS, LABEL), arguments.output / CURVES)
    write_text(arguments.output / f"{CURVES}.json", draw_progress(histories, "Step", 1, COLUMNS, LABEL))


if __name__ == "__main__":
    main()
