/*
 * compaction_pick: which compaction is next.
 *
 * The level with the highest score goes first (compaction_score.h). From level 0 goes the oldest
 * table with all that overlap it, in a chain. From a deeper level goes, in this order, a table
 * dense with records that have expired, one dense with tombstones, and the one that overlaps least
 * of the next level for its size. Where no level is due, tables that have expired or are dense with
 * tombstones go all the same, because it frees more than it costs, and then one that is crowded: it
 * keeps many range deletes alive, and then level 0, where what expired ttl_reap_us ago is a quarter
 * of all entries of it and base. With urgent_first all these go before a level that is due, too,
 * with ranges_first the crowded one at their head. Before all others go tables that range deletes
 * hide as a whole, which costs nothing, and many small neighbours, which costs little; last a few
 * small neighbours. Where compaction is lazy, level 0 is compaction_pick_runs's.
 *
 * Where level 0 is due, but has to wait for what is running in base, no table of base or above is
 * taken: else level 0 might wait for ever, as something is always running there.
 *
 * A table is dense if over a quarter of its entries are tombstones or have expired, and these are
 * at least half as many as the entries that it overlaps below: so most of what its compaction reads
 * goes. What has expired is known in eighths of the table (base/deadline_buckets.h).
 *
 * Functions of a version, its busy marks and the options: they need the owner's compaction lock,
 * and no file.
 */
#ifndef PYKV_LSM_COMPACTION_PICK_H
#define PYKV_LSM_COMPACTION_PICK_H

#include <stdint.h>

#include "pykv.h"

#include "base/annotate.h"
#include "lsm/compaction_plan.h"
#include "lsm/compaction_score.h"
#include "lsm/version.h"

/* The next compaction. PYKV_NOT_FOUND: none is due, or what is due has to wait for what is running;
 * PYKV_NO_MEMORY. Free with compaction_plan_reset. */
PYKV_NODISCARD pykv_status compaction_pick(version *of, const compaction_options *options,
                                           compaction_plan *out);

/* Entries of a table that may go, if nothing below were there: tombstones, and what has expired as
 * far as the deadlines of the table's eighths tell. */
uint64_t compaction_dead_count(const table_file *asked, const compaction_options *options);

/* The removal of all tables that range deletes hide. PYKV_NOT_FOUND, PYKV_NO_MEMORY. */
PYKV_NODISCARD pykv_status compaction_pick_hidden(version *of, compaction_plan *out);

/* The compaction of the table that keeps most range deletes alive, if it is many, of those in the
 * levels with a bit in levels_wanted. As compaction_pick, and PYKV_WOULD_BLOCK. */
PYKV_NODISCARD pykv_status compaction_pick_crowded(version *of, const compaction_options *options,
                                                   const compaction_levels *levels,
                                                   uint32_t levels_wanted, compaction_plan *out);

/* What somebody asks for: all tables with keys in range go down to the last level, and what has
 * tombstones or expired records or entries that range deletes hide is rewritten there, and so are
 * small neighbours. */
typedef struct compaction_wish {
    key_range range;
    uint32_t number_before;    /* a table of the last level with a lower number may be rewritten */
    uint64_t sequence_through; /* what holds a sequence up to it goes down */
} compaction_wish;

/* True if a table may have keys of a range. */
bool compaction_is_within(const table_file *asked, const key_range *range);

/* Tables of a run of small neighbours at which it may be taken, and at which it is most urgent. */
enum { COMPACTION_NEIGHBOURS_MIN = 8, COMPACTION_NEIGHBOURS_MANY = 32 };

/* The compaction of the longest run of small neighbours, which weigh no more than one table, where
 * they stand: of at least count_min, in the levels with a bit in levels_wanted. Where wish is not
 * NULL, of tables in its range that it may rewrite. As compaction_pick, and PYKV_WOULD_BLOCK. */
PYKV_NODISCARD pykv_status compaction_pick_neighbours(version *of,
                                                      const compaction_options *options,
                                                      uint32_t levels_wanted, uint32_t count_min,
                                                      const compaction_wish *wish,
                                                      compaction_plan *out);

/*
 * The next compaction of those that a wish needs. number_before is the number that the next file
 * had when the first of them was asked for, so what they wrote themselves is not rewritten again;
 * sequence_through the highest one in tables then: what was flushed since stays where it is. They
 * end when none is left: PYKV_NOT_FOUND. PYKV_WOULD_BLOCK: ask again when a running one is
 * installed. PYKV_NO_MEMORY.
 */
PYKV_NODISCARD pykv_status compaction_pick_range(version *of, const compaction_options *options,
                                                 const compaction_wish *wish, compaction_plan *out);

/*
 * A compaction of at most bytes_max of inputs, for a disk with little room: the one that may free
 * most for what it reads; one that frees nothing only from level 0. PYKV_NOT_FOUND: there is none;
 * PYKV_WOULD_BLOCK, PYKV_NO_MEMORY.
 */
PYKV_NODISCARD pykv_status compaction_pick_small(version *of, const compaction_options *options,
                                                 uint64_t bytes_max, compaction_plan *out);

/* Bytes of all tables with keys in range. */
uint64_t compaction_range_bytes(const version *of, const key_range *range);

#endif
