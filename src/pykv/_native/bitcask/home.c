/*
 * home: names of stores and of other software. Only names are looked at: the files may be locked,
 * large, or no files.
 */
#include "bitcask/home.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "bitcask/bitcask.h"
#include "bitcask/repair.h"
#include "bitcask/store.h"

enum { HOME_NAME_BYTES = 32 };

/* Cuts suffix off name; false: it does not end so. */
static bool cut_suffix(char *name, const char *suffix)
{
    size_t length = strlen(name);
    size_t suffix_length = strlen(suffix);
    if (length <= suffix_length || strcmp(name + length - suffix_length, suffix) != 0) {
        return false;
    }
    name[length - suffix_length] = '\0';
    return true;
}

static bool is_segment(const char *name)
{
    bool hint;
    return segment_number(name, &hint) != 0;
}

bool home_is_ours(const char *name)
{
    char stem[HOME_NAME_BYTES];
    char log_name[HOME_NAME_BYTES + 8];
    if (strlen(name) >= sizeof stem) {
        return false;
    }
    snprintf(stem, sizeof stem, "%s", name);
    if (cut_suffix(stem, BITCASK_TORN_SUFFIX)) {
        snprintf(log_name, sizeof log_name, "%s.log", stem);
        return is_segment(log_name);
    }
    (void)cut_suffix(stem, BITCASK_TEMPORARY_SUFFIX);
    return is_segment(stem) || strcmp(stem, MANIFEST_NAME) == 0 ||
           strcmp(stem, BITCASK_IMAGE_NAME) == 0;
}

/* ---- others ---- */

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

static bool means_nothing(const char *name)
{
    return name[0] == '.' || home_is_ours(name) || strcmp(name, "lost+found") == 0 ||
           strcmp(name, BITCASK_LOCK_NAME) == 0 || matches(name, NAME_BEGINS, "damaged-");
}

/* A name of somebody else, NULL if there is none; *owner_out what the directory looks like. */
static const char *find_other(const env_names *names, const char **owner_out)
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
        if (!means_nothing(names->names[i])) {
            return names->names[i];
        }
    }
    return NULL;
}

static bool is_store(const env_names *names)
{
    bool found = false;
    for (size_t i = 0; i < names->count; i++) {
        found |= is_segment(names->names[i]) || strcmp(names->names[i], REPAIR_DIRECTORY) == 0;
    }
    return found;
}

/* PYKV_FORMAT if names hold a file of somebody else. */
static pykv_status check_names(const env_directory *home, const env_names *names)
{
    const char *owner;
    const char *name = find_other(names, &owner);
    if (name == NULL) {
        return PYKV_OK;
    }
    return error_set_at(PYKV_FORMAT, env_directory_path(home),
                        "the directory holds %s (there is %.64s): choose another one, or one "
                        "that is empty or does not exist yet",
                        owner, name);
}

/* A store whose manifest is gone is one all the same, for repair. */
static pykv_status detect_by_names(env_directory *home, int32_t *engine_out)
{
    env_names names;
    pykv_status status = env_directory_list(home, &names);
    if (status != PYKV_OK) {
        return status;
    }
    int32_t engine = is_store(&names) ? PYKV_ENGINE_BITCASK : PYKV_ENGINE_ANY;
    status = engine == PYKV_ENGINE_ANY ? check_names(home, &names) : PYKV_OK;
    env_names_free(&names);
    if (status == PYKV_OK) {
        *engine_out = engine;
    }
    return status;
}

pykv_status home_check(env_directory *home)
{
    int32_t engine;
    env_file *file;
    if (env_file_open(home, MANIFEST_NAME, ENV_READ, &file) == PYKV_OK) {
        env_file_close(file);
        return PYKV_OK;
    }
    return detect_by_names(home, &engine);
}

pykv_status bitcask_detect(env_directory *home, int32_t *engine_out)
{
    int32_t engine;
    pykv_status status = manifest_engine(home, &engine);
    if (status == PYKV_OK && engine == PYKV_ENGINE_ANY) {
        return detect_by_names(home, engine_out);
    }
    if (status == PYKV_OK) {
        *engine_out = engine;
    }
    return status;
}
