"""Attacks on what the workflow has finished: whatever changes around it, data and weights stay until they are replaced.

One tiny experiment is run once. Each case takes a copy of it, changes something, and calls the workflow again.
"""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from tests.attack.case import RIGHT, ROOT, Case, Seen, call

DATA = Path("results/contextssl/data/smoke")
RUN = Path("results/contextssl/smoke/simclr/seed0")
ROWS = RUN / "rows" / "evaluation.parquet"
EVALUATED = (ROWS, ROWS.with_suffix(".json"), RUN / "MODEL_CARD.md")
KEPT = (DATA / "packed", RUN / "weights.safetensors")  # what no attack may change or remove
FEW = ("experiment=contextssl/smoke", "datasets=[smoke]", "methods=[simclr]", 'training={"steps": 20}')
SECONDS = 240.0
DAY = 86400.0


def work(folder: Path, *arguments: str, config: str = "", project: Path = ROOT, target: Path = ROWS) -> Seen:
    """Call the workflow in `folder` for one file. config: a departure from the tiny experiment."""
    options = ["--profile", project / "profiles" / "default", "--snakefile", project / "Snakefile", "--cores", "2"]
    options += ["--quiet", "rules", "host", "--config", *FEW, *([config] if config else []), *arguments, "--", target]
    variables = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "OMP_NUM_THREADS": "1"}
    return call("start", *map(str, options), cwd=folder, seconds=SECONDS, environment=variables)


@functools.cache
def finish() -> Path:
    """Return the folder of the tiny experiment, which is finished."""
    folder = Path(tempfile.mkdtemp(prefix="finished"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    seen = work(folder)
    if seen.code:
        raise RuntimeError(seen.output)
    return folder


def read_kept(folder: Path) -> dict[str, bytes]:
    """Return the content of all that must stay."""
    paths = [path for kept in KEPT for path in (folder / kept, *(folder / kept).glob("*")) if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def change(
    prepare: Callable[[Path], object], *arguments: str, config: str = "", runs: tuple[str, ...] | None = ()
) -> Callable[[Path], Seen]:
    """Return an attack: `prepare` a copy of what is finished, call the workflow again, and see what became of it.

    arguments, config: of that call. runs: the only rules that may run in it; None = any.
    """

    def act(folder: Path) -> Seen:
        copied = folder / "here"
        shutil.copytree(finish(), copied, symlinks=True)
        prepare(copied)
        seen = work(copied, *arguments, config=config)
        if read_kept(copied) != read_kept(finish()):
            return replace(seen, lost=True, problem="data or weights were lost or changed")
        ran = {line.split("Rule: ")[1].rstrip(")") for line in seen.output.splitlines() if "(Rule: " in line}
        unasked = sorted(ran - set(runs)) if runs is not None else []
        return replace(seen, problem=f"ran {', '.join(unasked)} again" if unasked else "")

    return act


def forget(folder: Path) -> None:
    """Delete what the documents allow: checkpoints, and raw data once packed."""
    shutil.rmtree(folder / RUN / "state")
    shutil.rmtree(folder / DATA / "raw")


def _touch_raw(folder: Path) -> None:
    forget(folder)
    (folder / DATA / "raw.json").touch()


def _lose_notes(folder: Path) -> None:
    forget(folder)
    shutil.rmtree(folder / ".snakemake")
    (folder / DATA / "raw.json").touch()


def _mark_incomplete(folder: Path) -> None:
    """As a kill between the end of the jobs and Snakemake's note of it."""
    from base64 import urlsafe_b64encode

    forget(folder)
    (folder / ".snakemake" / "incomplete").mkdir(exist_ok=True)
    for name in (str(RUN / "weights.safetensors"), str(DATA / "packed" / "meta.json")):
        (folder / ".snakemake" / "incomplete" / urlsafe_b64encode(name.encode()).decode()).touch()


def _lose_logs(folder: Path) -> None:
    forget(folder)
    for log in (*folder.glob("results/**/*.log"), *folder.glob("results/**/*.time.tsv")):
        log.unlink()


def _date(*names: Path) -> Callable[[Path], None]:
    def prepare(folder: Path) -> None:
        for name in names:
            os.utime(folder / name, (time.time() + DAY,) * 2)

    return prepare


def edit_rules(folder: Path) -> Seen:
    """Other text of the rules that make data and weights, as after an update, with raw data and checkpoints gone."""
    project = folder / "project"
    project.mkdir()
    for name in ("workflow_scripts", "papers", "schemas", "profiles", "envs", "config.yaml"):
        (project / name).symlink_to(ROOT / name)
    shutil.copy(ROOT / "Snakefile", project)
    shutil.copytree(ROOT / "rules", project / "rules")
    copied = folder / "here"
    shutil.copytree(finish(), copied, symlinks=True)
    forget(copied)
    for name in ("data", "pretrain"):
        file = project / "rules" / f"{name}.smk"
        file.write_text(file.read_text().replace("python -m workflow_scripts", "python  -m workflow_scripts"))
    seen = work(copied, project=project)
    lost = read_kept(copied) != read_kept(finish())
    ran = "(Rule: p" in seen.output
    return replace(seen, lost=lost, problem="packs or trains again" if ran else "")


def advise_on_future(*names: Path) -> Callable[[Path], Seen]:
    """Return an attack: files dated tomorrow; what the refusal advises is done, and then nothing may run."""
    import subprocess

    def act(folder: Path) -> Seen:
        copied = folder / "here"
        shutil.copytree(finish(), copied, symlinks=True)
        _date(*names)(copied)
        refused = work(copied)
        advice = refused.sentence.partition("or call: ")[2]
        if not advice:
            return replace(refused, code=1, problem="no advice")
        subprocess.run(["bash", "-c", advice], cwd=copied, check=True)
        seen = work(copied)
        return replace(seen, problem="runs something again" if "(Rule: " in seen.output else "")

    return act


OTHER = r"smoke/packed was packed with other settings of sources.smoke \({}.*give the changed source a name of its own"
FUTURE = "is dated in the future, .*call: find results/contextssl -newermt now -exec touch"
NO_RAW = "raw, which does not exist; delete .*raw.json and run again"
AGAIN = ("pretrain", "evaluate")  # the first finds its weights; the second costs time, and loses nothing
CASES = [
    Case("nothing changed, raw data and checkpoints gone", change(forget), RIGHT),
    Case("text of rules changed, raw data and checkpoints gone", edit_rules, RIGHT),
    Case("raw.json touched, raw data gone", change(_touch_raw), RIGHT),
    Case("logs gone", change(_lose_logs), RIGHT),
    Case("notes of Snakemake lost, raw.json touched, raw data gone", change(_lose_notes), says=NO_RAW),
    Case("marked as incomplete, raw data gone", change(_mark_incomplete, runs=None), says=NO_RAW),
    Case("training forced, checkpoint gone", change(forget, "--forcerun", "pretrain", runs=AGAIN), RIGHT),
    Case("packing forced, raw data gone", change(forget, "--forcerun", "pack", runs=None), says=NO_RAW),
    *(
        Case(f"{key} of a finished source changed", change(forget, config=f'sources={{"smoke": {{"{key}": {value}}}}}'),
             says=OTHER.format(key))
        for key, value in {
            "resolution": 16, "average": 2, "per_class": '{"train": 10, "test": 2}'
        }.items()
    ),
    Case("a resolution of a million", change(forget, config='sources={"smoke": {"resolution": 1000000}}')),
    Case("drawing of a finished source changed",
         change(lambda folder: None, config='sources={"smoke": {"render": {"jitter": 0.1}}}'),
         says=OTHER.format("render.jitter: 0")),
    *(
        Case(f"{what} dated tomorrow", change(_date(*names)), says=FUTURE)
        for what, names in {"weights": KEPT[1:], "packed data": (DATA / "packed/meta.json",), "rows": (ROWS,)}.items()
    ),
    Case("weights dated tomorrow, advice followed", advise_on_future(KEPT[1]), RIGHT),
    Case("weights and rows dated tomorrow, advice followed", advise_on_future(KEPT[1], *EVALUATED), RIGHT),
]  # fmt: skip
