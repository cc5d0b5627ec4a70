"""`make readme`: what README.md and docs/ show of results, from reports at hand. Nothing in it is typed.

Verdicts and headlines are kept in docs/reproduced.json, by paper and data set, and what experiments cost in
docs/costs.json, so that experiments which ran elsewhere stay: what a report did not run, or ran with fewer seeds, keeps
what the one had that did. Figures that the documents show are kept in docs/figures, under the names that they have in a
report: this report's take their place, unless they rest on fewer seeds. From these files come the generated blocks of
README.md, and docs/results.md; the commands that README.md lists are those of docs/commands.yaml.
"""

from __future__ import annotations

import argparse
import re
import shutil
from pathlib import Path

from workflow_scripts.documents.blocks import fill_blocks
from workflow_scripts.documents.costs import Costs, keep_measured, plan_costs, read_commands, render_costs, render_start
from workflow_scripts.documents.effort import locate_results, measure_data_sets, measure_experiment
from workflow_scripts.documents.kept import Papers, count_seeds, merge_papers, read_report
from workflow_scripts.documents.results import render_findings, render_legend, render_page, render_totals
from workflow_scripts.experiment.config import list_experiments
from workflow_scripts.experiment.plain import read_yaml
from workflow_scripts.experiment.rooms import ROOT
from workflow_scripts.rows import read_rows
from workflow_scripts.support.errors import command
from workflow_scripts.support.files import read_json, write_json, write_text

README, DOCS = ROOT / "README.md", ROOT / "docs"
KEPT, COSTS, RESULTS = DOCS / "reproduced.json", DOCS / "costs.json", DOCS / "results.md"
FIGURES = DOCS / "figures"
SHOWN = re.compile(r"figures/([\w.-]+/[\w.-]+\.png)")  # figures of reports, in the text of documents


def get_default() -> str:
    """Return the experiment of config.yaml."""
    return str(read_yaml(ROOT / "config.yaml")["experiment"])


def name_experiment(report: Path) -> str:
    """Return the experiment that a report is of, by its folder: reports/<paper>/<name>."""
    return f"{report.resolve().parent.name}/{report.resolve().name}"


def add_effort(found: Papers, costs: Costs, report: Path) -> Costs:
    """Write into the entries of a report how long their runs took; return the costs with those of its experiment.

    Results that are not beside the report, or an experiment that is not of this project, leave both as they were.
    """
    name = name_experiment(report)
    for entry in (entry for scopes in found.values() for entry in scopes.values()):
        entry["experiments"] = [name]
    base, file = locate_results(report)
    if not file.exists():
        return costs
    rows = read_rows(file)
    efforts = measure_data_sets(rows, base)
    for scopes in found.values():
        for scope, entry in scopes.items():
            entry |= {"effort": efforts[scope]} if scope in efforts else {}
    if name not in list_experiments():
        return costs
    return keep_measured(costs, name, measure_experiment(name, rows, base))


def list_shown(documents: list[Path]) -> list[str]:
    """Return the figures of reports that documents show, as paths in docs/figures."""
    return sorted({name for path in documents for name in SHOWN.findall(path.read_text())})


def copy_figures(report: Path, known: Papers, found: Papers, shown: list[str], kept: Path = FIGURES) -> None:
    """Copy the figures of a report that documents show, unless they rest on fewer seeds than those that are there.

    report: its folder. known: what was kept before this report, found: the report's. shown: paths in `kept`.
    """
    for name in shown:
        new, old = report / "figures" / name, kept / name
        paper, scope = old.parent.name, old.name.partition(".")[0]
        before, now = (count_seeds(papers.get(paper, {}).get(scope)) for papers in (known, found))
        if new.exists() and (now >= before or not old.exists()):
            old.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(new, old)


def fill_readme(text: str, papers: Papers, costs: Costs) -> str:
    """Return README.md with its generated blocks made anew."""
    blocks = {
        "findings": render_findings(papers),
        "totals": render_totals(papers),
        "legend": render_legend(),
        "start": render_start(costs, get_default(), read_commands()),
        "costs": render_costs(costs, get_default(), read_commands()),
    }
    return fill_blocks(text, blocks, README.name)


def take_over(report: Path, papers: Papers, costs: Costs) -> tuple[Papers, Costs]:
    """Return what is kept together with what a report says, and copy its figures."""
    found = read_report(report / "tables")
    costs = add_effort(found, costs, report)
    copy_figures(report, papers, found, list_shown([README, *DOCS.glob("*.md")]))
    return merge_papers(papers, found), costs


@command
def main() -> None:
    """Take results over from reports, and write the documents."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--report", type=Path, nargs="+", help="folders of reports (default: the default experiment's)")
    parser.add_argument("--kept", action="store_true", help="no report: the documents anew, from what is kept")
    parser.add_argument("--costs-only", action="store_true", help="of reports take what they cost, not what they found")
    arguments = parser.parse_args()
    reports = [] if arguments.kept else arguments.report or [Path("reports") / get_default()]
    papers, costs = (read_json(path) if path.exists() else {} for path in (KEPT, COSTS))
    for report in reports:
        if arguments.costs_only:
            costs = add_effort({}, costs, report)
        else:
            papers, costs = take_over(report, papers, costs)
    write_json(KEPT, papers)
    write_json(COSTS, plan_costs(costs, get_default(), read_commands()))
    # From the files, whose order may differ: the next call, and the test, read them from there.
    papers, costs = read_json(KEPT), read_json(COSTS)
    write_text(README, fill_readme(README.read_text(), papers, costs))
    write_text(RESULTS, render_page(papers))
    print(f"written: README.md and docs/results.md, from {', '.join(map(str, reports)) or 'what is kept'}")


if __name__ == "__main__":
    main()
