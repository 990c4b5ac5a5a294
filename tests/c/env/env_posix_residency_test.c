/*
 * env_posix_residency: what the system tells about memory, compared with its own files.
 */
#include <stdio.h>

#include "harness/check.h"

#include "base/memory.h"
#include "env/env.h"

enum { KIBIBYTE = 1024 };

static uint64_t total_bytes(void)
{
    unsigned long long kibibytes = 0;
    FILE *file = fopen("/proc/meminfo", "r");
    if (file != NULL) {
        CHECK_EQUAL(1, fscanf(file, "MemTotal: %llu", &kibibytes));
        fclose(file);
    }
    return kibibytes * KIBIBYTE;
}

TEST(the_room_for_files_is_some_of_the_memory_of_the_machine)
{
    uint64_t total = total_bytes();
    uint64_t room = env_memory_room(env_posix());
    CHECK(room > 0);
    CHECK(total == 0 || room < total);
}

TEST(waits_for_the_disk_only_rise)
{
    uint64_t before = env_disk_waits(env_posix());
    for (int i = 0; i < 1000; i++) {
        uint64_t now = env_disk_waits(env_posix());
        CHECK(now >= before);
        before = now;
    }
}

TEST(memory_keeps_its_bytes_on_the_way_into_large_pages)
{
    uint8_t *memory = mem_alloc_aligned(MEM_LARGE_PAGE_BYTES, MEM_LARGE_PAGE_BYTES);
    CHECK(memory != NULL);
    for (size_t i = 0; i < MEM_LARGE_PAGE_BYTES; i++) {
        memory[i] = (uint8_t)(i % 251);
    }
    env_use_large_pages(memory, MEM_LARGE_PAGE_BYTES);
    size_t wrong = 0;
    for (size_t i = 0; i < MEM_LARGE_PAGE_BYTES; i++) {
        wrong += memory[i] != i % 251;
    }
    CHECK_EQUAL(0, wrong);
    mem_free(memory);
}

TEST_MAIN(CASE(memory_keeps_its_bytes_on_the_way_into_large_pages),
          CASE(the_room_for_files_is_some_of_the_memory_of_the_machine),
          CASE(waits_for_the_disk_only_rise))
