# Bring the environment up to a locked list of packages, and do nothing where it is: make setup, make setup-dev.
#
#   sh envs/setup.sh <kind> <list> [<kind that this list holds, too>]
#
# Reads the variables VENV, PYTHON and TORCH of make. A marker, $VENV/<kind>.installed, is touched last, so that an
# installation that was cut off is gone on with.
set -eu
kind=$1 list=$2 part=${3-}
marker=$VENV/$kind.installed
VERSIONS="3.11 3.12 3.13" # of Python, which the lists are locked for and tests run on

# Whether the packages are those of the list, and torch the build that is asked for (see workflow_scripts.install).
is_complete() {
  test -e "$marker" && ! test "$list" -nt "$marker" || return 1
  build=$(cat "$VENV/torch-build" 2>/dev/null || true)
  test -z "$TORCH" || test "$build" = "$TORCH" || return 1
  test "$build" != cpu || test "$TORCH" = cpu || ! has_gpu
}

# As workflow_scripts.install sees it: a machine of a cluster may have none itself.
has_gpu() { command -v nvidia-smi >/dev/null || command -v sbatch >/dev/null; }

# "3.12" for a Python, "" for what is none.
get_version() { "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null || true; }

is_supported() { case " $VERSIONS " in *" $1 "*) test -n "$1" ;; *) false ;; esac }

fail() {
  echo "error: $1" >&2
  exit 1
}

# Print the Python to make the environment of: the one that is given, or the first that fits.
find_python() {
  found=
  for python in "${PYTHON:-python3.11}" "${PYTHON:-python3.12}" "${PYTHON:-python3.13}" "${PYTHON:-python3}"; do
    version=$(get_version "$python")
    if is_supported "$version"; then
      "$python" -c 'import ensurepip, venv' 2>/dev/null && echo "$python" && return
      found="$python is Python $version without venv"
    fi
    test -n "$found" || test -z "$version" || found="$python is Python $version"
  done
  fail "this needs Python 3.11, 3.12 or 3.13 with venv and pip, and ${found:-there is no ${PYTHON:-python3} here}; \
install one (on Debian and Ubuntu: apt install python3-venv) or say make PYTHON=/path/to/python3.12"
}

is_complete && exit
if ! test -x "$VENV/bin/python"; then
  python=$(find_python)
  "$python" -m venv "$VENV" || fail "$python cannot make an environment in $VENV; see above, and run the same again"
elif test -n "$PYTHON" && test "$(get_version "$PYTHON")" != "$(get_version "$VENV/bin/python")"; then
  fail "$VENV is of Python $(get_version "$VENV/bin/python"), not of $PYTHON; delete it, or say VENV=another-folder"
fi
"$VENV/bin/python" -m workflow_scripts.install "$list" --torch "$TORCH"
"$VENV/bin/python" -m workflow_scripts.fetch_packages || true # of sources: an experiment on them says it again
test -z "$part" || touch "$VENV/$part.installed"
touch "$marker"
