/*
 * env_memory: a simulated disk in memory, for tests: it knows what was synced and can lose power.
 *
 * Per file: the bytes as the page cache has them, a durable shadow, and which 512-byte sectors
 * differ. Per directory: the names now, and the names that are durable. A crash gives a new env
 * in which every un-synced sector, size and name is kept, dropped, torn or garbled by chance.
 * Single source of chance: the seed. Stores through mappings are seen because a mapping is the
 * page-cache copy itself. Thread-safe by one mutex.
 */
#ifndef PYKV_ENV_ENV_MEMORY_H
#define PYKV_ENV_ENV_MEMORY_H

#include "env/env.h"

/* What may happen to un-synced bytes when the power goes. */
typedef enum env_crash_policy {
    ENV_CRASH_DROP_ALL = 1,    /* nothing un-synced survives */
    ENV_CRASH_KEEP_ALL = 2,    /* everything does: death of the process only */
    ENV_CRASH_PREFIX = 3,      /* writes survive in order up to a random point */
    ENV_CRASH_SUBSET = 4,      /* each sector, size and name on its own: old or new */
    ENV_CRASH_TORN = 5,        /* as SUBSET; a sector may be torn, or garbled where it changed */
    ENV_CRASH_TORN_SECTOR = 6, /* as TORN, and a garbled sector loses its unchanged bytes too */
    ENV_CRASH_POLICY_COUNT = 7
} env_crash_policy;

/* A fresh empty disk. file_bytes_max bounds every file (address space is reserved per file). */
PYKV_NODISCARD pykv_status env_memory_new(uint64_t seed, uint64_t file_bytes_max, env **env_out);
/* Frees the disk. All its directories, files and mappings must have been closed. */
void env_memory_free(env *self);

/* Calls counted so far that change or could change the disk (each is a crash point). */
uint64_t env_memory_call_count(env *self);
/* The power goes at the call with this number: a write does a random prefix, a store through a
 * mapping is torn, anything else happens or does not; it and all later calls, reads too, fail with
 * PYKV_IO_FAILED. 0: never. */
void env_memory_power_off_at(env *self, uint64_t call_number);
bool env_memory_is_off(env *self);

/* The disk as the next boot finds it, all of it durable. self stays as it was and may be crashed
 * again otherwise. */
PYKV_NODISCARD pykv_status env_memory_crash(env *self, uint64_t seed, env_crash_policy policy,
                                            env **env_out);
/* A faithful copy of the current state, un-synced parts, call count and clocks included, with the
 * power on and no lock held: the death of the process, after which the power may still go. */
PYKV_NODISCARD pykv_status env_memory_clone(env *self, env **env_out);

/* A failed sync as Linux has it: the pages count as clean, the device keeps the old bytes. The next
 * sync of that file succeeds without writing them. Used by env_fault. */
void env_memory_sync_lost(env_file *file);
/* Evicts clean pages: reads now see the device's bytes. */
void env_memory_drop_cache(env *self);

/* Limits the sum of file sizes; writes beyond it fail with PYKV_NO_SPACE after a partial write. */
void env_memory_set_capacity(env *self, uint64_t bytes_max);
/* Whether env_disk_waits rises whenever it is asked (at first it does not), and what
 * env_memory_room tells (at first UINT64_MAX). */
void env_memory_set_residency(env *self, bool accesses_wait, uint64_t memory_room);
/* How many ranges env_file_will_need was given, and the sum of their bytes. */
void env_memory_asked(env *self, uint64_t *count_out, uint64_t *bytes_out);
/* How often mappings were let go. */
uint64_t env_memory_let_go_count(env *self);
/* Clocks stand still unless moved. */
void env_memory_advance(env *self, int64_t monotonic_us, int64_t wall_us);

/* Direct access to the bytes of a file, to damage them: changes cache and device alike. Change them
 * before the file is opened next, or a crash or clone is made: then the whole file counts as
 * synced. */
PYKV_NODISCARD pykv_status env_memory_file_bytes(env *self, const char *path, uint8_t **data_out,
                                                 uint64_t *size_out);
/* Names of all files, as full paths. Free with env_names_free. */
PYKV_NODISCARD pykv_status env_memory_paths(env *self, env_names *names_out);

#endif
