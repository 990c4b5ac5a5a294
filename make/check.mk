# The gates: make test (what .ci/run calls) and make check, and their parts.
# clang-format, clang-tidy, ruff and codespell come from the extra "dev" of pyproject.toml.
DEV := $(VENV)/.pykv-needs-dev
C_CORE = $(filter-out $(NATIVE)/_core.c,$(wildcard $(NATIVE)/*.[ch] $(NATIVE)/*/*.[ch]))
C_ALL = $(C_CORE) $(wildcard tests/c/*/*.[ch] tests/crash/*.[ch] tests/model/*.[ch] \
	tests/fuzz/*.[ch] benches/c/*.[ch])
PYTHON_ALL = $(wildcard setup.py src tests benches make)

.PHONY: test
test: ## C and Python tests, quick crash and model suites, house rules, types: under 10 minutes
	$(PARALLEL_MAKE) programs build
	$(MAKE) --no-print-directory test-programs
	$(MAKE) --no-print-directory fuzz-replay
	$(MAKE) --no-print-directory type
	$(MAKE) --no-print-directory test-py

WANTED_PROGRAMS := $(call wanted,$(C_TESTS) $(PROGRAMS))

.PHONY: test-programs
test-programs: $(WANTED_PROGRAMS) ## C, crash and model programs, small counts (FLAVOR, T=name)
	@$(QUICK_COUNTS) JOBS=$(JOBS) make/run_programs.sh $(WANTED_PROGRAMS)

.PHONY: test-asan
test-asan: test-asan-c test-asan-py ## all under AddressSanitizer and UndefinedBehaviorSanitizer

.PHONY: test-asan-c
test-asan-c: ## test-programs with those sanitizers
	$(PARALLEL_MAKE) FLAVOR=asan programs
	ASAN_OPTIONS=detect_stack_use_after_return=1 UBSAN_OPTIONS=print_stacktrace=1 \
		$(MAKE) --no-print-directory FLAVOR=asan test-programs

# A second build of the extension, outside src/, found before the installed one. The interpreter is
# not built for leak detection, so leaks are looked for in the C programs only.
ASAN_PYTHON := build/asan/python
ASAN_LIBRARIES = $(foreach name,asan ubsan,$(shell $(CC) -print-file-name=lib$(name).so))

.PHONY: test-asan-py
test-asan-py: $(TESTABLE) ## the suites of the stores on an extension with those sanitizers
	rm -rf $(ASAN_PYTHON)
	PYKV_SANITIZE=address,undefined $(BIN)/python setup.py --quiet build --build-lib $(ASAN_PYTHON)
	LD_PRELOAD='$(ASAN_LIBRARIES)' ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=print_stacktrace=1 \
		PYTHONPATH=$(ASAN_PYTHON) $(BIN)/python -m pytest -o pythonpath=. $(STORE_TESTS) \
		$(PYTEST_ARGS)

.PHONY: test-tsan
test-tsan: ## test-programs under ThreadSanitizer
	$(PARALLEL_MAKE) FLAVOR=tsan programs
	TSAN_OPTIONS=halt_on_error=1 $(MAKE) --no-print-directory FLAVOR=tsan test-programs

.PHONY: check
check: format-check lint test-asan docs ## format, lint, sanitizers, docs

.PHONY: format
format: $(DEV) ## rewrite C and Python to the house format
	$(BIN)/clang-format -i $(C_ALL)
	$(BIN)/ruff check --fix --exit-zero --quiet $(PYTHON_ALL)
	$(BIN)/ruff format $(PYTHON_ALL)

.PHONY: format-check
format-check: $(DEV) ## fail if make format would change anything
	$(BIN)/clang-format --dry-run -Werror $(C_ALL)
	$(BIN)/ruff format --check $(PYTHON_ALL)

.PHONY: lint
lint: lint-py lint-c ## lint-py and lint-c

.PHONY: lint-py
lint-py: $(DEV) ## ruff, and the spelling of everything
	$(BIN)/ruff check $(PYTHON_ALL)
	$(BIN)/codespell $(PYTHON_ALL) docs $(wildcard *.md)

# clang reads the core a second time here, with the thread-safety annotations on. Python keeps
# functions in void pointers, which is pedantic only.
TIDY_FLAGS = $(C_LANGUAGE) -DPYKV_CHECK -DPYKV_THREAD_ANALYSIS -Wthread-safety \
	-Wthread-safety-beta -Wno-unknown-warning-option -Wno-pedantic -isystem $(PYTHON_INCLUDE)
PYTHON_INCLUDE = $(shell $(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("include"))')

.PHONY: lint-c
lint-c: $(DEV) ## clang-tidy with thread-safety analysis on the core
	@printf '%s\n' $(filter %.c,$(C_CORE)) | xargs -P $(JOBS) -I {} \
		$(BIN)/clang-tidy --quiet {} -- $(TIDY_FLAGS)

.PHONY: docs
docs: $(TESTABLE) ## links, hex and code examples and the documented API hold
	$(BIN)/python -m pytest tests/docs tests/format tests/house/test_docs.py \
		tests/house/test_format_docs.py tests/house/test_exports.py $(PYTEST_ARGS)
