"""Rule `figures`: the papers' figures, measured beside published, and training curves, as PNG and PDF."""

from __future__ import annotations

import argparse

from workflow_scripts.support.errors import command
from workflow_scripts.tables import add_view_arguments


@command
def main() -> None:
    """Draw all figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_view_arguments(parser)
    arguments = parser.parse_args()
    from workflow_scripts.reporting.cells import make_tables
    from workflow_scripts.reporting.plots import plot_curves, plot_histories, save_figure

    given = arguments.rows, arguments.papers, arguments.sources, arguments.datasets, arguments.histories
    for table in make_tables(*given):
        if table.view.figure:
            save_figure(plot_curves(table), arguments.output / f"{table.view.scope}.{table.view.name}")
    save_figure(plot_histories(arguments.histories), arguments.output / "training_curves")


if __name__ == "__main__":
    main()
