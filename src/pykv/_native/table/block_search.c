/*
 * block_search: tags are compared sixteen at a time by one instruction where there is one.
 * Elsewhere eight at a time: a byte of the difference to the sought tag in all places is zero where
 * they agree. The trick that finds the zero bytes of a word may take a byte of 1 above a zero byte
 * for one too; the compare of the keys sorts that out. Either reads up to 15 bytes behind the tags,
 * which are in the block.
 */
#include "table/block_search.h"

#include "table/table_format.h"

#if defined(__SSE2__)

#include <emmintrin.h>

enum { TAGS_AT_ONCE = 16, TAG_BITS = 1 };

/* A bit for each of the next 16 tags that is the wanted one. */
static inline uint64_t matches(const uint8_t *tags, uint8_t wanted)
{
    __m128i there = _mm_loadu_si128((const __m128i *)(const void *)tags);
    __m128i equal = _mm_cmpeq_epi8(there, _mm_set1_epi8((char)wanted));
    return (uint32_t)_mm_movemask_epi8(equal);
}

#else

#define EVERY_BYTE UINT64_C(0x0101010101010101)
#define EVERY_HIGH UINT64_C(0x8080808080808080)

enum { TAGS_AT_ONCE = 8, TAG_BITS = 8 };

/* The highest of 8 bits for each of the next 8 tags that is the wanted one, and for few others. */
static inline uint64_t matches(const uint8_t *tags, uint8_t wanted)
{
    uint64_t difference = load_u64(tags) ^ wanted * EVERY_BYTE;
    return (difference - EVERY_BYTE) & ~difference & EVERY_HIGH;
}

#endif

/* Whether size bytes are equal: of a key's parts most have a few, for which a call costs more. */
static inline bool are_equal(const uint8_t *left, const uint8_t *right, size_t size)
{
    if (size > 16) {
        return memcmp(left, right, size) == 0;
    }
    if (size >= 8) {
        return ((load_u64(left) ^ load_u64(right)) |
                (load_u64(left + size - 8) ^ load_u64(right + size - 8))) == 0;
    }
    if (size >= 4) {
        return ((load_u32(left) ^ load_u32(right)) |
                (load_u32(left + size - 4) ^ load_u32(right + size - 4))) == 0;
    }
    for (size_t i = 0; i < size; i++) {
        if (left[i] != right[i]) {
            return false;
        }
    }
    return true;
}

/* Reads the entry. Whether its key is this one. */
static inline bool read_if_equal(const block *self, uint32_t index, slice key, block_entry *out)
{
    block_read(self, index, out);
    if (out->shared + out->suffix.size != key.size) {
        return false;
    }
    return key.size == 0 ||
           (are_equal(key.data + out->shared, out->suffix.data, out->suffix.size) &&
            are_equal(key.data, out->head, out->shared));
}

/* From the first entry of key on: the one that is not newer than sequence. The entries of a key
 * have one tag, so a step to another tag, or to another key in the end, has left them. */
static bool find_version(const block *self, uint32_t first, const table_position *position,
                         uint32_t *index_out, block_entry *entry_out)
{
    uint32_t index = first;
    while (block_sequence(self, index) > position->sequence) {
        index++;
        if (index == self->entry_count || self->tags[index] != self->tags[first]) {
            return false;
        }
    }
    *index_out = index;
    return index == first || read_if_equal(self, index, position->key, entry_out);
}

/* As block_find, of the entries from first on. */
static bool find_from(const block *self, uint32_t first, const table_position *position,
                      uint64_t hash, uint32_t *index_out, block_entry *entry_out)
{
    uint8_t wanted = (uint8_t)table_tag(hash);
    for (uint32_t base = first; base < self->entry_count; base += TAGS_AT_ONCE) {
        uint64_t found = matches(self->tags + base, wanted);
        for (; found != 0; found &= found - 1) {
            uint32_t index = base + (uint32_t)__builtin_ctzll(found) / TAG_BITS;
            if (index >= self->entry_count) {
                return false;
            }
            if (read_if_equal(self, index, position->key, entry_out)) {
                return find_version(self, index, position, index_out, entry_out);
            }
        }
    }
    return false;
}

bool block_find_fetched(const block *self, uint32_t first, const table_position *position,
                        uint64_t hash, uint32_t *index_out, block_entry *entry_out)
{
    if (first == self->entry_count) {
        return false;
    }
    if (PYKV_LIKELY(read_if_equal(self, first, position->key, entry_out))) {
        return find_version(self, first, position, index_out, entry_out);
    }
    return find_from(self, first + 1, position, hash, index_out, entry_out);
}

/* Asks the processor for what block_find touches first. */
static void prefetch(const block *self)
{
    const uint8_t *at = (const uint8_t *)self;
    for (size_t line = 0; line < 4; line++) {
        __builtin_prefetch(at + 64 * line);
    }
}

bool block_find(const block *self, table_position position, uint64_t hash, uint32_t *index_out,
                block_entry *entry_out)
{
    prefetch(self);
    return find_from(self, 0, &position, hash, index_out, entry_out);
}

/* Asks for what is read of an entry: itself, the head of its group, and its sequence. */
static inline void fetch_entry(const block *self, uint32_t index)
{
    const uint8_t *entry = self->entries + self->starts[index];
    uint32_t head = index >> self->group_shift << self->group_shift;
    __builtin_prefetch(entry);
    __builtin_prefetch(entry + 64);
    __builtin_prefetch(self->entries + self->starts[head]);
    __builtin_prefetch(self->sequences + (size_t)index * self->sequence_width);
}

uint32_t block_fetch(const block *self, uint64_t hash)
{
    uint8_t wanted = (uint8_t)table_tag(hash);
    for (uint32_t base = 0; base < self->entry_count; base += TAGS_AT_ONCE) {
        uint64_t found = matches(self->tags + base, wanted);
        if (found != 0) {
            uint32_t index = base + (uint32_t)__builtin_ctzll(found) / TAG_BITS;
            if (index >= self->entry_count) {
                break;
            }
            fetch_entry(self, index);
            return index;
        }
    }
    return self->entry_count;
}

/* As table_position_compare of the entry with position. */
static int compare(const block *self, uint32_t index, table_position position)
{
    block_entry entry;
    slice rest = position.key;
    block_read(self, index, &entry);
    if (entry.shared > 0) {
        size_t size = rest.size < entry.shared ? rest.size : entry.shared;
        int order = size == 0 ? 0 : memcmp(entry.head, rest.data, size);
        if (order != 0) {
            return order;
        }
        if (rest.size < entry.shared) {
            return 1;
        }
        rest = slice_make(rest.data + entry.shared, rest.size - entry.shared);
    }
    int order = slice_compare(entry.suffix, rest);
    if (order != 0) {
        return order;
    }
    uint64_t sequence = block_sequence(self, index);
    return (sequence < position.sequence) - (sequence > position.sequence);
}

uint32_t block_seek(const block *self, table_position position)
{
    /* Over the heads first, whose keys are whole: all groups before low begin before position, the
     * group high and those behind it do not. */
    uint32_t group_count = ((self->entry_count - 1) >> self->group_shift) + 1;
    uint32_t low = 0;
    uint32_t high = group_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (compare(self, middle << self->group_shift, position) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == 0) {
        return 0;
    }
    uint32_t end = low == group_count ? self->entry_count : low << self->group_shift;
    uint32_t begin = ((low - 1) << self->group_shift) + 1;
    while (begin < end) {
        uint32_t middle = begin + (end - begin) / 2;
        if (compare(self, middle, position) < 0) {
            begin = middle + 1;
        } else {
            end = middle;
        }
    }
    return begin;
}
