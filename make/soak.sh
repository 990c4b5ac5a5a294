#!/bin/bash
# Runs the given programs again and again, each round with a new seed, until one fails or
# SOAK_SECONDS have passed (0: without end).
#   soak.sh PROGRAM...      environment: JOBS, SOAK_SECONDS, and the counts of make/crash.mk
set -euo pipefail

seconds_max=${SOAK_SECONDS:-0}
round=0
while [ "$seconds_max" -eq 0 ] || [ "$SECONDS" -lt "$seconds_max" ]; do
    round=$((round + 1))
    seed=$(od -An -N6 -tu8 /dev/urandom | tr -d ' ')
    echo "round $round, PYKV_SEED=$seed, after $SECONDS s"
    PYKV_SEED=$seed make/run_programs.sh "$@"
done
