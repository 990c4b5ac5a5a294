/*
 * home: names of the files of a Bitcask.
 */
#include "bitcask/home.h"

#include <stdio.h>
#include <string.h>

#include "bitcask/bitcask.h"
#include "bitcask/store.h"
#include "log/repair_swap.h"

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
    if (strcmp(name, MANIFEST_SPARE_NAME) == 0 || strcmp(name, HOME_UNFINISHED_NAME) == 0) {
        return true;
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

static home_claim claim(const char *name)
{
    bool hint = false;
    if (segment_number(name, &hint) != 0 || strcmp(name, REPAIR_DIRECTORY) == 0) {
        return hint ? HOME_CERTAIN : HOME_LIKELY;
    }
    return home_is_ours(name) ? HOME_LEFT : HOME_NOT_MINE;
}

const home_engine bitcask_home = {PYKV_ENGINE_BITCASK, claim, home_is_ours};

pykv_status bitcask_check_home(env_directory *home)
{
    return home_check(home, &bitcask_home);
}

pykv_status bitcask_detect(env_directory *home, int32_t *engine_out)
{
    const home_engine *engine = &bitcask_home;
    return home_detect(home, &engine, 1, engine_out);
}
