/*
 * fuzz_repair_manifest: makes counts and checks of manifests right (fuzz_repair.h).
 */
#ifndef PYKV_TESTS_FUZZ_REPAIR_MANIFEST_H
#define PYKV_TESTS_FUZZ_REPAIR_MANIFEST_H

#include "fuzz/fuzz_repair.h"

FUZZ_UNUSED static void fuzz_repair_manifest(uint8_t *data, size_t size)
{
    if (size < 256) {
        return;
    }
    size_t pins = data[136] % 3;
    size_t epochs = data[128] % 4;
    size_t deadlines = data[144] % 4;
    size_t behind = pins * 104 + epochs * 24 + deadlines * 64;
    bool fits = behind <= size - 256;
    pins = fits ? pins : 0;
    epochs = fits ? epochs : 0;
    deadlines = fits ? deadlines : 0;
    size_t entries = (size - 256 - (fits ? behind : 0)) / 64;
    size_t history = data[120] % 8 < entries ? data[120] % 8 : entries;
    data[12] = 1;
    store_u64(data + 96, entries - history);
    store_u64(data + 120, history);
    store_u64(data + 128, epochs);
    store_u64(data + 136, pins);
    store_u64(data + 144, deadlines);
    fuzz_repair_frame(data, "PYKVMAN\n", 256);
    uint32_t seed = crc32c_extend(0, data, 252);
    for (size_t at = 256, i = 0; i < entries + epochs + pins + deadlines; i++) {
        bool is_pin = i >= entries + epochs && i < entries + epochs + pins;
        bool is_epoch = i >= entries && i < entries + epochs;
        size_t bytes = is_epoch ? 24 : is_pin ? 104 : 64;
        store_u32(data + at + bytes - 4, crc32c_extend(seed, data + at, bytes - 4));
        at += bytes;
    }
}

/* As many tables as fit, and logs in what is left, or a few more. */
FUZZ_UNUSED static void fuzz_repair_lsm_manifest(uint8_t *data, size_t size)
{
    if (size < 256) {
        return;
    }
    size_t rest = size - 256;
    size_t logs = rest % 128 / 32 + (rest >= 512 ? data[96] % 4 * 4 : 0);
    data[12] = 2;
    store_u64(data + 96, logs);
    store_u64(data + 104, (rest - logs * 32) / 128);
    fuzz_repair_frame(data, "PYKVMAN\n", 256);
    for (size_t at = 256; at + 32 <= size;) {
        size_t bytes = at < 256 + logs * 32 ? 32 : 128;
        if (at + bytes <= size) {
            uint32_t crc = crc32c_extend(crc32c_extend(0, data, 252), data + at, bytes - 4);
            store_u32(data + at + bytes - 4, crc);
        }
        at += bytes;
    }
}

#endif
