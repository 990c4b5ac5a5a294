/*
 * view: what readers read: the memtables and the version of tables of one moment, published as one
 * pointer.
 *
 * Immutable once published, but that the active memtable takes in what is written. A reader loads
 * the store's view inside the epoch; whoever keeps it longer takes a reference there, which is safe
 * because the publisher drops his own only when the readers of that time have left. A reader loads
 * the view before the visible sequence: what flushes and compactions left out of a version is
 * shadowed at every sequence that is visible once the version is (lsm/table_output.h).
 *
 * Thread-safe.
 */
#ifndef PYKV_LSM_VIEW_H
#define PYKV_LSM_VIEW_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "pykv.h"

#include "base/reclaim.h"
#include "lsm/memtable.h"
#include "lsm/version.h"

/* Memtables that wait for their flush before writers do. */
enum { VIEW_IMMUTABLES_MAX = 3 };

typedef struct view {
    reclaim_item retired;
    _Atomic uint32_t references;
    uint32_t immutable_count;
    memtable *active;
    memtable *immutables[VIEW_IMMUTABLES_MAX]; /* sealed; newest first */
    version *version;
    bool has_ranges; /* range deletes, in what is not the active memtable */
} view;

/* Memory of a view for view_fill, which is the caller's: mem_free it if it is not filled.
 * PYKV_NO_MEMORY. */
PYKV_NODISCARD pykv_status view_prepare(view **view_out);

/* Makes a prepared view one of these, whose references are taken; one reference is the caller's.
 * Requires immutable_count <= VIEW_IMMUTABLES_MAX. */
void view_fill(view *self, memtable *active, memtable *const *immutables, uint32_t immutable_count,
               version *tables);

/* Both in one. */
PYKV_NODISCARD pykv_status view_new(memtable *active, memtable *const *immutables,
                                    uint32_t immutable_count, version *tables, view **view_out);

/* One more reference; the caller has one, or is inside the epoch in which he loaded it. */
view *view_acquire(view *self);

/* The last one drops those of what it holds. NULL is ignored. No I/O. */
void view_release(view *self);

/* Gives up the publisher's reference once no reader can be taking one. */
void view_retire(view *self, reclaimer *readers);

/* The newest operation on key up to sequence in the memtables, a delete included, and the memtable
 * it is in; NULL: there is none. The caller is inside the epoch; what the entry borrows lives as
 * long as the view, or a reference of the memtable. */
PYKV_NODISCARD memtable *view_find(const view *self, slice key, uint64_t hash, uint64_t sequence,
                                   iterator_entry *entry_out);

/* As memtable_get_many over all memtables. Returns how many were found. */
size_t view_find_many(const view *self, const slice *keys, const uint64_t *hashes, size_t count,
                      uint64_t sequence, bool *found, iterator_entry *entries);

/* Makes an iterator over all versions of all keys in range that the view holds, and of others too,
 * but those that filter hides (NULL: none). It borrows the view, source and the keys of the filter.
 * PYKV_NO_MEMORY. */
PYKV_NODISCARD pykv_status view_iterator_new(const view *self, block_source *source,
                                             const key_range *range, const range_filter *filter,
                                             iterator **iterator_out);

/* ---- range deletes ---- */

/* False: there is none. Asked after the snapshot's sequence was loaded. */
static inline bool view_has_ranges(const view *self)
{
    return PYKV_UNLIKELY(self->has_ranges || memtable_ranges(self->active) != NULL);
}

/* The highest sequence of a range delete that covers key, up to sequence, 0 if none does: what is
 * older is hidden. The caller is inside the epoch. */
uint64_t view_cover(const view *self, slice key, uint64_t sequence);

/* The range deletes of a view, newest first. */
typedef struct view_ranges {
    const range_set *sets[1 + VIEW_IMMUTABLES_MAX + 1];
    size_t count;
} view_ranges;

/* Takes references of all, after the snapshot's sequence was loaded and inside the same epoch. */
void view_take_ranges(const view *self, view_ranges *out);

/* Joins those that may hide something in range from a snapshot, with one sequence each, to a set
 * that borrows its keys from the view, or NULL; and drops the references. A set that is alone in
 * range is given as it is. PYKV_NO_MEMORY. */
PYKV_NODISCARD pykv_status view_join_ranges(view_ranges *taken, uint64_t sequence,
                                            const key_range *range, const range_set **out);

#endif
