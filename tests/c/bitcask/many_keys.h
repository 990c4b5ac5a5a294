/*
 * many_keys: a store, and a thousand keys of which a third is in it, for lookups of many keys.
 *
 * Header only, for one test program each.
 */
#ifndef PYKV_TESTS_MANY_KEYS_H
#define PYKV_TESTS_MANY_KEYS_H

#include "bitcask_fixture.h"

#include "bitcask/many.h"
#include "bitcask/operation.h"

enum { MANY_COUNT = 1000 };

/* Keys key-0 .. key-999 as arrays. */
typedef struct key_list {
    char text[MANY_COUNT][16];
    const void *keys[MANY_COUNT];
    size_t lengths[MANY_COUNT];
} key_list;

static const key_list *numbered_keys(void)
{
    static _Thread_local key_list list; /* one test writes in another thread */
    for (uint32_t i = 0; i < MANY_COUNT; i++) {
        list.lengths[i] = (size_t)snprintf(list.text[i], sizeof list.text[i], "key-%u", i);
        list.keys[i] = list.text[i];
    }
    return &list;
}

/* Those whose number can be divided by three. */
static fixture thirds(int32_t no_mapped, size_t value_bytes)
{
    fixture f = fixture_new();
    f.options.no_mapped_reads = no_mapped;
    fixture_reopen(&f);
    for (uint32_t i = 0; i < MANY_COUNT; i += 3) {
        fixture_fill(&f, i, i + 1, value_bytes);
    }
    return f;
}

/* Puts the first and the last key in a batch, both with the number of the batch. */
static void put_both_ends(bitcask *store, uint32_t number)
{
    const key_list *list = numbered_keys();
    operation batch[2] = {{.record = {.kind = RECORD_PUT}}, {.record = {.kind = RECORD_PUT}}};
    for (size_t i = 0; i < 2; i++) {
        size_t key = i * (MANY_COUNT - 1);
        batch[i].record.key = slice_make(list->keys[key], list->lengths[key]);
        batch[i].record.value = slice_make(&number, sizeof number);
    }
    CHECK_OK(bitcask_write(store, batch, 2, 0));
}

#endif
