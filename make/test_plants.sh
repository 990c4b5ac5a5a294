#!/bin/bash
# Plants each bug of tests/plants.txt and checks that its test notices. A line of that file is
#   number | command that must fail with the bug planted | what the bug is
# The command runs with PLANT=number in its environment, which make understands. A bug is caught if
# its build succeeds, the command passes without the bug and fails with it.
#   test_plants.sh [NUMBER]      environment: JOBS
set -euo pipefail

list=tests/plants.txt
results=$(mktemp -d)
export results PROGRAM_SECONDS=${PROGRAM_SECONDS:-120}
trap 'rm -rf "$results"' EXIT

# Prints "number|command|what" for each wanted line, without the spaces around the bars.
plants() {
    sed -E '/^[[:space:]]*(#|$)/d; s/[[:space:]]*\|[[:space:]]*/|/g; s/^[[:space:]]+//' "$list" |
        awk -F'|' -v wanted="${1:-}" 'wanted == "" || $1 == wanted'
}

# The result of a command in the clean build, once for each distinct command.
baseline() {
    local log
    log=$results/baseline-$(echo "$1" | cksum | tr ' ' '-')
    if env -u PLANT bash -c "$1" >"$log" 2>&1 </dev/null; then return; fi
    echo "FAILED without any planted bug: $1"
    tail -n 40 "$log"
    touch "$log.failed"
}
export -f baseline

try_plant() {
    local number command what log
    IFS='|' read -r number command what <<<"$1"
    log=$results/plant-$number
    local verdict=missed
    if [ -e "$results/baseline-$(echo "$command" | cksum | tr ' ' '-').failed" ]; then
        verdict="fails without the bug"
    elif ! make PLANT="$number" "build/check-plant-$number/libpykv.a" >"$log" 2>&1; then
        verdict="does not build"
    elif ! PLANT=$number bash -c "$command" >"$log" 2>&1 </dev/null; then
        verdict=caught
    fi
    printf '%4s  %-8s %s\n' "$number" "$verdict" "$what"
    if [ "$verdict" = caught ]; then return; fi
    echo "$number" >>"$results/missed"
    tail -n 20 "$log" 2>/dev/null || true
}
export -f try_plant

count=$(plants "${1:-}" | wc -l)
if [ "$count" -eq 0 ]; then
    echo "test_plants.sh: no planted bug ${1:-} in $list" >&2
    exit 1
fi
# One command alone builds what it needs.
if [ $# -eq 0 ]; then
    make --no-print-directory -j"${JOBS:-2}" programs
fi
plants "${1:-}" | cut -d'|' -f2 | sort -u | tr '\n' '\0' |
    JOBS=1 xargs -0 -n 1 -P "${JOBS:-2}" bash -c 'baseline "$0"'
plants "${1:-}" | tr '\n' '\0' |
    JOBS=1 xargs -0 -n 1 -P "${JOBS:-2}" bash -c 'try_plant "$0"'

missed=$({ cat "$results/missed" 2>/dev/null || true; } | wc -l)
echo "$((count - missed)) passed, $missed failed"
[ "$missed" -eq 0 ]
