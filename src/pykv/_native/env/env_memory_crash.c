/*
 * env_memory_crash: what is left of a simulated disk when the power goes: a new disk on which
 * everything is durable. Needs the lock of the source; the target is not shared yet.
 *
 * Names, sizes and sectors are chosen independently of one another. A rename happened or did not;
 * other changes of names persist without those before them, or (a third of the time) in their
 * order, as a journalling file system has it. Each file and directory has its own odds, so that
 * "nearly all" and "nearly nothing" come up as well as "half".
 */
#include <string.h>

#include "base/invariant.h"
#include "env/env_memory_copy.h"
#include "env/env_memory_node.h"
#include "env/env_memory_ops.h"
#include "env/env_memory_parts.h"
#include "env/env_memory_power.h"
#include "env/env_memory_table.h"

enum { ODDS_OF = 16 };

typedef struct memory_crash {
    memory_disk *source;
    memory_disk *target;
    env_crash_policy policy;
    uint64_t chance;
    size_t name_limit;  /* changes of names from this index of the journal on are dropped */
    size_t write_limit; /* under ENV_CRASH_PREFIX: so are writes */
    bool names_in_order;
} memory_crash;

static uint64_t draw(memory_crash *crash, uint64_t bound)
{
    return memory_random(&crash->chance, bound);
}

/* Of ODDS_OF: how likely an un-synced change survives. */
static uint64_t draw_odds(memory_crash *crash)
{
    static const uint8_t odds[] = {1, 4, 8, 12, 15};
    return odds[draw(crash, sizeof odds)];
}

static bool is_torn(const memory_crash *crash)
{
    return crash->policy == ENV_CRASH_TORN || crash->policy == ENV_CRASH_TORN_SECTOR;
}

/* ---- names ---- */

static bool name_survives(memory_crash *crash, size_t index, uint64_t odds)
{
    if (crash->policy == ENV_CRASH_DROP_ALL || index >= crash->name_limit) {
        return false;
    }
    return crash->names_in_order || draw(crash, ODDS_OF) < odds;
}

/* Applies the changes that survive to a copy of the durable names of a directory. */
static pykv_status choose_names(memory_crash *crash, memory_node *directory, memory_table *chosen)
{
    const memory_journal *journal = &crash->source->journal;
    uint64_t odds = draw_odds(crash);
    bool all = crash->policy == ENV_CRASH_KEEP_ALL;
    pykv_status status =
        memory_table_copy(crash->source, chosen, all ? &directory->now : &directory->durable);
    for (size_t i = 0; status == PYKV_OK && !all && i < journal->count; i++) {
        const memory_change *change = &journal->changes[i];
        if (change->directory == directory && name_survives(crash, i, odds)) {
            status = memory_table_apply(crash->source, chosen, change);
        }
    }
    return status;
}

static pykv_status crash_directory(memory_crash *crash, memory_node *directory)
{
    memory_table chosen = {NULL, 0, 0, false};
    pykv_status status = choose_names(crash, directory, &chosen);
    if (status == PYKV_OK) {
        status = memory_copy_table(crash->target, &directory->copy->now, &chosen);
    }
    if (status == PYKV_OK) {
        status = memory_copy_table(crash->target, &directory->copy->durable, &chosen);
    }
    memory_table_reset(crash->source, &chosen);
    return status;
}

/* ---- bytes ---- */

/* Each byte that differs becomes garbage, or (whole) every byte. */
static void garble(memory_crash *crash, const uint8_t *old, const uint8_t *fresh, uint8_t *out,
                   bool whole)
{
    for (size_t i = 0; i < MEMORY_SECTOR_BYTES; i++) {
        bool hit = whole || old[i] != fresh[i];
        out[i] = hit ? (uint8_t)draw(crash, 256) : old[i];
    }
}

static void choose_sector(memory_crash *crash, const uint8_t *old, const uint8_t *fresh,
                          uint8_t *out, uint64_t odds)
{
    const uint8_t *head = draw(crash, ODDS_OF) < odds ? fresh : old;
    const uint8_t *tail = head;
    size_t cut = MEMORY_SECTOR_BYTES;
    uint64_t damage = is_torn(crash) ? draw(crash, 8) : 8;
    if (damage == 0) {
        garble(crash, old, fresh, out, crash->policy == ENV_CRASH_TORN_SECTOR);
        return;
    }
    if (damage <= 2) {
        head = damage == 1 ? fresh : old;
        tail = damage == 1 ? old : fresh;
        cut = draw(crash, MEMORY_SECTOR_BYTES + 1);
    }
    memcpy(out, head, cut);
    memcpy(out + cut, tail + cut, MEMORY_SECTOR_BYTES - cut);
}

/* The device's size, the cache's, or one between them. */
static uint64_t choose_size(memory_crash *crash, const memory_node *node)
{
    uint64_t low = node->size < node->device_size ? node->size : node->device_size;
    uint64_t high = node->size < node->device_size ? node->device_size : node->size;
    if (low == high) {
        return low;
    }
    switch (draw(crash, 3)) {
    case 0:
        return low;
    case 1:
        return high;
    default:
        return low + draw(crash, high - low + 1);
    }
}

/* Sectors that a truncation cut off whole have no new bytes: they stay if the size does. */
static bool is_cut_off(const memory_node *node, uint64_t offset)
{
    return offset >= node->size && offset < node->device_size;
}

static void choose_page(memory_crash *crash, const memory_node *node, uint64_t page, uint64_t odds,
                        uint8_t *out)
{
    uint8_t fresh[MEMORY_PAGE_BYTES];
    uint8_t old[MEMORY_PAGE_BYTES];
    memory_node_cache_page(node, page, fresh);
    memory_node_device_page(node, page, old);
    memcpy(out, old, sizeof old);
    if (memory_node_is_lost(node, page)) {
        return;
    }
    for (size_t at = 0; at < MEMORY_PAGE_BYTES; at += MEMORY_SECTOR_BYTES) {
        bool same = memcmp(old + at, fresh + at, MEMORY_SECTOR_BYTES) == 0;
        if (!same && !is_cut_off(node, page * MEMORY_PAGE_BYTES + at)) {
            choose_sector(crash, old + at, fresh + at, out + at, odds);
        }
    }
}

/* Every un-synced sector on its own, up to the size that was chosen. */
static void choose_bytes(memory_crash *crash, memory_node *node)
{
    memory_node *copy = node->copy;
    uint64_t odds = draw_odds(crash);
    uint64_t end = memory_node_extent(node);
    copy->size = choose_size(crash, node);
    end = end < node->device_extent ? node->device_extent : end;
    end = end < copy->size ? end : copy->size;
    for (uint64_t start = 0; start < end; start += MEMORY_PAGE_BYTES) {
        uint8_t page[MEMORY_PAGE_BYTES];
        size_t count = copy->size - start < sizeof page ? copy->size - start : sizeof page;
        choose_page(crash, node, start / MEMORY_PAGE_BYTES, odds, page);
        memcpy(copy->bytes + start, page, count);
        copy->extent = start + count;
    }
}

static void copy_device(const memory_node *node, memory_node *copy)
{
    memcpy(copy->bytes, node->device, node->device_extent);
    copy->extent = node->device_extent;
    copy->size = node->device_size;
}

/* Does the writes and sizes of a file up to the limit, and a part of the write at the limit. */
static void replay_prefix(memory_crash *crash, const memory_node *node)
{
    const memory_journal *journal = &crash->source->journal;
    copy_device(node, node->copy);
    for (size_t i = 0; i < journal->count && i <= crash->write_limit; i++) {
        const memory_change *change = &journal->changes[i];
        bool whole = i < crash->write_limit;
        if (change->node != node) {
            continue;
        }
        if (change->kind == MEMORY_SIZE && whole) {
            memory_node_resize(crash->target, node->copy, change->offset);
        } else if (change->kind == MEMORY_WRITE) {
            size_t size = whole ? change->size : draw(crash, change->size);
            memory_node_store(crash->target, node->copy, change->offset, change->bytes, size);
        }
    }
}

static void crash_file(memory_crash *crash, memory_node *node)
{
    memory_node *copy = node->copy;
    switch (crash->policy) {
    case ENV_CRASH_DROP_ALL:
        copy_device(node, copy);
        break;
    case ENV_CRASH_KEEP_ALL:
        copy->size = node->size;
        memory_copy_cache(node, copy, memory_node_extent(node));
        break;
    case ENV_CRASH_PREFIX:
        replay_prefix(crash, node);
        break;
    case ENV_CRASH_SUBSET:
    case ENV_CRASH_TORN:
    case ENV_CRASH_TORN_SECTOR:
        choose_bytes(crash, node);
        break;
    case ENV_CRASH_POLICY_COUNT:
        PYKV_ASSERT(crash->policy != ENV_CRASH_POLICY_COUNT);
        break;
    }
    copy->dirty_low = 0;
    copy->dirty_high = 0;
    copy->device_size = copy->size;
    copy->device_extent = copy->extent;
    memcpy(copy->device, copy->bytes, copy->extent);
}

/* ---- the whole ---- */

static void draw_limits(memory_crash *crash)
{
    size_t count = crash->source->journal.count;
    size_t limit = draw(crash, count + 1);
    bool prefix = crash->policy == ENV_CRASH_PREFIX;
    crash->names_in_order = prefix || draw(crash, 3) == 0;
    crash->name_limit = crash->names_in_order ? limit : count;
    crash->write_limit = limit;
}

static pykv_status crash_all(memory_crash *crash)
{
    memory_disk *source = crash->source;
    crash->target->capacity_bytes = source->capacity_bytes;
    crash->target->wall_us = source->wall_us;
    draw_limits(crash);
    pykv_status status = memory_copy_nodes(source, crash->target);
    memory_node *node = source->nodes;
    for (; status == PYKV_OK && node != NULL; node = node->next) {
        if (!node->is_directory) {
            crash_file(crash, node);
        }
    }
    for (node = source->nodes; status == PYKV_OK && node != NULL; node = node->next) {
        status = node->is_directory ? crash_directory(crash, node) : PYKV_OK;
    }
    return status;
}

pykv_status env_memory_crash(env *self, uint64_t seed, env_crash_policy policy, env **env_out)
{
    memory_disk *source = memory_disk_of(self);
    memory_crash crash = {.source = source, .policy = policy, .chance = seed};
    pykv_status status = memory_disk_new_like(~seed, source, &crash.target);
    if (status != PYKV_OK) {
        return status;
    }
    mutex_lock(&source->lock);
    status = crash_all(&crash);
    memory_copy_finish(source, crash.target);
    mutex_unlock(&source->lock);
    if (status != PYKV_OK) {
        memory_disk_free(crash.target);
        return status;
    }
    *env_out = &crash.target->head;
    return PYKV_OK;
}
