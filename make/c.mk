# The C core: library, tests and sanitizer builds. Products go to build/<flavor>/.
#   FLAVOR=release  -O2           make lib
#   FLAVOR=check    -O1 -g, costly invariants on (default of the tests)
#   FLAVOR=asan     address + undefined behaviour;  FLAVOR=tsan  threads
CC ?= gcc
AR ?= ar
FLAVOR ?= check
PLANT ?=

NATIVE := src/pykv/_native
C_LAYERS := base env log bitcask api
C_SOURCES := $(sort $(foreach layer,$(C_LAYERS),$(wildcard $(NATIVE)/$(layer)/*.c)))
C_TEST_SOURCES := $(sort $(wildcard tests/c/*/*_test.c))
C_HARNESS := $(sort $(wildcard tests/c/harness/*.c))

C_WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes \
	-Wmissing-prototypes -Wvla -Wswitch-enum
C_FLAGS := -std=c11 -D_GNU_SOURCE $(C_WARNINGS) -fvisibility=hidden -fPIC -pthread -I$(NATIVE)
ifdef CI
C_FLAGS += -Werror
endif
FLAVOR_release := -O2
FLAVOR_check := -O1 -g -DPYKV_CHECK
FLAVOR_asan := -O1 -g -DPYKV_CHECK -fsanitize=address,undefined -fno-sanitize-recover=undefined \
	-fno-omit-frame-pointer
FLAVOR_tsan := -O1 -g -DPYKV_CHECK -fsanitize=thread
C_FLAGS += $(FLAVOR_$(FLAVOR))
ifneq ($(PLANT),)
C_FLAGS += -DPYKV_PLANT=$(PLANT)
C_BUILD := build/plant-$(PLANT)
else
C_BUILD := build/$(FLAVOR)
endif

C_OBJECTS := $(C_SOURCES:$(NATIVE)/%.c=$(C_BUILD)/native/%.o)
C_HARNESS_OBJECTS := $(C_HARNESS:tests/c/%.c=$(C_BUILD)/tests/%.o)
C_TESTS := $(C_TEST_SOURCES:tests/c/%.c=$(C_BUILD)/tests/%)
C_LIBRARY := $(C_BUILD)/libpykv.a

$(C_BUILD)/native/%.o: $(NATIVE)/%.c make/c.mk
	@mkdir -p $(@D)
	$(CC) $(C_FLAGS) -MMD -MP -c $< -o $@

$(C_BUILD)/tests/%.o: tests/c/%.c make/c.mk
	@mkdir -p $(@D)
	$(CC) $(C_FLAGS) -Itests/c -MMD -MP -c $< -o $@

$(C_LIBRARY): $(C_OBJECTS)
	rm -f $@
	$(AR) rcs $@ $^

$(C_BUILD)/tests/%_test: $(C_BUILD)/tests/%_test.o $(C_HARNESS_OBJECTS) $(C_LIBRARY)
	$(CC) $(C_FLAGS) $^ -o $@ -lm -ldl

-include $(C_OBJECTS:.o=.d) $(C_HARNESS_OBJECTS:.o=.d) $(C_TESTS:%=%.d)
.SECONDARY:

.PHONY: lib
lib: ## build build/libpykv.a, warning-free, for C programs
	$(MAKE) FLAVOR=release build/release/libpykv.a
	cp build/release/libpykv.a build/libpykv.a

.PHONY: c-tests
c-tests: $(C_TESTS)

.PHONY: test-c
test-c: $(C_TESTS) ## C unit tests (FLAVOR=check|asan|tsan|release, T=name runs one)
	@set -e; for t in $(if $(T),$(filter %/$(T)_test,$(C_TESTS)),$(C_TESTS)); do \
		printf '%-52s ' "$$t"; $$t; done
