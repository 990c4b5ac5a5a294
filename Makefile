# pykv: two commands do everything on a fresh machine: make quickstart, make test.
.DEFAULT_GOAL := help
SHELL := /bin/bash

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
JOBS ?= $(shell nproc 2>/dev/null || echo 2)
# A sub-make builds with JOBS processes, unless the caller already said make -j.
PARALLEL_MAKE = $(MAKE) --no-print-directory $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(JOBS))

include make/c.mk make/python.mk make/crash.mk make/check.mk make/bench.mk

.PHONY: help
help: ## print the targets
	@grep -hE '^[a-z-]+:.*## ' Makefile make/*.mk | LC_ALL=C sort | \
		sed -E 's/^([a-z-]+):.*## (.*)/  \1\t\2/' | expand -t 20

.PHONY: clean
clean: ## remove build products, keep the environment
	rm -rf build dist src/*.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	rm -f $(NATIVE)/_core*.so $(NATIVE)/_core.c $(BUILT)
