/*
 * codec_zstd_test: the trial, contexts that are kept, exact sizes, and what errors become.
 */
#include <pthread.h>

#include "codec/codec_fake_dictionaries.h"
#include "codec/codec_library.h"
#include "codec/codec_zstd.h"

static void make(codec_zstd *self)
{
    pykv_zstd functions = fake_zstd();
    CHECK_OK(codec_zstd_init(self, &functions, "fake"));
    CHECK_EQUAL(CODEC_ZSTD, self->face.id);
}

static size_t compress(codec_zstd *self, const char *text, uint8_t *out)
{
    size_t size = 0;
    CHECK_OK(self->face.compress(self->face.context, 0, (const uint8_t *)text, strlen(text), out,
                                 &size));
    return size;
}

static pykv_status decompress(codec_zstd *self, const uint8_t *data, size_t size, uint8_t *out,
                              size_t raw_size)
{
    return self->face.decompress(self->face.context, data, size, out, raw_size);
}

TEST(what_was_compressed_is_restored)
{
    codec_zstd self;
    uint8_t frame[64];
    uint8_t text[8];
    make(&self);
    size_t size = compress(&self, "blocks", frame);
    CHECK(size <= self.face.bound(self.face.context, 6));
    CHECK_OK(decompress(&self, frame, size, text, 6));
    CHECK_BYTES("blocks", text, 6);
    size = compress(&self, "", frame);
    CHECK_OK(decompress(&self, frame, size, NULL, 0));
    codec_zstd_reset(&self);
    CHECK_EQUAL(0, atomic_load(&fake_contexts));
}

TEST(a_thread_uses_one_context_of_each_kind_again_and_again)
{
    codec_zstd self;
    uint8_t frame[64];
    uint8_t text[8];
    int before = atomic_load(&fake_created);
    make(&self);
    for (int i = 0; i < 100; i++) {
        size_t size = compress(&self, "blocks", frame);
        CHECK_OK(decompress(&self, frame, size, text, 6));
    }
    /* The trial ends with a frame that is refused, whose context is not kept. */
    CHECK(atomic_load(&fake_created) - before <= 3);
    CHECK_EQUAL(2, atomic_load(&fake_contexts));
    codec_zstd_reset(&self);
    CHECK_EQUAL(0, atomic_load(&fake_contexts));
}

TEST(a_frame_of_another_size_is_corruption_and_writes_nothing_beyond)
{
    codec_zstd self;
    uint8_t frame[64];
    uint8_t text[16];
    make(&self);
    size_t size = compress(&self, "blocks", frame);
    memset(text, 0x5a, sizeof text);
    for (size_t raw_size = 0; raw_size < 10; raw_size++) {
        if (raw_size != 6) {
            CHECK_STATUS(PYKV_CORRUPTION, decompress(&self, frame, size, text, raw_size));
        }
    }
    for (size_t i = 0; i < sizeof text; i++) {
        CHECK_EQUAL(0x5a, text[i]);
    }
    for (size_t cut = 0; cut < size; cut++) {
        CHECK_STATUS(PYKV_CORRUPTION, decompress(&self, frame, cut, text, 6));
    }
    codec_zstd_reset(&self);
}

TEST(each_level_has_a_faster_one_down_to_where_bytes_are_lost)
{
    static const int chains[][2] = {{22, -1}, {1, -1},  {0, -1}, {-1, -3},
                                    {-2, -3}, {-3, -3}, {-7, -7}};
    codec_zstd self;
    make(&self);
    for (size_t i = 0; i < sizeof chains / sizeof chains[0]; i++) {
        CHECK_EQUAL(chains[i][1], self.face.faster(chains[i][0]));
    }
    codec_zstd_reset(&self);
}

TEST(a_version_that_is_not_served_is_refused)
{
    codec_zstd self;
    pykv_zstd functions = fake_zstd();
    static const unsigned refused[] = {0, 10399, 20000};
    for (size_t i = 0; i < 3; i++) {
        fake_version = refused[i];
        CHECK_STATUS(PYKV_NOT_SUPPORTED, codec_zstd_init(&self, &functions, "fake"));
    }
    fake_version = 10400;
    CHECK_OK(codec_zstd_init(&self, &functions, "fake"));
    codec_zstd_reset(&self);
    fake_version = 10500;
}

static size_t forgets(void *context, void *out, size_t capacity, const void *data, size_t size)
{
    (void)fake_decompress(context, out, capacity, data, size);
    memset(out, 0, 1);
    return 30;
}

static size_t huge_bound(size_t size)
{
    return size + 100000;
}

TEST(functions_that_do_not_do_what_they_should_are_refused)
{
    codec_zstd self;
    pykv_zstd functions = fake_zstd();
    functions.decompress_dctx = forgets;
    CHECK_STATUS(PYKV_NOT_SUPPORTED, codec_zstd_init(&self, &functions, "fake"));
    functions = fake_zstd();
    functions.compress_bound = huge_bound;
    CHECK_STATUS(PYKV_NOT_SUPPORTED, codec_zstd_init(&self, &functions, "fake"));
    CHECK_EQUAL(0, atomic_load(&fake_contexts));
}

TEST(a_context_that_cannot_be_made_is_no_memory)
{
    codec_zstd self;
    uint8_t frame[64];
    uint8_t text[8];
    size_t size = 0;
    make(&self);
    size_t made = compress(&self, "blocks", frame);
    codec_zstd_reset(&self);
    atomic_store(&fake_has_no_context, true);
    CHECK_STATUS(PYKV_NO_MEMORY,
                 self.face.compress(self.face.context, 1, (const uint8_t *)"a", 1, frame, &size));
    CHECK_STATUS(PYKV_NO_MEMORY, decompress(&self, frame, made, text, 6));
    atomic_store(&fake_has_no_context, false);
    CHECK_EQUAL(0, size);
}

TEST(errors_of_the_library_become_statuses_and_their_contexts_are_not_kept)
{
    codec_zstd self;
    static uint8_t data[FAKE_RAW_MAX + 1];
    static uint8_t out[2 * FAKE_RAW_MAX];
    size_t size = 0;
    make(&self);
    int before = atomic_load(&fake_contexts);
    CHECK_STATUS(PYKV_INTERNAL,
                 self.face.compress(self.face.context, 1, data, sizeof data, out, &size));
    CHECK(strstr(error_last()->text, "not a frame") != NULL);
    CHECK_STATUS(PYKV_NO_MEMORY,
                 self.face.compress(self.face.context, 22, data, sizeof data, out, &size));
    CHECK_EQUAL(0, size);
    CHECK(atomic_load(&fake_contexts) < before);
    codec_zstd_reset(&self);
    CHECK_EQUAL(0, atomic_load(&fake_contexts));
}

/* With the libzstd of the system, where it has one. */
static bool make_real(codec_zstd *self)
{
    pykv_zstd functions;
    if (codec_library_load(codec_library_default(), &functions) != PYKV_OK) {
        printf("no %s here: tried with a fake one only\n", codec_library_default());
        return false;
    }
    CHECK_OK(codec_zstd_init(self, &functions, "system"));
    return true;
}

enum { BLOCK_BYTES = 4096 };

static void fill_block(uint8_t *data, uint64_t *chance)
{
    for (size_t i = 0; i < BLOCK_BYTES; i++) {
        data[i] = (uint8_t)("key-value "[i % 10] + (check_random(chance, 6) == 0 ? 1 : 0));
    }
}

TEST(the_real_library_restores_blocks_and_survives_damaged_ones)
{
    static uint8_t data[BLOCK_BYTES];
    static uint8_t frame[2 * BLOCK_BYTES];
    static uint8_t text[BLOCK_BYTES + 64];
    codec_zstd self;
    uint64_t chance = check_seed();
    size_t size = 0;
    if (!make_real(&self)) {
        return;
    }
    fill_block(data, &chance);
    CHECK(self.face.bound(self.face.context, BLOCK_BYTES) <= sizeof frame);
    CHECK_OK(self.face.compress(self.face.context, 1, data, BLOCK_BYTES, frame, &size));
    CHECK(size < BLOCK_BYTES * 3 / 4);
    CHECK_OK(decompress(&self, frame, size, text, BLOCK_BYTES));
    CHECK_BYTES(data, text, BLOCK_BYTES);
    memset(text + BLOCK_BYTES, 0x5a, 64);
    for (int i = 0; i < 5000; i++) {
        size_t at = check_random(&chance, size);
        uint8_t flip = (uint8_t)(1 + check_random(&chance, 255));
        frame[at] ^= flip;
        pykv_status status = decompress(&self, frame, size, text, BLOCK_BYTES);
        CHECK(status == PYKV_OK || status == PYKV_CORRUPTION || status == PYKV_NO_MEMORY);
        frame[at] ^= flip;
    }
    for (size_t i = 0; i < 64; i++) {
        CHECK_EQUAL(0x5a, text[BLOCK_BYTES + i]);
    }
    CHECK_OK(decompress(&self, frame, size, text, BLOCK_BYTES));
    codec_zstd_reset(&self);
}

enum { THREAD_COUNT = 4, THREAD_ROUNDS = 500 };

typedef struct worker {
    codec_zstd *shared;
    uint64_t chance;
    int bad_count;
} worker;

static void *work(void *argument)
{
    worker *self = argument;
    uint8_t data[100];
    uint8_t frame[200];
    uint8_t text[100];
    for (int i = 0; i < THREAD_ROUNDS; i++) {
        size_t size = 0;
        memset(data, (int)check_random(&self->chance, 256), sizeof data);
        const codec *face = &self->shared->face;
        bool good = face->compress(face->context, 1, data, 100, frame, &size) == PYKV_OK &&
                    face->decompress(face->context, frame, size, text, 100) == PYKV_OK &&
                    memcmp(data, text, 100) == 0;
        self->bad_count += good ? 0 : 1;
    }
    return NULL;
}

static void run_threads(codec_zstd *shared)
{
    worker workers[THREAD_COUNT];
    pthread_t threads[THREAD_COUNT];
    for (size_t i = 0; i < THREAD_COUNT; i++) {
        workers[i] = (worker){shared, check_seed() + i, 0};
        CHECK(pthread_create(&threads[i], NULL, work, &workers[i]) == 0);
    }
    for (size_t i = 0; i < THREAD_COUNT; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
        CHECK_EQUAL(0, workers[i].bad_count);
    }
}

TEST(threads_share_a_codec)
{
    codec_zstd self;
    make(&self);
    run_threads(&self);
    codec_zstd_reset(&self);
    CHECK_EQUAL(0, atomic_load(&fake_contexts));
    if (make_real(&self)) {
        run_threads(&self);
        codec_zstd_reset(&self);
    }
}

TEST(a_dictionary_is_trained_made_ready_and_used)
{
    codec_zstd self;
    pykv_zstd functions = fake_zstd_with_dictionaries();
    const size_t sizes[2] = {3, 3};
    uint8_t bytes[16];
    uint8_t frame[64];
    uint8_t text[8];
    size_t size = 0;
    void *ready;
    CHECK_OK(codec_zstd_init(&self, &functions, "fake"));
    const codec *face = &self.face;
    CHECK_STATUS(PYKV_NOT_FOUND, face->train(face->context, (const uint8_t *)"abc", sizes, 1, bytes,
                                             sizeof bytes, &size));
    CHECK_OK(face->train(face->context, (const uint8_t *)"abcabd", sizes, 2, bytes, sizeof bytes,
                         &size));
    CHECK_BYTES("FAKE\1\0\0\0D", bytes, size); /* with the number that takes one byte */
    int before = atomic_load(&fake_contexts);
    CHECK_STATUS(PYKV_CORRUPTION, face->make_ready(face->context, true, 1, bytes, 0, &ready));
    CHECK_EQUAL(before, atomic_load(&fake_contexts));
    CHECK_OK(face->make_ready(face->context, true, 1, bytes, size, &ready));
    CHECK_OK(face->compress_with(face->context, ready, (const uint8_t *)"blocks", 6, frame, &size));
    CHECK_OK(face->decompress_with(face->context, ready, frame, size, text, 6));
    CHECK_BYTES("blocks", text, 6);
    CHECK_STATUS(PYKV_CORRUPTION,
                 face->decompress_with(face->context, ready, frame, size - 1, text, 6));
    face->close_ready(face->context, ready);
    codec_zstd_reset(&self);
    CHECK_EQUAL(0, atomic_load(&fake_contexts));
}

static size_t restore_nothing(void *context, void *out, size_t capacity, const void *data,
                              size_t size, const void *dictionary)
{
    (void)context;
    (void)out;
    (void)capacity;
    (void)data;
    (void)size;
    (void)dictionary;
    return 0;
}

TEST(a_library_whose_dictionaries_fail_the_trial_has_none)
{
    codec_zstd self;
    pykv_zstd functions = fake_zstd_with_dictionaries();
    functions.decompress_with_ddict = restore_nothing;
    CHECK_OK(codec_zstd_init(&self, &functions, "fake"));
    CHECK(self.face.train == NULL && self.face.decompress_with == NULL);
    codec_zstd_reset(&self);
    CHECK_EQUAL(0, atomic_load(&fake_contexts));
}

TEST_MAIN(CASE(what_was_compressed_is_restored),
          CASE(a_thread_uses_one_context_of_each_kind_again_and_again),
          CASE(a_frame_of_another_size_is_corruption_and_writes_nothing_beyond),
          CASE(each_level_has_a_faster_one_down_to_where_bytes_are_lost),
          CASE(a_version_that_is_not_served_is_refused),
          CASE(functions_that_do_not_do_what_they_should_are_refused),
          CASE(a_context_that_cannot_be_made_is_no_memory),
          CASE(errors_of_the_library_become_statuses_and_their_contexts_are_not_kept),
          CASE(the_real_library_restores_blocks_and_survives_damaged_ones),
          CASE(threads_share_a_codec), CASE(a_dictionary_is_trained_made_ready_and_used),
          CASE(a_library_whose_dictionaries_fail_the_trial_has_none))
