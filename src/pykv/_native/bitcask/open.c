/*
 * open: options, a new store's manifest, and the order of the steps.
 */
#include "bitcask/open.h"

#include <string.h>

#include "codec/codec_registry.h"

#include "base/coding.h"
#include "base/cycles.h"
#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"
#include "base/process.h"
#include "bitcask/bitcask.h"
#include "bitcask/changes.h"
#include "bitcask/find.h"
#include "bitcask/history.h"
#include "bitcask/home.h"
#include "bitcask/limbo.h"
#include "bitcask/load.h"
#include "bitcask/names.h"
#include "bitcask/rebuild.h"
#include "bitcask/recover.h"
#include "bitcask/space_list.h"
#include "log/repair_swap.h"

#define MIB (UINT64_C(1024) * 1024)

enum { OPEN_CLOCK_READS_MAX = 10000 };

static uint64_t default_to(uint64_t value, uint64_t fallback)
{
    return value == 0 ? fallback : value;
}

static pykv_status check_range(const char *name, uint64_t value, uint64_t low, uint64_t high)
{
    if (value >= low && value <= high) {
        return PYKV_OK;
    }
    return error_set(PYKV_INVALID_ARGUMENT, "%s is %llu, and must be from %llu to %llu", name,
                     (unsigned long long)value, (unsigned long long)low, (unsigned long long)high);
}

pykv_status bitcask_resolve_options(const pykv_options *given, pykv_options *out)
{
    pykv_options options = given != NULL ? *given : (pykv_options){0};
    options.segment_bytes = default_to(options.segment_bytes, 64 * MIB);
    options.batch_bytes_max = default_to(options.batch_bytes_max, 64 * MIB);
    options.interval_us = default_to(options.interval_us, 100000);
    options.ttl_reap_us = default_to(options.ttl_reap_us, STORE_CLOCK_REAP_US);
    if (options.durability == PYKV_DURABILITY_DEFAULT) {
        options.durability = PYKV_DURABILITY_OS;
    }
    if (options.compression == 0) {
        options.compression = PYKV_CODEC_NONE;
    }
    if (options.space_amplification_max <= 0) {
        options.space_amplification_max = 1.5;
    }
    pykv_status status = check_range("segment_bytes", options.segment_bytes, 4096, 16384 * MIB);
    if (status == PYKV_OK) {
        status = check_range("batch_bytes_max", options.batch_bytes_max, 4096, 1024 * MIB);
    }
    if (status == PYKV_OK) {
        status = check_range("durability", (uint64_t)options.durability, PYKV_DURABILITY_OS,
                             PYKV_DURABILITY_INTERVAL);
    }
    if (status == PYKV_OK) {
        status =
            check_range("log_sink", (uint64_t)options.log_sink, PYKV_LOG_AUTO, PYKV_LOG_MAPPED);
    }
    if (status == PYKV_OK) {
        status = check_range("compression", (uint64_t)options.compression, PYKV_CODEC_NONE,
                             PYKV_CODEC_ID_MAX);
    }
    if (status == PYKV_OK && options.ttl_reap_us != UINT64_MAX) {
        status = check_range("ttl_reap_us", options.ttl_reap_us, STORE_CLOCK_REAP_US_MIN,
                             STORE_CLOCK_REAP_US_MAX);
    }
    if (status == PYKV_OK && options.undo_bytes_max != 0) {
        status = check_range("undo_bytes_max", options.undo_bytes_max, MIB / 16, 16 * MIB * MIB);
    }
    if (status == PYKV_OK && options.space_amplification_max <= 1) {
        status = error_set(PYKV_INVALID_ARGUMENT, "space_amplification_max must be above 1");
    }
    if (status == PYKV_OK) {
        *out = options;
    }
    return status;
}

pykv_status bitcask_new(env *environment, const pykv_options *options,
                        bitcask **store_out) SINGLE_THREADED
{
    bitcask *self = mem_alloc_aligned(64, round_up(sizeof *self, 64));
    if (self == NULL) {
        return error_set_no_memory(sizeof *self);
    }
    memset(self, 0, sizeof *self);
    self->env = environment;
    self->options = *options;
    self->codecs = codec_registry_table();
    mutex_init(&self->writer);
    mutex_init(&self->manifest_lock);
    mutex_init(&self->merge_lock);
    mutex_init(&self->sync_lock);
    condition_init(&self->sync_done);
    condition_init(&self->hint_done);
    gate_init(&self->gate);
    pins_init(&self->pins, UINT64_MAX);
    change_feeds_init(&self->feeds, &bitcask_feed_source, self, &self->writer, &self->gate,
                      environment);
    extent_init(&self->extents);
    bitcask_names_init(self);
    store_clock_init(&self->clock, environment, 0);
    self->next_number = 1;
    self->merge_room = UINT64_MAX;
    self->output_bytes_max = LOG_SEGMENT_BYTES_MAX;
    directory *keys;
    pykv_status status = directory_new(&keys);
    if (status != PYKV_OK) {
        bitcask_free(self);
        return status;
    }
    atomic_store_explicit(&self->spaces.main.directory, keys, memory_order_release);
    self->spaces.main.in_use = true;
    *store_out = self;
    return PYKV_OK;
}

/* ---- the manifest of a new store ---- */

/* Refuses a directory that holds our segments without their manifest, or a repair that was
 * interrupted between moving the old files away and the new ones here. */
static pykv_status check_vacant(bitcask *self)
{
    env_names names;
    pykv_status status = env_directory_list(self->home, &names);
    if (status != PYKV_OK) {
        return status;
    }
    const char *path = env_directory_path(self->home);
    for (size_t i = 0; i < names.count && status == PYKV_OK; i++) {
        bool hint;
        if (segment_number(names.names[i], &hint) != 0) {
            status =
                error_set(PYKV_CORRUPTION,
                          "%s has segments (%s) and no MANIFEST: pykv repair may bring it back",
                          path, names.names[i]);
        } else if (strcmp(names.names[i], REPAIR_DIRECTORY) == 0) {
            status = error_set(PYKV_CORRUPTION,
                               "a repair of %s was interrupted: pykv repair finishes it", path);
        }
    }
    env_names_free(&names);
    return status;
}

static pykv_status make_manifest(bitcask *self, manifest *out)
{
    pykv_status status = check_vacant(self);
    manifest fresh = {.clean = true, .edit = 1, .next_number = 1};
    if (status == PYKV_OK) {
        status = env_random(self->env, &fresh.store_id, sizeof fresh.store_id);
    }
    if (status == PYKV_OK) {
        status = env_random(self->env, &fresh.hash_seed_low, sizeof fresh.hash_seed_low);
    }
    if (status == PYKV_OK) {
        status = env_random(self->env, &fresh.hash_seed_high, sizeof fresh.hash_seed_high);
    }
    if (status == PYKV_OK) {
        status = manifest_replace(self->home, &fresh);
    }
    if (status == PYKV_OK) {
        *out = fresh;
    }
    return status;
}

pykv_status bitcask_load_manifest(bitcask *self, manifest *out)
{
    pykv_status status = manifest_read(self->home, out);
    if (status == PYKV_OK && self->options.must_not_exist != 0) {
        manifest_reset(out);
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
    return make_manifest(self, out);
}

/* ---- opening ---- */

static void adopt(bitcask *self, const manifest *listed) SINGLE_THREADED
{
    self->store_id = listed->store_id;
    self->hash_seed_low = listed->hash_seed_low;
    self->hash_seed_high = listed->hash_seed_high;
    self->edit = listed->edit;
    self->merge_edit = listed->merge_edit;
    self->epoch_number = listed->epoch;
    self->next_number = listed->next_number;
    self->appended_sequence = listed->last_sequence;
    self->sealed_sequence = listed->sealed_sequence;
    directory_now_locked(&self->spaces.main.directory)->clear_sequence = listed->clear_sequence;
    self->durable_clear_sequence = listed->clear_sequence;
    self->synced_position = listed->durable_through;
    self->clean_open = listed->clean;
    store_clock_init(&self->clock, self->env, listed->wall_high_us);
}

/* The entry that a clean manifest lets us append to, or NULL. */
static const manifest_segment *continued_entry(const manifest *listed)
{
    for (uint64_t i = 0; i < listed->segment_count; i++) {
        if (!listed->segments[i].sealed) {
            return &listed->segments[i];
        }
    }
    return NULL;
}

static pykv_status load_clean(bitcask *self, const manifest *listed) SINGLE_THREADED
{
    pykv_status status = bitcask_load_image(self, listed);
    if (status != PYKV_NOT_FOUND) {
        self->recovered_from_image = status == PYKV_OK;
        return status;
    }
    const manifest_segment *last = continued_entry(listed);
    status = bitcask_load_sealed(self, listed, NULL);
    if (status == PYKV_OK && last != NULL) {
        status = bitcask_continue_active(self, last, BITCASK_NO_ADDRESS);
    }
    return status == PYKV_OK ? bitcask_rebuild(self) : status;
}

static pykv_status load_unclean(bitcask *self, const manifest *listed) SINGLE_THREADED
{
    pykv_status status = bitcask_load_sealed(self, listed, NULL);
    if (status == PYKV_OK) {
        status = bitcask_recover_tail(self, listed);
    }
    return status == PYKV_OK ? bitcask_rebuild(self) : status;
}

static pykv_status adopt_history(bitcask *self, const manifest *listed) SINGLE_THREADED
{
    listed_history history;
    pykv_status status = bitcask_history_read(self, listed, &history);
    if (status == PYKV_OK) {
        bitcask_history_exchange(self, &history);
        listed_history_reset(&history);
    }
    return status;
}

static pykv_status load(bitcask *self) SINGLE_THREADED
{
    manifest listed = {0};
    pykv_status status = PYKV_OK;
    if (self->options.read_only != 0) {
        status = shown_state_begin(self->home, &self->shown);
    }
    if (status == PYKV_OK || status == PYKV_NOT_FOUND) {
        status = bitcask_load_manifest(self, &listed);
    }
    if (status != PYKV_OK) {
        return status;
    }
    adopt(self, &listed);
    status = adopt_history(self, &listed);
    if (status == PYKV_OK) {
        status = bitcask_skip_used_numbers(self);
    }
    if (status != PYKV_OK) {
        manifest_reset(&listed);
        return status;
    }
    bool is_in_place = self->options.read_only != 0 && !listed.clean;
    status = listed.clean ? load_clean(self, &listed) : load_unclean(self, &listed);
    if (status == PYKV_OK && (self->options.read_only == 0 || PYKV_PLANTED(335))) {
        status = bitcask_remove_orphans(self);
    }
    manifest_reset(&listed);
    bitcask_remove_idle_spaces(self);
    bitcask_empty_limbo(self);
    self->published_sequence = self->appended_sequence;
    self->synced_sequence = is_in_place ? self->synced_sequence : self->appended_sequence;
    atomic_store_explicit(&self->last_sync_us, env_monotonic_us(self->env), memory_order_relaxed);
    return status;
}

/* Cycles that a mapped access may take in hot mode; never exceeded where the clock stands still. */
static uint64_t calibrate_cold_cycles(env *environment)
{
    uint64_t began_us = env_monotonic_us(environment);
    uint64_t began = cycles_now();
    uint64_t elapsed_us = 0;
    for (int i = 0; i < OPEN_CLOCK_READS_MAX && elapsed_us < BITCASK_COLD_US; i++) {
        elapsed_us = env_monotonic_us(environment) - began_us;
    }
    return elapsed_us == 0 ? UINT64_MAX : (cycles_now() - began) / elapsed_us * BITCASK_COLD_US;
}

static void choose_modes(bitcask *self)
{
    env_capabilities can = env_directory_capabilities(self->home);
    self->mapped_reads =
        can.mapped_reads && self->options.no_mapped_reads == 0 && process_guard_check();
    self->mapped_log = can.mapped_log && self->mapped_reads &&
                       self->options.log_sink != PYKV_LOG_PWRITE &&
                       self->options.durability != PYKV_DURABILITY_SYNC;
    self->cold_cycles = calibrate_cold_cycles(self->env);
    atomic_store_explicit(&self->disk_waits, env_disk_waits(self->env), memory_order_relaxed);
}

static pykv_status open_home(bitcask *self, const char *path)
{
    bool create = self->options.must_exist == 0 && self->options.read_only == 0;
    pykv_status status = env_directory_open(self->env, path, create, &self->home);
    if (status == PYKV_OK) {
        self->feeds.home = self->home;
        status = bitcask_check_home(self->home); /* before even a lock is made there */
    }
    if (status == PYKV_OK && self->options.read_only == 0) {
        status = env_lock_take(self->home, BITCASK_LOCK_NAME, &self->lock);
    }
    return status;
}

static pykv_status open_once(env *environment, const char *path, const pykv_options *options,
                             bitcask **store_out)
{
    bitcask *self = NULL;
    uint64_t began = env_monotonic_us(environment);
    pykv_status status = bitcask_new(environment, options, &self);
    if (status != PYKV_OK || self == NULL) {
        return status;
    }
    status = codec_table_check(&self->codecs, &self->options);
    if (status == PYKV_OK) {
        status = open_home(self, path);
    }
    if (status == PYKV_OK) {
        choose_modes(self);
        status = load(self);
    }
    if (status != PYKV_OK) {
        pykv_error failure = *error_last();
        bitcask_free(self);
        error_restore(&failure);
        return status;
    }
    bitcask_choose_read_mode(self);
    self->options.lend_threads = NULL; /* of the call that ends here alone */
    self->open_us = env_monotonic_us(environment) - began;
    *store_out = self;
    return PYKV_OK;
}

pykv_status bitcask_open(env *environment, const char *path, const pykv_options *options,
                         bitcask **store_out)
{
    pykv_options resolved;
    pykv_status status = bitcask_resolve_options(options, &resolved);
    if (status != PYKV_OK) {
        return status;
    }
    /* A live writer may remove merged segments between a reader's look at the manifest and at
     * them, and cut the unused end off a log. */
    shown_tries tries = {.attempts = 0};
    do {
        status = open_once(environment, path, &resolved, store_out);
    } while (resolved.read_only != 0 && shown_try_again_at(&tries, environment, path, status));
    return status;
}
