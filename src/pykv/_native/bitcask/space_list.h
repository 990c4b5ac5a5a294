/*
 * space_list: the namespaces of a store by their ids.
 */
#ifndef PYKV_BITCASK_SPACE_LIST_H
#define PYKV_BITCASK_SPACE_LIST_H

#include "bitcask/store.h"

/* The namespace of an id; NULL: there is none in memory, so no live record is of it. */
space *bitcask_find_space(bitcask *self, uint32_t id) REQUIRES(self->writer);

/* The same, and makes it, empty and not in use. PYKV_NO_MEMORY. */
PYKV_NODISCARD pykv_status bitcask_add_space(bitcask *self, uint32_t id, space **space_out)
    REQUIRES(self->writer);

/* The same, and from now on it takes writes. */
PYKV_NODISCARD pykv_status bitcask_use_space(bitcask *self, uint32_t id, space **space_out)
    REQUIRES(self->writer);

/* Takes a namespace that was dropped off the list. It stays in memory as long as it is held. */
void bitcask_remove_space(bitcask *self, space *target) REQUIRES(self->writer);

/* Takes those off that are empty and not held: a rebuild makes one for each that was ever dropped,
 * and those that have a name are made again when they are asked for. No write may be waiting, nor
 * any come before the names are read again: at an open, or in a reader. */
void bitcask_remove_idle_spaces(bitcask *self) REQUIRES(self->writer);

/* Holds the namespace of an id; one that is not in use takes no writes. That of a
 * reader is listed from now on, so that its holder sees what a refresh shows. PYKV_NO_MEMORY. */
PYKV_NODISCARD pykv_status bitcask_hold_space(bitcask *self, uint32_t id, space **space_out)
    EXCLUDES(self->writer);
void bitcask_let_space_go(bitcask *self, space *target) EXCLUDES(self->writer);

/* Frees all directories; only when no reader is left. Namespaces that are held stay, empty. */
void bitcask_free_spaces(bitcask *self) REQUIRES(self->writer);

/* The place of a directory is taken by another one; who is in the old one may stay. */
void bitcask_replace_directory(bitcask *self, space *within, directory *fresh)
    REQUIRES(self->writer);

/* Takes the live records of a namespace out of the counts of all segments. */
void bitcask_forget_live(bitcask *self, uint32_t space_id) REQUIRES(self->writer);

/* Calls visit for every namespace until it fails. */
PYKV_NODISCARD pykv_status bitcask_each_space(bitcask *self,
                                              pykv_status (*visit)(space *each, void *context),
                                              void *context) REQUIRES(self->writer);

#endif
