/*
 * open_test: which directories are opened, what is refused, and that a failed open leaves nothing.
 */
#include <errno.h>

#include "lsm_fixture.h"

#include "env/env_fault.h"
#include "env/env_ops.h"
#include "lsm/open.h"

TEST(a_fresh_directory_becomes_a_store_with_an_identity_of_its_own)
{
    fixture self = fixture_new();
    lsm_manifest listed = fixture_manifest(&self);
    CHECK(listed.clean && listed.store_id != 0 && listed.hash_seed_low != listed.hash_seed_high);
    CHECK_EQUAL(listed.store_id, self.store->store_id);
    fixture_put(&self, "a", "1");
    fixture_reopen(&self);
    CHECK_EQUAL(listed.store_id, self.store->store_id);
    CHECK_EQUAL(listed.hash_seed_low, self.store->hash_seed_low);
    fixture_expect(&self, "a", "1");
    lsm_manifest_reset(&listed);
    fixture_free(&self);
}

TEST(what_must_exist_or_not_is_asked_for)
{
    fixture self = fixture_blank();
    self.options.must_exist = 1;
    CHECK_STATUS(PYKV_PATH_NOT_FOUND, fixture_open(&self));
    self.options.must_exist = 0;
    self.options.read_only = 1;
    CHECK_STATUS(PYKV_PATH_NOT_FOUND, fixture_open(&self));
    self.options.read_only = 0;
    self.options.must_not_exist = 1;
    CHECK_OK(fixture_open(&self));
    fixture_close(&self);
    CHECK_STATUS(PYKV_PATH_EXISTS, fixture_open(&self));
    self.options.must_not_exist = 0;
    self.options.must_exist = 1;
    CHECK_OK(fixture_open(&self));
    fixture_free(&self);
}

TEST(a_second_writer_is_refused_and_a_reader_is_not)
{
    fixture self = fixture_new();
    fixture other = self;
    fixture_put(&self, "a", "1");
    CHECK_STATUS(PYKV_LOCKED, fixture_open(&other));
    other.options.read_only = 1;
    CHECK_OK(fixture_open(&other));
    fixture_expect(&other, "a", "1");
    fixture_put(&self, "a", "2");
    CHECK_OK(lsm_compact(self.store, NULL));
    fixture_expect(&other, "a", "1"); /* the state at its open */
    fixture_kill(&other);
    CHECK_OK(fixture_open(&other));
    fixture_expect(&other, "a", "2");
    fixture_kill(&other);
    fixture_free(&self);
}

TEST(a_reader_leaves_every_file_as_it_is)
{
    fixture self = fixture_new();
    fixture reader = self;
    uint64_t size;
    fixture_fill(&self, 0, 50, 1000);
    CHECK_OK(lsm_flush(self.store));
    fixture_fill(&self, 50, 90, 1000);
    fixture_make_file(&self, "0000ffff.tbl", "an orphan");
    uint64_t calls = env_memory_call_count(self.disk);
    reader.options.read_only = 1;
    CHECK_OK(fixture_open(&reader));
    CHECK_EQUAL(90, fixture_count(&reader));
    CHECK_EQUAL(40, fixture_stats(&reader).recovered_record_count);
    CHECK_OK(lsm_close(reader.store, -1));
    fixture_kill(&reader);
    CHECK_EQUAL(calls, env_memory_call_count(self.disk));
    CHECK_BYTES("an orphan", fixture_bytes(&self, "0000ffff.tbl", &size), 9);
    fixture_free(&self);
}

TEST(tables_without_a_manifest_are_not_taken_for_an_empty_store)
{
    fixture self = fixture_new();
    fixture_put(&self, "a", "1");
    CHECK_OK(lsm_flush(self.store));
    fixture_close(&self);
    fixture_unlink(&self, "MANIFEST");
    CHECK_STATUS(PYKV_CORRUPTION, fixture_open(&self));
    CHECK(strstr(error_last()->text, "repair") != NULL);
    CHECK_EQUAL(1, fixture_files(&self, ".tbl", NULL));
    self.store = NULL;
    fixture_free(&self);
}

TEST(a_table_that_is_missing_is_named)
{
    fixture self = fixture_new();
    char name[32];
    fixture_put(&self, "a", "1");
    CHECK_OK(lsm_flush(self.store));
    fixture_close(&self);
    fixture_files(&self, ".tbl", name);
    fixture_unlink(&self, name);
    CHECK_STATUS(PYKV_CORRUPTION, fixture_open(&self));
    CHECK(strstr(error_last()->path, name) != NULL);
    self.store = NULL;
    fixture_free(&self);
}

TEST(files_that_no_manifest_lists_are_removed_and_their_numbers_not_used)
{
    fixture self = fixture_new();
    char name[32];
    fixture_put(&self, "a", "1");
    fixture_close(&self);
    fixture_make_file(&self, "0000aaaa.tbl", "orphan");
    fixture_make_file(&self, "0000aaab.log", "orphan");
    fixture_make_file(&self, "MANIFEST.tmp", "orphan");
    fixture_make_file(&self, "0000aaac.torn", "kept");
    fixture_make_file(&self, "notes.txt", "not ours");
    CHECK_OK(fixture_open(&self));
    CHECK_EQUAL(0, fixture_files(&self, "0000aaaa.tbl", NULL));
    CHECK_EQUAL(0, fixture_files(&self, ".log", NULL));
    CHECK_EQUAL(0, fixture_files(&self, ".tmp", NULL));
    CHECK_EQUAL(1, fixture_files(&self, ".torn", NULL));
    CHECK_EQUAL(1, fixture_files(&self, "notes.txt", NULL));
    fixture_put(&self, "b", "1");
    fixture_files(&self, ".log", name);
    CHECK(strcmp(name, "0000aaab.log") > 0);
    fixture_free(&self);
}

TEST(a_store_without_memory_is_not_opened_and_leaves_nothing_behind)
{
    fixture self = fixture_new();
    fixture_fill(&self, 0, 80, 1000);
    CHECK_OK(lsm_flush(self.store));
    fixture_fill(&self, 0, 20, 1000);
    fixture_kill(&self);
    pykv_status status = PYKV_NO_MEMORY;
    for (uint64_t at = 1; status != PYKV_OK; at++) {
        int64_t blocks = mem_block_count();
        fixture copy = self;
        CHECK_OK(env_memory_clone(self.disk, &copy.disk));
        (void)mem_fail_at(at, 0);
        status = fixture_open(&copy);
        (void)mem_fail_at(0, 0);
        CHECK(status == PYKV_OK || status == PYKV_NO_MEMORY);
        if (status != PYKV_OK) {
            CHECK_OK(fixture_open(&copy));
        }
        CHECK_EQUAL(80, fixture_count(&copy));
        fixture_free(&copy);
        CHECK_EQUAL(blocks, mem_block_count());
    }
    fixture_free(&self);
}

TEST(an_open_whose_calls_fail_leaves_a_store_that_opens_with_all_it_had)
{
    fixture self = fixture_new();
    fixture_fill(&self, 0, 80, 1000);
    CHECK_OK(lsm_flush(self.store));
    fixture_fill(&self, 0, 20, 1000);
    fixture_kill(&self);
    bool failed = true;
    for (uint64_t at = 1; failed; at++) {
        int64_t blocks = mem_block_count();
        env *copied;
        fixture copy = self;
        CHECK_OK(env_memory_clone(self.disk, &copied));
        CHECK_OK(env_fault_new(copied, &copy.disk));
        env_fault_plan plan = {.at = at, .system_errno = EIO};
        env_fault_set(copy.disk, &plan);
        pykv_status status = fixture_open(&copy);
        failed = env_fault_failed(copy.disk) > 0;
        CHECK(failed || status == PYKV_OK);
        plan.at = 0;
        env_fault_set(copy.disk, &plan);
        if (status != PYKV_OK) {
            CHECK_OK(fixture_open(&copy));
        }
        CHECK_EQUAL(80, fixture_count(&copy));
        fixture_kill(&copy);
        env_fault_free(copy.disk);
        env_memory_free(copied);
        CHECK_EQUAL(blocks, mem_block_count());
    }
    fixture_free(&self);
}

/* The writer had sealed a log and cut it, which for the mapping of a reader is a page that cannot
 * be read: of opens beside a busy writer with small memtables one in twenty failed. */
TEST(a_reader_looks_again_at_a_log_that_could_not_be_read)
{
    fixture self = fixture_new();
    fixture reader = self;
    fixture_fill(&self, 0, 40, 1000);
    reader.options.read_only = 1;
    CHECK_OK(env_fault_new(self.disk, &reader.disk));
    env_fault_plan plan = {.at = 1, .system_errno = EIO, .name_part = ".log"};
    env_fault_set(reader.disk, &plan);
    CHECK_OK(fixture_open(&reader));
    CHECK(env_fault_failed(reader.disk) == 1);
    CHECK_EQUAL(40, fixture_count(&reader));
    CHECK_OK(lsm_close(reader.store, -1));
    fixture_kill(&reader);
    plan.sticky = true;
    env_fault_set(reader.disk, &plan);
    CHECK_STATUS(PYKV_IO_FAILED, fixture_open(&reader));
    env_fault_free(reader.disk);
    fixture_free(&self);
}

/* ---- a writer whose logs live for less than the open of a reader ---- */

enum { LOGS_THAT_GO = 50 };

static env_ops hasty_ops;
static const env_ops *patient_ops;
static fixture *hasty_writer; /* NULL: nobody writes now */
static uint32_t logs_to_go;

/* Whoever opens a log finds that the writer has let it go. */
static pykv_status open_too_late(env_directory *directory, const char *name, int flags,
                                 env_file **out)
{
    fixture *writer = hasty_writer;
    if (writer != NULL && logs_to_go > 0 && strstr(name, ".log") != NULL) {
        logs_to_go--;
        hasty_writer = NULL; /* its own calls go through */
        fixture_put(writer, "a", "2");
        CHECK_OK(lsm_flush(writer->store));
        fixture_put(writer, "a", "3");
        hasty_writer = writer;
    }
    return patient_ops->file_open(directory, name, flags, out);
}

/* An open was given up after five tries; beside small memtables on a fast disk that was one in a
 * few hundred. */
TEST(a_reader_opens_beside_a_writer_however_soon_its_logs_go)
{
    fixture self = fixture_new();
    fixture reader = self;
    char name[32];
    fixture_put(&self, "a", "1");
    patient_ops = self.disk->ops;
    hasty_ops = *patient_ops;
    hasty_ops.file_open = open_too_late;
    hasty_writer = &self;
    logs_to_go = LOGS_THAT_GO;
    self.disk->ops = &hasty_ops;
    reader.options.read_only = 1;
    CHECK_OK(fixture_open(&reader));
    CHECK_EQUAL(0, logs_to_go);
    fixture_expect(&reader, "a", "3");
    fixture_kill(&reader);
    /* What is missing for good is told. */
    hasty_writer = NULL;
    fixture_close(&self);
    CHECK(fixture_files(&self, ".tbl", name) > 0);
    fixture_unlink(&self, name);
    CHECK_STATUS(PYKV_CORRUPTION, fixture_open(&reader));
    CHECK(strstr(error_last()->path, name) != NULL);
    self.disk->ops = patient_ops;
    env_memory_free(self.disk);
}

TEST_MAIN(CASE(a_fresh_directory_becomes_a_store_with_an_identity_of_its_own),
          CASE(what_must_exist_or_not_is_asked_for),
          CASE(a_second_writer_is_refused_and_a_reader_is_not),
          CASE(a_reader_leaves_every_file_as_it_is),
          CASE(a_reader_looks_again_at_a_log_that_could_not_be_read),
          CASE(a_reader_opens_beside_a_writer_however_soon_its_logs_go),
          CASE(tables_without_a_manifest_are_not_taken_for_an_empty_store),
          CASE(a_table_that_is_missing_is_named),
          CASE(files_that_no_manifest_lists_are_removed_and_their_numbers_not_used),
          CASE(a_store_without_memory_is_not_opened_and_leaves_nothing_behind),
          CASE(an_open_whose_calls_fail_leaves_a_store_that_opens_with_all_it_had))
