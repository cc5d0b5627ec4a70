"""Tasks that are shared out, among processes or threads: done once each, told in order, and the first error raised."""

import threading
import time

import pytest

from workflow_scripts.support.workers import TASKS_AHEAD, open_workers

pytestmark = pytest.mark.unit
KINDS = [(1, 0), (2, 0), (3, 8), (8, 3)]  # workers, threads


def write(folder, items):
    """Note the items; the first task takes longest."""
    if items[0] == 0:
        time.sleep(0.1)
    for item in items:
        with open(folder / str(item), "x") as file:
            file.write(threading.current_thread().name)


def fail(folder, items):
    """Fail at some tasks: the later one is faster."""
    if items[0] in (2, 5):
        time.sleep(0.1 if items[0] == 2 else 0)
        raise ValueError(f"task {items[0]}")
    (folder / str(items[0])).touch()


@pytest.mark.parametrize(("workers", "threads"), KINDS)
def test_tasks_end_in_order_and_are_done_once(tmp_path, workers, threads):
    tasks = [[2 * task, 2 * task + 1] for task in range(40)]
    with open_workers(tmp_path, workers, threads) as pool:
        assert list(pool.run(write, tasks)) == tasks
    assert {path.name for path in tmp_path.iterdir()} == {str(item) for item in range(80)}
    if threads:
        names = {path.read_text() for path in tmp_path.iterdir()}
        assert threading.current_thread().name not in names
        assert len(names) <= 3


def _run_all(folder, workers, threads, ended):
    with open_workers(folder, workers, threads) as pool:
        for task in pool.run(fail, [[task] for task in range(200)]):
            ended += task


@pytest.mark.parametrize(("workers", "threads"), KINDS)
def test_the_first_error_is_raised_and_what_waits_is_dropped(tmp_path, workers, threads):
    ended = []
    with pytest.raises(ValueError, match="task 2"):
        _run_all(tmp_path, workers, threads, ended)
    assert ended == [0, 1]
    assert len(list(tmp_path.iterdir())) <= 3 * TASKS_AHEAD + 3
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("ThreadPoolExecutor")]
