/*
 * path_split: both parts in one piece of memory.
 */
#include "log/path_split.h"

#include <string.h>

#include "base/error.h"
#include "base/memory.h"

static void set_text(char *to, const char *text, size_t length)
{
    memcpy(to, text, length);
    to[length] = '\0';
}

pykv_status path_split(const char *path, path_parts *out)
{
    size_t end = strlen(path);
    while (end > 0 && path[end - 1] == '/') {
        end--;
    }
    size_t begin = end;
    while (begin > 0 && path[begin - 1] != '/') {
        begin--;
    }
    if (begin == end) {
        return error_set_at(end == strlen(path) ? PYKV_INVALID_ARGUMENT : PYKV_PATH_EXISTS, path,
                            "this is no name in a directory");
    }
    char *memory = mem_alloc(strlen(path) + 4);
    if (memory == NULL) {
        return error_set_no_memory(strlen(path) + 4);
    }
    size_t parent_length = begin > 1 ? begin - 1 : 1;
    char *name = memory + parent_length + 1;
    set_text(memory, begin == 0 ? "." : path, parent_length);
    set_text(name, path + begin, end - begin);
    *out = (path_parts){.directory = memory, .name = name, .memory = memory};
    return PYKV_OK;
}
