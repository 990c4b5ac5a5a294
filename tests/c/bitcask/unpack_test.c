/*
 * unpack_test: every call that gives values gives those that were put, and says where one stands
 * that cannot be restored.
 */
#include "bitcask/many.h"
#include "bitcask/packing_fixture.h"
#include "bitcask/scan.h"
#include "bitcask/snapshot.h"
#include "bitcask/unpack.h"

enum { LONG_BYTES = 1 << 20 };

static void expect_at(fixture *self, const store_moment *at)
{
    pykv_pinned pinned = {0};
    epoch_token token = epoch_enter(&self->store->gate.readers);
    CHECK_OK(bitcask_get_at(at, fixture_text("key-3"), 0, &pinned));
    CHECK_EQUAL(PACKING_VALUE_BYTES, pinned.length);
    CHECK_BYTES(packing_value(), pinned.data, pinned.length);
    mem_free(pinned.owned);
    epoch_leave(&self->store->gate.readers, token);
}

static void expect_many(fixture *self, const store_moment *at)
{
    static const void *const keys[] = {"key-1", "none", "plain", "key-19"};
    static const size_t lengths[] = {5, 4, 5, 6};
    many *results;
    CHECK_OK(many_new(self->store, &results));
    for (int round = 0; round < 2; round++) { /* what the first one gave is let go */
        CHECK_OK(at == NULL ? many_get(results, 4, keys, lengths, 0)
                            : many_get_at(results, at, 4, keys, lengths, 0));
        for (size_t i = 0; i < 4; i += 3) {
            CHECK_EQUAL(PACKING_VALUE_BYTES, many_lengths(results)[i]);
            CHECK_BYTES(packing_value(), many_values(results)[i], PACKING_VALUE_BYTES);
        }
        CHECK(many_values(results)[1] == NULL);
        CHECK_BYTES("as it is", many_values(results)[2], 8);
    }
    many_free(results);
}

static void expect_scan(fixture *self, bool keys_only)
{
    scan *walk;
    pykv_rows rows;
    size_t count = 0;
    CHECK_OK(scan_open(self->store, keys_only, &walk));
    do {
        CHECK_OK(scan_next(walk, 4096, &rows));
        for (size_t i = 0; i < rows.count; i++) {
            const uint8_t *value = rows.data + rows.offsets[2 * i + 1];
            uint64_t length = rows.offsets[2 * i + 2] - rows.offsets[2 * i + 1];
            CHECK(keys_only ? length == 0 : length == PACKING_VALUE_BYTES || length == 8);
            CHECK_BYTES(length == 8 ? "as it is" : packing_value(), value, length);
            count++;
        }
    } while (rows.count > 0);
    CHECK_EQUAL(PACKING_KEYS + 1, count);
    scan_free(walk);
}

static void expect_held(fixture *self, const store_moment *at)
{
    held_value held;
    epoch_token token = epoch_enter(&self->store->gate.readers);
    CHECK_STATUS(PYKV_WOULD_BLOCK,
                 bitcask_hold(self->store, at, fixture_text("key-2"), PYKV_NO_WAIT, &held));
    CHECK_OK(bitcask_hold(self->store, at, fixture_text("key-2"), 0, &held));
    epoch_leave(&self->store->gate.readers, token);
    CHECK(held_value_is_copy(&held));
    CHECK_EQUAL(PACKING_VALUE_BYTES, held.length);
    CHECK_BYTES(packing_value(), held.data, held.length);
    held_value_release(&held);
}

static void expect_swaps(fixture *self)
{
    int32_t swapped;
    slice packed = slice_make(packing_value(), PACKING_VALUE_BYTES);
    slice other = fixture_text("other");
    slice key = fixture_text("key-0");
    CHECK_OK(bitcask_compare_and_set(self->store, key, &other, &packed, 0, 0, &swapped));
    CHECK_EQUAL(0, swapped);
    CHECK_OK(bitcask_compare_and_set(self->store, key, NULL, &other, 0, 0, &swapped));
    CHECK_EQUAL(0, swapped);
    CHECK_OK(bitcask_compare_and_set(self->store, key, &packed, &packed, 0, 0, &swapped));
    CHECK_EQUAL(1, swapped);
}

static void expect_everywhere(fixture *self)
{
    store_moment *at;
    packing_expect(self);
    CHECK_OK(bitcask_contains(self->store, fixture_text("key-5"), 0));
    CHECK_OK(bitcask_snapshot_new(self->store, &at));
    expect_at(self, at);
    expect_many(self, at);
    expect_many(self, NULL);
    expect_held(self, at);
    expect_held(self, NULL);
    expect_scan(self, false);
    expect_scan(self, true);
    bitcask_snapshot_free(at);
    expect_swaps(self);
}

TEST(every_read_gives_the_value_that_was_put)
{
    fixture self = packing_filled();
    fixture_put(&self, "plain", "as it is");
    expect_everywhere(&self);
    self.options.no_mapped_reads = 1;
    fixture_reopen(&self);
    expect_everywhere(&self);
    fixture_free(&self);
}

static uint32_t restored_count;

static pykv_status count_restored(void *context, const uint8_t *data, size_t size, uint8_t *out,
                                  size_t raw_size)
{
    restored_count++;
    return runs_decompress(context, data, size, out, raw_size);
}

/* A store with "short" of 64 KiB and "long" of 1 MiB, both packed, whose codec counts. */
static fixture counting(void)
{
    static char value[LONG_BYTES];
    pykv_codec counted = runs_given();
    fixture self = packing_new();
    memset(value, 'v', sizeof value);
    CHECK_OK(bitcask_put(self.store, fixture_text("short"),
                         slice_make(value, UNPACK_AT_ONCE_BYTES_MAX), 0));
    CHECK_OK(bitcask_put(self.store, fixture_text("long"), slice_make(value, sizeof value), 0));
    CHECK_OK(bitcask_compact(self.store, NULL));
    counted.decompress = count_restored;
    CHECK_OK(codec_registry_set(&counted));
    fixture_reopen(&self);
    restored_count = 0;
    return self;
}

static pykv_status get_with(fixture *self, const store_moment *at, const char *key, int32_t flags,
                            pykv_pinned *pinned_out)
{
    epoch_token token = epoch_enter(&self->store->gate.readers);
    pykv_status status = at != NULL
                             ? bitcask_get_at(at, fixture_text(key), flags, pinned_out)
                             : bitcask_get(self->store, fixture_text(key), flags, pinned_out);
    epoch_leave(&self->store->gate.readers, token);
    return status;
}

static void expect_long_later(fixture *self, const store_moment *at)
{
    pykv_pinned pinned = {.length = 0};
    restored_count = 0;
    CHECK_EQUAL(PYKV_WOULD_BLOCK, get_with(self, at, "long", PYKV_NO_WAIT, &pinned));
    CHECK_EQUAL(0, restored_count);
    CHECK_EQUAL(LONG_BYTES, pinned.length);
    CHECK_OK(get_with(self, at, "long", 0, &pinned));
    CHECK_EQUAL(1, restored_count);
    CHECK_EQUAL(LONG_BYTES, pinned.length);
    mem_free(pinned.owned);
    CHECK_OK(get_with(self, at, "short", PYKV_NO_WAIT, &pinned));
    CHECK_EQUAL(UNPACK_AT_ONCE_BYTES_MAX, pinned.length);
    mem_free(pinned.owned);
}

static void expect_many_later(fixture *self, const store_moment *at)
{
    static const void *const keys[] = {"short", "long"};
    static const size_t lengths[] = {5, 4};
    many *results;
    CHECK_OK(many_new(self->store, &results));
    for (int32_t flags = PYKV_NO_WAIT; flags >= 0; flags -= PYKV_NO_WAIT) {
        restored_count = 0;
        CHECK_EQUAL(flags != 0 ? PYKV_WOULD_BLOCK : PYKV_OK,
                    at == NULL ? many_get(results, 2, keys, lengths, flags)
                               : many_get_at(results, at, 2, keys, lengths, flags));
        CHECK_EQUAL(flags != 0 ? 1 : 2, restored_count);
    }
    CHECK_EQUAL(LONG_BYTES, many_lengths(results)[1]);
    many_free(results);
}

/* Python asks first with its interpreter lock held. A value of 48 MiB was restored there, for 57 ms
 * in which no other thread ran, thrown away because it was large, and restored once more. */
TEST(a_long_value_is_restored_once_and_where_the_call_may_wait)
{
    fixture self = counting();
    store_moment *at;
    CHECK_OK(bitcask_snapshot_new(self.store, &at));
    expect_long_later(&self, NULL);
    expect_long_later(&self, at);
    expect_many_later(&self, NULL);
    expect_many_later(&self, at);
    CHECK_EQUAL(4 * 2, fixture_stats(&self).get_count);
    CHECK_EQUAL(4 * 2, fixture_stats(&self).get_hit_count);
    bitcask_snapshot_free(at);
    fixture_free(&self);
}

/* Each value was short, and get_many of 63 of them restored megabytes with the interpreter lock
 * held.
 */
TEST(many_short_values_are_restored_where_the_call_may_wait)
{
    enum { SHORT_BYTES = 24 * 1024, SHORT_KEYS = 3 };
    static const char *const keys[SHORT_KEYS] = {"a", "b", "c"};
    static const size_t lengths[SHORT_KEYS] = {1, 1, 1};
    static char value[SHORT_BYTES];
    many *results;
    fixture self = counting();
    memset(value, 'v', sizeof value);
    for (size_t i = 0; i < SHORT_KEYS; i++) {
        CHECK_OK(bitcask_put(self.store, fixture_text(keys[i]), slice_make(value, SHORT_BYTES), 0));
    }
    CHECK_OK(bitcask_compact(self.store, NULL));
    CHECK_OK(many_new(self.store, &results));
    for (uint32_t round = 0; round < 2; round++) { /* each call may restore as many */
        const void *const *asked = (const void *const *)keys;
        restored_count = 0;
        CHECK_OK(many_get(results, 2, asked, lengths, PYKV_NO_WAIT));
        CHECK_EQUAL(2, restored_count);
        CHECK_EQUAL(PYKV_WOULD_BLOCK, many_get(results, 3, asked, lengths, PYKV_NO_WAIT));
        CHECK_EQUAL(4, restored_count);
        CHECK_OK(many_get(results, 3, asked, lengths, 0));
        CHECK_EQUAL(7, restored_count);
    }
    many_free(results);
    fixture_free(&self);
}

/* The answer to a swap of one key, or SWAP_BLOCKED, and how many values were restored for it. */
enum { SWAP_BLOCKED = -1 };

static void expect_swap(fixture *self, const char *key, const slice *expected, int32_t flags,
                        int32_t answer, uint32_t restored)
{
    int32_t swapped = SWAP_BLOCKED;
    slice text = fixture_text(key);
    restored_count = 0;
    CHECK_EQUAL(answer == SWAP_BLOCKED ? PYKV_WOULD_BLOCK : PYKV_OK,
                bitcask_compare_and_set(self->store, text, expected, &text, 0, flags, &swapped));
    CHECK_EQUAL(answer, swapped);
    CHECK_EQUAL(restored, restored_count);
}

/* Each write that asks for the value now restored it, of any length and with the writer lock held,
 * also one that must not wait, and one for which the length is answer enough. */
TEST(a_swap_restores_a_value_only_to_compare_it_and_a_long_one_where_it_may_wait)
{
    static char value[LONG_BYTES];
    fixture self = counting();
    slice as_long = slice_make(value, LONG_BYTES);
    slice as_short = slice_make(value, UNPACK_AT_ONCE_BYTES_MAX);
    memset(value, 'v', sizeof value);
    fixture_put(&self, "other", "so that there is room for more");
    for (int32_t flags = PYKV_NO_WAIT; flags >= 0; flags -= PYKV_NO_WAIT) {
        expect_swap(&self, "long", NULL, flags, 0, 0);
        expect_swap(&self, "long", &as_short, flags, 0, 0);
    }
    expect_swap(&self, "long", &as_long, PYKV_NO_WAIT, SWAP_BLOCKED, 0);
    value[0] = 'w';
    expect_swap(&self, "long", &as_long, 0, 0, 1);
    expect_swap(&self, "short", &as_short, PYKV_NO_WAIT, 0, 1);
    value[0] = 'v';
    expect_swap(&self, "long", &as_long, 0, 1, 1);
    expect_swap(&self, "short", &as_short, PYKV_NO_WAIT, 1, 1);
    fixture_free(&self);
}

TEST(what_is_stored_for_a_packed_value_is_not_the_value)
{
    fixture self = packing_filled();
    uint64_t size;
    uint8_t stored[4 + 8];
    char name[SEGMENT_NAME_BYTES];
    slice other = fixture_text("other");
    slice expected = slice_make(stored, sizeof stored);
    int32_t swapped;
    segment_name(self.store->segments[0]->number, false, name);
    memcpy(stored,
           fixture_bytes(&self, name, &size) + LOG_SEGMENT_HEADER_BYTES + RECORD_HEADER_BYTES + 4 +
               5,
           sizeof stored);
    CHECK_EQUAL(PACKING_VALUE_BYTES, packed_value_plain_length(expected));
    CHECK_OK(bitcask_compare_and_set(self.store, fixture_text("key-0"), &expected, &other, 0, 0,
                                     &swapped));
    CHECK_EQUAL(0, swapped);
    fixture_free(&self);
}

/* The value was restored to tell whether it is there. */
TEST(whether_a_snapshot_contains_a_key_restores_nothing)
{
    fixture self = counting();
    store_moment *at;
    for (int32_t cold = 0; cold < 2; cold++) {
        self.options.no_mapped_reads = cold;
        fixture_reopen(&self);
        CHECK_OK(bitcask_snapshot_new(self.store, &at));
        CHECK_EQUAL(cold != 0 ? PYKV_WOULD_BLOCK : PYKV_OK,
                    bitcask_contains_at(at, fixture_text("long"), PYKV_NO_WAIT));
        CHECK_OK(bitcask_contains_at(at, fixture_text("long"), 0));
        CHECK_EQUAL(PYKV_NOT_FOUND, bitcask_contains_at(at, fixture_text("none"), 0));
        bitcask_snapshot_free(at);
    }
    CHECK_EQUAL(0, restored_count);
    fixture_free(&self);
}

TEST(without_its_codec_a_value_is_refused_and_the_file_is_named)
{
    fixture self = packing_filled();
    pykv_pinned pinned;
    pykv_report report;
    packing_provide(false);
    CHECK_OK(bitcask_close(self.store, -1));
    fixture_kill(&self);
    CHECK_STATUS(PYKV_NOT_SUPPORTED, fixture_open(&self));
    self.options.compression = PYKV_CODEC_NONE;
    CHECK_OK(fixture_open(&self));
    CHECK_STATUS(PYKV_NOT_SUPPORTED, bitcask_get(self.store, fixture_text("key-1"), 0, &pinned));
    CHECK(strstr(error_last()->path, ".log") != NULL);
    CHECK(strstr(error_last()->text, "codec 2") != NULL);
    CHECK_OK(bitcask_contains(self.store, fixture_text("key-1"), 0));
    CHECK_OK(bitcask_verify(self.store, NULL, &report));
    CHECK_EQUAL(0, report.damage_count);
    packing_provide(true);
    fixture_reopen(&self);
    packing_expect(&self);
    fixture_free(&self);
}

/* A codec that finds every frame damaged. */
static pykv_status refuse(void *context, const uint8_t *data, size_t size, uint8_t *out,
                          size_t raw_size)
{
    (void)context;
    (void)data;
    (void)size;
    (void)out;
    (void)raw_size;
    return PYKV_CORRUPTION;
}

TEST(a_value_that_its_codec_refuses_is_damage_at_its_place)
{
    fixture self = packing_filled();
    pykv_pinned pinned;
    pykv_report report;
    pykv_codec refusing = runs_given();
    refusing.decompress = refuse;
    CHECK_OK(codec_registry_set(&refusing));
    fixture_reopen(&self);
    CHECK_STATUS(PYKV_CORRUPTION, bitcask_get(self.store, fixture_text("key-0"), 0, &pinned));
    CHECK(strstr(error_last()->path, ".log") != NULL);
    CHECK_EQUAL(LOG_SEGMENT_HEADER_BYTES, error_last()->offset);
    CHECK_OK(bitcask_verify(self.store, NULL, &report));
    CHECK_EQUAL(PACKING_KEYS, report.damage_count);
    CHECK_EQUAL(LOG_SEGMENT_HEADER_BYTES, report.damages[0].offset);
    fixture_free(&self);
    packing_provide(true);
}

TEST(a_flipped_bit_of_a_packed_value_is_damage_at_its_place)
{
    fixture self = packing_filled();
    uint64_t size;
    pykv_pinned pinned;
    char name[SEGMENT_NAME_BYTES];
    uint32_t number = self.store->segments[0]->number;
    fixture_close(&self);
    segment_name(number, false, name);
    uint8_t *data = fixture_bytes(&self, name, &size);
    uint64_t bytes = record_bytes(RECORD_FLAG_CODEC, 5, 4 + 8);
    data[LOG_SEGMENT_HEADER_BYTES + bytes + RECORD_HEADER_BYTES + 4 + 5 + 4] ^= 4;
    CHECK_OK(fixture_open(&self));
    CHECK_STATUS(PYKV_CORRUPTION, bitcask_get(self.store, fixture_text("key-1"), 0, &pinned));
    CHECK_EQUAL(LOG_SEGMENT_HEADER_BYTES + bytes, error_last()->offset);
    fixture_expect(&self, "key-0", packing_value());
    fixture_free(&self);
}

TEST_MAIN(CASE(every_read_gives_the_value_that_was_put),
          CASE(a_long_value_is_restored_once_and_where_the_call_may_wait),
          CASE(many_short_values_are_restored_where_the_call_may_wait),
          CASE(a_swap_restores_a_value_only_to_compare_it_and_a_long_one_where_it_may_wait),
          CASE(what_is_stored_for_a_packed_value_is_not_the_value),
          CASE(whether_a_snapshot_contains_a_key_restores_nothing),
          CASE(without_its_codec_a_value_is_refused_and_the_file_is_named),
          CASE(a_value_that_its_codec_refuses_is_damage_at_its_place),
          CASE(a_flipped_bit_of_a_packed_value_is_damage_at_its_place))
