"""Processes, or threads, that share out tasks. The results are those of one, and no worker outlives its parent."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing.connection import wait
from typing import Any, Generic, TypeVar

from workflow_scripts.support.errors import UserError

TASKS_AHEAD = 8  # per worker; bounds what a stop can lose and what waits in memory

Job = TypeVar("Job")
Item = TypeVar("Item")
Pool = TypeVar("Pool", ProcessPoolExecutor, ThreadPoolExecutor)
Work = Callable[[Job, list[Item]], None]

_job: Any  # of this worker process


class Workers(Generic[Job]):
    """Runs tasks, lists of items, in order. Without a pool in this process."""

    def __init__(self, job: Job, pool: ProcessPoolExecutor | ThreadPoolExecutor | None, ahead: int) -> None:
        self._job, self._pool, self._ahead = job, pool, ahead

    def run(self, work: Work[Job, Item], tasks: list[list[Item]]) -> Iterator[list[Item]]:
        """Call `work(job, task)` for every task and yield the tasks in order as they end; raise the first error."""
        waiting: deque[tuple[list[Item], Future[None]]] = deque()
        for task in tasks:
            if self._pool is None:
                work(self._job, task)
                yield task
                continue
            if len(waiting) == self._ahead:
                yield _finish(waiting)
            waiting.append((task, self._submit(work, task)))
        while waiting:
            yield _finish(waiting)

    def _submit(self, work: Work[Job, Item], task: list[Item]) -> Future[None]:
        if isinstance(self._pool, ThreadPoolExecutor):
            return self._pool.submit(work, self._job, task)
        assert self._pool is not None
        return self._pool.submit(_work, work, task)


@contextmanager
def open_workers(job: Job, workers: int, threads: int = 0) -> Iterator[Workers[Job]]:
    """Open `workers` processes that all know `job`, pickled once for each; a single one is this process itself.

    threads: where not 0, so many threads of this process instead, or `workers` where these are fewer.
    Raises `UserError` where a worker is killed.
    """
    if workers == 1:
        yield Workers(job, None, 0)
        return
    if threads:
        with _closing(ThreadPoolExecutor(min(workers, threads))) as pool:
            yield Workers(job, pool, min(workers, threads) * TASKS_AHEAD)
        return
    # Never a fork: the calling process may have threads.
    known = multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context("forkserver" if "forkserver" in known else "spawn")
    # The server from which workers are forked imports what they need: once, and not each of them.
    context.set_forkserver_preload([type(job).__module__])
    try:
        with _closing(ProcessPoolExecutor(workers, context, _start_worker, (job,))) as pool:
            yield Workers(job, pool, workers * TASKS_AHEAD)
    except BrokenProcessPool:
        raise UserError(
            "a worker process was killed, most likely for want of memory; run again with fewer workers"
        ) from None


@contextmanager
def _closing(pool: Pool) -> Iterator[Pool]:
    """Wait at the end for tasks that have begun, and drop the others."""
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def _finish(waiting: deque[tuple[list[Item], Future[None]]]) -> list[Item]:
    task, future = waiting.popleft()
    future.result()
    return task


def _start_worker(job: Any) -> None:
    global _job
    _job = job
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_die_with, args=(parent.sentinel,), daemon=True).start()


def _die_with(sentinel: int) -> None:
    """End this process when the parent is gone; it would wait for tasks for ever."""
    wait([sentinel])
    os._exit(1)


def _work(work: Work[Any, Item], task: list[Item]) -> None:
    work(_job, task)
