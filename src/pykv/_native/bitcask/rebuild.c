/*
 * rebuild: the key directory from the entries of all segments, whatever their order.
 *
 * The highest sequence of a key wins, never the order of files. Tombstones take a slot while
 * entries are read, so that an older put that comes later loses against them, and leave it at the
 * end.
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
#include "bitcask/limbo.h"

typedef struct rebuild {
    bitcask *store;
    keydir *keys;
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
    keydir_find_locked(self->keys, entry->hash, cursor);
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

static void count_live(bitcask *store, uint64_t address, uint64_t bytes, bool add)
{
    segment *holder = extent_segment(&store->extents, address);
    if (add) {
        holder->live_bytes += bytes;
        holder->live_count++;
    } else {
        holder->live_bytes -= bytes;
        holder->live_count--;
    }
}

static pykv_status take_slot(rebuild *self, const segment *source, const hint_entry *entry,
                             const keydir_cursor *cursor, const record *old)
{
    uint64_t address = bitcask_address(source, entry->offset);
    if (old != NULL) {
        if (old->kind == RECORD_PUT) {
            count_live(self->store, cursor->address, record_bytes_of(old), false);
        }
        keydir_replace(self->keys, cursor, entry->hash, address);
    } else if (!keydir_insert(self->keys, entry->hash, address)) {
        return error_set_no_memory(KEYDIR_UNIT_BYTES);
    }
    if (entry->kind == RECORD_PUT) {
        count_live(self->store, address, entry->bytes, true);
        return PYKV_OK;
    }
    hint_entry tombstone = *entry;
    tombstone.offset = address;
    return hint_list_add(&self->tombstones, &tombstone);
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
    if (entry->kind == RECORD_CLEAR || entry->sequence < self->store->clear_sequence) {
        return PYKV_OK;
    }
    pykv_status status = keydir_prepare(self->keys, entry->hash, rehash, self);
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
static void drop_tombstones(rebuild *self)
{
    for (uint64_t i = 0; i < self->tombstones.count; i++) {
        keydir_cursor cursor;
        keydir_find_locked(self->keys, self->tombstones.entries[i].hash, &cursor);
        while (keydir_next(&cursor)) {
            if (cursor.address == self->tombstones.entries[i].offset) {
                keydir_remove(self->keys, &cursor);
                break;
            }
        }
    }
}

/* What a rebuild counts anew in a segment. */
typedef struct books {
    uint64_t live_bytes;
    uint64_t live_count;
    uint64_t tombstone_bytes;
    uint64_t tombstone_count;
} books;

static void save_books(const bitcask *self, books *saved) SINGLE_THREADED
{
    for (size_t i = 0; i < self->segment_count; i++) {
        const segment *source = self->segments[i];
        saved[i] = (books){source->live_bytes, source->live_count, source->tombstone_bytes,
                           source->tombstone_count};
    }
}

/* The directory that is in use stays, and with it what was counted for it. */
static void restore_books(const bitcask *self, const books *saved) SINGLE_THREADED
{
    for (size_t i = 0; i < self->segment_count && !PYKV_PLANTED(101); i++) {
        segment *source = self->segments[i];
        source->live_bytes = saved[i].live_bytes;
        source->live_count = saved[i].live_count;
        source->tombstone_bytes = saved[i].tombstone_bytes;
        source->tombstone_count = saved[i].tombstone_count;
    }
}

static pykv_status build(bitcask *self, keydir **keys_out) SINGLE_THREADED
{
    rebuild work = {.store = self};
    books *saved = mem_alloc((self->segment_count + 1) * sizeof *saved);
    if (saved == NULL) {
        return error_set_no_memory((self->segment_count + 1) * sizeof *saved);
    }
    save_books(self, saved);
    pykv_status status = keydir_new(&work.keys);
    for (size_t i = 0; i < self->segment_count && status == PYKV_OK; i++) {
        status = apply_segment(&work, self->segments[i]);
    }
    if (status == PYKV_OK) {
        drop_tombstones(&work);
        *keys_out = work.keys;
    } else {
        restore_books(self, saved);
        keydir_free(work.keys);
    }
    mem_free(saved);
    hint_list_reset(&work.tombstones);
    buffer_reset(&work.new_scratch);
    buffer_reset(&work.old_scratch);
    return status;
}

pykv_status bitcask_rebuild(bitcask *self)
{
    directory *now = directory_now_locked(&self->directory);
    keydir *keys = NULL;
    pykv_status status = build(self, &keys);
    if (status == PYKV_OK) {
        keydir_free(now->keys);
        now->keys = keys;
    }
    return status;
}

pykv_status bitcask_rebuild_in_use(bitcask *self)
{
    directory *fresh;
    keydir *keys = NULL;
    pykv_status status = directory_new(&fresh);
    if (status == PYKV_OK) {
        status = build(self, &keys);
        if (status != PYKV_OK) {
            directory_free(fresh);
        }
    }
    if (status != PYKV_OK) {
        return status;
    }
    keydir_free(fresh->keys);
    fresh->keys = keys;
    directory *old = directory_now_locked(&self->directory);
    atomic_store_explicit(&self->directory, fresh, memory_order_release);
    bitcask_retire_directory(self, old);
    return PYKV_OK;
}
