/*
 * keydir_grow: the directory against a plain array over long random histories, with random and with
 * hostile hashes; its memory at every size; what it does when memory or records fail.
 * PYKV_KEYDIR_OPERATIONS and PYKV_KEYDIR_KEYS change the counts.
 */
#include "bitcask/keydir_grow.h"
#include "bitcask/keydir_layout.h"
#include "bitcask/keydir_model.h"
#include "bitcask/keydir_moment.h"

/* Hashes with few distinct low bits: three buckets out of four stay nearly empty at first. */
static uint64_t hash_few_low_bits(uint64_t key)
{
    return keydir_model_mix(key) & ~UINT64_C(0x0C);
}

/* Hashes that do not mix at all: the bits above the depth are the same for all keys. */
static uint64_t hash_counter(uint64_t key)
{
    return key;
}

/* All keys in one bucket and on one home line, with equal tags. */
static uint64_t hash_one_bucket(uint64_t key)
{
    return keydir_model_mix(key) << 30;
}

static uint64_t operation_count(void)
{
    return check_count("PYKV_KEYDIR_OPERATIONS", 1000000);
}

static void run_history(keydir_model *model, uint64_t operation_count, uint64_t put_share)
{
    uint64_t seed = check_seed();
    for (uint64_t i = 0; i < operation_count; i++) {
        uint64_t key = check_random(&seed, model->key_limit);
        uint64_t dice = check_random(&seed, 100);
        if (dice < put_share) {
            pykv_status status = keydir_model_put(model, key);
            CHECK(status == PYKV_OK || status == PYKV_NO_MEMORY);
        } else if (dice < 70) {
            keydir_model_delete(model, key);
        } else {
            keydir_model_get(model, key);
        }
        if (i % (operation_count / 8 + 1) == 0) {
            keydir_model_check(model, false);
        }
    }
    keydir_model_check(model, true);
}

static void run_model(const char *name, keydir_model_hash hash, uint64_t key_limit,
                      uint64_t operations)
{
    keydir_model model;
    keydir_model_open(&model, hash, key_limit);
    run_history(&model, operations / 2, 45); /* grows */
    run_history(&model, operations / 4, 10); /* mostly deletes */
    run_history(&model, operations / 4, 35); /* churns */
    printf("  %-14s %8" PRIu64 " keys, %" PRIu64
           " buckets, %.2f bytes a key, wrong tags %.1f ppm\n",
           name, model.count, model.directory->bucket_count,
           (double)keydir_bytes(model.directory) / (double)model.count,
           1e6 * (double)model.mismatch_count / (double)model.lookup_count);
    keydir_model_close(&model);
}

TEST(random_histories_agree_with_an_array)
{
    run_model("random", keydir_model_mix, 200000, operation_count());
    run_model("random, few", keydir_model_mix, 500, operation_count() / 2);
}

TEST(histories_with_few_distinct_low_bits_agree_with_an_array)
{
    run_model("low bits", hash_few_low_bits, 20000, operation_count() / 2);
}

TEST(histories_of_one_bucket_agree_with_an_array_also_when_it_is_full)
{
    run_model("one bucket", hash_one_bucket, 6000, operation_count() / 20);
}

TEST(histories_of_hashes_that_are_not_mixed_agree_with_an_array)
{
    run_model("counter", hash_counter, 20000, operation_count() / 2);
}

TEST(a_bucket_that_hostile_hashes_filled_is_named_in_the_error)
{
    keydir_model model;
    pykv_status status = PYKV_OK;
    keydir_model_open(&model, hash_one_bucket, 6000);
    for (uint64_t key = 0; key < 6000 && status == PYKV_OK; key++) {
        status = keydir_model_put(&model, key);
    }
    CHECK_EQUAL(PYKV_NO_MEMORY, status);
    CHECK(strstr(error_last()->text, "a bucket of the key directory is full") != NULL);
    CHECK_EQUAL(KEYDIR_SLOTS_MAX, model.count);
    keydir_model_check(&model, true);
    keydir_model_delete(&model, 17);
    CHECK_OK(keydir_model_put(&model, 5999));
    keydir_model_check(&model, true);
    keydir_model_close(&model);
}

static uint32_t largest_bucket(const keydir *directory)
{
    uint32_t largest = 0;
    for (uint64_t i = 0; i < directory->bucket_count; i++) {
        uint32_t unit_count = atomic_load(&keydir_bucket_at(directory, i)->unit_count);
        largest = unit_count > largest ? unit_count : largest;
    }
    return largest;
}

TEST(a_key_takes_at_most_12_bytes_at_every_size_from_a_million)
{
    keydir_model model;
    uint64_t key_count = check_count("PYKV_KEYDIR_KEYS", 4000000);
    double least = 1e9;
    double most = 0;
    double sum = 0;
    uint64_t samples = 0;
    uint32_t largest = 0;
    keydir_model_open(&model, keydir_model_mix, key_count);
    for (uint64_t key = 0; key < key_count; key++) {
        CHECK_OK(keydir_prepare(model.directory, model.hash(key), keydir_model_rehash, &model));
        model.key_of[key + 1] = key;
        CHECK(keydir_insert(model.directory, model.hash(key), key + 1));
        double bytes = (double)keydir_bytes(model.directory) / (double)(key + 1);
        if (key >= 1000000) {
            CHECK(bytes <= 12);
            least = bytes < least ? bytes : least;
            most = bytes > most ? bytes : most;
            sum += bytes;
            samples++;
        }
        if (key % 65536 == 0) {
            uint32_t now = largest_bucket(model.directory);
            largest = now > largest ? now : largest;
        }
    }
    printf("  bytes a key from 1 M to %.1f M: min %.2f avg %.2f max %.2f; largest bucket %u units; "
           "%" PRIu64 " records read\n",
           (double)key_count / 1e6, least, sum / (double)samples, most, largest,
           model.rehash_count);
    CHECK(largest <= 13);
    keydir_model_close(&model);
}

TEST(wrong_tags_are_rarer_than_one_lookup_in_500)
{
    keydir_model model;
    keydir_model_open(&model, keydir_model_mix, 1000000);
    for (uint64_t key = 0; key < 500000; key++) {
        CHECK_OK(keydir_model_put(&model, key));
    }
    model.lookup_count = 0;
    model.mismatch_count = 0;
    for (uint64_t key = 0; key < 1000000; key++) {
        keydir_model_get(&model, key);
    }
    printf("  wrong tags at 500,000 keys: %.1f ppm\n",
           1e6 * (double)model.mismatch_count / (double)model.lookup_count);
    CHECK(model.mismatch_count * 500 < model.lookup_count);
    keydir_model_close(&model);
}

/* Removing and adding at a constant count leaves deleted slots behind; they may not add up. */
TEST(memory_stays_bounded_when_keys_come_and_go)
{
    keydir_model model;
    keydir_model_open(&model, keydir_model_mix, 3000000);
    for (uint64_t key = 0; key < 3000000; key++) {
        CHECK_OK(keydir_model_put(&model, key));
        if (key >= 100000) {
            keydir_model_delete(&model, key - 100000);
        }
    }
    CHECK_EQUAL(100000, keydir_count(model.directory));
    double bytes = (double)keydir_bytes(model.directory) / 100000;
    printf("  bytes a key after 30 turnovers: %.2f\n", bytes);
    CHECK(bytes <= 12.5);
    keydir_model_check(&model, false);
    keydir_model_close(&model);
}

TEST(a_directory_shrinks_no_bucket_below_what_it_holds)
{
    keydir_model model;
    keydir_model_open(&model, keydir_model_mix, 40000);
    for (uint64_t key = 0; key < 20000; key++) {
        CHECK_OK(keydir_model_put(&model, key));
    }
    for (uint64_t key = 0; key < 20000; key++) {
        if (key % 16 != 0) {
            keydir_model_delete(&model, key);
        }
    }
    keydir_model_check(&model, true);
    for (uint64_t key = 20000; key < 40000; key++) {
        CHECK_OK(keydir_model_put(&model, key));
    }
    keydir_model_check(&model, true);
    keydir_model_close(&model);
}

/* Every allocation of a run fails once, alone and with all that follow: nothing is lost, the call
 * that failed can be repeated, and nothing leaks. */
TEST(every_failed_allocation_leaves_the_directory_whole)
{
    int64_t blocks = mem_block_count();
    for (int sticky = 0; sticky < 2; sticky++) {
        for (uint64_t k = 1; k <= 60; k++) {
            keydir_model model;
            keydir_model_open(&model, keydir_model_mix, 6000);
            mem_fail_at(k, sticky);
            for (uint64_t key = 0; key < 6000; key++) {
                pykv_status status = keydir_model_put(&model, key);
                if (status != PYKV_OK) {
                    CHECK_EQUAL(PYKV_NO_MEMORY, status);
                    mem_fail_at(0, 0);
                    CHECK_OK(keydir_model_put(&model, key));
                }
            }
            mem_fail_at(0, 0);
            keydir_model_check(&model, true);
            keydir_model_close(&model);
        }
    }
    CHECK_EQUAL(blocks, mem_block_count());
}

static pykv_status failing_rehash(void *context, uint64_t address, uint64_t *hash_out)
{
    (void)context;
    (void)address;
    (void)hash_out;
    return error_set(PYKV_IO_FAILED, "the record cannot be read");
}

static pykv_status lying_rehash(void *context, uint64_t address, uint64_t *hash_out)
{
    pykv_status status = keydir_model_rehash(context, address, hash_out);
    *hash_out ^= 1;
    return status;
}

/* Shortens the tag of every entry of the next bucket to ten bits, as thirteen splits would. */
static void wear_out_tags(keydir *directory)
{
    keydir_bucket *bucket = keydir_bucket_at(directory, atomic_load(&directory->shape) >> 8);
    for (uint32_t line = 0; line < keydir_line_count(bucket); line++) {
        keydir_slot *slots = keydir_line_at(directory, bucket, line);
        for (uint32_t k = 0; k < KEYDIR_LINE_SLOTS; k++) {
            uint64_t word = atomic_load(&slots[k]);
            if ((word & KEYDIR_TAG_MASK) != 0) {
                uint32_t bits = (uint32_t)word & (KEYDIR_TAG_LEAST - 1);
                word = keydir_word(word >> KEYDIR_ADDRESS_SHIFT, bits | KEYDIR_TAG_LEAST);
                atomic_store(&slots[k], word);
            }
        }
    }
}

/* A directory one key short of its next split, whose tags are worn out. */
static uint64_t open_before_split(keydir_model *model)
{
    keydir_model_open(model, keydir_model_mix, 6000);
    uint64_t key = 0;
    while (model->count <= KEYDIR_BUCKET_KEYS * 4 || model->count % KEYDIR_BUCKET_KEYS != 0) {
        CHECK_OK(keydir_model_put(model, key++));
    }
    CHECK_OK(keydir_model_put(model, key++));
    wear_out_tags(model->directory);
    keydir_model_check(model, true);
    return key;
}

TEST(a_split_reads_the_records_whose_tags_ran_out_and_gives_them_full_tags)
{
    keydir_model model;
    uint64_t key = open_before_split(&model);
    uint64_t buckets = model.directory->bucket_count;
    CHECK_OK(keydir_model_put(&model, key));
    CHECK_EQUAL(buckets + 1, model.directory->bucket_count);
    CHECK(model.rehash_count > 300);
    keydir_model_check(&model, true);
    uint64_t first = model.rehash_count;
    for (uint64_t i = 0; i < 600; i++) {
        CHECK_OK(keydir_model_put(&model, key + i));
    }
    CHECK_EQUAL(first, model.rehash_count);
    keydir_model_close(&model);
}

TEST(a_record_that_cannot_be_read_fails_the_split_and_changes_nothing)
{
    keydir_model model;
    uint64_t key = open_before_split(&model);
    uint64_t hash = model.hash(key);
    uint64_t shape = atomic_load(&model.directory->shape);
    CHECK_STATUS(PYKV_IO_FAILED, keydir_prepare(model.directory, hash, failing_rehash, NULL));
    CHECK_STATUS(PYKV_CORRUPTION, keydir_prepare(model.directory, hash, lying_rehash, &model));
    CHECK_EQUAL(shape, atomic_load(&model.directory->shape));
    keydir_model_check(&model, true);
    CHECK_OK(keydir_model_put(&model, key));
    keydir_model_check(&model, true);
    keydir_model_close(&model);
}

TEST(growing_inside_a_change_ends_it_only_with_the_outer_one)
{
    keydir_model model;
    keydir_cursor cursor;
    keydir_model_open(&model, keydir_model_mix, 4000);
    keydir_change_begin(model.directory);
    for (uint64_t key = 0; key < 4000; key++) {
        uint64_t hash = model.hash(key);
        CHECK_OK(keydir_prepare(model.directory, hash, keydir_model_rehash, &model));
        CHECK(keydir_insert(model.directory, hash, key + 1));
        CHECK(!keydir_find(model.directory, hash, &cursor));
        model.key_of[key + 1] = key;
        model.address_of[key] = key + 1;
        model.count++;
    }
    keydir_change_end(model.directory);
    keydir_model_check(&model, true);
    keydir_model_close(&model);
}

/* Adds keys from..to - 1 as a batch: first everything that may fail, then without any memory. */
static void insert_batch(keydir_model *model, uint64_t from, uint64_t to)
{
    keydir *directory = model->directory;
    for (uint64_t key = from; key < to; key++) {
        CHECK_OK(keydir_prepare(directory, model->hash(key), keydir_model_rehash, model));
    }
    CHECK_OK(keydir_reserve(directory, to - from, keydir_model_rehash, model));
    mem_fail_at(1, true);
    keydir_change_begin(directory);
    for (uint64_t key = from; key < to; key++) {
        uint64_t hash = model->hash(key);
        uint64_t address = keydir_model_address(model, key);
        CHECK(keydir_insert(directory, hash, address) ||
              keydir_insert_reserved(directory, hash, address));
        model->address_of[key] = address;
        model->count++;
    }
    keydir_change_end(directory);
    CHECK_EQUAL(0, mem_fail_at(0, false));
}

TEST(a_batch_that_was_reserved_for_is_inserted_without_memory)
{
    const uint64_t sizes[] = {1, 17, 18, 130, 1000, 20000};
    uint64_t seed = check_seed();
    for (uint64_t before = 0; before < 10000; before = before * 4 + 700) {
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            keydir_model model;
            keydir_model_open(&model, keydir_model_mix, 100000);
            uint64_t first = check_random(&seed, before + 1);
            for (uint64_t key = 0; key < first; key++) {
                CHECK_OK(keydir_model_put(&model, key));
            }
            insert_batch(&model, first, first + sizes[i]);
            keydir_model_check(&model, true);
            keydir_model_close(&model);
        }
    }
}

TEST(a_reservation_that_fails_leaves_the_directory_whole)
{
    pykv_status status = PYKV_NO_MEMORY;
    for (uint64_t k = 1; status != PYKV_OK; k++) {
        keydir_model model;
        keydir_model_open(&model, keydir_model_mix, 20000);
        for (uint64_t key = 0; key < 1000; key++) {
            CHECK_OK(keydir_model_put(&model, key));
        }
        mem_fail_at(k, true);
        status = keydir_reserve(model.directory, 10000, keydir_model_rehash, &model);
        mem_fail_at(0, false);
        CHECK(status == PYKV_OK || status == PYKV_NO_MEMORY);
        keydir_model_check(&model, true);
        insert_batch(&model, 1000, 11000);
        keydir_model_check(&model, true);
        keydir_model_close(&model);
    }
}

TEST_MAIN(CASE(random_histories_agree_with_an_array),
          CASE(histories_with_few_distinct_low_bits_agree_with_an_array),
          CASE(histories_of_one_bucket_agree_with_an_array_also_when_it_is_full),
          CASE(histories_of_hashes_that_are_not_mixed_agree_with_an_array),
          CASE(a_bucket_that_hostile_hashes_filled_is_named_in_the_error),
          CASE(a_key_takes_at_most_12_bytes_at_every_size_from_a_million),
          CASE(wrong_tags_are_rarer_than_one_lookup_in_500),
          CASE(memory_stays_bounded_when_keys_come_and_go),
          CASE(a_directory_shrinks_no_bucket_below_what_it_holds),
          CASE(every_failed_allocation_leaves_the_directory_whole),
          CASE(a_split_reads_the_records_whose_tags_ran_out_and_gives_them_full_tags),
          CASE(a_record_that_cannot_be_read_fails_the_split_and_changes_nothing),
          CASE(growing_inside_a_change_ends_it_only_with_the_outer_one),
          CASE(a_batch_that_was_reserved_for_is_inserted_without_memory),
          CASE(a_reservation_that_fails_leaves_the_directory_whole))
