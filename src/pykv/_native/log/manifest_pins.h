/*
 * manifest_pins: the pins in a manifest, behind everything else: who wants
 * which history kept, by name.
 *
 *   offset size  field
 *        0    8  sequence     what is above it is wanted
 *        8    8  bytes_max    of logs that only history needs; 0: no limit
 *       16    8  until_us     wall clock; 0: for ever
 *       24    4  name_length  1 to 64
 *       28   64  name, zeros
 *       92    4  zero
 *       96    4  zero
 *      100    4  entry_crc    crc32c of bytes 0..100, seeded with header_crc
 *
 * Pure: thread-safe.
 */
#ifndef PYKV_LOG_MANIFEST_PINS_H
#define PYKV_LOG_MANIFEST_PINS_H

#include "base/buffer.h"

enum { MANIFEST_PIN_BYTES = 104, HISTORY_PINS_MAX = 16 };

/* The pins of a store, in the order in which they were made; names differ. Of a pykv_pin gone and
 * the epoch do not count. */
typedef struct history_pins {
    pykv_pin pins[HISTORY_PINS_MAX];
    size_t count;
} history_pins;

/* Bytes of the entries. */
uint64_t manifest_pins_bytes(const history_pins *self);

/* Appends the entries. PYKV_NO_MEMORY. */
PYKV_NODISCARD pykv_status manifest_pins_encode(const history_pins *self, uint32_t header_crc,
                                                buffer *out);

/* Reads count entries, which stand at offset of a manifest. PYKV_CORRUPTION naming path. */
PYKV_NODISCARD pykv_status manifest_pins_decode(const uint8_t *data, uint64_t offset,
                                                uint64_t count, const char *path,
                                                history_pins *out);

/* The pin with a name, NULL if there is none. */
const pykv_pin *history_pins_find(const history_pins *self, const char *name);

/* Puts a pin in the place of one with its name, or behind the others. False: there are too many. */
bool history_pins_set(history_pins *self, const pykv_pin *pin);

/* Removes the pin with a name. False: there is none. */
bool history_pins_remove(history_pins *self, const char *name);

#endif
