/*
 * user_operations: random operations on a user iterator and its model.
 */
#ifndef PYKV_TESTS_LSM_USER_OPERATIONS_H
#define PYKV_TESTS_LSM_USER_OPERATIONS_H

#include "user_model.h"

/* A key to seek: that of an operation, a prefix of one, or one just behind one. */
static inline slice user_random_key(user_model *self, uint8_t *room)
{
    uint64_t *seed = &self->walk->seed;
    slice key = self->walk->entries[check_random(seed, self->walk->count)].key;
    if (key.size > 0) {
        memcpy(room, key.data, key.size);
    }
    switch (check_random(seed, 4)) {
    case 0:
        return slice_make(room, check_random(seed, key.size + 1));
    case 1:
        room[key.size] = 0;
        return slice_make(room, key.size + 1);
    default:
        return slice_make(room, key.size);
    }
}

static inline user_iterator_request user_random_request(user_model *self)
{
    static const size_t bytes[] = {1, 40, 300, 5000, SIZE_MAX};
    uint64_t *seed = &self->walk->seed;
    size_t few = 1 + check_random(seed, 8);
    user_iterator_request request = {.chunk_bytes = bytes[check_random(seed, 5)],
                                     .row_limit = check_random(seed, 3) != 0 ? few : SIZE_MAX,
                                     .keys_only = check_random(seed, 4) == 0,
                                     .is_reverse = check_random(seed, 2) == 0};
    return request;
}

static inline pykv_status user_random_seek(user_model *self, uint8_t *room)
{
    slice key = user_random_key(self, room);
    size_t below = user_model_below(self, key);
    switch (check_random(&self->walk->seed, 7)) {
    case 0:
        user_iterator_place_first(self->iterator);
        user_model_stand(self, 0, false);
        return PYKV_OK;
    case 1:
        user_iterator_place_last(self->iterator);
        user_model_stand(self, self->count, false);
        return PYKV_OK;
    case 2:
        user_model_stand(self, below, false);
        return user_iterator_place(self->iterator, key);
    case 3:
        user_model_stand(self, below, true);
        return user_iterator_seek(self->iterator, key);
    case 4:
        user_model_stand(self, below - 1, below > 0);
        return user_iterator_seek_back(self->iterator, key);
    case 5:
        user_model_stand(self, 0, true);
        return user_iterator_seek_first(self->iterator);
    default:
        user_model_stand(self, self->count - 1, true);
        return user_iterator_seek_last(self->iterator);
    }
}

static inline pykv_status user_random_step(user_model *self, bool is_backward)
{
    if (is_backward) {
        user_model_stand(self, self->at - 1, self->at > 0);
        return user_iterator_previous(self->iterator);
    }
    user_model_stand(self, self->is_on_row ? self->at + 1 : self->at, true);
    return user_iterator_next(self->iterator);
}

/* Any operation: mostly steps, in a direction that changes now and then. */
static inline pykv_status user_random_operation(user_model *self, bool *is_backward, uint8_t *room)
{
    uint64_t *seed = &self->walk->seed;
    *is_backward = check_random(seed, 6) == 0 ? !*is_backward : *is_backward;
    uint64_t choice = check_random(seed, 20);
    if (choice == 0) {
        return user_random_seek(self, room);
    }
    if (choice < 5) {
        user_iterator_request request = user_random_request(self);
        return user_model_fill(self, &request);
    }
    return user_random_step(self, *is_backward);
}

#endif
