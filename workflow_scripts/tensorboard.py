"""`make tensorboard`: the losses, rates and speeds of all trainings in TensorBoard, while they run and after.

Copies what trainings write as they go, `<run>/state/history.jsonl`, into TensorBoard's logs every few seconds, and
starts its server. Trainings know nothing of it, so it can start and stop at any time.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from workflow_scripts.support.errors import UserError, command

SECONDS = 5.0  # between two looks at the histories


class HistoryLogs:
    """TensorBoard's logs of all histories below a folder of results, one folder for each run, written anew."""

    def __init__(self, results: Path, logs: Path) -> None:
        self.results, self.logs = results, logs
        self._last: dict[Path, int] = {}  # step that a history was copied up to
        self._writers: dict[Path, Any] = {}
        shutil.rmtree(logs, ignore_errors=True)

    def update(self) -> int:
        """Copy what is new, and return the number of histories. A resumed training's repeated steps are replaced."""
        from torch.utils.tensorboard import SummaryWriter

        from workflow_scripts.experiment.histories import read_history

        histories = sorted(self.results.glob("*/*/*/seed*/state/history.jsonl"))
        for path in histories:
            entries = read_history(path)
            last = self._last.get(path, 0)
            resumed = bool(entries) and entries[-1]["step"] < last
            new = entries if resumed else [entry for entry in entries if entry["step"] > last]
            if not new:
                continue
            if path not in self._writers or resumed:
                folder = self.logs / path.parents[1].relative_to(self.results)
                self._writers[path] = SummaryWriter(str(folder), purge_step=new[0]["step"] if resumed else None)
            for entry in new:
                for name in entry.keys() - {"step"}:
                    self._writers[path].add_scalar(name, entry[name], entry["step"])
            self._writers[path].flush()
            self._last[path] = new[-1]["step"]
        return len(histories)


@command
def main() -> None:
    """Copy, serve, and go on copying until the server ends."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=Path("results"), help="folder of results (default: results)")
    parser.add_argument("--port", default="6006", help="port of the server (default: 6006)")
    parser.add_argument("--once", action="store_true", help="write the logs, and start no server")
    arguments = parser.parse_args()
    folder = arguments.results / "tensorboard"  # not an option: what is in it is deleted
    logs = HistoryLogs(arguments.results, folder)
    if not (count := logs.update()):
        raise UserError(f"{arguments.results} holds no history of a training yet; start one with make reproduce")
    print(f"histories of {count} trainings in {folder}", flush=True)
    if arguments.once:
        return
    serve = [sys.executable, "-m", "tensorboard.main", "--logdir", str(folder), "--port", arguments.port]
    with subprocess.Popen(serve) as server:
        try:
            while server.poll() is None:
                logs.update()
                time.sleep(SECONDS)
        finally:
            server.terminate()
    if server.returncode > 0:
        raise UserError(f"TensorBoard ended with code {server.returncode}; what it said stands above")


if __name__ == "__main__":
    main()
