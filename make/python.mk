# Python: the environment, the extension, types, tests, wheel. The environment is made on demand;
# what it needs is read from pyproject.toml, so that no requirement is written twice.
BUILT := $(VENV)/.pykv-built
PIP := PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/python -m pip --quiet
TESTABLE := $(BUILT) $(VENV)/.pykv-needs-test
NATIVE_FILES = $(wildcard $(NATIVE)/*.[ch] $(NATIVE)/*/*.[ch] $(NATIVE)/build_core.py)

$(BIN)/python:
	@PYTHON=$(PYTHON) CC=$(CC) make/preflight.sh
	$(PYTHON) -m venv $(VENV)

# $(VENV)/.pykv-needs-GROUP: run (build and run-time requirements) or an extra of pyproject.toml.
$(VENV)/.pykv-needs-%: pyproject.toml make/requirements.py | $(BIN)/python
	$(BIN)/python make/requirements.py $* >$@.txt
	$(PIP) install --requirement $@.txt
	mv $@.txt $@

$(BUILT): setup.py $(VENV)/.pykv-needs-run $(filter-out $(NATIVE)/_core.c,$(NATIVE_FILES))
	@PYTHON=$(BIN)/python CC=$(CC) make/preflight.sh
	$(PIP) install --no-build-isolation --no-deps --editable .
	@touch $@

.PHONY: build
build: $(BUILT) ## the environment with pykv in it, built from this tree

.PHONY: dev
dev: $(BUILT) $(VENV)/.pykv-needs-test $(VENV)/.pykv-needs-dev ## build, all tools, commit hooks
	@if [ -d .git ]; then $(BIN)/pre-commit install; fi

.PHONY: quickstart
quickstart: $(BUILT) ## store, check, kill, reopen a real file tree, in both engines (DIR=, ENGINE=)
	@set -e; for engine in $(or $(ENGINE),bitcask lsm); do \
		$(BIN)/python -m pykv.cli.quickstart $(if $(DIR),--dir '$(DIR)') --engine $$engine; \
	done

.PHONY: stubs
stubs: $(BUILT) ## write _core.pyi anew from the built extension
	$(BIN)/python -m pykv._native.stubgen

.PHONY: type
type: $(TESTABLE) $(VENV)/.pykv-needs-bench ## mypy --strict
	MYPYPATH=tests/house $(BIN)/python -m mypy src/pykv tests $(wildcard benches)

# The suites of the stores run twice: over cffi alone, and with the fast types.
STORE_TESTS = $(wildcard tests/contract tests/engine)

.PHONY: test-py
test-py: $(TESTABLE) $(VENV)/.pykv-needs-bench ## Python and house tests (T=words as of pytest -k)
	$(if $(T),,PYKV_FASTPATH=0 $(BIN)/python -m pytest $(STORE_TESTS) $(PYTEST_ARGS))
	$(QUICK_COUNTS) $(BIN)/python -m pytest tests $(if $(T),-k '$(T)') $(PYTEST_ARGS)

.PHONY: house
house: $(VENV)/.pykv-needs-test ## the rules of the house alone: layers, style, words (seconds)
	$(BIN)/python -m pytest tests/house $(PYTEST_ARGS)

.PHONY: wheel
wheel: $(BUILT) ## an abi3 wheel in dist/, tried under every CPython >= 3.11 found here
	rm -rf dist build/lib.* build/bdist.* build/temp.*
	$(PIP) wheel --no-build-isolation --no-deps --wheel-dir dist .
	make/try_wheel.sh dist/pykv-*.whl
