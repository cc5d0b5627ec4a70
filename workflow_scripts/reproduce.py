"""`make reproduce` and `make tables`: run the workflow, then say what came out, or how to go on.

Arguments are Snakemake's; what `make`'s variables EXPERIMENT, SEEDS and PROFILE say comes on top. Snakemake itself is
a process of its own, see `workflow_scripts.start`: when it has ended, this one still has something to say.
"""

from __future__ import annotations

import os
import sys

from workflow_scripts.experiment.facts import ask_for_facts, read_facts
from workflow_scripts.experiment.given import check_options, list_options
from workflow_scripts.start import merge_options, run_alone, say_stopped
from workflow_scripts.support.errors import command

# Options of Snakemake with which it ends before the report, or runs nothing.
PARTIAL = ("--until", "-U", "--omit-from", "-O", "--dry-run", "--dryrun", "-n", "--unlock", "--touch", "-t")


@command
def main() -> None:
    """Run Snakemake, then print the results."""
    arguments = merge_options([*list_options(os.environ), "--quiet", "rules", "host", *sys.argv[1:]])
    check_options(arguments)
    with ask_for_facts() as (environment, file):
        code, stopped = run_alone(arguments, environment)
        facts = read_facts(file)
    if stopped:
        sys.exit(say_stopped(stopped))
    if code or not facts:  # which Snakemake has said, or it was asked for something else, such as its version
        sys.exit(code)
    print(f"\n{describe(arguments, facts)}")


def describe(arguments: list[str], facts: dict[str, object]) -> str:
    """Return what there is to say after a run without errors. arguments: Snakemake's."""
    from workflow_scripts.summary import describe_progress, describe_results

    if asked := [word for word in arguments if word.partition("=")[0] in PARTIAL]:
        return f"{describe_progress(facts)} Without {asked[0]} the same command goes on to the report."
    return describe_results(facts)


if __name__ == "__main__":
    main()
