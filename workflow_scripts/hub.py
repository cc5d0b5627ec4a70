"""`make push` and `make pull`: results of an experiment to and from a repository on the Hugging Face Hub.

Weights, rows, what describes them, and packed data that the workflow made itself. The token is the one that the Hub's
own programs use: `hf auth login`, or HF_TOKEN. HF_ENDPOINT names another Hub.
"""

from __future__ import annotations

import argparse

from workflow_scripts.experiment.overrides import add_config_arguments, load_config
from workflow_scripts.support.errors import command


@command
def main() -> None:
    """Push, or pull."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["push", "pull"])
    parser.add_argument("repository", help="owner/name")
    add_config_arguments(parser)
    parser.add_argument("--with-downloads", action="store_true", help="push packed data that were downloaded, too")
    parser.add_argument("--public", action="store_true", help="a repository that push makes is public, not private")
    arguments = parser.parse_args()
    from workflow_scripts.sharing.pull import pull
    from workflow_scripts.sharing.push import push
    from workflow_scripts.sharing.repository import Repository
    from workflow_scripts.start import STATE, hold

    repository, config = Repository(arguments.repository), load_config(arguments.configfile, arguments.config)
    STATE.mkdir(exist_ok=True)
    hold(STATE / "workflow.lock")  # no workflow writes results meanwhile
    if arguments.what == "push":
        print(push(config, repository, arguments.with_downloads, arguments.public))
    else:
        print(pull(config, repository))


if __name__ == "__main__":
    main()
