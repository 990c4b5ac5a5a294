/*
 * key_space: how the keys of all namespaces share the one order of a store.
 *
 *   user key                   as it is stored
 *   default, not FF...         the user key
 *   default, FF...             FF 00, user key
 *   namespace id               FF 01, id u32 with its highest byte first, user key
 *
 *   FF 02, name                the id of a namespace, u32
 *   FF 02                      the highest id that was ever given, u32
 *
 * The order of the user keys of a namespace is that of their stored keys, and the rows of a
 * namespace stand side by side. Documented in docs/format/table.md. Pure functions but for memory:
 * thread-safe.
 */
#ifndef PYKV_LSM_KEY_SPACE_H
#define PYKV_LSM_KEY_SPACE_H

#include <stdbool.h>
#include <stdint.h>

#include "pykv.h"

#include "base/annotate.h"
#include "base/slice.h"
#include "base/stored_key.h"
#include "log/name_book.h"

/* Ids of namespaces: 1 .. KEY_SPACE_ID_MAX, and these. */
#define KEY_SPACE_DEFAULT NAMESPACE_DEFAULT
#define KEY_SPACE_ID_MAX  NAMESPACE_ID_MAX
#define KEY_SPACE_NAMES   NAMESPACE_NAMES /* the rows of names: the user key is the name */
#define KEY_SPACE_STORED  UINT32_MAX      /* everything, with keys as they are stored */

enum { KEY_SPACE_MARK = 0xFF, KEY_SPACE_INLINE_BYTES = 256 };

/* True if a stored key has a prefix, or a user key of the default namespace needs one. */
static inline bool key_space_is_marked(slice key)
{
    return key.size != 0 && key.data[0] == KEY_SPACE_MARK;
}

/* True if the key is stored as it is. */
static inline bool key_space_keeps(uint32_t id, slice user_key)
{
    return id == KEY_SPACE_STORED || (id == KEY_SPACE_DEFAULT && !key_space_is_marked(user_key));
}

/* Bytes of the prefix that the stored keys of a namespace have if they are marked. */
size_t key_space_prefix_bytes(uint32_t id);

/* Writes that prefix. Returns its length. */
size_t key_space_prefix(uint32_t id, uint8_t out[STORED_KEY_PREFIX_MAX]);

/* A stored key without the prefix of prefix_bytes that it has if it is marked. */
static inline slice key_space_strip(slice stored, size_t prefix_bytes)
{
    if (PYKV_LIKELY(!key_space_is_marked(stored)) || stored.size < prefix_bytes) {
        return stored;
    }
    return slice_make(stored.data + prefix_bytes, stored.size - prefix_bytes);
}

/* Splits a stored key. False: it is a row of names, or no key that is stored. */
bool key_space_split(slice stored, uint32_t *id_out, slice *user_key_out);

/* A key as it is stored. */
typedef struct stored_key {
    slice key; /* borrows from the user key, from owned, or from bytes */
    uint8_t *owned;
    uint8_t bytes[KEY_SPACE_INLINE_BYTES];
} stored_key;

/* Makes one of a user key of any length, which must stay where it is, as must self. PYKV_NO_MEMORY.
 * On PYKV_OK stored_key_reset must follow. */
PYKV_NODISCARD pykv_status stored_key_make(uint32_t id, slice user_key, stored_key *self);

/* The key above all that a namespace can have. Requires an id other than KEY_SPACE_STORED. */
void stored_key_end(uint32_t id, stored_key *self);

void stored_key_reset(stored_key *self);

/* Bounds as they are stored. */
typedef struct stored_range {
    pykv_range range; /* borrows from the bounds below */
    stored_key start;
    stored_key stop;
} stored_range;

/* Makes one of a range of user keys (NULL: all); otherwise as stored_key_make. */
PYKV_NODISCARD pykv_status stored_range_make(uint32_t id, const pykv_range *user_range,
                                             stored_range *self);
void stored_range_reset(stored_range *self);

#endif
