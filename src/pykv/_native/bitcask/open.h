/*
 * open: the steps of opening a store, in order: take the directory, read or make the manifest, load
 * the segments, recover the tail of the log, load or rebuild the key directory.
 *
 * Nothing is changed on disk before the manifest and every file it names were checked.
 * Single-threaded: the store is not shared yet, so its locks are taken only where callees require
 * it.
 */
#ifndef PYKV_BITCASK_OPEN_H
#define PYKV_BITCASK_OPEN_H

#include "bitcask/manifest.h"
#include "bitcask/store.h"

/* Fills in defaults and checks ranges. PYKV_INVALID_ARGUMENT names the option. */
PYKV_NODISCARD pykv_status bitcask_resolve_options(const pykv_options *given, pykv_options *out);

/* A store with nothing in it: locks, empty directory. */
PYKV_NODISCARD pykv_status bitcask_new(env *env, const pykv_options *options, bitcask **store_out);

/* Reads the manifest, or makes a new store's. */
PYKV_NODISCARD pykv_status bitcask_load_manifest(bitcask *self, manifest *out);

#endif
