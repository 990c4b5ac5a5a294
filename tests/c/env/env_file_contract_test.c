/*
 * env_file_contract_test: what env.h promises of files and mappings, on every environment.
 */
#include "env/contract.h"
#include "env/files.h"

CONTRACT(written_bytes_are_read_back)
{
    char data[16];
    size_t got = 99;
    env_file *file = file_open(disk->root, "file", FILES_CREATE);
    CHECK_OK(file_write_one(file, 0, "hello world", 11));
    CHECK_OK(file_write_one(file, 6, "there", 5));
    CHECK_OK(env_file_read(file, 0, data, sizeof data, &got));
    CHECK_EQUAL(11, got);
    CHECK_BYTES("hello there", data, 11);
    CHECK_OK(env_file_read(file, 6, data, 3, &got));
    CHECK_EQUAL(3, got);
    CHECK_BYTES("the", data, 3);
    CHECK_OK(env_file_sync(file));
    env_file_close(file);
}

CONTRACT(a_read_is_short_only_at_the_end)
{
    char data[8];
    size_t got = 99;
    file_put(disk->root, "file", "abcdef");
    env_file *file = file_open(disk->root, "file", ENV_READ);
    CHECK_OK(env_file_read(file, 4, data, 8, &got));
    CHECK_EQUAL(2, got);
    CHECK_OK(env_file_read(file, 6, data, 8, &got));
    CHECK_EQUAL(0, got);
    CHECK_OK(env_file_read(file, 1000, data, 8, &got));
    CHECK_EQUAL(0, got);
    CHECK_OK(env_file_read(file, 0, data, 0, &got));
    CHECK_EQUAL(0, got);
    env_file_close(file);
}

CONTRACT(parts_are_written_one_behind_the_other)
{
    enum { PART_COUNT = 200 };
    slice parts[PART_COUNT];
    char text[PART_COUNT * 7];
    char back[PART_COUNT * 7];
    size_t total = 0;
    size_t got = 0;
    for (size_t i = 0; i < PART_COUNT; i++) {
        size_t size = i % 5 == 0 ? 0 : i % 7;
        memset(text + total, (int)('a' + i % 26), size);
        parts[i] = slice_make(size == 0 ? NULL : text + total, size);
        total += size;
    }
    env_file *file = file_open(disk->root, "file", FILES_CREATE);
    CHECK_OK(env_file_write(file, 3, parts, PART_COUNT));
    CHECK_EQUAL(3 + total, file_size(file));
    CHECK_OK(env_file_read(file, 3, back, sizeof back, &got));
    CHECK_EQUAL(total, got);
    CHECK_BYTES(text, back, total);
    CHECK_OK(env_file_write(file, 1000000, parts, 0));
    CHECK_OK(env_file_write(file, 1000000, parts, 1));
    CHECK_EQUAL(3 + total, file_size(file));
    env_file_close(file);
}

CONTRACT(a_gap_before_a_write_reads_as_zeros)
{
    char data[10];
    char zeros[10] = {0};
    size_t got = 0;
    env_file *file = file_open(disk->root, "file", FILES_CREATE);
    CHECK_OK(file_write_one(file, 10, "x", 1));
    CHECK_OK(env_file_read(file, 0, data, 10, &got));
    CHECK_EQUAL(10, got);
    CHECK_BYTES(zeros, data, 10);
    env_file_close(file);
}

CONTRACT(open_flags_create_exclude_and_truncate)
{
    env_file *file = NULL;
    CHECK_STATUS(PYKV_PATH_NOT_FOUND, env_file_open(disk->root, "f", ENV_READ | ENV_WRITE, &file));
    CHECK(file == NULL);
    file = file_open(disk->root, "f", FILES_CREATE | ENV_EXCLUSIVE);
    CHECK_OK(file_write_one(file, 0, "text", 4));
    env_file_close(file);
    file = NULL;
    CHECK_STATUS(PYKV_PATH_EXISTS,
                 env_file_open(disk->root, "f", FILES_CREATE | ENV_EXCLUSIVE, &file));
    CHECK(file == NULL);
    file = file_open(disk->root, "f", FILES_CREATE);
    CHECK_EQUAL(4, file_size(file));
    env_file_close(file);
    file = file_open(disk->root, "f", ENV_WRITE | ENV_TRUNCATE);
    CHECK_EQUAL(0, file_size(file));
    env_file_close(file);
}

CONTRACT(a_file_tells_its_path)
{
    env_file *file = file_open(disk->root, "name", FILES_CREATE);
    char wanted[CONTRACT_PATH_BYTES + 8];
    snprintf(wanted, sizeof wanted, "%s/name", disk->base);
    CHECK_EQUAL(0, strcmp(wanted, env_file_path(file)));
    env_file_close(file);
}

CONTRACT(a_file_opened_to_read_refuses_writes)
{
    file_put(disk->root, "file", "text");
    env_file *file = file_open(disk->root, "file", ENV_READ);
    CHECK_STATUS(PYKV_IO_FAILED, file_write_one(file, 0, "x", 1));
    CHECK(strstr(error_last()->path, "file") != NULL);
    env_file_close(file);
    file_expect(disk->root, "file", "text");
}

CONTRACT(truncate_cuts_and_extends_with_zeros)
{
    char data[8];
    size_t got = 0;
    env_file *file = file_open(disk->root, "file", FILES_CREATE);
    CHECK_OK(file_write_one(file, 0, "abcdefgh", 8));
    CHECK_OK(env_file_truncate(file, 3));
    CHECK_EQUAL(3, file_size(file));
    CHECK_OK(env_file_truncate(file, 8));
    CHECK_OK(env_file_read(file, 0, data, 8, &got));
    CHECK_EQUAL(8, got);
    CHECK_BYTES("abc\0\0\0\0\0", data, 8);
    env_file_close(file);
}

CONTRACT(allocate_extends_with_zeros_and_keeps_bytes)
{
    char data[16];
    size_t got = 0;
    env_file *file = file_open(disk->root, "file", FILES_CREATE);
    CHECK_OK(file_write_one(file, 0, "abc", 3));
    pykv_status status = env_file_allocate(file, 0, 8192);
    if (status == PYKV_NOT_SUPPORTED) {
        CHECK(!env_directory_capabilities(disk->root).mapped_log);
        printf("(no native allocation in %s: not checked) ", disk->base);
        env_file_close(file);
        return;
    }
    CHECK_OK(status);
    CHECK_EQUAL(8192, file_size(file));
    CHECK_OK(env_file_read(file, 0, data, 16, &got));
    CHECK_BYTES("abc\0\0\0\0\0\0\0\0\0\0\0\0\0", data, 16);
    CHECK_OK(env_file_allocate(file, 0, 4096));
    CHECK_EQUAL(8192, file_size(file));
    env_file_write_back(file, 0, 8192);
    env_file_write_back(file, 0, 0);
    env_file_will_need(file, 0, 8192);
    env_file_will_need(file, 0, 0);
    env_file_will_need(file, UINT64_MAX / 2, UINT64_MAX); /* beyond every file */
    env_file_close(file);
}

CONTRACT(a_read_only_mapping_shows_later_writes)
{
    env_mapping mapping;
    env_file *file = file_open(disk->root, "file", FILES_CREATE);
    CHECK_OK(file_write_one(file, 0, "before", 6));
    CHECK_OK(env_file_map(file, 8192, false, &mapping));
    CHECK(!mapping.writable);
    CHECK_EQUAL(8192, mapping.size);
    CHECK_BYTES("before", mapping.base, 6);
    CHECK_OK(file_write_one(file, 0, "behind", 6));
    CHECK_BYTES("behind", mapping.base, 6);
    CHECK_EQUAL(0, env_mapping_faults(&mapping));
    env_unmap(&mapping);
    CHECK(mapping.base == NULL);
    env_unmap(&mapping);
    env_file_close(file);
}

CONTRACT(stores_through_a_writable_mapping_are_read_back)
{
    char data[8];
    size_t got = 0;
    env_mapping mapping;
    env_file *file = file_open(disk->root, "file", FILES_CREATE);
    CHECK_OK(env_file_truncate(file, 4096));
    CHECK_OK(env_file_map(file, 4096, true, &mapping));
    CHECK(mapping.writable);
    memcpy(mapping.base + 100, "mapped", 6);
    CHECK_OK(env_mapping_written(&mapping, 100, 6));
    CHECK_OK(env_file_read(file, 100, data, 6, &got));
    CHECK_BYTES("mapped", data, 6);
    env_unmap(&mapping);
    CHECK_OK(env_file_sync(file));
    env_file_close(file);
}

CONTRACT(a_mapping_outlives_its_file)
{
    env_mapping mapping;
    file_put(disk->root, "file", "text");
    env_file *file = file_open(disk->root, "file", ENV_READ);
    CHECK_OK(env_file_map(file, 4, false, &mapping));
    env_file_close(file);
    CHECK_OK(env_unlink(disk->root, "file"));
    CHECK_OK(env_directory_sync(disk->root));
    CHECK_BYTES("text", mapping.base, 4);
    env_unmap(&mapping);
}

CONTRACT(stores_in_a_private_mapping_stay_private)
{
    env_mapping mapping;
    file_put(disk->root, "file", "text");
    env_file *file = file_open(disk->root, "file", ENV_READ);
    CHECK_OK(env_file_map_private(file, 4096, &mapping));
    CHECK_BYTES("text", mapping.base, 4);
    memcpy(mapping.base, "TEXT", 4);
    env_unmap(&mapping);
    env_file_close(file);
    file_expect(disk->root, "file", "text");
}

CONTRACT(every_mapping_begins_at_a_page_boundary)
{
    env_mapping mapping;
    file_put(disk->root, "file", "text");
    env_file *file = file_open(disk->root, "file", ENV_READ | ENV_WRITE);
    for (int kind = 0; kind < 3; kind++) {
        CHECK_OK(kind == 2 ? env_file_map_private(file, 4, &mapping)
                           : env_file_map(file, 4, kind == 1, &mapping));
        CHECK_EQUAL(0, (uintptr_t)mapping.base % 4096);
        env_unmap(&mapping);
    }
    env_file_close(file);
}

CONTRACT(a_mapping_of_no_bytes_is_refused)
{
    env_mapping mapping = {NULL, 0, false, NULL};
    env_file *file = file_open(disk->root, "file", FILES_CREATE);
    CHECK_STATUS(PYKV_INVALID_ARGUMENT, env_file_map(file, 0, false, &mapping));
    CHECK(mapping.owner == NULL);
    env_file_close(file);
}

CONTRACT(a_file_opened_to_read_cannot_be_mapped_writable)
{
    env_mapping mapping;
    file_put(disk->root, "file", "text");
    env_file *file = file_open(disk->root, "file", ENV_READ);
    CHECK_STATUS(PYKV_NO_PERMISSION, env_file_map(file, 4, true, &mapping));
    env_file_close(file);
}

CONTRACT(a_failed_allocation_leaves_no_block_behind)
{
    for (uint64_t at = 1; at <= 12; at++) {
        env_file *file = NULL;
        env_mapping mapping = {NULL, 0, false, NULL};
        char name[16];
        snprintf(name, sizeof name, "f%d", (int)at);
        (void)mem_fail_at(at, 0);
        pykv_status status = env_file_open(disk->root, name, FILES_CREATE, &file);
        if (status == PYKV_OK) {
            status = file_write_one(file, 0, "text", 4);
        }
        if (status == PYKV_OK) {
            status = env_file_map(file, 4, false, &mapping);
        }
        (void)mem_fail_at(0, 0);
        CHECK(status == PYKV_OK || status == PYKV_NO_MEMORY);
        env_unmap(&mapping);
        env_file_close(file);
    }
}

TEST_MAIN(CONTRACT_CASES(written_bytes_are_read_back),
          CONTRACT_CASES(a_read_is_short_only_at_the_end),
          CONTRACT_CASES(parts_are_written_one_behind_the_other),
          CONTRACT_CASES(a_gap_before_a_write_reads_as_zeros),
          CONTRACT_CASES(open_flags_create_exclude_and_truncate),
          CONTRACT_CASES(a_file_tells_its_path),
          CONTRACT_CASES(a_file_opened_to_read_refuses_writes),
          CONTRACT_CASES(truncate_cuts_and_extends_with_zeros),
          CONTRACT_CASES(allocate_extends_with_zeros_and_keeps_bytes),
          CONTRACT_CASES(a_read_only_mapping_shows_later_writes),
          CONTRACT_CASES(stores_through_a_writable_mapping_are_read_back),
          CONTRACT_CASES(a_mapping_outlives_its_file),
          CONTRACT_CASES(stores_in_a_private_mapping_stay_private),
          CONTRACT_CASES(every_mapping_begins_at_a_page_boundary),
          CONTRACT_CASES(a_mapping_of_no_bytes_is_refused),
          CONTRACT_CASES(a_file_opened_to_read_cannot_be_mapped_writable),
          CONTRACT_CASES(a_failed_allocation_leaves_no_block_behind))
