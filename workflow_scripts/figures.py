"""Rule `figures`: the papers' figures beside the published ones, neighbours, contact sheets, training curves."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from workflow_scripts.support.errors import command
from workflow_scripts.tables import add_view_arguments


@command
def main() -> None:
    """Draw all figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_view_arguments(parser)
    parser.add_argument(
        "--neighbours", type=json.loads, default={}, help="neighbours.json of runs by data set, as JSON"
    )
    parser.add_argument("--images", nargs="*", default=[], help="sources that hold images")
    arguments = parser.parse_args()
    from workflow_scripts.reporting.cells import make_tables, read_material
    from workflow_scripts.reporting.interactive import draw_curves, draw_histories
    from workflow_scripts.reporting.neighbours import plot_neighbours
    from workflow_scripts.reporting.plots import plot_curves, plot_histories, save_figure
    from workflow_scripts.reporting.samples import plot_samples
    from workflow_scripts.support.files import write_text

    material = read_material(arguments.rows, arguments.sources, arguments.datasets, arguments.histories)
    for table in make_tables(material, arguments.papers):
        if table.view.figure:
            stem = f"{table.view.scope}.{table.view.name}"
            save_figure(plot_curves(table), arguments.output / stem)
            write_text(arguments.output / f"{stem}.json", draw_curves(table).to_json())
    packed = {meta.parent.parent.name: meta.parent for meta in arguments.sources}
    for dataset, files in arguments.neighbours.items():
        source, caveat = arguments.datasets[dataset]["source"], material.caveats[dataset]
        figure = plot_neighbours(map(Path, files), packed[source], dataset, caveat)
        save_figure(figure, arguments.output / f"{dataset}.neighbours")
    for source in arguments.images:
        save_figure(plot_samples(packed[source], source), arguments.output / f"{source}.samples")
    save_figure(plot_histories(arguments.histories), arguments.output / "training_curves")
    write_text(arguments.output / "training_curves.json", draw_histories(arguments.histories).to_json())


if __name__ == "__main__":
    main()
