/*
 * manifest_pins: encoding, checking, and the list in memory.
 */
#include "log/manifest_pins.h"

#include <string.h>

#include "base/coding.h"
#include "base/error.h"
#include "log/manifest_file.h"

enum {
    PIN_BYTES = MANIFEST_PIN_BYTES,
    NAME_LENGTH_AT = 24,
    NAME_AT = 28,
    NAME_BYTES_MAX = sizeof(((pykv_pin *)0)->name) - 1
};

uint64_t manifest_pins_bytes(const history_pins *self)
{
    return self->count * PIN_BYTES;
}

pykv_status manifest_pins_encode(const history_pins *self, uint32_t header_crc, buffer *out)
{
    size_t at = out->size;
    pykv_status status = buffer_append_zeros(out, manifest_pins_bytes(self));
    for (size_t i = 0; i < self->count && status == PYKV_OK; i++, at += PIN_BYTES) {
        const pykv_pin *pin = &self->pins[i];
        uint8_t *entry = out->data + at;
        size_t length = strlen(pin->name);
        store_u64(entry, pin->sequence);
        store_u64(entry + 8, pin->bytes_max);
        store_u64(entry + 16, pin->until_us);
        store_u32(entry + NAME_LENGTH_AT, (uint32_t)length);
        memcpy(entry + NAME_AT, pin->name, length);
        manifest_entry_seal(entry, PIN_BYTES, header_crc);
    }
    return status;
}

static pykv_status decode_one(const uint8_t *entry, uint64_t offset, const char *path,
                              history_pins *out)
{
    uint32_t length = load_u32(entry + NAME_LENGTH_AT);
    bool is_name =
        length > 0 && length <= NAME_BYTES_MAX && memchr(entry + NAME_AT, 0, length) == NULL;
    pykv_pin pin = {.sequence = load_u64(entry),
                    .bytes_max = load_u64(entry + 8),
                    .until_us = load_u64(entry + 16)};
    if (is_name) {
        memcpy(pin.name, entry + NAME_AT, length);
    }
    if (!is_name || history_pins_find(out, pin.name) != NULL) {
        return error_set_corruption(path, offset + NAME_LENGTH_AT, "a pin has no name of its own",
                                    NAME_BYTES_MAX, length);
    }
    out->pins[out->count++] = pin;
    return manifest_check_unused(entry, NAME_AT + length, PIN_BYTES - 4, path, offset);
}

pykv_status manifest_pins_decode(const uint8_t *data, uint64_t offset, uint64_t count,
                                 const char *path, history_pins *out)
{
    uint32_t header_crc = manifest_head_crc(data);
    pykv_status status = PYKV_OK;
    out->count = 0;
    for (uint64_t i = 0; i < count && status == PYKV_OK; i++, offset += PIN_BYTES) {
        status = manifest_entry_check(data + offset, PIN_BYTES, header_crc, path, offset);
        if (status == PYKV_OK) {
            status = decode_one(data + offset, offset, path, out);
        }
    }
    return status;
}

/* ---- the list ---- */

const pykv_pin *history_pins_find(const history_pins *self, const char *name)
{
    for (size_t i = 0; i < self->count; i++) {
        if (strcmp(self->pins[i].name, name) == 0) {
            return &self->pins[i];
        }
    }
    return NULL;
}

bool history_pins_set(history_pins *self, const pykv_pin *pin)
{
    const pykv_pin *found = history_pins_find(self, pin->name);
    if (found == NULL && self->count == HISTORY_PINS_MAX) {
        return false;
    }
    size_t at = found != NULL ? (size_t)(found - self->pins) : self->count++;
    self->pins[at] = *pin;
    self->pins[at].has_epoch = 0;
    self->pins[at].epoch = 0;
    return true;
}

bool history_pins_remove(history_pins *self, const char *name)
{
    const pykv_pin *found = history_pins_find(self, name);
    if (found == NULL) {
        return false;
    }
    size_t at = (size_t)(found - self->pins);
    self->count--;
    memmove(&self->pins[at], &self->pins[at + 1], (self->count - at) * sizeof self->pins[0]);
    return true;
}
