"""Install a locked list of packages into the environment that runs this (`make setup`). Needs only Python and pip.

uv does it, a package of the list itself, since it takes a fraction of pip's time. pip does it where uv fails, or where
pip is told of an index that uv would not ask.

On a machine without a GPU, and without a cluster's `sbatch`, four packages of the list are left out: `UNUSED`. The
other packages for GPUs cannot be: torch, as package indexes have it for Linux, is linked against them and does not
start without. torch's makers publish indexes of other builds: the one for CPUs needs none of these packages, one for
older drivers brings its own. `--torch` takes the address of such an index.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from workflow_scripts.support.errors import UserError, command

# What torch imports only to compile for a GPU, to capture graphs and to mark traces on one.
UNUSED = ("triton", "cuda-bindings", "cuda-pathfinder", "nvidia-nvtx")
FOR_GPUS = re.compile(r"(nvidia|cuda)-|triton$")  # what a build of torch brings itself
BUILT = re.compile(r"torch(vision)?$")  # what there are several builds of
BUILD = Path(sys.prefix) / "torch-build"  # which one is installed: "gpu", "cpu" or an index; envs/setup.sh reads it
FROM_LIST = ("gpu", "cpu")
PIP = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check")
INSTALL = ("install", "--no-compile")  # modules are compiled when they are first imported: most never are
WHOLE = ("--no-deps", "--require-hashes")  # nobody need look for what the packages of a list require
ELSEWHERE = re.compile(r"\.(index-url|no-index|proxy)=")  # settings of pip that uv does not read
# What pip says where no index answers, and why.
UNREACHABLE = re.compile(
    r"connection broken by|Max retries exceeded|Could not fetch URL|Connection to \S+ timed out|ReadTimeout"
)
CAUSE = re.compile(r"(?:\[Errno -?\d+\] |\(Caused by |problem |ProxyError\()([\w .,-]+)")


def parse_arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("list", type=Path, help="locked requirements with hashes")
    parser.add_argument(
        "--torch",
        default="",
        help="gpu: all that a GPU needs; cpu: without what only a GPU needs, as far as torch starts without it; or the "
        "index of another build (default: as before, else as this machine has a GPU or not)",
    )
    return parser.parse_args()


@command
def main() -> None:
    """Install, and record which build of torch this is."""
    arguments = parse_arguments()
    build = choose_build(arguments.torch)
    requirements = read_list(arguments.list)
    kept, builds = select(requirements, build)
    size = {"gpu": "6 GB", "cpu": "5 GB"}.get(build, "2 GB or more")
    print(f"installing {arguments.list} into {sys.prefix} (some minutes, {size})", flush=True)
    if {build, before := read_build()} - {"", *FROM_LIST} and build != before:  # to pip, both are the same version
        names = [name for name, _ in requirements if FOR_GPUS.match(name) or BUILT.match(name)]
        call_pip("uninstall", "--yes", *names, wanted=arguments.list)
    with tempfile.TemporaryDirectory() as folder:
        chosen = Path(folder) / arguments.list.name
        chosen.write_text("".join(kept))
        if not install_with_uv(chosen, [text for name, text in requirements if name == "uv"]):
            call_pip(*INSTALL, *WHOLE, "--requirement", str(chosen), wanted=arguments.list)
    if builds:  # whose hashes the list cannot know
        call_pip(*INSTALL, "--index-url", build, *builds, wanted=arguments.list, index=build)
    BUILD.write_text(build + "\n")


def choose_build(wanted: str) -> str:
    """Return which torch to install: "gpu" with all that a GPU needs, "cpu" without `UNUSED`, or an index.

    wanted: one of these, or "" for what is installed; where nothing is, or a GPU came since, for what this machine has.
    """
    if wanted not in ("", "gpu", "cpu") and not re.match(r"\w+://|/", wanted):
        raise UserError(f"TORCH is {wanted!r}; say TORCH=gpu, TORCH=cpu or the address of an index of builds of torch")
    has_gpu = any(map(shutil.which, ("nvidia-smi", "sbatch")))
    before = read_build()
    return wanted or (before if before not in ("", "cpu") else "gpu" if has_gpu else "cpu")


def read_build() -> str:
    """Return which torch was installed last, or "" where this is not recorded."""
    return BUILD.read_text().strip() if BUILD.exists() else ""


def read_list(path: Path) -> list[tuple[str, str]]:
    """Return the requirements of a locked list: of each its name, and its lines as they stand there."""
    parts = re.split(r"^(?=[A-Za-z0-9])", path.read_text(), flags=re.MULTILINE)
    return [(name.group().lower(), part) for part in parts if (name := re.match(r"[A-Za-z0-9._-]+(?===)", part))]


def select(requirements: list[tuple[str, str]], build: str) -> tuple[list[str], list[str]]:
    """Return the requirements to install from the list, and those, as name==version, from the index of the build."""
    if build in FROM_LIST:
        return [text for name, text in requirements if build == "gpu" or name not in UNUSED], []
    kept = [text for name, text in requirements if not FOR_GPUS.match(name) and not BUILT.match(name)]
    return kept, [text.split()[0] for name, text in requirements if BUILT.match(name)]


def install_with_uv(chosen: Path, own: list[str]) -> bool:
    """Have uv install a list, and return whether it did. own: the list's requirement of uv; pip installs it first."""
    if not own:
        return False
    settings = subprocess.run([sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True)
    if settings.returncode or ELSEWHERE.search(settings.stdout):
        return False
    first = chosen.with_name("uv.txt")
    first.write_text("".join(own))
    uv = (sys.executable, "-m", "uv", "pip", "install", "--python", sys.executable)
    commands = ([*PIP, *INSTALL, *WHOLE, "--requirement", str(first)], [*uv, *WHOLE, "--requirement", str(chosen)])
    return all(not subprocess.run(command, capture_output=True, text=True).returncode for command in commands)


def call_pip(*arguments: str, wanted: Path, index: str = "") -> None:
    """Call pip. What it warns of is shown only where it fails.

    wanted: the list to install, and index: the one that is asked instead of the user's, for messages.
    """
    result = subprocess.run([*PIP, *arguments], stderr=subprocess.PIPE, text=True)
    if result.returncode:
        raise UserError(explain(result.stderr, wanted, index))


def explain(said: str, wanted: Path, index: str) -> str:
    """Return one sentence: why pip failed, by what it said on stderr, and what to do. See `call_pip`."""
    if UNREACHABLE.search(said):
        cause = CAUSE.search(said)
        why = f"pip cannot reach {index or 'the package index'}{f' ({cause.group(1).strip()})' if cause else ''}"
        if index:
            return f"{why}; connect and run the same command again, or say TORCH=cpu for the build of the package index"
        python = f"python{sys.version_info.major}.{sys.version_info.minor}"
        return (
            f"{why}; connect and run the same command again, or, in a clone on a machine that is connected, say "
            f"`{python} -m pip download --no-deps --require-hashes --requirement {wanted} --dest wheels`, bring that "
            "folder here and say `PIP_NO_INDEX=1 PIP_FIND_LINKS=wheels make setup`"
        )
    if missing := re.search(r"No matching distribution found for (\S+)", said):
        return (
            f"{missing.group(1)} is not where pip looks for packages; point pip to an index or a folder that has it "
            "(`pip config list` and the variables PIP_INDEX_URL, PIP_FIND_LINKS and PIP_NO_INDEX say where it looks) "
            "and run the same command again"
        )
    errors = [line for line in said.splitlines() if line.startswith("ERROR")] or said.splitlines()[-1:]
    reason = " ".join(errors)[:600] or "it said nothing"
    return (
        f"pip cannot install {wanted} ({reason}); mend that and run the same command again, which goes on with what is "
        "missing"
    )


if __name__ == "__main__":
    main()
