#!/bin/bash
# Fuzzes one decoder with libFuzzer, starting from its stored corpus. What it finds is kept under
# build/: new inputs in fuzz-corpus/NAME, crashing ones in fuzz-crashes/NAME-*.
#   fuzz.sh NAME [SECONDS]
set -euo pipefail

name=$1
seconds=${2:-60}
if [ -z "$name" ] || [ ! -e "tests/fuzz/fuzz_$name.c" ]; then
    echo "Say which decoder: make fuzz T=NAME, NAME one of" >&2
    find tests/fuzz -name 'fuzz_*.c' | sed -E 's/.*fuzz_(.*)\.c/  \1/' | sort >&2
    exit 1
fi

mkdir -p "build/fuzz-corpus/$name" build/fuzz-crashes "tests/fuzz/corpus/$name"
probe=build/fuzz-crashes/.probe
if ! echo 'int LLVMFuzzerTestOneInput(void); int LLVMFuzzerTestOneInput(void) { return 0; }' |
    clang -fsanitize=fuzzer,address -x c - -o "$probe" 2>/dev/null; then
    echo "libFuzzer needs clang and its runtime." >&2
    echo "On Debian and Ubuntu:  sudo apt install clang libclang-rt-dev" >&2
    exit 1
fi
rm -f "$probe"

make --no-print-directory CC=clang FLAVOR=fuzz "build/fuzz/fuzz/fuzz_$name"
"build/fuzz/fuzz/fuzz_$name" -max_total_time="$seconds" -timeout=10 -print_final_stats=1 \
    -artifact_prefix="build/fuzz-crashes/$name-" "build/fuzz-corpus/$name" "tests/fuzz/corpus/$name"
echo "To keep what was found:  cp build/fuzz-corpus/$name/* tests/fuzz/corpus/$name/"
