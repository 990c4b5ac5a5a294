/*
 * write_many: writes collected from an iterable and handed to the store in chunks, each of which is
 * all or nothing.
 *
 * A chunk borrows keys and values where they lie and keeps the bytes objects that hold them. It is
 * written when it is full and another write has come, so that an iterable that raises, or gives
 * something wrong, leaves the chunks before it. These are the rules of `pykv.engine.batch`.
 */
#include "cpython/write_many.h"

#include <assert.h>
#include <string.h>

#include "cpython/copying.h"
#include "cpython/raising.h"
#include "cpython/store_object.h"

enum {
    CHUNK_WRITES_MAX = 1000,
    CHUNK_BYTES_MAX = 4 << 20,
    CHUNK_CAPACITY_MIN = 64,
    HELD_WRITES_MAX = 8 /* more are written without the interpreter lock */
};

static const signature put_many_signature = {
    .function = "put_many",
    .names = {"items", "ttl", "sync", "atomic"},
    .name_count = 4,
    .positional_max = 1,
    .required = 1,
};

static const signature delete_many_signature = {
    .function = "delete_many",
    .names = {"keys", "sync"},
    .name_count = 2,
    .positional_max = 1,
    .required = 1,
};

/* Writes on their way, of one call. */
typedef struct chunk {
    pykv_store *store;
    int32_t flags;
    uint64_t ttl_us; /* of puts; 0: for ever */
    bool deletes;    /* keys alone */
    bool atomic;     /* all in one batch, which may not be larger than bytes_max */
    size_t bytes_max;
    size_t bytes; /* of keys and values */
    size_t count;
    size_t capacity;
    /* Arrays of capacity entries in one block that begins at keys. */
    const void **keys;
    const void **values;
    PyObject **key_holders; /* owned exact bytes, in which the keys lie */
    PyObject **value_holders;
    size_t *key_lengths;
    size_t *value_lengths;
} chunk;

/* ---- the arrays ---- */

/* Points the arrays into a new block. False with MemoryError. */
static bool chunk_carve(chunk *self, size_t capacity)
{
    enum { ARRAYS = 6 };
    static_assert(sizeof(void *) == sizeof(size_t), "the arrays share a block");
    void **block = PyMem_Malloc(capacity * ARRAYS * sizeof(void *));
    if (block == NULL) {
        PyErr_NoMemory();
        return false;
    }
    self->capacity = capacity;
    self->keys = (const void **)block;
    self->values = (const void **)(block + capacity);
    self->key_holders = (PyObject **)(block + 2 * capacity);
    self->value_holders = (PyObject **)(block + 3 * capacity);
    self->key_lengths = (size_t *)(void *)(block + 4 * capacity);
    self->value_lengths = (size_t *)(void *)(block + 5 * capacity);
    return true;
}

static bool chunk_grow(chunk *self)
{
    chunk larger = *self;
    if (!chunk_carve(&larger, self->capacity == 0 ? CHUNK_CAPACITY_MIN : self->capacity * 2)) {
        return false;
    }
    if (self->count > 0) {
        size_t bytes = self->count * sizeof(void *);
        memcpy(larger.keys, self->keys, bytes);
        memcpy(larger.values, self->values, bytes);
        memcpy(larger.key_holders, self->key_holders, bytes);
        memcpy(larger.value_holders, self->value_holders, bytes);
        memcpy(larger.key_lengths, self->key_lengths, bytes);
        memcpy(larger.value_lengths, self->value_lengths, bytes);
    }
    PyMem_Free(self->keys);
    *self = larger;
    return true;
}

/* Lets go of the writes. */
static void chunk_clear(chunk *self)
{
    for (size_t i = 0; i < self->count; i++) {
        Py_DECREF(self->key_holders[i]);
        Py_XDECREF(self->value_holders[i]);
    }
    self->count = 0;
    self->bytes = 0;
}

static void chunk_reset(chunk *self)
{
    chunk_clear(self);
    PyMem_Free(self->keys);
}

/* ---- writing ---- */

/* Turns a time to live into a deadline of the store's clock; 0 stays 0. */
static pykv_status deadline_after(pykv_store *store, uint64_t ttl_us, uint64_t *deadline_us_out)
{
    uint64_t now_us = 0;
    pykv_status status = ttl_us != 0 ? pykv_now(store, &now_us) : PYKV_OK;
    *deadline_us_out = ttl_us + now_us;
    return status;
}

static pykv_status write_all(const chunk *self, uint64_t deadline_us, int32_t flags)
{
    return pykv_write_many_until(self->store, self->count, self->keys, self->key_lengths,
                                 self->deletes ? NULL : self->values, self->value_lengths,
                                 deadline_us, flags);
}

/* Writes what was collected, also nothing, and lets go of it. False with an exception. */
static bool chunk_write(chunk *self)
{
    uint64_t until;
    bool small = self->count <= HELD_WRITES_MAX && self->bytes <= LARGE_BYTES;
    pykv_status status = deadline_after(self->store, self->ttl_us, &until);
    if (status == PYKV_OK) {
        bool holds = small && (self->flags & PYKV_SYNC) == 0;
        status = holds ? write_all(self, until, self->flags | PYKV_NO_WAIT) : PYKV_WOULD_BLOCK;
    }
    if (status == PYKV_WOULD_BLOCK) {
        Py_BEGIN_ALLOW_THREADS;
        status = write_all(self, until, self->flags);
        Py_END_ALLOW_THREADS;
    }
    if (status != PYKV_OK) {
        raise_status(status);
        return false;
    }
    chunk_clear(self);
    return true;
}

/* Makes sure that one more write of bytes may be added. False with an exception. */
static bool chunk_make_room(chunk *self, size_t bytes)
{
    if (self->atomic) {
        if (self->count > 0 && self->bytes + bytes > self->bytes_max) {
            raise_batch_too_large(self->bytes + bytes, self->bytes_max);
            return false;
        }
    } else if (self->count == CHUNK_WRITES_MAX ||
               (self->count > 0 && self->bytes + bytes > self->bytes_max)) {
        if (!chunk_write(self)) {
            return false;
        }
    }
    if (FAST_UNLIKELY(self->count % CHUNK_WRITES_MAX == 0) && PyErr_CheckSignals() < 0) {
        return false;
    }
    return self->count < self->capacity || chunk_grow(self);
}

/* ---- collecting ---- */

/* Adds a write; value NULL for deletes. The objects are those that the views were made of. */
static bool chunk_add(chunk *self, const bytes_view *key, PyObject *key_object,
                      const bytes_view *value, PyObject *value_object)
{
    size_t value_length = value == NULL ? 0 : value->length;
    if (!chunk_make_room(self, key->length + value_length)) {
        return false;
    }
    size_t i = self->count++;
    self->bytes += key->length + value_length;
    self->keys[i] = key->data;
    self->key_lengths[i] = key->length;
    self->key_holders[i] = bytes_view_holder(key, key_object);
    self->values[i] = value == NULL ? NULL : value->data;
    self->value_lengths[i] = value_length;
    self->value_holders[i] = value == NULL ? NULL : bytes_view_holder(value, value_object);
    return true;
}

static bool add_delete(chunk *self, PyObject *key)
{
    bytes_view name;
    if (!bytes_view_key(key, &name)) {
        return false;
    }
    bool added = chunk_add(self, &name, key, NULL, NULL);
    bytes_view_reset(&name);
    return added;
}

static bool add_put(chunk *self, PyObject *key, PyObject *value)
{
    bytes_view name;
    bytes_view data;
    if (!bytes_view_key(key, &name)) {
        return false;
    }
    bool added = bytes_view_value(value, &data);
    if (added) {
        added = chunk_add(self, &name, key, &data, value);
        bytes_view_reset(&data);
    }
    bytes_view_reset(&name);
    return added;
}

/* The first three items of what should be a pair; fewer are NULL. All are owned. */
static void unpack(PyObject *item, PyObject **parts_out)
{
    PyObject *iterator = PyObject_GetIter(item);
    for (int i = 0; i < 3; i++) {
        bool more = iterator != NULL && (i == 0 || parts_out[i - 1] != NULL);
        parts_out[i] = more ? PyIter_Next(iterator) : NULL;
    }
    Py_XDECREF(iterator);
}

static void raise_no_pair(PyObject *item)
{
    PyObject *name = PyType_GetName(Py_TYPE(item));
    if (name != NULL) {
        PyErr_Format(PyExc_TypeError,
                     "items must be (key, value) pairs, not %U: pass mapping.items() for a mapping",
                     name);
        Py_DECREF(name);
    }
}

/* Adds a pair that is no tuple. */
static bool add_unpacked(chunk *self, PyObject *item)
{
    PyObject *parts[3];
    bool added = false;
    unpack(item, parts);
    bool wrong = PyErr_Occurred() ? PyErr_ExceptionMatches(PyExc_TypeError) ||
                                        PyErr_ExceptionMatches(PyExc_ValueError)
                                  : parts[1] == NULL || parts[2] != NULL;
    if (wrong) {
        raise_no_pair(item);
    } else if (!PyErr_Occurred()) {
        added = add_put(self, parts[0], parts[1]);
    }
    for (int i = 0; i < 3; i++) {
        Py_XDECREF(parts[i]);
    }
    return added;
}

static bool add_item(chunk *self, PyObject *item)
{
    if (self->deletes) {
        return add_delete(self, item);
    }
    if (FAST_LIKELY(PyTuple_CheckExact(item) && PyTuple_Size(item) == 2)) {
        return add_put(self, PyTuple_GetItem(item, 0), PyTuple_GetItem(item, 1));
    }
    return add_unpacked(self, item);
}

/* Collects and writes all of items. NULL with an exception, else None. */
static PyObject *write_items(chunk *self, PyObject *items)
{
    pykv_status status = pykv_check_open(self->store);
    if (status != PYKV_OK) {
        return raise_status(status);
    }
    PyObject *iterator = PyObject_GetIter(items);
    if (iterator == NULL) {
        return NULL;
    }
    PyObject *item;
    bool good = true;
    while (good && (item = PyIter_Next(iterator)) != NULL) {
        good = add_item(self, item);
        Py_DECREF(item);
    }
    good = good && !PyErr_Occurred() && chunk_write(self);
    Py_DECREF(iterator);
    chunk_reset(self);
    return good ? Py_NewRef(Py_None) : NULL;
}

PyObject *store_put_many(PyObject *op, PyObject *const *arguments, Py_ssize_t count,
                         PyObject *keywords)
{
    const store_object *store = (store_object *)op;
    PyObject *values[SIGNATURE_ARGUMENTS_MAX];
    chunk puts = {.store = store_object_bound(store), .bytes_max = store->batch_bytes_max};
    if (puts.store == NULL ||
        !signature_bind(&put_many_signature, arguments, count, keywords, values) ||
        !ttl_of(values[1], &puts.ttl_us) || !flags_of_sync(values[2], &puts.flags)) {
        return NULL;
    }
    int atomic = values[3] == NULL ? 0 : PyObject_IsTrue(values[3]);
    if (atomic < 0) {
        return NULL;
    }
    puts.atomic = atomic != 0;
    if (!puts.atomic && puts.bytes_max > CHUNK_BYTES_MAX) {
        puts.bytes_max = CHUNK_BYTES_MAX;
    }
    return write_items(&puts, values[0]);
}

PyObject *store_delete_many(PyObject *op, PyObject *const *arguments, Py_ssize_t count,
                            PyObject *keywords)
{
    const store_object *store = (store_object *)op;
    PyObject *values[SIGNATURE_ARGUMENTS_MAX];
    chunk deletes = {
        .store = store_object_bound(store), .deletes = true, .bytes_max = store->batch_bytes_max};
    if (deletes.store == NULL ||
        !signature_bind(&delete_many_signature, arguments, count, keywords, values) ||
        !flags_of_sync(values[1], &deletes.flags)) {
        return NULL;
    }
    if (deletes.bytes_max > CHUNK_BYTES_MAX) {
        deletes.bytes_max = CHUNK_BYTES_MAX;
    }
    return write_items(&deletes, values[0]);
}
