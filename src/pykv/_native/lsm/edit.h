/*
 * edit: changing the version: the manifest first, then the view.
 */
#ifndef PYKV_LSM_EDIT_H
#define PYKV_LSM_EDIT_H

#include "lsm/store.h"

/* What a job brings when it is done. */
typedef struct lsm_edit {
    const manifest_table *outputs; /* durable files, to be opened here */
    size_t output_count;
    uint8_t output_level;
    const manifest_values *values; /* that the outputs point to, durable files likewise */
    size_t values_count;
    table_file *const *inputs; /* that leave */
    size_t input_count;
    bool is_move;      /* the one input changes its level as it is: no outputs */
    memtable *flushed; /* the oldest memtable, sealed, which is in the outputs now; or NULL */
    /* The outputs were made elsewhere and go each to its level; with them everything up to this
     * sequence is in tables. 0: they are of a job. */
    uint64_t ingested_through;
    uint64_t clear_count; /* of the store when the job was planned */
} lsm_edit;

/* Makes an edit durable and publishes it. taken_out: the outputs' files belong to the store, also
 * after some failures (lsm/doubt.h); else they are the caller's to remove. PYKV_NOT_FOUND: a clear
 * made it void. */
PYKV_NODISCARD pykv_status lsm_install(lsm *self, const lsm_edit *edit, bool *taken_out)
    EXCLUDES(self->manifest_lock);

/* The same for who holds the manifest lock; he calls lsm_tell_room once he has let go of it. If the
 * manifest may be in force after a failure, another one without the edit takes its place; where
 * that fails too the log takes nothing any more. */
PYKV_NODISCARD pykv_status lsm_install_held(lsm *self, const lsm_edit *edit, bool *taken_out)
    REQUIRES(self->manifest_lock);

/* The version that an edit makes of base: opens the files that it brings. One reference is the
 * caller's. For opening a store, when no manifest is written yet. */
PYKV_NODISCARD pykv_status lsm_derive_version(lsm *self, const version *base, const lsm_edit *edit,
                                              version **version_out);

/* How tables of the store are opened. Valid as long as it is open. */
table_open_options lsm_table_options(const lsm *self);

/* Which blocks a manifest is written into. */
typedef enum lsm_manifest_blocks {
    LSM_BLOCKS_OF_ITS_OWN = 0, /* once those for the next one that gives room back are kept */
    LSM_BLOCKS_KEPT            /* it gives room back */
} lsm_manifest_blocks;

/* Writes the manifest as things are. PYKV_OK: durable. */
PYKV_NODISCARD pykv_status lsm_write_manifest(lsm *self, lsm_manifest_blocks blocks, bool clean)
    EXCLUDES(self->manifest_lock);

/* The same by who has the lock. */
PYKV_NODISCARD pykv_status lsm_write_manifest_held(lsm *self, lsm_manifest_blocks blocks,
                                                   bool clean) REQUIRES(self->manifest_lock);

/* Before a job begins: where outputs of another are left in doubt, writes a manifest that settles
 * it. */
PYKV_NODISCARD pykv_status lsm_settle_manifest(lsm *self) EXCLUDES(self->manifest_lock);

/* Where there is nothing else to do: where anything is in doubt, a clear too, writes that manifest,
 * and lets the logs go that it does not need. Where that fails, not before a second has passed.
 * *settled_out: it was written; *left_out: something still is in doubt. */
PYKV_NODISCARD pykv_status lsm_settle_all(lsm *self, bool *settled_out, bool *left_out)
    EXCLUDES(self->manifest_lock);

/* Writes the manifest anew and takes history away that nobody wants any more. */
PYKV_NODISCARD pykv_status lsm_trim_history(lsm *self) EXCLUDES(self->manifest_lock);

/* Makes the manifest durable that says that everything up to sequence is gone, and takes the files
 * away, which are in doubt: after a clear was published with the manifest lock held. */
PYKV_NODISCARD pykv_status lsm_install_clear(lsm *self, uint64_t sequence)
    REQUIRES(self->manifest_lock);

#endif
