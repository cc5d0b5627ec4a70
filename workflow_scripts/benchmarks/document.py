"""Writes docs/scaling.md from docs/bench.csv, rows that `make bench` wrote: no number in it is typed."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from workflow_scripts.benchmarks.experiments import paper_experiment, read_compute
from workflow_scripts.benchmarks.measuring import Measurement, fit_exponent
from workflow_scripts.experiment.rooms import ROOT
from workflow_scripts.support.files import write_text
from workflow_scripts.support.templates import fill_template

ROWS = ROOT / "docs" / "bench.csv"
TEMPLATE = Path(__file__).parent / "scaling.md.j2"
DOCUMENT = ROOT / "docs" / "scaling.md"


class Measurements:
    """Looks up measured values for the template."""

    def __init__(self, table: pd.DataFrame) -> None:
        self.table = table

    def value(self, benchmark: str, quantity: str) -> str:
        """Return the only value of a benchmark's quantity, to three digits."""
        table = self.table
        (value,) = table[(table.benchmark == benchmark) & (table.quantity == quantity)].value
        return f"{value:.3g}"

    def case(self, benchmark: str) -> str:
        """Return what a benchmark was measured on, of its first measurement."""
        found: str = self.table[self.table.benchmark == benchmark].case.iloc[0]
        return found

    def markdown(self, *benchmarks: str) -> str:
        """Return the rows of benchmarks as a table."""
        chosen = self.table[self.table.benchmark.isin(benchmarks)]
        text: str = chosen[list(Measurement._fields)].to_markdown(index=False, floatfmt=".4g")
        return text

    def exponent(self, benchmark: str) -> str:
        """Return the exponent of the power law through a benchmark's times, whose cases are sizes."""
        chosen = self.table[(self.table.benchmark == benchmark) & (self.table.quantity == "time")]
        return f"{fit_exponent(chosen.case.astype(float), chosen.value):.2f}"


def render(rows: Path = ROWS) -> str:
    """Return the document."""
    table = pd.read_csv(rows)
    machine = {key: table[key].iloc[0] for key in ("device", "processor", "torch", "python")}
    values = Measurements(table)
    about = {"reference": values.case("training"), "paper": paper_experiment(), "compute": read_compute()}
    return fill_template(TEMPLATE, rows=values, machine=machine, **about)


if __name__ == "__main__":
    write_text(DOCUMENT, render())
