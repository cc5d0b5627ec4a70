"""`make reproduce` and `make tables`: run the workflow, then say what came out, or how to go on.

Arguments are Snakemake's; what `make`'s variables EXPERIMENT, SEEDS and PROFILE say comes on top. Snakemake itself is
started by `workflow_scripts.start`, as a process of its own: when it has ended, this one still has something to say.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys

from workflow_scripts.experiment.facts import ask_for_facts, read_facts
from workflow_scripts.experiment.given import check_options, list_options
from workflow_scripts.start import merge_options
from workflow_scripts.support.errors import command

STOPPED = (
    "Stopped by Ctrl-C; errors above are of jobs that it ended. What is finished is kept, and the same command goes on "
    "from there."
)
INTERRUPTED = 130  # as a shell says it: 128 and the signal's number
# Options of Snakemake with which it ends before the report, or runs nothing.
PARTIAL = ("--until", "-U", "--omit-from", "-O", "--dry-run", "--dryrun", "-n", "--unlock", "--touch", "-t")


@command
def main() -> None:
    """Run Snakemake, then print the results."""
    arguments = merge_options([*list_options(os.environ), "--quiet", "rules", "host", *sys.argv[1:]])
    check_options(arguments)
    with ask_for_facts() as (environment, file):
        code, interrupted = run([sys.executable, "-m", "workflow_scripts.start", *arguments], environment)
        facts = read_facts(file)
    if interrupted:
        print(f"\n{STOPPED}", file=sys.stderr)
        sys.exit(INTERRUPTED)
    if code or not facts:  # which Snakemake has said, or it was asked for something else, such as its version
        sys.exit(code)
    print(f"\n{describe(arguments, facts)}")


def run(words: list[str], environment: dict[str, str]) -> tuple[int, bool]:
    """Run a command until it ends; return its exit code, and whether Ctrl-C was pressed meanwhile.

    A terminal sends Ctrl-C to the command, too, which ends its jobs first. Other signals are passed on.
    """
    process = subprocess.Popen(words, env=environment)
    signal.signal(signal.SIGTERM, lambda number, _: process.send_signal(number))
    interrupted = False
    while True:
        try:
            return process.wait(), interrupted
        except KeyboardInterrupt:
            interrupted = True


def describe(arguments: list[str], facts: dict[str, object]) -> str:
    """Return what there is to say after a run without errors. arguments: Snakemake's."""
    from workflow_scripts.summary import describe_progress, describe_results

    if asked := [word for word in arguments if word.partition("=")[0] in PARTIAL]:
        return f"{describe_progress(facts)} Without {asked[0]} the same command goes on to the report."
    return describe_results(facts)


if __name__ == "__main__":
    main()
