/*
 * process_guard: what process.c needs of the bus guard at a fork. The guard itself is declared in
 * process.h.
 */
#ifndef PYKV_BASE_PROCESS_GUARD_H
#define PYKV_BASE_PROCESS_GUARD_H

/* Takes the table's lock, so that a child does not inherit a half-written table. */
void process_guard_before_fork(void);
void process_guard_after_fork_in_parent(void);

/* Empties the table and gives it a fresh lock: the child reads none of its parent's mappings. */
void process_guard_after_fork_in_child(void);

#endif
