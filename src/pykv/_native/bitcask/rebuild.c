/*
 * rebuild: the key directory from the entries of all segments, whatever their order.
 *
 * The highest sequence of a key wins, never the order of files. Tombstones take a slot while
 * entries are read, so that an older put that comes later loses against them, and leave it at the
 * end. What clears of namespaces hide is not known before all entries were read: a pass that finds
 * one, of a namespace in which it put something already, is followed by another that knows it.
 */
#include "bitcask/rebuild.h"

#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"
#include "bitcask/address.h"
#include "bitcask/directory.h"
#include "bitcask/hint.h"
#include "bitcask/key_hash.h"
#include "bitcask/keydir_grow.h"
#include "bitcask/keydir_layout.h"
#include "bitcask/keydir_new.h"
#include "bitcask/space_list.h"

typedef struct rebuild {
    bitcask *store;
    space *within;        /* of the entry */
    bool again;           /* a clear was found that an entry before it did not know */
    hint_list tombstones; /* offset holds the address */
    buffer new_scratch;   /* for the record of the entry */
    buffer old_scratch;   /* for the record of the slot */
} rebuild;

static pykv_status read_at(rebuild *self, uint64_t address, bool check_body, buffer *scratch,
                           record *out)
{
    const segment *holder = extent_segment(&self->store->extents, address);
    if (holder == NULL) {
        return error_set(PYKV_INTERNAL, "an address of the rebuilt directory has no segment");
    }
    uint64_t offset = bitcask_offset(holder, address);
    if (segment_is_mapped(holder)) {
        pykv_status status = segment_peek(holder, offset, check_body, out);
        if (status != PYKV_WOULD_BLOCK) {
            return status;
        }
    }
    return segment_read(holder, offset, check_body, scratch, out);
}

static pykv_status rehash(void *context, uint64_t address, uint64_t *hash_out)
{
    rebuild *self = context;
    record found = {0};
    pykv_status status = read_at(self, address, true, &self->old_scratch, &found);
    if (status == PYKV_OK) {
        *hash_out = bitcask_hash(self->store, found.key.data, found.key.size);
    }
    return status;
}

static uint64_t hash_of(const rebuild *self, slice key)
{
    return bitcask_hash(self->store, key.data, key.size);
}

/* The key of the entry's record, which keys of slots are compared with. A damaged one would be
 * another key, and an older record would stay in force beside it: *known_out tells. */
static pykv_status read_key(rebuild *self, const hint_entry *entry, uint64_t address,
                            slice *key_out, bool *known_out)
{
    record found = {0};
    pykv_status status = read_at(self, address, false, &self->new_scratch, &found);
    *key_out = found.key;
    *known_out = status == PYKV_OK && (PYKV_PLANTED(59) || hash_of(self, found.key) == entry->hash);
    return status;
}

/* Looks for a slot with the key of the entry, whose record stands at address. old_out is the
 * slot's record. The hash stands for a key that is damaged: a get of it is refused then. */
static pykv_status find_same_key(rebuild *self, const hint_entry *entry, uint64_t address,
                                 keydir_cursor *cursor, record *old_out, bool *found_out)
{
    slice key = {0};
    bool known = false;
    bool first = true;
    pykv_status status = PYKV_OK;
    *found_out = false;
    keydir_find_locked(self->within->fresh->keys, entry->hash, cursor);
    while (status == PYKV_OK && !*found_out && keydir_next(cursor)) {
        if (first) {
            status = read_key(self, entry, address, &key, &known);
            first = false;
        }
        if (status == PYKV_OK) {
            status = read_at(self, cursor->address, false, &self->old_scratch, old_out);
        }
        *found_out = status == PYKV_OK && (known ? slice_equal(old_out->key, key)
                                                 : hash_of(self, old_out->key) == entry->hash);
    }
    return status;
}

static pykv_status take_slot(rebuild *self, segment *source, const hint_entry *entry,
                             const keydir_cursor *cursor, const record *old)
{
    directory *fresh = self->within->fresh;
    uint64_t address = bitcask_address(source, entry->offset);
    pykv_status status = live_shares_reserve(&source->shares, fresh->space_id);
    if (status != PYKV_OK) {
        return status;
    }
    if (old != NULL) {
        if (old->kind == RECORD_PUT) {
            segment *holder = extent_segment(&self->store->extents, cursor->address);
            space_count_out(fresh, holder, record_bytes_of(old));
        }
        keydir_replace(fresh->keys, cursor, entry->hash, address);
    } else if (!keydir_insert(fresh->keys, entry->hash, address)) {
        return error_set_no_memory(KEYDIR_UNIT_BYTES);
    }
    if (entry->kind == RECORD_PUT) {
        space_count_in(fresh, source, entry->bytes);
        return PYKV_OK;
    }
    hint_entry tombstone = *entry;
    tombstone.offset = address;
    return hint_list_add(&self->tombstones, &tombstone);
}

static pykv_status make_fresh(space *within)
{
    if (within->fresh != NULL) {
        return PYKV_OK;
    }
    pykv_status status = directory_new(&within->fresh);
    if (status == PYKV_OK) {
        within->fresh->space_id = within->id;
    }
    return status;
}

/* Finds the namespace of an entry, and its new directory. */
static pykv_status enter_space(rebuild *self, uint32_t id) REQUIRES(self->store->writer)
{
    if (PYKV_LIKELY(self->within != NULL && self->within->id == id)) {
        return PYKV_OK;
    }
    pykv_status status = bitcask_add_space(self->store, id, &self->within);
    return status == PYKV_OK ? make_fresh(self->within) : status;
}

/* Clears of the default namespace are known beforehand. */
static void apply_clear(rebuild *self, const hint_entry *entry)
{
    directory *fresh = self->within->fresh;
    if (entry->space_id == NAMESPACE_DEFAULT || entry->sequence <= fresh->clear_sequence) {
        return;
    }
    fresh->clear_sequence = entry->sequence;
    self->again |= keydir_count(fresh->keys) > 0 && !PYKV_PLANTED(219);
}

/* Writes that wait for their sync show with it, and are resolved then; those whose sync failed do
 * not show. */
static bool is_hidden(const bitcask *store, const hint_entry *entry) SINGLE_THREADED
{
    bool is_failed = store->state == PYKV_STATE_FAILED && !PYKV_PLANTED(354);
    return (store->pending_count > 0 || is_failed) && entry->sequence > store->published_sequence &&
           !PYKV_PLANTED(350);
}

/* Who publishes it has reserved the share that a rebuild takes away. */
static pykv_status pass_over(segment *source, const hint_entry *entry)
{
    return entry->kind == RECORD_PUT && !PYKV_PLANTED(355)
               ? live_shares_reserve(&source->shares, entry->space_id)
               : PYKV_OK;
}

static pykv_status apply(rebuild *self, segment *source, const hint_entry *entry) SINGLE_THREADED
{
    keydir_cursor cursor;
    record old = {0};
    bool found = false;
    if (entry->kind != RECORD_PUT) {
        source->tombstone_bytes += entry->bytes;
        source->tombstone_count++;
    }
    if (is_hidden(self->store, entry)) {
        return pass_over(source, entry);
    }
    pykv_status status = enter_space(self, entry->space_id);
    if (status != PYKV_OK) {
        return status;
    }
    if (entry->kind == RECORD_CLEAR) {
        apply_clear(self, entry);
        return PYKV_OK;
    }
    if (entry->sequence < self->within->fresh->clear_sequence) {
        return PYKV_OK;
    }
    status = keydir_prepare(self->within->fresh->keys, entry->hash, rehash, self);
    if (status == PYKV_OK) {
        status = find_same_key(self, entry, bitcask_address(source, entry->offset), &cursor, &old,
                               &found);
    }
    if (status != PYKV_OK) {
        return status;
    }
    bool newer = !found || entry->sequence > old.sequence;
    if (PYKV_PLANTED(26)) {
        newer = true;
    }
    return newer ? take_slot(self, source, entry, &cursor, found ? &old : NULL) : PYKV_OK;
}

/* The entries of a segment: from its hint, or from its records. */
static pykv_status entries_of(bitcask *store, segment *source, hint_list *list_out)
{
    pykv_status status = source->sealed ? hint_read(store, source, list_out) : PYKV_NOT_FOUND;
    source->has_hint = status == PYKV_OK;
    if (status == PYKV_NOT_FOUND || status == PYKV_CORRUPTION || status == PYKV_FORMAT) {
        status = hint_scan(store, source, list_out);
    }
    return status;
}

static void note_sequences(segment *source, const hint_list *list)
{
    for (uint64_t i = 0; i < list->count; i++) {
        uint64_t sequence = list->entries[i].sequence;
        if (source->first_sequence == 0 || sequence < source->first_sequence) {
            source->first_sequence = sequence;
        }
        if (sequence > source->last_sequence) {
            source->last_sequence = sequence;
        }
    }
}

static pykv_status apply_segment(rebuild *self, segment *source)
{
    hint_list list = {0};
    pykv_status status = entries_of(self->store, source, &list);
    source->live_bytes = 0;
    source->live_count = 0;
    source->shares.count = 0;
    source->tombstone_bytes = 0;
    source->tombstone_count = 0;
    if (status == PYKV_OK) {
        note_sequences(source, &list);
    }
    for (uint64_t i = 0; i < list.count && status == PYKV_OK; i++) {
        status = apply(self, source, &list.entries[i]);
    }
    hint_list_reset(&list);
    return status;
}

/* Takes the slots of tombstones away. */
static void drop_tombstones(rebuild *self) SINGLE_THREADED
{
    for (uint64_t i = 0; i < self->tombstones.count; i++) {
        const hint_entry *entry = &self->tombstones.entries[i];
        keydir *keys = bitcask_find_space(self->store, entry->space_id)->fresh->keys;
        keydir_cursor cursor;
        keydir_find_locked(keys, entry->hash, &cursor);
        if (keydir_next_to(&cursor, entry->offset)) {
            keydir_remove(keys, &cursor);
        }
    }
}

/* What a rebuild counts anew in a segment. */
typedef struct books {
    uint64_t live_bytes;
    uint64_t live_count;
    live_shares shares;
    uint64_t tombstone_bytes;
    uint64_t tombstone_count;
} books;

static void save_books(const bitcask *self, books *saved) SINGLE_THREADED
{
    for (size_t i = 0; i < self->segment_count; i++) {
        segment *source = self->segments[i];
        saved[i] = (books){source->live_bytes, source->live_count, source->shares,
                           source->tombstone_bytes, source->tombstone_count};
        source->shares = (live_shares){.rows = NULL};
    }
}

/* The directories that are in use stay, and with them what was counted for them; kept: the new ones
 * take their place. */
static void settle_books(const bitcask *self, books *saved, bool kept) SINGLE_THREADED
{
    for (size_t i = 0; i < self->segment_count; i++) {
        segment *source = self->segments[i];
        if (kept || PYKV_PLANTED(101)) {
            id_table_reset(&saved[i].shares);
            continue;
        }
        id_table_reset(&source->shares);
        source->live_bytes = saved[i].live_bytes;
        source->live_count = saved[i].live_count;
        source->shares = saved[i].shares;
        source->tombstone_bytes = saved[i].tombstone_bytes;
        source->tombstone_count = saved[i].tombstone_count;
    }
}

/* ---- all namespaces ---- */

/* Empties the directory that is being built, which keeps the clear that it knows. */
static pykv_status begin_anew(space *each, void *context)
{
    (void)context;
    directory *known = each->fresh;
    uint64_t clear_sequence = known != NULL ? known->clear_sequence : 0;
    each->fresh = NULL;
    directory_free(known);
    pykv_status status = make_fresh(each);
    if (status == PYKV_OK) {
        each->fresh->clear_sequence = clear_sequence;
    }
    return status;
}

static pykv_status give_up(space *each, void *context)
{
    (void)context;
    directory_free(each->fresh);
    each->fresh = NULL;
    return PYKV_OK;
}

static pykv_status take_over(space *each, void *context) SINGLE_THREADED
{
    bitcask_replace_directory(context, each, each->fresh);
    each->fresh = NULL;
    return PYKV_OK;
}

/* Builds a new directory for each namespace, once. */
static pykv_status build_once(bitcask *self, bool *again_out) SINGLE_THREADED
{
    rebuild work = {.store = self};
    pykv_status status = bitcask_each_space(self, begin_anew, NULL);
    for (size_t i = 0; i < self->segment_count && status == PYKV_OK; i++) {
        status = apply_segment(&work, self->segments[i]);
    }
    if (status == PYKV_OK) {
        drop_tombstones(&work);
    }
    *again_out = status == PYKV_OK && work.again;
    hint_list_reset(&work.tombstones);
    buffer_reset(&work.new_scratch);
    buffer_reset(&work.old_scratch);
    return status;
}

static pykv_status build(bitcask *self) SINGLE_THREADED
{
    space *main = &self->spaces.main;
    bool again = false;
    pykv_status status = make_fresh(main);
    if (status == PYKV_OK) {
        main->fresh->clear_sequence = directory_now_locked(&main->directory)->clear_sequence;
    }
    do {
        if (status == PYKV_OK) {
            status = build_once(self, &again);
        }
    } while (status == PYKV_OK && again);
    return status;
}

pykv_status bitcask_rebuild(bitcask *self) SINGLE_THREADED
{
    books *saved = mem_alloc((self->segment_count + 1) * sizeof *saved);
    if (saved == NULL) {
        return error_set_no_memory((self->segment_count + 1) * sizeof *saved);
    }
    save_books(self, saved);
    pykv_status status = build(self);
    settle_books(self, saved, status == PYKV_OK);
    pykv_status settled = status == PYKV_OK ? bitcask_each_space(self, take_over, self)
                                            : bitcask_each_space(self, give_up, NULL);
    PYKV_ASSERT(settled == PYKV_OK);
    mem_free(saved);
    return status;
}
