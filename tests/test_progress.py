"""Progress: a line for each state of a bar where output goes to a log, which names its run."""

import io
import sys

import pytest

from workflow_scripts.support import progress

pytestmark = pytest.mark.unit


class Terminal(io.StringIO):
    def isatty(self):
        return True


def show(monkeypatch, stream):
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr(progress, "SECONDS", 0.0)
    with progress.make_bar("toy/simclr/seed0", 4, "step", 1) as bar:
        for loss in (3, 2, 1):
            bar.set_postfix(loss=loss, refresh=False)
            bar.update()
    return stream.getvalue()


def test_lines_where_output_is_not_a_terminal(monkeypatch):
    text = show(monkeypatch, io.StringIO())
    assert "\r" not in text
    lines = text.splitlines()
    assert len(lines) >= 2
    assert all(line.startswith("toy/simclr/seed0:") for line in lines)
    assert "1/4" in lines[0]
    assert "4/4" in lines[-1]
    assert "loss=1" in lines[-1]


def test_a_bar_in_a_terminal(monkeypatch):
    assert "\rtoy/simclr/seed0:" in show(monkeypatch, Terminal())
