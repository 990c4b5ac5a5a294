/*
 * lent: counting threads in and out, and the conditions on which they rest.
 */
#include "base/lent.h"

#include "base/error.h"

static const int32_t roles[] = {PYKV_ROLE_LOG, PYKV_ROLE_DATA};

enum { ROLE_COUNT = sizeof roles / sizeof roles[0] };

void lent_init(lent *self) SINGLE_THREADED
{
    mutex_init(&self->lock);
    condition_init(&self->left);
    atomic_init(&self->dismissed, 0);
    for (size_t i = 0; i < ROLE_COUNT; i++) {
        condition_init(&self->called[roles[i]]);
        atomic_init(&self->thread_count[roles[i]], 0);
        self->call_count[roles[i]] = 0;
    }
}

void lent_destroy(lent *self)
{
    for (size_t i = 0; i < ROLE_COUNT; i++) {
        condition_destroy(&self->called[roles[i]]);
    }
    condition_destroy(&self->left);
    mutex_destroy(&self->lock);
}

pykv_status lent_check_role(int32_t role)
{
    if (role == PYKV_ROLE_LOG || role == PYKV_ROLE_DATA) {
        return PYKV_OK;
    }
    return error_set(PYKV_INVALID_ARGUMENT, "role is %d, and must be LOG or DATA", role);
}

static bool is_dismissed(const lent *self)
{
    return atomic_load_explicit(&self->dismissed, memory_order_seq_cst) != 0;
}

static uint64_t calls_of(lent *self, int32_t role)
{
    mutex_lock(&self->lock);
    uint64_t calls = self->call_count[role];
    mutex_unlock(&self->lock);
    return calls;
}

/* Waits for pause_us, unless the role was called after calls was read. */
static void rest(lent *self, int32_t role, uint64_t calls, uint64_t pause_us)
{
    mutex_lock(&self->lock);
    if (self->call_count[role] == calls && !is_dismissed(self) && pause_us > 0) {
        (void)condition_wait_for(&self->called[role], &self->lock, pause_us);
    }
    mutex_unlock(&self->lock);
}

static void leave(lent *self, int32_t role)
{
    mutex_lock(&self->lock);
    atomic_fetch_sub_explicit(&self->thread_count[role], 1, memory_order_release);
    condition_broadcast(&self->left);
    mutex_unlock(&self->lock);
}

pykv_status lent_serve(lent *self, int32_t role, lent_step step, void *context)
{
    pykv_status status = lent_check_role(role);
    if (status != PYKV_OK) {
        return status;
    }
    atomic_fetch_add_explicit(&self->thread_count[role], 1, memory_order_seq_cst);
    while (!is_dismissed(self)) {
        uint64_t calls = calls_of(self, role);
        uint64_t pause_us = step(context, role);
        rest(self, role, calls, pause_us);
    }
    leave(self, role);
    return PYKV_OK;
}

void lent_call(lent *self, int32_t role)
{
    mutex_lock(&self->lock);
    self->call_count[role]++;
    condition_broadcast(&self->called[role]);
    mutex_unlock(&self->lock);
}

void lent_call_all(lent *self)
{
    for (size_t i = 0; i < ROLE_COUNT; i++) {
        lent_call(self, roles[i]);
    }
}

/* Behind the lock, so that who saw the last one leave may destroy self. */
bool lent_any(lent *self)
{
    int32_t count = 0;
    mutex_lock(&self->lock);
    for (size_t i = 0; i < ROLE_COUNT; i++) {
        count += atomic_load_explicit(&self->thread_count[roles[i]], memory_order_seq_cst);
    }
    mutex_unlock(&self->lock);
    return count != 0;
}

void lent_dismiss(lent *self)
{
    atomic_store_explicit(&self->dismissed, 1, memory_order_seq_cst);
    lent_call_all(self);
}

bool lent_wait(lent *self, uint64_t pause_us)
{
    mutex_lock(&self->lock);
    bool left = condition_wait_for(&self->left, &self->lock, pause_us);
    mutex_unlock(&self->lock);
    return left;
}
