/*
 * limbo: two lists each: what the current epoch ticket covers, and what came after it.
 */
#include "bitcask/limbo.h"

#include "base/invariant.h"
#include "bitcask/segment_list.h"

void bitcask_retire_directory(bitcask *self, directory *target)
{
    target->detached = true;
    if (target->pin_count == 0) {
        target->limbo_next = self->limbo.fresh_directories;
        self->limbo.fresh_directories = target;
    }
}

void bitcask_retire_segment(bitcask *self, segment *target)
{
    target->removed = true;
    if (target->pin_count == 0) {
        target->limbo_next = self->limbo.fresh_segments;
        self->limbo.fresh_segments = target;
    }
}

void bitcask_unpin_segment(bitcask *self, segment *target)
{
    PYKV_ASSERT(target->pin_count > 0);
    target->pin_count--;
    if (target->removed && target->pin_count == 0) {
        bitcask_retire_segment(self, target);
    }
}

void bitcask_unpin_directory(bitcask *self, directory *target)
{
    PYKV_ASSERT(target->pin_count > 0);
    target->pin_count--;
    if (target->detached && target->pin_count == 0) {
        bitcask_retire_directory(self, target);
    }
}

static void free_aging(bitcask *self) REQUIRES(self->writer)
{
    while (self->limbo.aging_segments != NULL) {
        segment *next = self->limbo.aging_segments->limbo_next;
        bitcask_dispose(self, self->limbo.aging_segments);
        self->limbo.aging_segments = next;
    }
    while (self->limbo.aging_directories != NULL) {
        directory *next = self->limbo.aging_directories->limbo_next;
        directory_free(self->limbo.aging_directories);
        self->limbo.aging_directories = next;
    }
}

static bool fresh_to_aging(limbo *self)
{
    self->aging_segments = self->fresh_segments;
    self->aging_directories = self->fresh_directories;
    self->fresh_segments = NULL;
    self->fresh_directories = NULL;
    return self->aging_segments != NULL || self->aging_directories != NULL;
}

void bitcask_sweep_limbo(bitcask *self, bool *more_out)
{
    limbo *waiting = &self->limbo;
    if (waiting->ticket_taken &&
        (epoch_passed(&self->gate.readers, &waiting->ticket) || PYKV_PLANTED(54))) {
        free_aging(self);
        waiting->ticket_taken = false;
    }
    if (!waiting->ticket_taken && fresh_to_aging(waiting)) {
        epoch_begin(&self->gate.readers, &waiting->ticket);
        waiting->ticket_taken = true;
    }
    *more_out = waiting->ticket_taken;
}

void bitcask_empty_limbo(bitcask *self)
{
    free_aging(self);
    while (fresh_to_aging(&self->limbo)) {
        free_aging(self);
    }
    self->limbo.ticket_taken = false;
}
