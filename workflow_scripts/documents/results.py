"""Results as the documents show them: totals and headlines in README.md, every verdict in docs/results.md."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from workflow_scripts.documents.blocks import make_anchor, set_table
from workflow_scripts.documents.costs import say_duration
from workflow_scripts.documents.kept import Entry, Papers, Scopes, count_seeds, is_judged, rest_on
from workflow_scripts.experiment.plain import read_yaml
from workflow_scripts.experiment.rooms import ROOT
from workflow_scripts.reporting.verdicts import MEANINGS, count_verdicts, split_verdict
from workflow_scripts.support.templates import fill_template

TEMPLATE = Path(__file__).parent / "results.md.j2"
PAGE = "docs/results.md"  # as README.md links to it
FEW = 2  # headlines of a data set that README.md shows


@cache
def read_heading(paper: str) -> dict[str, str]:
    """Return title and citation of a paper of this project."""
    published = read_yaml(ROOT / "papers" / paper / "published.yaml")
    return {key: published[key] for key in ("title", "citation")}


def shorten_title(paper: str) -> str:
    """Return a paper's title without what follows a colon."""
    return read_heading(paper)["title"].partition(":")[0]


def link_section(paper: str, scope: str, text: str) -> str:
    """Return a link from README.md to a data set's section of docs/results.md."""
    return f"[{text}]({PAGE}#{make_anchor(name_section(paper, scope))})"


def name_section(paper: str, scope: str) -> str:
    """Return the heading of a data set's section in docs/results.md, of which its anchor is made."""
    return f"{paper} on {scope}"


def list_papers(papers: Papers) -> list[tuple[str, Scopes]]:
    """Return papers with their entries: first papers that make claims, and of each the data set with most of them."""

    def has_no_verdict(paper: tuple[str, Scopes]) -> bool:
        return not any(is_judged(claim) for entry in paper[1].values() for claim in entry["claims"])

    def sort_scopes(scopes: Scopes) -> Scopes:
        return dict(sorted(scopes.items(), key=lambda scope: -len(scope[1]["claims"])))

    return sorted(((name, sort_scopes(scopes)) for name, scopes in papers.items()), key=has_no_verdict)


def render_legend() -> str:
    """Return what each verdict means, as a list."""
    return "".join(f"- **{verdict}**: {meaning.rstrip('.')}.\n" for verdict, meaning in MEANINGS.items())


def render_totals(papers: Papers) -> str:
    """Return a table: of each paper and data set how many claims have which verdict, and what that rests on."""
    lines = []
    for paper, scopes in list_papers(papers):
        for scope, entry in scopes.items():
            if any(map(is_judged, entry["claims"])):
                totals = count_verdicts(claim["verdict"] for claim in entry["claims"])
                effort = entry.get("effort", {})
                time = say_duration(effort["seconds"]) if effort else ""
                link = link_section(paper, scope, name_section(paper, scope))
                lines.append([link, totals, say_seeds(entry), time, effort.get("device", "")])
    return set_table(["Paper and data", "Claims", "Seeds", "Time of all jobs", "Machine"], lines)


def say_seeds(entry: Entry) -> str:
    """Return how many seeds an entry rests on, and whether some of its claims rest on fewer."""
    most = count_seeds(entry)
    fewer = {count for claim in entry["claims"] if 0 < (count := rest_on(claim)) < most}
    return f"{most}, some {min(fewer)}" if fewer else str(most)


def render_findings(papers: Papers) -> str:
    """Return the first headlines of each paper and data set, as lists under a line that says what of."""
    parts = []
    for paper, scopes in list_papers(papers):
        for scope, entry in scopes.items():
            if texts := list_headlines(entry):
                section = link_section(paper, scope, scope)
                head = f"{shorten_title(paper)}, on {section}, {say_count(count_seeds(entry))}:"
                more = f"- {link_section(paper, scope, f'{len(texts) - FEW} more')}" if len(texts) > FEW else ""
                parts.append("\n".join([head, "", *(f"- {text}" for text in texts[:FEW]), *filter(None, [more]), ""]))
    return "\n".join(parts)


def list_headlines(entry: Entry) -> list[str]:
    """Return the headlines of an entry, each with its seeds where the entry rests on more."""
    most = count_seeds(entry)
    return [
        text if table["seeds"] == most else f"{text} ({say_count(table['seeds'])})"
        for table in entry.get("findings", {}).values()
        for text in table["texts"]
    ]


def say_count(seeds: int) -> str:
    """Return a number of seeds in words."""
    return "1 seed" if seeds == 1 else f"{seeds} seeds"


def render_page(papers: Papers) -> str:
    """Return docs/results.md: of each paper and data set the totals, every verdict with its reason, the headlines."""
    chapters = []
    for name, scopes in list_papers(papers):
        sections = []
        for scope, entry in scopes.items():
            judged = any(map(is_judged, entry["claims"]))
            lines = [[c["claim"], _say_verdict(c, count_seeds(entry)), c.get("why", "")] for c in entry["claims"]]
            sections.append(
                {
                    "heading": name_section(name, scope),
                    "caveat": entry["caveat"],
                    "headlines": list_headlines(entry),
                    "about": _describe(entry),
                    "totals": count_verdicts(c["verdict"] for c in entry["claims"]) if judged else "",
                    "table": set_table(["Claim", "Verdict", "Why"], lines) if judged else "",
                }
            )
        chapters.append({"paper": read_heading(name), "sections": sections})
    return fill_template(TEMPLATE, chapters=chapters, legend=render_legend())


def _say_verdict(claim: dict[str, Any], most: int) -> str:
    """Return a verdict, with its seeds where others of the data set rest on more and it does not say so itself."""
    count, verdict = rest_on(claim), str(claim["verdict"])
    is_provisional = split_verdict(verdict)[1]
    return f"{verdict} ({say_count(count)})" if 0 < count < most and not is_provisional else verdict


def _describe(entry: Entry) -> str:
    """Return what an entry rests on, as a few short sentences."""
    effort = entry.get("effort")
    parts = [say_count(count_seeds(entry))]
    parts += [", ".join(f"experiment `{name}`" for name in entry["experiments"])] if "experiments" in entry else []
    parts += [f"{say_duration(effort['seconds'])} of jobs on {effort['device']}"] if effort else []
    return "; ".join(parts) + "."
