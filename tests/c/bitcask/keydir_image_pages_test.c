/*
 * keydir_image_pages: no lookup sees a page before its check; damage of any bit is found before it
 * can mislead; what was checked no longer depends on the file.
 */
#include <pthread.h>
#include <sched.h>

#include "base/coding.h"
#include "base/crc32c.h"
#include "bitcask/keydir_image_model.h"
#include "bitcask/keydir_image_pages.h"
#include "env/env_fault.h"

#if defined(__SANITIZE_THREAD__)
enum { BIT_STRIDE = 41 }; /* one thread has nothing to show the thread sanitizer */
#else
enum { BIT_STRIDE = 1 };
#endif

typedef struct fixture {
    env *disk;
    env_directory *directory;
    keydir_model model;
} fixture;

/* An image of key_count keys on a simulated disk. */
static void open_fixture(fixture *self, uint64_t key_count)
{
    self->disk = image_disk();
    self->directory = image_directory(self->disk, "/d");
    image_fill(&self->model, key_count, 2 * key_count);
    CHECK_OK(image_save(&self->model, self->directory));
}

static void close_fixture(fixture *self)
{
    keydir_model_close(&self->model);
    env_directory_close(self->directory);
    env_memory_free(self->disk);
}

TEST(every_changed_bit_of_a_page_is_found_before_it_is_used)
{
    fixture at;
    keydir_image_layout layout;
    uint64_t size;
    open_fixture(&at, 60);
    uint8_t *data = image_bytes(at.disk, &size, &layout);
    CHECK_EQUAL(2, layout.page_count);
    for (uint64_t bit = 8 * layout.payload_offset; bit < 8 * size; bit += BIT_STRIDE) {
        data[bit / 8] ^= (uint8_t)(1U << bit % 8);
        CHECK_OK(image_load(&at.model, at.directory));
        CHECK_STATUS(PYKV_CORRUPTION, keydir_image_check_hash(at.model.directory, 0));
        CHECK_EQUAL(bit / 8 / 4096 * 4096, error_last()->offset);
        CHECK(!keydir_image_ready(at.model.directory, 0));
        data[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    close_fixture(&at);
}

/* Keys of undamaged pages are served, the others are refused; no key leads to a wrong address. */
TEST(random_damage_never_gives_a_wrong_address)
{
    fixture at;
    keydir_image_layout layout;
    uint64_t size;
    uint64_t seed = check_seed();
    uint64_t rounds = check_count("PYKV_KEYDIR_DAMAGES", 300);
    uint64_t refused = 0;
    uint64_t served = 0;
    open_fixture(&at, 5000);
    uint8_t *data = image_bytes(at.disk, &size, &layout);
    uint8_t *good = malloc(size);
    CHECK(good != NULL);
    memcpy(good, data, size);
    for (uint64_t round = 0; round < rounds; round++) {
        for (uint64_t i = check_random(&seed, 4) + 1; i > 0; i--) {
            uint64_t place = layout.payload_offset + check_random(&seed, layout.page_count * 4096);
            data[place] ^= (uint8_t)(1 + check_random(&seed, 255));
        }
        CHECK_OK(image_load(&at.model, at.directory));
        for (uint64_t i = 0; i < 300; i++) {
            uint64_t key = check_random(&seed, at.model.key_limit);
            uint64_t hash = at.model.hash(key);
            keydir_prefetch_line(at.model.directory, hash);
            keydir_prefetch_lines(at.model.directory, hash);
            pykv_status status = keydir_image_check_hash(at.model.directory, hash);
            if (status == PYKV_OK) {
                keydir_model_get(&at.model, key);
                served++;
            } else {
                CHECK_EQUAL(PYKV_CORRUPTION, status);
                refused++;
            }
        }
        CHECK_STATUS(PYKV_CORRUPTION, image_check_all(at.model.directory));
        memcpy(data, good, size);
    }
    printf("  %" PRIu64 " lookups served, %" PRIu64 " refused\n", served, refused);
    CHECK(served > 0 && refused > 0);
    free(good);
    close_fixture(&at);
}

TEST(a_page_is_not_looked_at_before_its_check)
{
    fixture at;
    keydir_cursor cursor;
    char text[256] = "";
    open_fixture(&at, 5000);
    CHECK_OK(image_load(&at.model, at.directory));
    uint64_t hash = at.model.hash(1);
    CHECK(!keydir_image_ready(at.model.directory, hash));
    CHECK(!keydir_find(at.model.directory, hash, &cursor));
    keydir_prefetch_line(at.model.directory, hash);
    keydir_prefetch_lines(at.model.directory, hash);
    CHECK_STATUS(PYKV_CORRUPTION, keydir_check(at.model.directory, NULL, NULL, text, sizeof text));
    CHECK(strstr(text, "not checked yet") != NULL);
    CHECK_OK(keydir_image_check_hash(at.model.directory, hash));
    CHECK(keydir_image_ready(at.model.directory, hash));
    CHECK(keydir_find(at.model.directory, hash, &cursor));
    close_fixture(&at);
}

TEST(pages_are_checked_in_bounded_steps_until_none_is_pending)
{
    fixture at;
    uint64_t pending = 0;
    open_fixture(&at, 20000);
    CHECK_OK(image_load(&at.model, at.directory));
    uint32_t total = atomic_load(&at.model.directory->pages_pending);
    CHECK_OK(keydir_image_check_some(at.model.directory, 5, &pending));
    CHECK_EQUAL(total - 5, pending);
    uint64_t key = 0;
    while (keydir_image_ready(at.model.directory, at.model.hash(key))) {
        key++;
    }
    CHECK_OK(keydir_image_check_hash(at.model.directory, at.model.hash(key)));
    CHECK(atomic_load(&at.model.directory->pages_pending) < pending);
    CHECK_OK(keydir_image_check_some(at.model.directory, 0, &pending));
    CHECK_EQUAL(atomic_load(&at.model.directory->pages_pending), pending);
    CHECK_OK(keydir_image_check_some(at.model.directory, total, &pending));
    CHECK_EQUAL(0, pending);
    CHECK_OK(keydir_image_check_some(at.model.directory, 5, &pending));
    CHECK_EQUAL(0, pending);
    keydir_model_check(&at.model, true);
    close_fixture(&at);
}

TEST(a_directory_without_an_image_is_always_ready)
{
    keydir_model model;
    uint64_t pending = 1;
    image_fill(&model, 100, 100);
    CHECK(keydir_image_ready(model.directory, model.hash(1)));
    CHECK_OK(keydir_image_check_hash(model.directory, model.hash(1)));
    CHECK_OK(keydir_image_check_some(model.directory, 5, &pending));
    CHECK_EQUAL(0, pending);
    keydir_model_close(&model);
}

/* A split touches the next bucket in turn and the page where the new header goes, whichever key is
 * inserted: keydir_prepare has to check them. */
TEST(writing_checks_the_pages_that_it_changes)
{
    fixture at;
    keydir_image_layout layout;
    uint64_t size;
    open_fixture(&at, 5000);
    for (uint64_t round = 0; round < 2; round++) {
        CHECK_OK(image_load(&at.model, at.directory));
        for (uint64_t key = 5000; key < 10000; key++) {
            CHECK_OK(keydir_model_put(&at.model, key));
        }
        keydir_model_check(&at.model, false);
        CHECK_OK(image_save(&at.model, at.directory));
        for (uint64_t key = 5000; key < 10000; key++) {
            keydir_model_delete(&at.model, key);
        }
        CHECK_OK(image_save(&at.model, at.directory));
    }
    uint8_t *data = image_bytes(at.disk, &size, &layout);
    data[layout.payload_offset + 5] ^= 1;
    CHECK_OK(image_load(&at.model, at.directory));
    CHECK_STATUS(PYKV_CORRUPTION, keydir_prepare(at.model.directory, at.model.hash(5001),
                                                 keydir_model_rehash, &at.model));
    close_fixture(&at);
}

/* Damages a page of the payload and makes its check right again. */
static void expect_refused(fixture *at, uint64_t place, uint64_t size, uint64_t number)
{
    uint64_t index = place / 4096;
    keydir_image_layout layout;
    uint64_t file_bytes;
    uint8_t *data = image_bytes(at->disk, &file_bytes, &layout);
    uint8_t *page = data + layout.payload_offset;
    uint8_t *checks = data + layout.checks_offset;
    uint64_t old = 0;
    memcpy(&old, page + place, size);
    memcpy(page + place, &number, size);
    for (int restored = 0; restored < 2; restored++) {
        store_u32(checks + 4 * index, crc32c_extend(0, page + 4096 * index, 4096));
        store_u32(checks + 4 * layout.page_count, crc32c_extend(0, checks, 4 * layout.page_count));
        CHECK_OK(image_load(&at->model, at->directory));
        CHECK_EQUAL(restored != 0 ? PYKV_OK : PYKV_CORRUPTION,
                    image_check_all(at->model.directory));
        memcpy(page + place, &old, size);
    }
}

TEST(headers_that_lead_out_of_the_image_are_refused_though_their_check_is_right)
{
    fixture at;
    open_fixture(&at, 5000);
    uint32_t units = (uint32_t)at.model.directory->units.item_count;
    expect_refused(&at, 0, 4, units + 1);
    expect_refused(&at, 64 + 4, 4, UINT32_MAX);
    expect_refused(&at, 128 + 60, 1, 0);
    expect_refused(&at, 128 + 60, 1, 15);
    expect_refused(&at, 64 + 56, 2, 14 * 128 + 1);
    expect_refused(&at, 64 + 58, 2, 14 * 128 + 1);
    close_fixture(&at);
}

/* They were passed over, and a bucket that came to stand in them began with what they said. */
TEST(what_has_no_meaning_is_refused_if_it_is_not_zero_though_its_check_is_right)
{
    fixture at;
    keydir_image_layout layout;
    uint64_t size;
    open_fixture(&at, 200);
    (void)image_bytes(at.disk, &size, &layout);
    CHECK(layout.header_page_count == 1 && layout.unit_count % 4 != 0);
    uint64_t headers_end = 64 * layout.bucket_count;
    uint64_t units_end = 4096 + 1024 * layout.unit_count;
    expect_refused(&at, 61, 1, 1);
    expect_refused(&at, 63, 1, 0x80);
    expect_refused(&at, 4 * 13, 4, 1);
    expect_refused(&at, headers_end, 1, 1);
    expect_refused(&at, 4095, 1, 1);
    expect_refused(&at, units_end, 1, 1);
    expect_refused(&at, 4096 * layout.page_count - 1, 1, 1);
    close_fixture(&at);
}

TEST(buckets_whose_units_do_not_stand_one_behind_the_other_are_refused)
{
    fixture at;
    open_fixture(&at, 5000);
    expect_refused(&at, 0, 4, 1);
    expect_refused(&at, 64, 4, 0); /* the first unit of the bucket before */
    expect_refused(&at, 128, 4, 0);
    close_fixture(&at);
}

/* Replaces the bytes of a real file by ones. */
static void overwrite(env_directory *directory, uint64_t size)
{
    env_file *file;
    uint8_t *ones = malloc(size);
    CHECK(ones != NULL);
    memset(ones, 0xFF, size);
    slice part = slice_make(ones, size);
    CHECK_OK(env_file_open(directory, IMAGE_NAME, ENV_WRITE, &file));
    CHECK_OK(env_file_write(file, 0, &part, 1));
    env_file_close(file);
    free(ones);
}

static void cut(env_directory *directory, uint64_t size)
{
    env_file *file;
    CHECK_OK(env_file_open(directory, IMAGE_NAME, ENV_WRITE, &file));
    CHECK_OK(env_file_truncate(file, size));
    env_file_close(file);
}

TEST(what_was_checked_does_not_depend_on_the_file)
{
    keydir_model model;
    char *path = check_temporary_directory();
    env_directory *directory = image_directory(env_posix(), path);
    image_fill(&model, 5000, 5000);
    for (int round = 0; round < 2; round++) {
        CHECK_OK(image_save(&model, directory));
        CHECK_OK(image_load(&model, directory));
        CHECK_OK(image_check_all(model.directory));
        if (round == 0) {
            overwrite(directory, 20 * 4096);
        } else {
            cut(directory, 0);
        }
        keydir_model_check(&model, true);
    }
    keydir_model_close(&model);
    env_directory_close(directory);
    free(path);
}

TEST(a_page_that_cannot_be_read_is_corruption)
{
    keydir_model model;
    env *disk = image_disk();
    env *faulty;
    CHECK_OK(env_fault_new(disk, &faulty));
    env_directory *directory = image_directory(faulty, "/d");
    image_fill(&model, 5000, 5000);
    CHECK_OK(image_save(&model, directory));
    CHECK_OK(image_load(&model, directory));
    env_fault_plan plan = {.at = 1, .system_errno = 5};
    env_fault_set(faulty, &plan);
    CHECK_STATUS(PYKV_CORRUPTION, keydir_image_check_hash(model.directory, model.hash(1)));
    CHECK_OK(keydir_image_check_hash(model.directory, model.hash(1)));
    keydir_model_close(&model);
    env_directory_close(directory);
    env_fault_free(faulty);
    env_memory_free(disk);
}

TEST(a_file_that_is_cut_before_the_check_is_corruption_and_no_crash)
{
    keydir_model model;
    char *path = check_temporary_directory();
    env_directory *directory = image_directory(env_posix(), path);
    image_fill(&model, 5000, 5000);
    CHECK_OK(image_save(&model, directory));
    CHECK_OK(image_load(&model, directory));
    cut(directory, 4096);
    CHECK_STATUS(PYKV_CORRUPTION, keydir_image_check_hash(model.directory, model.hash(1)));
    CHECK_STATUS(PYKV_CORRUPTION, image_check_all(model.directory));
    keydir_model_close(&model);
    env_directory_close(directory);
    free(path);
}

typedef struct page_race {
    keydir_model *model;
    _Atomic bool stopped;
    _Atomic uint64_t found_count;
    _Atomic uint64_t failure_count;
} page_race;

static void *read_ready_keys(void *context)
{
    page_race *self = context;
    keydir_model *model = self->model;
    uint64_t seed = check_seed();
    while (!atomic_load(&self->stopped)) {
        keydir_cursor cursor;
        uint64_t key = 1 + 7 * check_random(&seed, 2000);
        bool found = false;
        keydir_prefetch_line(model->directory, model->hash(key));
        if (!keydir_find(model->directory, model->hash(key), &cursor)) {
            sched_yield();
            continue;
        }
        while (!found && keydir_next(&cursor)) {
            found = cursor.address == model->address_of[key];
        }
        if (keydir_still(&cursor)) {
            atomic_fetch_add(&self->failure_count, !found);
            atomic_fetch_add(&self->found_count, found);
        }
    }
    return NULL;
}

/* A writer checks pages and makes the directory grow while readers look up what is ready. */
TEST(readers_beside_the_check_find_what_is_ready)
{
    fixture at;
    pthread_t threads[2];
    uint64_t pending = 1;
    open_fixture(&at, 20000);
    for (int round = 0; round < 4; round++) {
        CHECK_OK(image_load(&at.model, at.directory));
        page_race shared = {.model = &at.model};
        for (int i = 0; i < 2; i++) {
            CHECK_EQUAL(0, pthread_create(&threads[i], NULL, read_ready_keys, &shared));
        }
        for (uint64_t key = 20000; pending > 0 || key < 21000; key++) {
            CHECK_OK(keydir_image_check_some(at.model.directory, 1, &pending));
            CHECK_OK(keydir_model_put(&at.model, key));
        }
        while (atomic_load(&shared.found_count) < 1000) {
            sched_yield();
        }
        atomic_store(&shared.stopped, true);
        for (int i = 0; i < 2; i++) {
            pthread_join(threads[i], NULL);
        }
        CHECK_EQUAL(0, atomic_load(&shared.failure_count));
        keydir_model_check(&at.model, true);
        CHECK_OK(image_save(&at.model, at.directory));
    }
    close_fixture(&at);
}

TEST_MAIN(CASE(every_changed_bit_of_a_page_is_found_before_it_is_used),
          CASE(random_damage_never_gives_a_wrong_address),
          CASE(a_page_is_not_looked_at_before_its_check),
          CASE(pages_are_checked_in_bounded_steps_until_none_is_pending),
          CASE(a_directory_without_an_image_is_always_ready),
          CASE(writing_checks_the_pages_that_it_changes),
          CASE(headers_that_lead_out_of_the_image_are_refused_though_their_check_is_right),
          CASE(what_has_no_meaning_is_refused_if_it_is_not_zero_though_its_check_is_right),
          CASE(buckets_whose_units_do_not_stand_one_behind_the_other_are_refused),
          CASE(what_was_checked_does_not_depend_on_the_file),
          CASE(a_page_that_cannot_be_read_is_corruption),
          CASE(a_file_that_is_cut_before_the_check_is_corruption_and_no_crash),
          CASE(readers_beside_the_check_find_what_is_ready))
