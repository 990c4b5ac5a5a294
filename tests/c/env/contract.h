/*
 * contract: runs one case on every environment, so that what env.h promises is tested once.
 *
 *   CONTRACT(a_file_keeps_its_bytes) { ... disk->root ... }
 *   TEST_MAIN(CONTRACT_CASES(a_file_keeps_its_bytes), ...)
 *
 * The environments: the real one in a temporary directory, the simulated disk, and the fault
 * wrapper, without a fault, over the simulated disk.
 */
#ifndef PYKV_TESTS_ENV_CONTRACT_H
#define PYKV_TESTS_ENV_CONTRACT_H

#include <stdio.h>

#include "harness/check.h"

#include "base/memory.h"
#include "env/env.h"
#include "env/env_fault.h"
#include "env/env_memory.h"

enum { CONTRACT_FILE_BYTES_MAX = 16 << 20, CONTRACT_PATH_BYTES = 1024 };

typedef struct contract_disk {
    env *env;
    env *simulated; /* NULL: the real environment */
    char base[CONTRACT_PATH_BYTES];
    env_directory *root; /* open on base */
} contract_disk;

typedef enum contract_kind { CONTRACT_POSIX = 1, CONTRACT_MEMORY, CONTRACT_FAULT } contract_kind;

static void contract_open(contract_disk *disk, contract_kind kind)
{
    memset(disk, 0, sizeof *disk);
    disk->env = env_posix();
    if (kind == CONTRACT_POSIX) {
        char *path = check_temporary_directory();
        snprintf(disk->base, sizeof disk->base, "%s/base", path);
        free(path);
    } else {
        CHECK_OK(env_memory_new(check_seed(), CONTRACT_FILE_BYTES_MAX, &disk->simulated));
        disk->env = disk->simulated;
        snprintf(disk->base, sizeof disk->base, "/some/base");
    }
    if (kind == CONTRACT_FAULT) {
        CHECK_OK(env_fault_new(disk->simulated, &disk->env));
    }
    CHECK_OK(env_directory_open(disk->env, disk->base, true, &disk->root));
}

static void contract_close(contract_disk *disk, contract_kind kind)
{
    env_directory_close(disk->root);
    if (kind == CONTRACT_FAULT) {
        env_fault_free(disk->env);
    }
    if (kind != CONTRACT_POSIX) {
        env_memory_free(disk->simulated);
    }
}

/* Runs one case and checks that it left nothing on the heap. */
static void contract_run(contract_kind kind, void (*body)(contract_disk *disk))
{
    static contract_disk disk;
    int64_t before = mem_block_count();
    contract_open(&disk, kind);
    body(&disk);
    contract_close(&disk, kind);
    CHECK_EQUAL(before, mem_block_count());
}

#define CONTRACT(name)                                                                             \
    static void name(contract_disk *disk);                                                         \
    TEST(name##_on_posix)                                                                          \
    {                                                                                              \
        contract_run(CONTRACT_POSIX, name);                                                        \
    }                                                                                              \
    TEST(name##_on_memory)                                                                         \
    {                                                                                              \
        contract_run(CONTRACT_MEMORY, name);                                                       \
    }                                                                                              \
    TEST(name##_on_fault)                                                                          \
    {                                                                                              \
        contract_run(CONTRACT_FAULT, name);                                                        \
    }                                                                                              \
    static void name(contract_disk *disk)

#define CONTRACT_CASES(name) CASE(name##_on_posix), CASE(name##_on_memory), CASE(name##_on_fault)

#endif
