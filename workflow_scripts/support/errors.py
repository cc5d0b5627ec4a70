"""Errors for people: one sentence that says what is wrong and what to do, and a non-zero exit."""

from __future__ import annotations

import errno
import functools
import signal
import sys
from collections.abc import Callable

from workflow_scripts.support.lifeline import end_with_parent

NO_TEMPORARY = "No usable temporary directory"
RESUME_CODE = 75  # EX_TEMPFAIL of sysexits.h: nothing is wrong, run it again


class UserError(Exception):
    """Something the user can mend. The message is one sentence: what is wrong, and what to do."""


class PreemptedError(Exception):
    """A job was told to stop and has stored how far it came. The message says so."""


def _advise_on_full_gpu() -> str:
    from workflow_scripts.support.gpus import WHOLE, get_share

    if get_share() < WHOLE:
        return (
            f"the job needs more than its share of a GPU's memory, {get_share()} %; set `engine.share_gpu: false`, so "
            "that it has a GPU alone, then run the same command again; finished work is kept."
        )
    return (
        "the job needs more memory than is free on its GPU; end other programs on that GPU, or take a larger one, then "
        "run the same command again; finished work is kept. (A smaller `training.batch` makes another run: move the "
        "run's folder away first.)"
    )


def command(main: Callable[[], None]) -> Callable[[], None]:
    """Turn expected failures of a command line into one sentence on stderr.

    Exit codes: 1 for a `UserError`, a full or read-only disk or a full GPU, 75 for "resume me", 130 for Ctrl-C.
    Anything else is a defect of ours and keeps its traceback. A job ends with the Snakemake that started it.
    """

    @functools.wraps(main)
    def wrapped() -> None:
        for number in (signal.SIGTERM, signal.SIGUSR1):  # which the shell of a rule ignores
            signal.signal(number, signal.SIG_DFL)
        end_with_parent()
        try:
            main()
        except UserError as error:
            sys.exit(f"error: {error}")
        except PreemptedError as stop:
            print(stop, file=sys.stderr)
            sys.exit(RESUME_CODE)
        except KeyboardInterrupt:
            sys.exit(130)
        except RuntimeError as error:
            if type(error).__name__ != "OutOfMemoryError":  # torch's, which most commands do not import
                raise
            sys.exit(f"error: {_advise_on_full_gpu()}")
        except OSError as error:
            if NO_TEMPORARY in str(error):  # of the module tempfile, which tried several
                sys.exit("error: no folder for temporary files has room; free some, or set TMPDIR to one that has room")
            where = f" at {error.filename}" if error.filename else ""
            if error.errno in (errno.EIO, errno.ESTALE):  # a broken disk, a server of files that went away
                sys.exit(
                    f"error: the disk fails{where}: {error.strerror}. Mend it or choose another folder, "
                    "then run the same command again; finished work is kept."
                )
            if error.errno == errno.ENAMETOOLONG:
                end = str(error.filename)[-60:]
                sys.exit(f"error: a path is too long, it ends with {end}; move the project to a shorter one")
            if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES):
                raise
            sys.exit(
                f"error: cannot write{where}: {error.strerror}. Make room or choose a writable folder, "
                "then run the same command again; finished work is kept."
            )

    return wrapped
