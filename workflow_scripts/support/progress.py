"""Progress of a job: a bar in a terminal; a line every few seconds where several jobs, or a log, share the output."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from tqdm import tqdm

SECONDS = 10.0  # between lines


class Lines:
    """A stream for tqdm that ends each state of a bar with a newline, instead of writing over the one before."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def write(self, text: str) -> None:
        """Write what tqdm shows, without the characters that move the cursor."""
        if text := text.strip("\r\n "):
            self.stream.write(f"{text}\n")

    def flush(self) -> None:
        """Flush the stream."""
        self.stream.flush()


def make_bar(what: str, total: int | None, unit: str, initial: int = 0, **options: Any) -> tqdm[Any]:
    """Return a tqdm bar on stderr, named after the run or the file that the job is about.

    total and initial: in units; None where the total is not known. options: of tqdm.
    """
    from tqdm import tqdm

    alone = sys.stderr.isatty()
    file: Any = sys.stderr if alone else Lines(sys.stderr)
    seconds = 1.0 if alone else SECONDS
    # Both: tqdm lowers the number of steps between two looks at the clock where a line is late.
    options |= {"mininterval": seconds, "maxinterval": seconds}
    return tqdm(total=total, initial=initial, unit=unit, desc=what, file=file, **options)
