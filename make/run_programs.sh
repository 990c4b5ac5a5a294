#!/bin/bash
# Runs test programs, JOBS at a time, each in its own process with a time limit. Prints one line a
# program and what it wrote to its standard output (counts, seeds); of a failing one also the end of
# its standard error; and at last the sum of their "N passed, N failed" lines.
#   run_programs.sh PROGRAM...      environment: JOBS, PROGRAM_SECONDS, and what the programs read
set -euo pipefail

if [ $# -eq 0 ]; then
    echo "run_programs.sh: no such test program" >&2
    exit 1
fi

logs=$(mktemp -d)
errors=$(mktemp -d)
export logs errors
trap 'rm -rf "$logs" "$errors"' EXIT

run_one() {
    local program=$1
    local log=$logs/${program//\//:}
    local code=0 limit=() begin=$SECONDS
    if command -v timeout >/dev/null; then
        limit=(timeout --kill-after=10 "${PROGRAM_SECONDS:-600}")
    fi
    "${limit[@]}" "$program" >"$log" 2>"$errors/${log##*/}" </dev/null || code=$?
    local counts said
    said=$(grep -vE '^[0-9]+ passed, [0-9]+ failed' "$log" | tail -n 40 | sed 's/^/    /' || true)
    counts=$(grep -E '^[0-9]+ passed, [0-9]+ failed' "$log" | tail -n 1 || true)
    if [ "$code" -eq 0 ] && [ -n "$counts" ]; then
        printf '%-56s %s  %d s\n%s' "$program" "$counts" $((SECONDS - begin)) "${said:+$said$'\n'}"
        return
    fi
    printf '%-56s FAILED with exit code %d (124: out of time)\n%s\n%s\n' \
        "$program" "$code" "$said" "$(tail -n 200 "$errors/${log##*/}")"
    # A program that died counts as one failure even when every case before it passed.
    [[ $counts =~ \ 0\ failed|^$ ]] && echo "0 passed, 1 failed" >>"$log"
    return 0
}
export -f run_one

printf '%s\0' "$@" | xargs -0 -n 1 -P "${JOBS:-2}" bash -c 'run_one "$0"'

cat "$logs"/* | awk '
    /^[0-9]+ passed, [0-9]+ failed/ { passed += $1; failed += $3 }
    END { printf "%d passed, %d failed\n", passed, failed; exit failed > 0 || passed == 0 }'
