# Crashes, models, fuzzing and planted bugs. tests/crash and tests/model hold C programs (*_test.c,
# *_sim.c, each with its own main), the C code they share (every other .c) and pytest modules.
#
# How much they do comes from the environment, quick or full; a count set by hand wins:
#   PYKV_STATES     simulated crash states            PYKV_FAULTS   failed calls
#   PYKV_HISTORIES  random histories against a model  PYKV_KILLS    kill -9 of a real process
#   PYKV_LISTS      lists of operations under all option sets: one short one where quick
#   PYKV_CUTS       power cuts of a real ext4 file system: make test-power alone, 30, as root
#   PYKV_FLIPS      flipped bits of small stores, at most as many as these have
#   PYKV_RACES      rounds in which threads race with the close of a store
#   PYKV_PROCESSES  among which the flips are shared: JOBS in full
#   PYKV_SEED       the seed, printed with every failure
QUICK_COUNTS = PYKV_STATES=$${PYKV_STATES:-400} PYKV_FAULTS=$${PYKV_FAULTS:-300} \
	PYKV_HISTORIES=$${PYKV_HISTORIES:-300} PYKV_KILLS=$${PYKV_KILLS:-15} \
	PYKV_FLIPS=$${PYKV_FLIPS:-600} PYKV_RACES=$${PYKV_RACES:-2}
FULL_COUNTS = PYKV_STATES=$${PYKV_STATES:-20000} PYKV_FAULTS=$${PYKV_FAULTS:-6000} \
	PYKV_HISTORIES=$${PYKV_HISTORIES:-20000} PYKV_KILLS=$${PYKV_KILLS:-500} \
	PYKV_FLIPS=$${PYKV_FLIPS:-1000000000} PYKV_RACES=$${PYKV_RACES:-30} \
	PYKV_PROCESSES=$${PYKV_PROCESSES:-$(JOBS)} PYKV_LISTS=$${PYKV_LISTS:-20}

CRASH_SOURCES := $(sort $(wildcard tests/crash/*.c))
MODEL_SOURCES := $(sort $(wildcard tests/model/*.c))
FUZZ_SOURCES := $(sort $(wildcard tests/fuzz/fuzz_*.c))
PROGRAM_SOURCES := $(filter %_test.c %_sim.c,$(CRASH_SOURCES) $(MODEL_SOURCES))
SHARED_SOURCES := $(filter-out $(PROGRAM_SOURCES),$(CRASH_SOURCES) $(MODEL_SOURCES))

PROGRAMS := $(PROGRAM_SOURCES:tests/%.c=$(C_BUILD)/%)
CRASH_PROGRAMS := $(filter $(C_BUILD)/crash/%,$(PROGRAMS))
MODEL_PROGRAMS := $(filter $(C_BUILD)/model/%,$(PROGRAMS))
FUZZ_PROGRAMS := $(FUZZ_SOURCES:tests/%.c=$(C_BUILD)/%)
SHARED_OBJECTS := $(SHARED_SOURCES:tests/%.c=$(C_OUT)/%.o)

$(C_OUT)/crash/%.o $(C_OUT)/model/%.o $(C_OUT)/fuzz/%.o: C_FLAGS += $(C_TEST_INCLUDES)
define TEST_OBJECT_RULE
$(C_OUT)/$(1)/%.o: tests/$(1)/%.c make/c.mk make/crash.mk
	@mkdir -p $$(@D)
	$(SAY) CC $$<
	$(Q)$$(CC) $$(C_FLAGS) -MMD -MP -c $$< -o $$@
endef
$(foreach folder,crash model fuzz,$(eval $(call TEST_OBJECT_RULE,$(folder))))

$(PROGRAMS): $(C_BUILD)/%: $(C_OUT)/%.o $(SHARED_OBJECTS) $(C_HARNESS_OBJECTS) $(C_LIBRARY)
	@mkdir -p $(@D)
	$(SAY) LD $@
	$(Q)$(CC) $(C_FLAGS) $^ -o $@ -lm -ldl

# A fuzz target gets its main from libFuzzer, or from the replayer.
FUZZ_MAIN := $(if $(filter fuzz,$(FLAVOR)),,$(C_OUT)/fuzz/replay_main.o)
$(FUZZ_PROGRAMS): $(C_BUILD)/%: $(C_OUT)/%.o $(FUZZ_MAIN) $(C_LIBRARY)
	@mkdir -p $(@D)
	$(SAY) LD $@
	$(Q)$(CC) $(C_FLAGS) $(if $(FUZZ_MAIN),,-fsanitize=fuzzer) $^ -o $@ -lm -ldl

# Seeds that come from real stores; see tests/fuzz/README.md.
SEED_SOURCES := $(sort $(wildcard tests/fuzz/write_seeds*.c))
SEED_WRITERS := $(if $(FUZZ_MAIN),$(SEED_SOURCES:tests/%.c=$(C_BUILD)/%))
$(SEED_WRITERS): $(C_BUILD)/%: $(C_OUT)/%.o $(C_HARNESS_OBJECTS) $(C_LIBRARY)
	@mkdir -p $(@D)
	$(SAY) LD $@
	$(Q)$(CC) $(C_FLAGS) $^ -o $@ -lm -ldl

-include $(patsubst tests/%.c,$(C_OUT)/%.d,$(CRASH_SOURCES) $(MODEL_SOURCES) $(FUZZ_SOURCES) \
	$(SEED_SOURCES))

.PHONY: programs
programs: $(C_TESTS) $(PROGRAMS) ## build all C, crash and model programs (FLAVOR=...)

# $(call run_suite,programs,folder,options): C programs, then the pytest modules of that folder.
define run_suite
	$(if $(call wanted,$(1)),$(FULL_COUNTS) JOBS=$(JOBS) PROGRAM_SECONDS=10800 \
		make/run_programs.sh $(call wanted,$(1)))
	$(if $(wildcard tests/$(2)/test_*.py),$(FULL_COUNTS) $(BIN)/python -m pytest -rs \
		$(3) tests/$(2) $(if $(T),-k '$(T)') $(PYTEST_ARGS))
endef

.PHONY: test-crash
test-crash: $(CRASH_PROGRAMS) $(TESTABLE) ## crash and fault suites with full counts (T=name)
	$(call run_suite,$(CRASH_PROGRAMS),crash)

.PHONY: test-kill
test-kill: $(TESTABLE) ## kill -9 of a writing process, again and again (KILLS=500)
	PYKV_KILLS=$(or $(KILLS),$${PYKV_KILLS:-500}) $(BIN)/python -m pytest \
		tests/crash/test_process_kill.py $(PYTEST_ARGS)

.PHONY: test-power
test-power: $(TESTABLE) ## power cuts of a real ext4 file system, as root (CUTS=30)
	PYKV_CUTS=$(or $(CUTS),$${PYKV_CUTS:-30}) $(BIN)/python -m tests.crash.power_cut

.PHONY: test-model
test-model: $(MODEL_PROGRAMS) $(TESTABLE) ## model suites with full counts (T=name)
	$(call run_suite,$(MODEL_PROGRAMS),model,--hypothesis-profile=full)

.PHONY: soak
soak: ## crash and model programs without end, or SOAK_SECONDS long, a new seed each round
	$(PARALLEL_MAKE) programs
	JOBS=$(JOBS) make/soak.sh $(CRASH_PROGRAMS) $(MODEL_PROGRAMS)

.PHONY: fuzz-replay
fuzz-replay: ## every decoder on its corpus and on new seeds, under ASan and UBSan
	$(PARALLEL_MAKE) FLAVOR=asan fuzz-programs
	make/fuzz_replay.sh $(patsubst $(C_BUILD)/%,build/asan/%,$(SEED_WRITERS) $(FUZZ_PROGRAMS))

.PHONY: fuzz-programs
fuzz-programs: $(FUZZ_PROGRAMS) $(SEED_WRITERS) ## build the fuzz targets (FLAVOR=asan|fuzz)

.PHONY: fuzz
fuzz: ## libFuzzer on one decoder (T=name of tests/fuzz/fuzz_name.c, FUZZ_SECONDS=60)
	make/fuzz.sh '$(T)' '$(FUZZ_SECONDS)'

.PHONY: fuzz-seeds
fuzz-seeds: $(SEED_WRITERS) ## write the corpora that come from real stores
	set -e; for writer in $^; do $$writer; done

.PHONY: test-plants
test-plants: ## every bug of tests/plants.txt, planted, must be caught (T=number: one)
	JOBS=$(JOBS) make/test_plants.sh $(T)
