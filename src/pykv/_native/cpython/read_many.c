/*
 * read_many: many keys at once, seen at one moment.
 *
 * A few keys whose values lie in memory are looked up under the interpreter lock, and their values
 * copied straight into bytes objects. Many keys, large values, and whatever would block, are looked
 * up without it: the values are copied into a buffer of this call, nothing stays pinned, and the
 * objects are made from the buffer.
 */
#include "cpython/read_many.h"

#include <string.h>

#include "cpython/copying.h"
#include "cpython/raising.h"
#include "cpython/store_object.h"

enum {
    HELD_KEYS_MAX = 63,          /* more keys are looked up without the interpreter lock */
    SPARE_KEYS_MAX = 4096,       /* results for more keys are not kept for the next call */
    SPARE_BYTES_MAX = 1 << 20,   /* nor are results of more bytes */
    GUESS_BYTES_MIN = 16 * 1024, /* of the buffer, */
    GUESS_BYTES_MAX = 8 << 20    /* before it is known how much there is */
};

static const signature get_many_signature = {
    .function = "get_many",
    .names = {"keys", "default"},
    .name_count = 2,
    .positional_max = 2,
    .required = 1,
};

/* The keys of one call, and what was found. */
typedef struct lookup {
    pykv_many *many;
    pykv_snapshot *snapshot; /* NULL: now */
    PyObject *absent;        /* what to give for a missing key; borrowed */
    PyObject *keys;          /* a tuple, which nobody can change */
    PyObject *copies;        /* a list of bytes for keys that are not bytes; NULL: there is none */
    size_t count;
    const void **pointers; /* the first of three arrays in one block */
    size_t *key_lengths;
    size_t *value_lengths; /* SIZE_MAX: absent */
    char *bytes;           /* the values, one after the other */
    size_t capacity;
    size_t total;
} lookup;

static void lookup_reset(lookup *self)
{
    PyMem_Free(self->bytes);
    PyMem_Free(self->pointers);
    Py_XDECREF(self->copies);
    Py_XDECREF(self->keys);
}

/* ---- phase 1: keys ---- */

/* Keeps a copy that a view made. Takes it over. */
static bool keep_copy(lookup *self, PyObject *copy)
{
    if (copy == NULL) {
        return true;
    }
    if (self->copies == NULL) {
        self->copies = PyList_New(0);
    }
    bool kept = self->copies != NULL && PyList_Append(self->copies, copy) == 0;
    Py_DECREF(copy);
    return kept;
}

/* self is all zeros but for absent. False with an exception. */
static bool take_keys(lookup *self, PyObject *keys)
{
    self->keys = PyList_CheckExact(keys) ? PyList_AsTuple(keys) : PySequence_Tuple(keys);
    if (self->keys == NULL) {
        return false;
    }
    self->count = (size_t)PyTuple_Size(self->keys);
    self->pointers = PyMem_Malloc((self->count + 1) * (sizeof(void *) + 2 * sizeof(size_t)));
    if (self->pointers == NULL) {
        PyErr_NoMemory();
        return false;
    }
    self->key_lengths = (size_t *)(void *)(self->pointers + self->count);
    self->value_lengths = self->key_lengths + self->count;
    for (size_t i = 0; i < self->count; i++) {
        bytes_view view;
        if (!bytes_view_key(PyTuple_GetItem(self->keys, (Py_ssize_t)i), &view) ||
            !keep_copy(self, view.copy)) {
            return false;
        }
        self->pointers[i] = view.data;
        self->key_lengths[i] = view.length;
    }
    return true;
}

/* ---- phase 2: values ---- */

/* Takes the spare many, or a new one. False with an exception. */
static bool take_many(store_object *store, lookup *self)
{
    self->many = store->spare_many;
    store->spare_many = NULL;
    if (self->many != NULL) {
        return true;
    }
    pykv_status status = pykv_many_new(store->store, &self->many);
    if (status != PYKV_OK) {
        raise_status(status);
    }
    return status == PYKV_OK;
}

static void give_many(store_object *store, lookup *self)
{
    bool small = self->count <= SPARE_KEYS_MAX && self->total <= SPARE_BYTES_MAX;
    if (small && store->spare_many == NULL) {
        store->spare_many = self->many;
    } else {
        pykv_many_free(self->many);
    }
}

/* Copies what is pinned into the buffer, if there is room, and lets go of it. No Python is called.
 */
static void copy_out(lookup *self)
{
    const uint8_t *const *values = pykv_many_values(self->many);
    const size_t *lengths = pykv_many_lengths(self->many);
    self->total = 0;
    for (size_t i = 0; i < self->count; i++) {
        if (values[i] == NULL) {
            self->value_lengths[i] = SIZE_MAX;
            continue;
        }
        if (lengths[i] <= self->capacity && self->total <= self->capacity - lengths[i]) {
            memcpy(self->bytes + self->total, values[i], lengths[i]);
        }
        self->value_lengths[i] = lengths[i];
        self->total += lengths[i];
    }
    pykv_many_release(self->many);
}

static pykv_status look_up(const lookup *self, int32_t flags)
{
    if (self->snapshot == NULL) {
        return pykv_get_many(self->many, self->count, self->pointers, self->key_lengths, flags);
    }
    return pykv_get_many_at(self->many, self->snapshot, self->count, self->pointers,
                            self->key_lengths, flags);
}

/* Looks the keys up and has all values in the buffer. False with an exception. */
static bool fill_buffer(lookup *self, size_t capacity)
{
    pykv_status status;
    do {
        PyMem_Free(self->bytes);
        self->capacity = capacity;
        self->bytes = PyMem_Malloc(capacity);
        if (self->bytes == NULL) {
            PyErr_NoMemory();
            return false;
        }
        Py_BEGIN_ALLOW_THREADS;
        status = look_up(self, 0);
        if (status == PYKV_OK) {
            copy_out(self);
        }
        Py_END_ALLOW_THREADS;
        if (status != PYKV_OK) {
            raise_status(status);
            return false;
        }
        capacity = self->total + self->total / 4;
    } while (self->total > self->capacity);
    return true;
}

/* ---- phase 3: objects ---- */

/* A list that the collector does not show to others, whose items are still to be set. */
static PyObject *hidden_list(size_t count)
{
    PyObject *list = PyList_New((Py_ssize_t)count);
    if (list != NULL) {
        PyObject_GC_UnTrack(list);
    }
    return list;
}

/* The values in the buffer as bytes. NULL with an exception. */
static PyObject *list_of_buffer(const lookup *self)
{
    PyObject *list = hidden_list(self->count);
    const char *at = self->bytes;
    for (size_t i = 0; list != NULL && i < self->count; i++) {
        size_t length = self->value_lengths[i];
        PyObject *value = length == SIZE_MAX ? Py_NewRef(self->absent) : bytes_copy(at, length);
        if (value == NULL) {
            Py_CLEAR(list);
            break;
        }
        at += length == SIZE_MAX ? 0 : length;
        PyList_SetItem(list, (Py_ssize_t)i, value);
    }
    if (list != NULL) {
        PyObject_GC_Track(list);
    }
    return list;
}

static PyObject *get_released(store_object *store, lookup *self)
{
    size_t guess = self->count * store->bytes_a_key_hint;
    guess = guess < GUESS_BYTES_MIN ? GUESS_BYTES_MIN : guess;
    if (!fill_buffer(self, guess > GUESS_BYTES_MAX ? GUESS_BYTES_MAX : guess)) {
        return NULL;
    }
    if (self->count > 0) {
        size_t average = self->total / self->count;
        store->bytes_a_key_hint = average + average / 4;
    }
    return list_of_buffer(self);
}

/* Sets the items of list to what is pinned. False if a value is large, or with an exception. */
static bool set_pinned(const lookup *self, PyObject *list)
{
    const uint8_t *const *values = pykv_many_values(self->many);
    const size_t *lengths = pykv_many_lengths(self->many);
    for (size_t i = 0; i < self->count; i++) {
        PyObject *value = NULL;
        if (values[i] == NULL) {
            value = Py_NewRef(self->absent);
        } else if (lengths[i] <= LARGE_BYTES) {
            value = PyBytes_FromStringAndSize((const char *)values[i], (Py_ssize_t)lengths[i]);
        }
        if (value == NULL) {
            return false;
        }
        PyList_SetItem(list, (Py_ssize_t)i, value);
    }
    return true;
}

/* With the interpreter lock. NULL with an exception, or without one where it has to be let go. */
static PyObject *get_held(lookup *self)
{
    PyObject *list = hidden_list(self->count);
    if (list == NULL) {
        return NULL;
    }
    pykv_status status = look_up(self, PYKV_NO_WAIT);
    if (status == PYKV_OK) {
        bool complete = set_pinned(self, list);
        pykv_many_release(self->many);
        if (complete) {
            PyObject_GC_Track(list);
            return list;
        }
    } else if (status != PYKV_WOULD_BLOCK) {
        raise_status(status);
    }
    Py_DECREF(list);
    return NULL;
}

static PyObject *get_all(store_object *store, lookup *self)
{
    PyObject *list = NULL;
    if (self->count <= HELD_KEYS_MAX) {
        list = get_held(self);
    }
    if (list == NULL && !PyErr_Occurred()) {
        list = get_released(store, self);
    }
    return list;
}

PyObject *store_get_many(PyObject *op, PyObject *const *arguments, Py_ssize_t count,
                         PyObject *keywords)
{
    store_object *store = (store_object *)op;
    PyObject *values[SIGNATURE_ARGUMENTS_MAX];
    PyObject *list = NULL;
    if (!signature_bind(&get_many_signature, arguments, count, keywords, values) ||
        store_object_bound(store) == NULL) {
        return NULL;
    }
    lookup all = {.snapshot = store->snapshot, .absent = values[1] != NULL ? values[1] : Py_None};
    if (take_keys(&all, values[0]) && take_many(store, &all)) {
        list = get_all(store, &all);
        give_many(store, &all);
    }
    lookup_reset(&all);
    return list;
}
