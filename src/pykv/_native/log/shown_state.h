/*
 * shown_state: what a store that is open read-only shows of a database that another process may be
 * writing: which manifest, and up to where which logs; and whether there is more by now.
 *
 * A log goes on behind its end with the next record, or with zeros up to the end of a sector and
 * the record behind them. So a database has nothing new if the head of its manifest is the same and
 * zeros or nothing stands there. Bytes that are no record, which a crash left, look like more.
 * One thread at a time.
 */
#ifndef PYKV_LOG_SHOWN_STATE_H
#define PYKV_LOG_SHOWN_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "env/env.h"
#include "log/manifest_file.h"

/* A log that may go on. */
typedef struct shown_log {
    env_file *file;
    uint64_t end; /* of what is shown of it */
} shown_log;

/* Zeros: nothing is shown. */
typedef struct shown_state {
    uint8_t head[MANIFEST_HEAD_BYTES];
    shown_log *logs;
    size_t log_count;
} shown_state;

/* Which database a manifest is of, and which of its manifests it is. */
typedef struct shown_identity {
    uint64_t store_id;
    uint64_t epoch;
    uint64_t edit;
} shown_identity;

/* Of tries beside one manifest, as a writer may cut a log without another one, or that fail in the
 * same; and of tries beside manifests that go on, of which a fast writer may make one in the time
 * of each try. */
enum { SHOWN_ATTEMPTS = 5, SHOWN_MOVES_MAX = 1000 };

/* Tries to open or to show what a live writer may change meanwhile. Zeros: none has failed. */
typedef struct shown_tries {
    uint8_t head[MANIFEST_HEAD_BYTES]; /* after the last one that failed */
    int attempts;                      /* that failed beside that manifest, or another one */
    int moves;        /* the others: the manifest had gone on, and something else failed */
    uint64_t failure; /* what the last one failed in */
} shown_tries;

/* Notes that a try gave status. True: it is worth another, since it may be the doing of a writer
 * that removed files or cut logs. Keeps the last error. */
bool shown_try_again(shown_tries *self, env_directory *home, pykv_status status);

/* The same of the directory path. */
bool shown_try_again_at(shown_tries *self, env *environment, const char *path, pykv_status status);

/* Begins a state with the head of the manifest that is in force, before it is read as a whole.
 * PYKV_NOT_FOUND if there is none; what reading a file may give. */
PYKV_NODISCARD pykv_status shown_state_begin(env_directory *home, shown_state *self);

/* Adds an unsealed log that was read up to end. Where it has gone meanwhile it is left out: then
 * the manifest has changed too. What opening a file may give, PYKV_NO_MEMORY. */
PYKV_NODISCARD pykv_status shown_state_add(shown_state *self, env_directory *home, uint32_t number,
                                           uint64_t end);

/* Whether there is nothing new. A read of the manifest's head, and one a log. PYKV_REPLACED; what
 * reading a file may give. */
PYKV_NODISCARD pykv_status shown_state_is_newest(const shown_state *self, env_directory *home,
                                                 bool *newest_out);

/* Whether its manifest is still the one in force. A read of the head. What shown_state_is_newest
 * gives. */
PYKV_NODISCARD pykv_status shown_state_manifest_is_newest(const shown_state *self,
                                                          env_directory *home, bool *newest_out);

/* Shows what is newest: nothing if self is, else what show_newest shows, which is tried again where
 * a live writer removed files meanwhile. moved_out: whether something is shown now that was not.
 * What shown_state_is_newest and show_newest give. */
PYKV_NODISCARD pykv_status shown_state_go_on(const shown_state *self, env_directory *home,
                                             pykv_status (*show_newest)(void *owner), void *owner,
                                             bool *moved_out);

/* PYKV_REPLACED: there is no manifest any more. */
PYKV_NODISCARD pykv_status shown_set_gone(env_directory *home);

/* PYKV_REPLACED unless found may follow shown. */
PYKV_NODISCARD pykv_status shown_check(env_directory *home, const shown_identity *shown,
                                       const shown_identity *found);

/* PYKV_REPLACED: what was found ends before the sequence that is shown. */
PYKV_NODISCARD pykv_status shown_check_sequence(env_directory *home, uint64_t shown,
                                                uint64_t found);

/* Closes the logs. */
void shown_state_reset(shown_state *self);

#endif
