/*
 * open: making the store's parts, its manifest, its tables, and the order of the steps.
 */
#include "lsm/open.h"

#include "codec/codec_registry.h"

#include "base/coding.h"
#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"
#include "lsm/changes.h"
#include "lsm/edit.h"
#include "lsm/history.h"
#include "lsm/listed.h"
#include "lsm/memory_use.h"
#include "lsm/memtable_arena.h"
#include "lsm/options.h"
#include "lsm/refresh.h"
#include "lsm/reserve.h"
#include "lsm/room.h"
#include "lsm/version_ranges.h"
#include "lsm/wal_history.h"

enum { PINNED_SHARE = 4 /* of the memory budget, at most, is what views keep */ };

/* ---- the parts ---- */

/* What one memtable takes, with what is left over in its last chunks. */
static uint64_t memory_of_a_memtable(const pykv_options *options)
{
    return options->memtable_bytes + options->memtable_bytes / 8 +
           UINT64_C(2) * MEMTABLE_ARENA_CHUNK_BYTES_MIN;
}

static void init_locks(lsm *self)
{
    mutex_init(&self->writer);
    mutex_init(&self->manifest_lock);
    mutex_init(&self->flush_lock);
    mutex_init(&self->compaction_lock);
    mutex_init(&self->wish_lock);
    mutex_init(&self->tidy_lock);
    mutex_init(&self->room_lock);
    mutex_init(&self->reserve_lock);
    lsm_names_init(self);
    condition_init(&self->room_made);
}

static void call_to_prepare(void *context)
{
    lsm *self = context;
    lent_call(&self->gate.lent, PYKV_ROLE_LOG);
}

static pykv_status init_parts(lsm *self) SINGLE_THREADED
{
    self->codecs = codec_registry_table();
    pykv_status status = lsm_choose_codec(&self->codecs, &self->options);
    if (status != PYKV_OK) {
        return status;
    }
    status = block_cache_new(&self->budget, &self->reclaimer, &self->cache);
    if (status != PYKV_OK) {
        return status;
    }
    block_cache_let_move(self->cache, block_moved);
    block_cache_let_prepare(self->cache, call_to_prepare, self);
    block_source_cached_init(&self->source, self->cache, &self->gate.readers, self->env);
    memtable *active;
    version *tables;
    status = lsm_new_memtable(self, &active);
    if (status != PYKV_OK) {
        return status;
    }
    status = version_new_empty(&tables);
    if (status == PYKV_OK) {
        status = lsm_publish_view(self, active, NULL, 0, tables);
        version_release(tables);
    }
    memtable_release(active);
    return status;
}

static pykv_status make(env *environment, const pykv_options *options,
                        lsm **store_out) SINGLE_THREADED
{
    lsm *self = mem_alloc_aligned(64, round_up(sizeof *self, 64));
    if (self == NULL) {
        return error_set_no_memory(sizeof *self);
    }
    memset(self, 0, sizeof *self);
    self->env = environment;
    self->options = *options;
    self->next_number = 1;
    self->compaction_pace.bytes_per_second = options->merge_bytes_per_second;
    store_clock_init(&self->clock, environment, 0);
    init_locks(self);
    memory_budget_init_spare(&self->budget, options->memory_budget_bytes, LSM_CACHE_BYTES_MIN);
    kept_memory_init(&self->memory, memory_of_a_memtable(options), &self->budget);
    pins_init(&self->pins, options->memory_budget_bytes / PINNED_SHARE);
    gate_init(&self->gate);
    change_feeds_init(&self->feeds, &lsm_feed_source, self, &self->writer, &self->gate,
                      environment);
    reclaimer_init(&self->reclaimer, &self->gate.readers);
    *store_out = self;
    return init_parts(self);
}

/* ---- the log's wishes ---- */

/* The log calls with the writer lock, which it knows by another name. */
static inline void writer_is_held(const lsm *self) ASSERTS_HELD(self->writer)
{
    (void)self;
}

static uint32_t take_number(void *context)
{
    lsm *self = context;
    uint32_t number = 0;
    writer_is_held(self);
    return lsm_take_number(self, &number) == PYKV_OK ? number : 0;
}

/* For the next log. While the room for deletes is lent, they are who makes it. */
static pykv_status write_manifest(void *context)
{
    lsm *self = context;
    pykv_status status = lsm_room_is_lent(self) ? PYKV_OK : lsm_keep_room(self, 0);
    return status == PYKV_OK ? lsm_write_manifest(self, LSM_BLOCKS_OF_ITS_OWN, false) : status;
}

static void became_durable(void *context, uint64_t sequence)
{
    lsm *self = context;
    writer_is_held(self);
    if (sequence > lsm_visible(self)) {
        atomic_store_explicit(&self->visible_sequence, sequence, memory_order_release);
    }
    change_feeds_wake(&self->feeds);
}

static void wake_log(void *context)
{
    lsm *self = context;
    lent_call(&self->gate.lent, PYKV_ROLE_LOG);
}

wal_owner lsm_wal_owner(lsm *self)
{
    return (wal_owner){.context = self,
                       .writer = &self->writer,
                       .take_number = take_number,
                       .write_manifest = write_manifest,
                       .synced = became_durable,
                       .wake_log = wake_log};
}

/* ---- the manifest ---- */

static pykv_status make_manifest(lsm *self, lsm_manifest *out)
{
    lsm_manifest fresh = {.clean = true, .edit = 1, .next_number = 1};
    pykv_status status = env_random(self->env, &fresh.store_id, sizeof fresh.store_id);
    if (status == PYKV_OK) {
        status = env_random(self->env, &fresh.hash_seed_low, sizeof fresh.hash_seed_low);
    }
    if (status == PYKV_OK) {
        status = env_random(self->env, &fresh.hash_seed_high, sizeof fresh.hash_seed_high);
    }
    if (status == PYKV_OK) {
        status = lsm_manifest_replace(self->home, &fresh);
    }
    if (status == PYKV_OK) {
        *out = fresh;
    }
    return status;
}

/* Refuses a directory that holds tables or logs without their manifest. */
static pykv_status check_vacant(lsm *self)
{
    env_names names;
    pykv_status status = env_directory_list(self->home, &names);
    for (size_t i = 0; status == PYKV_OK && i < names.count; i++) {
        if (lsm_home.claim(names.names[i]) >= HOME_LIKELY) {
            status =
                error_set(PYKV_CORRUPTION,
                          "%s has files of a store (%s) and no MANIFEST: pykv repair may bring "
                          "it back",
                          env_directory_path(self->home), names.names[i]);
            env_names_free(&names);
            return status;
        }
    }
    if (status == PYKV_OK) {
        env_names_free(&names);
    }
    return status;
}

static pykv_status load_manifest(lsm *self, lsm_manifest *out)
{
    pykv_status status = lsm_manifest_read(self->home, out);
    if (status == PYKV_OK && self->options.must_not_exist != 0) {
        lsm_manifest_reset(out);
        return error_set_at(PYKV_PATH_EXISTS, env_directory_path(self->home),
                            "there is a database in this directory already");
    }
    if (status != PYKV_NOT_FOUND) {
        return status;
    }
    if (self->options.must_exist != 0 || self->options.read_only != 0) {
        return error_set_at(PYKV_PATH_NOT_FOUND, env_directory_path(self->home),
                            "there is no database in this directory");
    }
    status = check_vacant(self);
    return status == PYKV_OK ? make_manifest(self, out) : status;
}

static void adopt(lsm *self, const lsm_manifest *listed) SINGLE_THREADED
{
    self->store_id = listed->store_id;
    self->hash_seed_low = listed->hash_seed_low;
    self->hash_seed_high = listed->hash_seed_high;
    self->edit = listed->edit;
    self->epoch_number = listed->epoch;
    self->next_number = listed->next_number;
    self->flushed_sequence = listed->flushed_sequence;
    self->is_clean_on_disk = listed->clean;
    self->clean_open = listed->clean;
    self->feeds.pins = listed->pins;
    store_clock_init(&self->clock, self->env, PYKV_PLANTED(162) ? 0 : listed->wall_high_us);
}

/* ---- opening ---- */

/* The view has no tables yet. */
static pykv_status load_tables(lsm *self, const lsm_manifest *listed) SINGLE_THREADED
{
    version *tables = NULL;
    pykv_status status = lsm_open_listed(self, listed, lsm_view(self)->version, &tables);
    if (status == PYKV_OK) {
        status = lsm_publish_view(self, lsm_view(self)->active, NULL, 0, tables);
    }
    version_release(tables);
    return status;
}

static uint64_t log_bytes(const pykv_options *options)
{
    return options->memtable_bytes + options->memtable_bytes / 4;
}

pykv_status lsm_open_log(lsm *self, const lsm_manifest *listed) SINGLE_THREADED
{
    wal_owner owner = lsm_wal_owner(self);
    pykv_status status =
        wal_open(self->env, self->home, &owner, &self->options, self->store_id,
                 log_bytes(&self->options), lsm_visible(self), listed->durable_through, &self->log);
    if (status == PYKV_OK) {
        wal_set_epoch(self->log, self->epoch_number);
    }
    return status;
}

/* Opens the log, with the history that the manifest in force lists, and removes what it does not.
 */
static pykv_status settle_files(lsm *self, const lsm_manifest *listed,
                                const lsm_manifest *in_force) SINGLE_THREADED
{
    pykv_status status = PYKV_OK;
    if (self->log == NULL) {
        status = lsm_open_log(self, listed);
        if (status == PYKV_OK) {
            status = lsm_history_adopt(self, self->log, in_force, in_force->flushed_sequence);
        }
    }
    return status == PYKV_OK ? lsm_remove_orphans(self, in_force) : status;
}

/* A recovery has made a manifest of its own. */
static pykv_status settle_writer(lsm *self, const lsm_manifest *listed) SINGLE_THREADED
{
    lsm_manifest now;
    if (listed->log_count == lsm_history_count(listed)) {
        return settle_files(self, listed, listed);
    }
    pykv_status status = lsm_manifest_read(self->home, &now);
    if (status == PYKV_OK) {
        status = settle_files(self, listed, &now);
        lsm_manifest_reset(&now);
    }
    return status;
}

static pykv_status load_rest(lsm *self, const lsm_manifest *listed) SINGLE_THREADED
{
    pykv_status status = lsm_skip_used_numbers(self);
    lsm_release_room(self); /* what a crash left may be what a recovery needs */
    if (status == PYKV_OK) {
        status = load_tables(self, listed);
    }
    atomic_store_explicit(&self->visible_sequence, listed->last_sequence, memory_order_release);
    if (status == PYKV_OK && listed->log_count > lsm_history_count(listed)) {
        status = lsm_remove_outputs(self, listed);
        status = status == PYKV_OK ? lsm_recover(self, listed) : status;
    }
    return status == PYKV_OK ? settle_writer(self, listed) : status;
}

static pykv_status load(lsm *self) SINGLE_THREADED
{
    lsm_manifest listed = {0};
    pykv_status status = load_manifest(self, &listed);
    if (status != PYKV_OK) {
        return status;
    }
    adopt(self, &listed);
    lsm_mark_home(self->home);
    status = load_rest(self, &listed);
    lsm_manifest_reset(&listed);
    return status;
}

/* What readers see of a database that another process may be writing. */
static pykv_status load_for_reading(lsm *self) SINGLE_THREADED
{
    lsm_manifest listed = {0};
    shown_state shown;
    pykv_status status = shown_state_begin(self->home, &shown);
    if (status == PYKV_OK || status == PYKV_NOT_FOUND) {
        status = load_manifest(self, &listed);
    }
    if (status == PYKV_OK) {
        adopt(self, &listed);
        status = lsm_show(self, &listed, &shown);
    }
    if (status == PYKV_OK && PYKV_PLANTED(280)) {
        status = lsm_remove_orphans(self, &listed);
    }
    lsm_manifest_reset(&listed);
    shown_state_reset(&shown);
    return status;
}

static pykv_status open_home(lsm *self, const char *path)
{
    bool create = self->options.must_exist == 0 && self->options.read_only == 0;
    pykv_status status = env_directory_open(self->env, path, create, &self->home);
    if (status == PYKV_OK) {
        self->feeds.home = self->home;
        table_graveyard_init(&self->graveyard, self->home, &self->source);
        status = home_check(self->home, &lsm_home);
    }
    if (status == PYKV_OK && self->options.read_only == 0) {
        status = env_lock_take(self->home, HOME_LOCK_NAME, &self->lock);
    }
    return status;
}

static pykv_status open_once(env *environment, const char *path, const pykv_options *options,
                             lsm **store_out)
{
    lsm *self = NULL;
    uint64_t began = env_monotonic_us(environment);
    pykv_status status = make(environment, options, &self);
    if (self == NULL) {
        return status;
    }
    if (status == PYKV_OK) {
        status = open_home(self, path);
    }
    if (status == PYKV_OK) {
        status = options->read_only != 0 ? load_for_reading(self) : load(self);
    }
    if (status != PYKV_OK) {
        pykv_error failure = *error_last();
        lsm_free(self);
        error_restore(&failure);
        return status;
    }
    self->options.lend_threads = NULL; /* of the call that ends here alone */
    self->open_us = env_monotonic_us(environment) - began;
    *store_out = self;
    return PYKV_OK;
}

pykv_status lsm_open(env *environment, const char *path, const pykv_options *options,
                     lsm **store_out)
{
    pykv_options resolved;
    pykv_status status = lsm_resolve_options(environment, options, &resolved);
    if (status != PYKV_OK) {
        return status;
    }
    /* A live writer may remove files between a reader's look at the manifest and at them, and cut
     * the unused end off a log. */
    shown_tries tries = {.attempts = 0};
    do {
        status = open_once(environment, path, &resolved, store_out);
    } while (resolved.read_only != 0 && shown_try_again_at(&tries, environment, path, status));
    return status;
}

gate *lsm_gate(lsm *self)
{
    return &self->gate;
}
