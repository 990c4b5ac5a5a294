# The C core: library, tests and sanitizer builds. Products go to build/<flavor>/.
#   FLAVOR=release  -O2           make lib
#   FLAVOR=check    -O1 -g, costly invariants on (default of the tests)
#   FLAVOR=asan     address + undefined behaviour;  FLAVOR=tsan  threads
#   FLAVOR=fuzz     libFuzzer, built by clang (make fuzz)
#   PLANT=n         with planted bug n: the sources that hold it and the programs are built again
ifeq ($(origin CC),default)
CC := gcc
endif
FLAVOR ?= check
PLANT ?=
# V=1 shows the commands.
Q := $(if $(V),,@)
SAY := @$(if $(V),:,printf '  %-4s %s\n')

NATIVE := src/pykv/_native
C_LAYERS := base env log codec table bitcask lsm api
C_SOURCES := $(sort $(foreach layer,$(C_LAYERS),$(wildcard $(NATIVE)/$(layer)/*.c)))
C_HEADERS := $(sort $(wildcard $(NATIVE)/*.h $(NATIVE)/*/*.h))
C_TEST_SOURCES := $(sort $(wildcard tests/c/*/*_test.c))
C_HARNESS := $(sort $(wildcard tests/c/harness/*.c))

C_WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes \
	-Wmissing-prototypes -Wvla -Wswitch-enum
C_LANGUAGE := -std=c11 -D_GNU_SOURCE $(C_WARNINGS) -I$(NATIVE)
C_TEST_INCLUDES := -Itests/c -Itests
C_FLAGS := $(C_LANGUAGE) -fvisibility=hidden -fPIC -pthread
ifdef CI
C_FLAGS += -Werror
endif
FLAVOR_release := -O2
FLAVOR_check := -O1 -g -DPYKV_CHECK
FLAVOR_asan := -O1 -g -DPYKV_CHECK -fsanitize=address,undefined -fno-sanitize-recover=undefined \
	-fno-omit-frame-pointer
FLAVOR_tsan := -O1 -g -DPYKV_CHECK -fsanitize=thread
FLAVOR_fuzz := -O1 -g -DPYKV_CHECK -fsanitize=fuzzer-no-link,address,undefined \
	-fno-sanitize-recover=undefined
C_FLAGS += $(FLAVOR_$(FLAVOR))

# C_OUT holds what PLANT does not change, C_BUILD the rest; without PLANT they are one folder.
C_OUT := build/$(FLAVOR)
C_BUILD := $(C_OUT)$(if $(PLANT),-plant-$(PLANT))
ifneq ($(PLANT),)
PLANT_FILES := $(shell grep -lE 'PYKV_PLANTED\($(PLANT)\)' $(C_SOURCES) $(C_HEADERS))
ifeq ($(PLANT_FILES),)
$(error there is no PYKV_PLANTED($(PLANT)) in the C sources)
endif
PLANT_SOURCES := $(if $(filter %.h,$(PLANT_FILES)),$(C_SOURCES),$(PLANT_FILES))
endif

C_OBJECTS := $(patsubst $(NATIVE)/%.c,$(C_BUILD)/native/%.o,$(PLANT_SOURCES)) \
	$(patsubst $(NATIVE)/%.c,$(C_OUT)/native/%.o,$(filter-out $(PLANT_SOURCES),$(C_SOURCES)))
C_HARNESS_OBJECTS := $(C_HARNESS:tests/c/%.c=$(C_OUT)/tests/%.o)
C_TESTS := $(C_TEST_SOURCES:tests/c/%.c=$(C_BUILD)/tests/%)
C_LIBRARY := $(C_BUILD)/libpykv.a

$(C_OUT)/native/%.o: $(NATIVE)/%.c make/c.mk
	@mkdir -p $(@D)
	$(SAY) CC $<
	$(Q)$(CC) $(C_FLAGS) -MMD -MP -c $< -o $@

ifneq ($(PLANT),)
$(C_BUILD)/native/%.o: $(NATIVE)/%.c make/c.mk
	@mkdir -p $(@D)
	$(SAY) CC $<
	$(Q)$(CC) $(C_FLAGS) -DPYKV_PLANT=$(PLANT) -MMD -MP -c $< -o $@
endif

$(C_OUT)/tests/%.o: tests/c/%.c make/c.mk
	@mkdir -p $(@D)
	$(SAY) CC $<
	$(Q)$(CC) $(C_FLAGS) $(C_TEST_INCLUDES) -MMD -MP -c $< -o $@

$(C_LIBRARY): $(C_OBJECTS)
	@mkdir -p $(@D)
	$(SAY) AR $@
	$(Q)rm -f $@
	$(Q)$(AR) rcs $@ $^

$(C_BUILD)/tests/%_test: $(C_OUT)/tests/%_test.o $(C_HARNESS_OBJECTS) $(C_LIBRARY)
	@mkdir -p $(@D)
	$(SAY) LD $@
	$(Q)$(CC) $(C_FLAGS) $^ -o $@ -lm -ldl

-include $(C_OBJECTS:.o=.d) $(C_HARNESS_OBJECTS:.o=.d)
-include $(C_TEST_SOURCES:tests/c/%.c=$(C_OUT)/tests/%.d)
.SECONDARY:

.PHONY: lib
lib: ## build build/libpykv.a, warning-free, for C programs
	$(PARALLEL_MAKE) FLAVOR=release build/release/libpykv.a
	cp build/release/libpykv.a build/libpykv.a

.PHONY: c-tests
c-tests: $(C_TESTS) ## build the C unit tests without running them

# $(call wanted,programs): all of them, or with T=name only name_test and name_sim.
wanted = $(if $(T),$(filter %/$(T)_test %/$(T)_sim,$(1)),$(1))

.PHONY: test-c
test-c: $(call wanted,$(C_TESTS)) ## C unit tests (FLAVOR=check|asan|tsan|release, T=name runs one)
	@JOBS=$(JOBS) make/run_programs.sh $(call wanted,$(C_TESTS))
