"""`make plan`: which jobs would run and why, and what they would cost. It runs nothing and leaves nothing behind.

Arguments are Snakemake's; what `make`'s variables EXPERIMENT, SEEDS and PROFILE say comes on top.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from workflow_scripts.experiment.facts import ask_for_facts, read_facts
from workflow_scripts.experiment.given import check_options, list_options
from workflow_scripts.start import STATE, merge_options
from workflow_scripts.support.errors import UserError, command

FOLDERS = ("locks", "metadata", "incomplete", "shadow", "conda", "conda-archive", "singularity", "iocache", "auxiliary")
CACHE = Path("iocache", "latest.pkl")  # of the times of files, which it writes even then
NOISE = ("Using profile", "Assuming unrestricted", "Config file", "Building DAG")  # lines that say nothing of an error


@command
def main() -> None:
    """Print the plan."""
    # Profiles differ in where jobs run, not in which: a cluster's is checked, and not asked to plan.
    options = [word for word in list_options(os.environ) if not word.startswith(("--profile", "profiles/"))]
    local = ["--profile", "profiles/default", "--dry-run", "--quiet", "rules", "host"]
    arguments = merge_options([*local, *options, *sys.argv[1:]])
    check_options(arguments)
    with ask_for_facts() as (environment, file), leave_no_trace():
        words = [sys.executable, "-m", "snakemake", *arguments]
        result = subprocess.run(words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        facts = read_facts(file)
    if result.returncode or not facts:
        print(find_error(result.stdout), file=sys.stderr if result.returncode else sys.stdout)
        sys.exit(result.returncode)
    from workflow_scripts.experiment.plan import describe_costs
    from workflow_scripts.experiments import describe_measured

    print(f"{find_table(result.stdout)}\n\n{describe_costs(facts['config'])}")
    print(describe_measured(facts["config"]["experiment"], len(facts["config"]["seeds"])))


@contextmanager
def leave_no_trace(state: Path = STATE) -> Iterator[None]:
    """Remove the empty folders that a Snakemake which runs nothing makes; those that were there stay.

    Raises `UserError` where it could not make them.
    """
    before = {path for path in (state, *(state / name for name in FOLDERS)) if path.exists()}
    if not os.access(state if state in before else Path(), os.W_OK):
        raise UserError(
            f"{Path.cwd()} is not writable for you, and Snakemake needs a place for its notes there even to plan; copy "
            "or clone the project to a folder of your own"
        )
    try:
        yield
    finally:
        if state / CACHE.parent not in before:
            (state / CACHE).unlink(missing_ok=True)
        for path in (*(state / name for name in FOLDERS), state):
            if path not in before:
                with contextlib.suppress(OSError):  # not there, or no longer empty: someone has started the workflow
                    path.rmdir()


def find_table(said: str) -> str:
    """Return the table of jobs of a dry run, and the reasons that it gives, each once. said: by Snakemake."""
    table = re.search(r"^Job stats:\n(.+?)\n\n", said, re.DOTALL | re.MULTILINE)
    if not table:
        return "Nothing to run: all of it is there, and up to date."
    reasons = re.search(r"^Reasons:\n.*\n((?: {4}.+\n)+)", said, re.MULTILINE)
    return f"{table[1]}\n\nWhy:\n{reasons[1].rstrip()}" if reasons else table[1]


def find_error(said: str) -> str:
    """Return what Snakemake said without the lines that only say how it was called, and without a list of options."""
    if said.startswith("usage:"):
        return said.strip().splitlines()[-1].replace("__main__.py: ", "")
    return "\n".join(line for line in said.splitlines() if not line.startswith(NOISE)).strip()


if __name__ == "__main__":
    main()
