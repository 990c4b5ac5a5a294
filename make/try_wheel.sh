#!/bin/bash
# Installs a wheel into a clean environment of every CPython >= 3.11 found on this machine and runs
# tests/wheel_smoke.py there, away from the source tree.
#   try_wheel.sh WHEEL
set -euo pipefail

wheel=$(realpath "$1")
smoke=$(realpath tests/wheel_smoke.py)
echo "wheel: ${wheel##*/}"
case $wheel in
*-cp311-abi3-*.whl) ;;
*)
    echo "FAILED: the tag is not cp311-abi3" >&2
    exit 1
    ;;
esac

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

# One line for each usable interpreter: its own path, resolved, so that none is tried twice.
interpreters() {
    local python
    for python in "${PYTHON:-python3}" python3.{11..19} \
        "$HOME"/.pyenv/versions/*/bin/python3.{11..19}; do
        "$python" -c '
import sys, sysconfig
if sys.implementation.name == "cpython" and sys.version_info >= (3, 11):
    free_threaded = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
    print(sys.base_prefix, "free-threaded" if free_threaded else "abi3", sys.executable)
' 2>/dev/null || true
    done | sort -u -k 1,1
}

passed=0
failed=0
skipped=0
while read -r _ kind python; do
    version=$("$python" --version)
    if [ "$kind" != abi3 ]; then
        echo "$version skipped: a free-threaded build needs a wheel of its own ($python)"
        skipped=$((skipped + 1))
    elif ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        echo "$version skipped: it has no venv module ($python)"
        skipped=$((skipped + 1))
    elif "$python" -m venv "$work/venv" >log 2>&1 &&
        "$work/venv/bin/python" -m pip --quiet install "$wheel" >log 2>&1 &&
        "$work/venv/bin/python" -W error -I "$smoke" >log 2>&1; then
        echo "$version passed: $(tail -n 1 log) ($python)"
        passed=$((passed + 1))
    else
        echo "$version FAILED ($python)"
        cat log
        failed=$((failed + 1))
    fi
    rm -rf "$work/venv"
done < <(interpreters)
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
