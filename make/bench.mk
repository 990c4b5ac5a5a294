# Benchmarks: pykv beside its peers, each as a Python user gets it.
BENCH = $(BIN)/python -m benches.run
BASELINE ?= benches/results/baseline.json

.PHONY: bench
bench: $(BUILT) $(VENV)/.pykv-needs-bench ## measure pykv beside its peers (BENCH_ARGS=...)
	$(BENCH) $(BENCH_ARGS)

.PHONY: bench-compare
bench-compare: $(BUILT) $(VENV)/.pykv-needs-bench ## against a saved run (BASELINE=file.json)
	$(BENCH) --compare $(BASELINE) $(BENCH_ARGS)
