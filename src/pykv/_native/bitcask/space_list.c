/*
 * space_list: finding, making and letting go of namespaces.
 */
#include "bitcask/space_list.h"

#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"
#include "bitcask/limbo.h"

/* ---- the list ---- */

/* NULL where it is not listed. */
static space *find_listed(const spaces *self, uint32_t id)
{
    const listed_space *row = id_table_find(&self->list, id);
    return row != NULL ? row->space : NULL;
}

static space *listed_at(const spaces *self, size_t place)
{
    const listed_space *row = id_table_at(&self->list, place);
    return row->space;
}

space *bitcask_find_space(bitcask *self, uint32_t id)
{
    spaces *all = &self->spaces;
    return id == NAMESPACE_DEFAULT ? &all->main : find_listed(all, id);
}

/* One that is on no list; NULL where there is no memory. */
static space *new_space(uint32_t id)
{
    directory *keys;
    space *made = mem_alloc_zeroed(1, sizeof *made);
    if (made == NULL || directory_new(&keys) != PYKV_OK) {
        mem_free(made);
        return NULL;
    }
    made->id = id;
    keys->space_id = id;
    atomic_init(&made->directory, keys);
    return made;
}

/* Of one that is on no list and that nobody holds, so that no reader can be in it. */
static void free_space(space *target)
{
    directory *keys = directory_now_locked(&target->directory);
    if (keys != NULL && keys->pin_count > 0) {
        keys->detached = true; /* the last moment sends it to the limbo */
    } else {
        directory_free(keys);
    }
    mem_free(target);
}

static pykv_status list_new(spaces *self, uint32_t id, space **space_out)
{
    void *met;
    space *made = new_space(id);
    if (made == NULL) {
        return error_set_no_memory(sizeof *made);
    }
    pykv_status status = id_table_meet(&self->list, id, sizeof(listed_space), &met);
    if (status != PYKV_OK) {
        free_space(made);
        return status;
    }
    listed_space *row = met;
    row->space = made;
    made->is_listed = true;
    *space_out = made;
    return PYKV_OK;
}

pykv_status bitcask_add_space(bitcask *self, uint32_t id, space **space_out)
{
    spaces *all = &self->spaces;
    space *found = id == NAMESPACE_DEFAULT ? &all->main : find_listed(all, id);
    if (id != NAMESPACE_DEFAULT && found == NULL) {
        return list_new(all, id, space_out);
    }
    *space_out = found;
    return PYKV_OK;
}

pykv_status bitcask_use_space(bitcask *self, uint32_t id, space **space_out)
{
    pykv_status status = bitcask_add_space(self, id, space_out);
    if (status == PYKV_OK) {
        (*space_out)->in_use = true;
    }
    return status;
}

/* ---- letting go ---- */

void bitcask_remove_space(bitcask *self, space *target)
{
    const listed_space *row = id_table_find(&self->spaces.list, target->id);
    PYKV_ASSERT(row != NULL && row->space == target);
    id_table_remove(&self->spaces.list, row);
    target->is_listed = false;
    if (target->holder_count == 0) {
        free_space(target);
    }
}

static bool is_idle(const space *target)
{
    const directory *now = directory_now_locked(&target->directory);
    return target->id != NAMESPACE_NAMES && target->holder_count == 0 &&
           keydir_count(now->keys) == 0;
}

void bitcask_remove_idle_spaces(bitcask *self)
{
    for (size_t place = self->spaces.list.count; place > 0; place--) {
        space *each = listed_at(&self->spaces, place - 1);
        if (is_idle(each)) {
            bitcask_remove_space(self, each);
        }
    }
}

/* The namespace of an id; NULL: there is no memory. One that is not listed has been dropped, or is
 * of a reader that has shown no row of it: what the next refresh shows has to reach its holder. */
static space *find_or_make(bitcask *self, uint32_t id) REQUIRES(self->writer)
{
    space *found = NULL;
    if (self->options.read_only != 0 && !PYKV_PLANTED(258)) {
        return bitcask_add_space(self, id, &found) == PYKV_OK ? found : NULL;
    }
    found = bitcask_find_space(self, id);
    return found != NULL ? found : new_space(id);
}

pykv_status bitcask_hold_space(bitcask *self, uint32_t id, space **space_out)
{
    mutex_lock(&self->writer);
    space *found = find_or_make(self, id);
    if (found != NULL) {
        found->holder_count++;
        *space_out = found;
    }
    mutex_unlock(&self->writer);
    return found != NULL ? PYKV_OK : error_set_no_memory(sizeof *found);
}

void bitcask_let_space_go(bitcask *self, space *target)
{
    mutex_lock(&self->writer);
    target->holder_count--;
    if (target->holder_count == 0 && !target->is_listed) {
        free_space(target);
    }
    mutex_unlock(&self->writer);
}

static void free_directory(space *target)
{
    directory_free(directory_now_locked(&target->directory));
    atomic_store_explicit(&target->directory, NULL, memory_order_relaxed);
}

void bitcask_free_spaces(bitcask *self)
{
    spaces *all = &self->spaces;
    free_directory(&all->main);
    for (size_t i = 0; i < all->list.count; i++) {
        space *each = listed_at(all, i);
        free_directory(each);
        each->is_listed = false;
        if (each->holder_count == 0) {
            mem_free(each);
        }
    }
    id_table_reset(&all->list);
}

/* ---- their keys ---- */

void bitcask_replace_directory(bitcask *self, space *within, directory *fresh)
{
    directory *old = directory_now_locked(&within->directory);
    fresh->space_id = within->id;
    atomic_store_explicit(&within->directory, fresh, memory_order_release);
    bitcask_retire_directory(self, old);
}

void bitcask_forget_live(bitcask *self, uint32_t space_id)
{
    for (size_t i = 0; i < self->segment_count; i++) {
        segment *source = self->segments[i];
        if (space_id == NAMESPACE_DEFAULT) {
            live_share others = live_shares_sum(&source->shares);
            source->live_bytes = others.bytes;
            source->live_count = others.count;
        } else {
            live_share gone = live_shares_remove(&source->shares, space_id);
            source->live_bytes -= gone.bytes;
            source->live_count -= gone.count;
        }
    }
}

pykv_status bitcask_each_space(bitcask *self, pykv_status (*visit)(space *each, void *context),
                               void *context)
{
    pykv_status status = visit(&self->spaces.main, context);
    for (size_t i = 0; i < self->spaces.list.count && status == PYKV_OK; i++) {
        status = visit(listed_at(&self->spaces, i), context);
    }
    return status;
}
