/*
 * shown_state: heads of manifests, and what stands behind the ends of logs.
 */
#include "log/shown_state.h"

#include <string.h>

#include "base/coding.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/invariant.h"
#include "base/memory.h"
#include "log/log_file.h"
#include "log/log_format.h"

/* Behind the end of a log: a sector's rest, and the begin of a record. */
enum { BEHIND_BYTES = LOG_SECTOR_BYTES + RECORD_HEADER_BYTES };

pykv_status shown_set_gone(env_directory *home)
{
    return error_set_at(PYKV_REPLACED, env_directory_path(home),
                        "the database is not in this directory any more");
}

static pykv_status read_head(env_directory *home, uint8_t out[MANIFEST_HEAD_BYTES])
{
    env_file *file;
    size_t got = 0;
    memset(out, 0, MANIFEST_HEAD_BYTES);
    pykv_status status = env_file_open(home, MANIFEST_NAME, ENV_READ, &file);
    if (status != PYKV_OK) {
        return status == PYKV_PATH_NOT_FOUND ? PYKV_NOT_FOUND : status;
    }
    status = env_file_read(file, 0, out, MANIFEST_HEAD_BYTES, &got);
    env_file_close(file);
    return status;
}

pykv_status shown_state_begin(env_directory *home, shown_state *self)
{
    *self = (shown_state){.logs = NULL};
    return read_head(home, self->head);
}

pykv_status shown_state_add(shown_state *self, env_directory *home, uint32_t number, uint64_t end)
{
    char name[LOG_FILE_NAME_BYTES];
    shown_log added = {.end = end};
    shown_log *grown = mem_resize(self->logs, (self->log_count + 1) * sizeof *grown);
    if (grown == NULL) {
        return error_set_no_memory((self->log_count + 1) * sizeof *grown);
    }
    self->logs = grown;
    log_file_name(number, name);
    pykv_status status = env_file_open(home, name, ENV_READ, &added.file);
    if (status == PYKV_OK) {
        grown[self->log_count++] = added;
    }
    return status == PYKV_PATH_NOT_FOUND ? PYKV_OK : status;
}

static pykv_status has_ended(const shown_log *log, bool *ended_out)
{
    uint8_t behind[BEHIND_BYTES];
    size_t got = 0;
    pykv_status status = env_file_read(log->file, log->end, behind, sizeof behind, &got);
    if (status == PYKV_OK) {
        *ended_out = all_zero(behind, got) || PYKV_PLANTED(229);
    }
    return status;
}

pykv_status shown_state_manifest_is_newest(const shown_state *self, env_directory *home,
                                           bool *newest_out)
{
    uint8_t head[MANIFEST_HEAD_BYTES];
    pykv_status status = read_head(home, head);
    if (status == PYKV_OK) {
        *newest_out = memcmp(head, self->head, sizeof head) == 0;
    }
    return status == PYKV_NOT_FOUND ? shown_set_gone(home) : status;
}

pykv_status shown_state_is_newest(const shown_state *self, env_directory *home, bool *newest_out)
{
    bool newest = false;
    pykv_status status = shown_state_manifest_is_newest(self, home, &newest);
    for (size_t i = 0; i < self->log_count && newest && status == PYKV_OK; i++) {
        status = has_ended(&self->logs[i], &newest);
    }
    if (status == PYKV_OK) {
        *newest_out = newest;
    }
    return status;
}

/* ---- tries ---- */

static bool may_be_a_writers_doing(pykv_status status)
{
    return status == PYKV_CORRUPTION || status == PYKV_IO_FAILED;
}

/* What the last error names: what a writer removes is another file each time, so one that fails
 * again and again is damaged. */
static uint64_t failure_of(pykv_status status)
{
    const pykv_error *last = error_last();
    uint64_t text = hash_murmur3(last->text, strlen(last->text), 0, 0).low;
    return hash_murmur3(last->path, strlen(last->path), last->offset, text + (uint64_t)status).low;
}

/* The first try that fails is counted as one beside the same manifest: nothing is known of before.
 */
bool shown_try_again(shown_tries *self, env_directory *home, pykv_status status)
{
    uint8_t head[MANIFEST_HEAD_BYTES];
    if (!may_be_a_writers_doing(status)) {
        return false;
    }
    pykv_error failure = *error_last();
    uint64_t failed_in = failure_of(status);
    bool moved = read_head(home, head) == PYKV_OK && self->attempts > 0 &&
                 failed_in != self->failure && memcmp(head, self->head, sizeof head) != 0;
    error_restore(&failure);
    memcpy(self->head, head, sizeof head);
    self->failure = failed_in;
    self->moves += moved;
    self->attempts = moved ? 1 : self->attempts + 1;
    return self->attempts < SHOWN_ATTEMPTS && self->moves < SHOWN_MOVES_MAX;
}

bool shown_try_again_at(shown_tries *self, env *environment, const char *path, pykv_status status)
{
    env_directory *home;
    if (!may_be_a_writers_doing(status)) {
        return false;
    }
    pykv_error failure = *error_last();
    bool found = env_directory_open(environment, path, false, &home) == PYKV_OK;
    error_restore(&failure);
    bool again = found && shown_try_again(self, home, status);
    if (found) {
        env_directory_close(home);
    }
    return again;
}

pykv_status shown_state_go_on(const shown_state *self, env_directory *home,
                              pykv_status (*show_newest)(void *owner), void *owner, bool *moved_out)
{
    bool newest = false;
    shown_tries tries = {.attempts = 0};
    pykv_status status = shown_state_is_newest(self, home, &newest);
    if (status != PYKV_OK || newest) {
        return status;
    }
    do {
        status = show_newest(owner);
    } while (shown_try_again(&tries, home, status));
    *moved_out = status == PYKV_OK;
    return status;
}

pykv_status shown_check(env_directory *home, const shown_identity *shown,
                        const shown_identity *found)
{
    if (found->store_id != shown->store_id && !PYKV_PLANTED(230)) {
        return error_set_at(PYKV_REPLACED, env_directory_path(home),
                            "another database is in this directory now");
    }
    if (found->epoch < shown->epoch ||
        (found->epoch == shown->epoch && found->edit < shown->edit)) {
        return error_set_at(PYKV_REPLACED, env_directory_path(home),
                            "an earlier state of the database is in this directory now");
    }
    return PYKV_OK;
}

pykv_status shown_check_sequence(env_directory *home, uint64_t shown, uint64_t found)
{
    if (found < shown) {
        return error_set(PYKV_REPLACED,
                         "%s: the database ends at sequence %llu now, before %llu, which is shown",
                         env_directory_path(home), (unsigned long long)found,
                         (unsigned long long)shown);
    }
    return PYKV_OK;
}

void shown_state_reset(shown_state *self)
{
    for (size_t i = 0; i < self->log_count; i++) {
        env_file_close(self->logs[i].file);
    }
    mem_free(self->logs);
    *self = (shown_state){.logs = NULL};
}
