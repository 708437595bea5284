#!/bin/sh
# Set up Muster: the virtual environment, the pinned packages, MicroPython. `make` calls it before each
# target; it returns at once when nothing is to be done.
#
#     PYTHON=python3 VENV=.venv tools/set_up.sh
#
# The stamp, written last, holds the folder of this clone (the programs of a virtual environment and its
# link to the clone name that folder) and the checksum of the pins. Without a stamp (a set-up that was
# stopped), or with another folder in it (a clone that was moved), the environment is made anew.
set -eu
cd "$(dirname "$0")/.."
here=$(pwd -P)
python=${PYTHON:-python3}
venv=${VENV:-.venv}
stamp=$venv/.muster-setup
pins=$(cat requirements.lock pyproject.toml | cksum)

fail() {
    echo "$*" >&2
    exit 1
}

new_environment() {
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null ||
        fail "Muster needs Python 3.10 or newer as $python; choose one with: make PYTHON=/path/to/python3"
    echo "setting up $venv (once) ..."
    # Debian and Ubuntu split `ensurepip` off into python3-venv; a pip of the system's can stand in for it.
    if "$python" -c 'import ensurepip' 2>/dev/null; then
        "$python" -m venv --clear "$venv"
    elif "$python" -m pip --python "$(command -v "$python")" --version >/dev/null 2>&1; then
        "$python" -m venv --clear --without-pip "$venv"
        "$python" -m pip --disable-pip-version-check -qq --python "$venv/bin/python" install pip || no_packages
    else
        fail "This Python cannot make virtual environments: install the package python3-venv" \
            "(sudo apt-get install python3-venv), then run the same command again."
    fi
}

pip() {
    "$venv/bin/python" -m pip --disable-pip-version-check --no-input -qq "$@"
}

no_packages() {
    fail "pip could not install the packages. If it cannot reach the package index: check the network or" \
        "PIP_INDEX_URL, then run the same command again."
}

if [ -x "$venv/bin/python" ] && [ "$(sed -n 1p "$stamp" 2>/dev/null)" = "$here" ]; then
    if [ "$(sed -n 2p "$stamp")" = "$pins" ] && [ -d build/umqtt ]; then # `make clean` removes build/
        exit 0
    fi
else
    new_environment
fi
rm -f "$stamp"
echo "installing the pinned packages (once) ..."
pip install -r requirements.lock || no_packages
pip install --no-deps --no-build-isolation -e . || no_packages
"$venv/bin/python" -m muster.umqtt --fetch
"$venv/bin/python" -m muster.interpreter --fetch || "$venv/bin/python" -m muster.interpreter
printf '%s\n' "$here" "$pins" >"$stamp"
