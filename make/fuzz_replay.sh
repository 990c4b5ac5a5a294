#!/bin/bash
# Feeds each fuzz program its stored corpus, tests/fuzz/corpus/NAME/*, once. A sanitizer report or a
# missing corpus is a failure.
#   fuzz_replay.sh build/asan/fuzz/fuzz_NAME...
set -euo pipefail

passed=0
failed=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT
for program in "$@"; do
    name=${program##*/fuzz_}
    corpus=tests/fuzz/corpus/$name
    count=$(find "$corpus" -type f 2>/dev/null | wc -l)
    if [ "$count" -eq 0 ]; then
        echo "FAILED fuzz_$name: no inputs in $corpus"
        failed=$((failed + 1))
    elif find "$corpus" -type f -print0 | sort -z | xargs -0 "$program" >"$log" 2>&1; then
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
