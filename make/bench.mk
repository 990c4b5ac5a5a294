# Benchmarks: pykv beside its peers, each as a Python user gets it.
BENCH = $(BIN)/python -m benches.run
BASELINE ?= benches/results/baseline.json

# The engines of pykv that make bench measures, one after the other, in 10 minutes together.
ENGINES ?= bitcask lsm

.PHONY: bench
bench: $(BUILT) $(VENV)/.pykv-needs-bench ## measure pykv beside its peers (ENGINES=, BENCH_ARGS=)
	@set -e; for engine in $(ENGINES); do \
		$(BENCH) --pykv-engine $$engine --minutes 5 $(BENCH_ARGS); done

.PHONY: bench-compare
bench-compare: $(BUILT) $(VENV)/.pykv-needs-bench ## against a saved run (BASELINE=file.json)
	$(BENCH) --compare $(BASELINE) $(BENCH_ARGS)

.PHONY: bench-block-cache
bench-block-cache: lib ## what a hit and a miss of the block cache cost, in nanoseconds
	@mkdir -p build/bench
	$(CC) $(C_LANGUAGE) -O2 -pthread benches/c/block_cache_floor.c build/libpykv.a \
		-o build/bench/block_cache_floor -lm -ldl
	build/bench/block_cache_floor

.PHONY: bench-scale
bench-scale: $(BUILT) $(VENV)/.pykv-needs-bench ## growth to 20 M keys, tight memory (SCALE_ARGS=)
	$(BIN)/python -m benches.scale $(SCALE_ARGS)
