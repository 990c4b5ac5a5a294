/*
 * keydir_model: a key directory beside a plain array that says what it should hold, for its tests.
 *
 * Keys are numbers below key_limit; a key's hash comes from a function, its "record" is an entry of
 * key_of, indexed by address. A candidate is the key iff key_of[address] is the key, as a store
 * compares the full key in the record.
 */
#ifndef PYKV_TESTS_BITCASK_KEYDIR_MODEL_H
#define PYKV_TESTS_BITCASK_KEYDIR_MODEL_H

#include "harness/check.h"

#include "base/memory.h"
#include "bitcask/keydir.h"
#include "bitcask/keydir_check.h"
#include "bitcask/keydir_image_pages.h"
#include "bitcask/keydir_mix.h"
#include "bitcask/keydir_new.h"

typedef uint64_t (*keydir_model_hash)(uint64_t key);

typedef struct keydir_model {
    keydir *directory;
    keydir_model_hash hash;
    uint64_t key_limit;
    uint64_t address_limit; /* addresses are given in turn and used again from the first */
    uint64_t address_next;
    uint64_t *address_of; /* by key; 0: absent */
    uint64_t *key_of;     /* by address */
    uint64_t count;
    uint64_t rehash_count;
    uint64_t lookup_count;
    uint64_t mismatch_count; /* candidates that were another key */
} keydir_model;

static inline pykv_status keydir_model_rehash(void *context, uint64_t address, uint64_t *hash_out)
{
    keydir_model *self = context;
    CHECK(address < self->address_limit);
    self->rehash_count++;
    *hash_out = self->hash(self->key_of[address]);
    return PYKV_OK;
}

static inline void keydir_model_open(keydir_model *self, keydir_model_hash hash, uint64_t key_limit)
{
    *self = (keydir_model){.hash = hash, .key_limit = key_limit, .address_next = 1};
    self->address_limit = 2 * key_limit + 2;
    self->address_of = calloc(self->key_limit, sizeof *self->address_of);
    self->key_of = calloc(self->address_limit, sizeof *self->key_of);
    CHECK(self->address_of != NULL && self->key_of != NULL);
    CHECK_OK(keydir_new(&self->directory));
}

static inline void keydir_model_close(keydir_model *self)
{
    keydir_free(self->directory);
    free(self->address_of);
    free(self->key_of);
}

/* An address that no key has. */
static inline uint64_t keydir_model_address(keydir_model *self, uint64_t key)
{
    uint64_t address;
    do {
        address = self->address_next;
        self->address_next = address + 1 == self->address_limit ? 1 : address + 1;
    } while (self->address_of[self->key_of[address]] == address);
    self->key_of[address] = key;
    return address;
}

/* Walks to the key; true with the cursor on it. Checks the pages of an image first. */
static inline bool keydir_model_find(keydir_model *self, uint64_t key, keydir_cursor *cursor)
{
    uint64_t hash = self->hash(key);
    if (!keydir_image_ready(self->directory, hash)) {
        CHECK(!keydir_find(self->directory, hash, cursor));
        CHECK_OK(keydir_image_check_hash(self->directory, hash));
    }
    CHECK(keydir_find(self->directory, hash, cursor));
    self->lookup_count++;
    bool found = false;
    while (!found && keydir_next(cursor)) {
        CHECK(cursor->address < self->address_limit);
        found = self->key_of[cursor->address] == key;
        self->mismatch_count += !found;
    }
    CHECK(keydir_still(cursor));
    return found;
}

/* Looks the key up and compares with the array. */
static inline void keydir_model_get(keydir_model *self, uint64_t key)
{
    keydir_cursor cursor;
    bool found = keydir_model_find(self, key, &cursor);
    CHECK_EQUAL(self->address_of[key], found ? cursor.address : 0);
}

/* Inserts or replaces. PYKV_NO_MEMORY passes through with nothing changed. */
static inline pykv_status keydir_model_put(keydir_model *self, uint64_t key)
{
    keydir_cursor cursor;
    uint64_t hash = self->hash(key);
    if (keydir_model_find(self, key, &cursor)) {
        self->address_of[key] = keydir_model_address(self, key);
        keydir_replace(self->directory, &cursor, hash, self->address_of[key]);
        return PYKV_OK;
    }
    CHECK_EQUAL(0, self->address_of[key]);
    pykv_status status = keydir_prepare(self->directory, hash, keydir_model_rehash, self);
    if (status == PYKV_OK) {
        self->address_of[key] = keydir_model_address(self, key);
        CHECK(keydir_insert(self->directory, hash, self->address_of[key]));
        self->count++;
    }
    return status;
}

/* Removes the key if it is there. */
static inline void keydir_model_delete(keydir_model *self, uint64_t key)
{
    keydir_cursor cursor;
    if (keydir_model_find(self, key, &cursor)) {
        CHECK_EQUAL(self->address_of[key], cursor.address);
        keydir_remove(self->directory, &cursor);
        self->address_of[key] = 0;
        self->count--;
    }
    CHECK_EQUAL(0, self->address_of[key]);
}

/* Checks the count and all invariants; with all_keys also every lookup. */
static inline void keydir_model_check(keydir_model *self, bool all_keys)
{
    char text[256] = "";
    uint64_t rehash_count = self->rehash_count;
    CHECK_EQUAL(self->count, keydir_count(self->directory));
    if (keydir_check(self->directory, keydir_model_rehash, self, text, sizeof text) != PYKV_OK) {
        check_failed(__FILE__, __LINE__, "keydir_check: %s", text);
    }
    self->rehash_count = rehash_count;
    for (uint64_t key = 0; all_keys && key < self->key_limit; key++) {
        keydir_model_get(self, key);
    }
}

#endif
