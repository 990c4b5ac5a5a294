/*
 * shared_file: references, and the stack of the dead. Thread-safe as shared_file.h says.
 */
#include "lsm/shared_file.h"

#include "base/error.h"
#include "base/invariant.h"

void graveyard_init(graveyard *self, env_directory *home)
{
    self->home = home;
    atomic_init(&self->dead, NULL);
}

void shared_file_init(shared_file *self, graveyard *grave,
                      void (*close)(shared_file *self, char *name_out))
{
    self->grave = grave;
    self->close = close;
    self->next_dead = NULL;
    atomic_init(&self->references, 1);
    atomic_init(&self->obsolete, false);
}

void shared_file_acquire(shared_file *self)
{
    uint32_t before = atomic_fetch_add_explicit(&self->references, 1, memory_order_relaxed);
    PYKV_ASSERT(before > 0);
}

static void bury(shared_file *self)
{
    graveyard *grave = self->grave;
    self->next_dead = atomic_load_explicit(&grave->dead, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&grave->dead, &self->next_dead, self,
                                                  memory_order_release, memory_order_relaxed)) {
    }
}

void shared_file_release(shared_file *self)
{
    uint32_t before = atomic_fetch_sub_explicit(&self->references, 1, memory_order_acq_rel);
    PYKV_ASSERT(before > 0);
    if (before == 1) {
        bury(self);
    }
}

void shared_file_mark_obsolete(shared_file *self)
{
    atomic_store_explicit(&self->obsolete, true, memory_order_relaxed);
}

static void close_file(graveyard *grave, shared_file *self)
{
    char name[SHARED_FILE_NAME_BYTES];
    bool obsolete = atomic_load_explicit(&self->obsolete, memory_order_relaxed);
    self->close(self, name);
    if (obsolete || PYKV_PLANTED(71)) {
        pykv_error failure = *error_last();
        if (env_unlink(grave->home, name) != PYKV_OK) {
            error_restore(&failure); /* an orphan that the next open removes */
        }
    }
}

uint64_t graveyard_empty(graveyard *self)
{
    uint64_t count = 0;
    shared_file *file = atomic_exchange_explicit(&self->dead, NULL, memory_order_acquire);
    while (file != NULL) {
        shared_file *next = file->next_dead;
        close_file(self, file);
        file = next;
        count++;
    }
    return count;
}
