#!/bin/bash
# Feeds each fuzz program its stored corpus, tests/fuzz/corpus/NAME/*, once, and the seeds that the
# stores of now give. A sanitizer report, a missing corpus and a seed that cannot be written are
# failures.
#   fuzz_replay.sh build/asan/fuzz/write_seeds... build/asan/fuzz/fuzz_NAME...
set -euo pipefail

passed=0
failed=0
work=$(mktemp -d)
log=$work/log
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/tests/fuzz/corpus"
while [[ ${1##*/} == write_seeds* ]]; do
    writer=$(realpath "$1")
    if ! (cd "$work" && "$writer") >"$log" 2>&1; then
        echo "FAILED ${1##*/}: make fuzz-seeds"
        tail -n 100 "$log"
        failed=$((failed + 1))
    fi
    shift
done
for program in "$@"; do
    name=${program##*/fuzz_}
    corpus=tests/fuzz/corpus/$name
    mkdir -p "$work/$corpus"
    count=$(find "$corpus" "$work/$corpus" -type f 2>/dev/null | wc -l)
    if [ -z "$(ls -A "$corpus" 2>/dev/null)" ]; then
        echo "FAILED fuzz_$name: no inputs in $corpus"
        failed=$((failed + 1))
    elif find "$corpus" "$work/$corpus" -type f -print0 | sort -z |
        xargs -0 "$program" >"$log" 2>&1; then
        printf 'fuzz_%-30s %d inputs\n' "$name" "$count"
        passed=$((passed + count))
    else
        echo "FAILED fuzz_$name"
        tail -n 100 "$log"
        failed=$((failed + 1))
    fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
