/*
 * refresh: what a store that is open read-only shows of a database that another process may be
 * writing.
 *
 * A state is built beside the one that is shown: the tables of the manifest, of which those that
 * are open are shared, and a memtable of the logs. Then the visible sequence is raised, and then
 * the view is published: a reader that has the old view finds nothing newer in it, and what the
 * tables of the new one left out is visible to all who read it.
 */
#ifndef PYKV_LSM_REFRESH_H
#define PYKV_LSM_REFRESH_H

#include "lsm/store.h"

/* As pykv_refresh; moved_out: it shows another state now. */
PYKV_NODISCARD pykv_status lsm_refresh(lsm *self, uint64_t *sequence_out, bool *moved_out);

/* Shows what listed says, and notes it in shown, which was begun before listed was read. After a
 * failure what was shown stays; after success *shown is what was noted before. PYKV_CORRUPTION also
 * where a writer removed files meanwhile, or ingested some; PYKV_REPLACED: it ends before what is
 * shown. */
PYKV_NODISCARD pykv_status lsm_show(lsm *self, const lsm_manifest *listed, shown_state *shown)
    REQUIRES(self->manifest_lock);

#endif
