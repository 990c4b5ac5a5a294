/*
 * directory: making and freeing.
 */
#include "bitcask/directory.h"

#include "base/error.h"
#include "base/memory.h"
#include "bitcask/keydir_new.h"

pykv_status directory_new(directory **directory_out)
{
    directory *made = mem_alloc_zeroed(1, sizeof *made);
    if (made == NULL) {
        return error_set_no_memory(sizeof *made);
    }
    pykv_status status = keydir_new(&made->keys);
    if (status != PYKV_OK) {
        mem_free(made);
        return status;
    }
    undo_init(&made->undo);
    *directory_out = made;
    return PYKV_OK;
}

void directory_free(directory *self)
{
    if (self != NULL) {
        keydir_free(self->keys);
        undo_destroy(&self->undo);
        mem_free(self);
    }
}
