#!/bin/bash
# Says which Debian packages are missing before anything is built, instead of a compiler's riddle.
#   environment: PYTHON, CC
set -euo pipefail

missing=()
need() { # message, packages
    echo "pykv needs $1" >&2
    missing+=($2)
}

python=${PYTHON:-python3}
if ! command -v "$python" >/dev/null; then
    need "Python 3.11 or newer; there is no '$python' here." "python3 python3-dev python3-venv"
elif ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    found=$("$python" --version 2>&1)
    need "Python 3.11 or newer; $python is $found. Name another: make PYTHON=python3.12 ..." \
        "python3 python3-dev python3-venv"
else
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        need "the venv module of $python." "python$version-venv"
    fi
    header=$("$python" -c 'import sysconfig; print(sysconfig.get_path("include"))')/Python.h
    if [ ! -e "$header" ]; then
        need "the headers of $python ($header)." "python$version-dev"
    fi
fi

compiler=${CC:-gcc}
if ! command -v "${compiler%% *}" >/dev/null; then
    need "a C compiler; there is no '$compiler' here." "gcc libc6-dev"
elif ! echo '#include <stdio.h>' | $compiler -E - >/dev/null 2>&1; then
    need "the headers of the C library." "libc6-dev"
fi

if [ ${#missing[@]} -gt 0 ]; then
    echo "On Debian and Ubuntu:  sudo apt install ${missing[*]}" >&2
    exit 1
fi
