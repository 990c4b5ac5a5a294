/*
 * home: the head of MANIFEST, and what names say.
 */
#include "log/home.h"

#include <string.h>

#include "base/error.h"
#include "base/invariant.h"
#include "log/manifest_file.h"

pykv_status home_manifest_engine(env_directory *home, int32_t *engine_out)
{
    uint8_t data[MANIFEST_HEAD_BYTES];
    size_t size = 0;
    env_file *file;
    pykv_status status = env_file_open(home, MANIFEST_NAME, ENV_READ, &file);
    if (status == PYKV_PATH_NOT_FOUND) {
        *engine_out = PYKV_ENGINE_ANY;
        return PYKV_OK;
    }
    if (status != PYKV_OK) {
        return status;
    }
    status = env_file_read(file, 0, data, sizeof data, &size);
    if (status == PYKV_OK) {
        status = manifest_head_engine(data, size, env_file_path(file), engine_out);
    }
    env_file_close(file);
    return status;
}

/* ---- names of others ---- */

typedef enum name_match { NAME_IS, NAME_BEGINS, NAME_ENDS } name_match;

/* Names that tell whose a directory is; the first that is found decides. */
static const struct {
    name_match match;
    const char *text;
    const char *owner;
} known[] = {
    {NAME_IS, "data.mdb", "what looks like an LMDB environment"},
    {NAME_BEGINS, "OPTIONS-", "what looks like a RocksDB database"},
    {NAME_IS, "IDENTITY", "what looks like a RocksDB database"},
    {NAME_IS, "CURRENT", "what looks like a LevelDB database"},
    {NAME_BEGINS, "MANIFEST-", "what looks like a LevelDB or RocksDB database"},
    {NAME_IS, "cache.db", "what looks like a diskcache cache"},
    {NAME_IS, "WiredTiger", "what looks like a WiredTiger database"},
    {NAME_BEGINS, "__db.", "what looks like a Berkeley DB environment"},
    {NAME_ENDS, ".bitcask.data", "what looks like a Bitcask of other software"},
    {NAME_ENDS, ".sqlite3", "what looks like an SQLite database"},
    {NAME_ENDS, ".sqlite", "what looks like an SQLite database"},
    {NAME_ENDS, ".db", "what looks like an SQLite or dbm database"},
};

static bool matches(const char *name, name_match match, const char *text)
{
    size_t length = strlen(name);
    size_t text_length = strlen(text);
    if (length < text_length || (match == NAME_IS && length != text_length)) {
        return false;
    }
    const char *from = match == NAME_ENDS ? name + length - text_length : name;
    return memcmp(from, text, text_length) == 0;
}

/* ---- names ---- */

static bool means_nothing(const char *name)
{
    return name[0] == '.' || strcmp(name, "lost+found") == 0 || strcmp(name, MANIFEST_NAME) == 0 ||
           strcmp(name, HOME_LOCK_NAME) == 0 || matches(name, NAME_BEGINS, "damaged-");
}

/* The strongest claim to a name; *engine_out whose. */
static home_claim claim_of(const char *name, const home_engine *const *engines, size_t count,
                           int32_t *engine_out)
{
    home_claim best = HOME_NOT_MINE;
    for (size_t i = 0; i < count; i++) {
        home_claim claim = engines[i]->claim(name);
        if (claim > best) {
            best = claim;
            *engine_out = engines[i]->engine;
        }
    }
    return best;
}

/* LevelDB and RocksDB number their logs as we do from 10,000,000 on, and always have this file. */
static bool has_logs_of_others(const env_names *names)
{
    for (size_t i = 0; i < names->count; i++) {
        if (strcmp(names->names[i], "CURRENT") == 0) {
            return !PYKV_PLANTED(330);
        }
    }
    return false;
}

/* The engine with the strongest claim to the directory, PYKV_ENGINE_ANY: no store is there. */
static int32_t owner_of(const env_names *names, const home_engine *const *engines, size_t count)
{
    int32_t owner = PYKV_ENGINE_ANY;
    int32_t decided = PYKV_ENGINE_ANY;
    home_claim best = HOME_DECIDES;
    for (size_t i = 0; i < names->count; i++) {
        int32_t engine = PYKV_ENGINE_ANY;
        home_claim claim = claim_of(names->names[i], engines, count, &engine);
        if (claim > best) {
            best = claim;
            owner = engine;
        } else if (claim == HOME_DECIDES) {
            decided = engine;
        }
    }
    if (best != HOME_LIKELY) {
        return owner;
    }
    if (decided != PYKV_ENGINE_ANY) {
        return decided;
    }
    return has_logs_of_others(names) ? PYKV_ENGINE_ANY : owner;
}

/* A name of somebody else, NULL if there is none; *owner_out what the directory looks like. */
static const char *find_other(const env_names *names, const home_engine *const *engines,
                              size_t count, const char **owner_out)
{
    for (size_t row = 0; row < sizeof known / sizeof known[0]; row++) {
        for (size_t i = 0; i < names->count; i++) {
            if (matches(names->names[i], known[row].match, known[row].text)) {
                *owner_out = known[row].owner;
                return names->names[i];
            }
        }
    }
    *owner_out = "files that are no database of pykv";
    for (size_t i = 0; i < names->count; i++) {
        int32_t engine;
        if (!means_nothing(names->names[i]) &&
            claim_of(names->names[i], engines, count, &engine) == HOME_NOT_MINE) {
            return names->names[i];
        }
    }
    return NULL;
}

/* PYKV_FORMAT if names hold a file of somebody else. */
static pykv_status check_names(const env_directory *home, const env_names *names,
                               const home_engine *const *engines, size_t count)
{
    const char *owner;
    const char *name = find_other(names, engines, count, &owner);
    if (name == NULL) {
        return PYKV_OK;
    }
    return error_set_at(PYKV_FORMAT, env_directory_path(home),
                        "the directory holds %s (there is %.64s): choose another one, or one "
                        "that is empty or does not exist yet",
                        owner, name);
}

pykv_status home_detect_by_names(env_directory *home, const home_engine *const *engines,
                                 size_t count, int32_t *engine_out)
{
    env_names names;
    pykv_status status = env_directory_list(home, &names);
    if (status != PYKV_OK) {
        return status;
    }
    int32_t engine = owner_of(&names, engines, count);
    if (engine == PYKV_ENGINE_ANY) {
        status = check_names(home, &names, engines, count);
    }
    env_names_free(&names);
    if (status == PYKV_OK) {
        *engine_out = engine;
    }
    return status;
}

/* ---- whose ---- */

pykv_status home_detect(env_directory *home, const home_engine *const *engines, size_t count,
                        int32_t *engine_out)
{
    int32_t engine = PYKV_ENGINE_ANY;
    pykv_status status = home_manifest_engine(home, &engine);
    if (status == PYKV_OK && engine == PYKV_ENGINE_ANY) {
        return home_detect_by_names(home, engines, count, engine_out);
    }
    if (status == PYKV_OK) {
        *engine_out = engine;
    }
    return status;
}

static bool has_file(env_directory *home, const char *name)
{
    env_file *file;
    bool has = env_file_open(home, name, ENV_READ, &file) == PYKV_OK;
    if (has) {
        env_file_close(file);
    }
    return has;
}

pykv_status home_check(env_directory *home, const home_engine *engine)
{
    int32_t found;
    if (has_file(home, MANIFEST_NAME)) {
        return PYKV_OK;
    }
    if (has_file(home, HOME_UNFINISHED_NAME)) {
        return error_set_at(PYKV_FORMAT, env_directory_path(home),
                            "the directory holds a checkpoint or a restore that was not finished "
                            "(there is " HOME_UNFINISHED_NAME "): destroy it, and make it again");
    }
    return home_detect_by_names(home, &engine, 1, &found);
}
