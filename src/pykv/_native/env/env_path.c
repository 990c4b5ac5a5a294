/*
 * env_path: the path of a name in a directory.
 */
#include "env/env_path.h"

#include <stdbool.h>
#include <string.h>

#include "base/memory.h"

char *env_path_join(const char *directory, const char *name)
{
    size_t directory_length = strlen(directory);
    size_t name_length = strlen(name);
    bool slash = directory_length == 0 || directory[directory_length - 1] != '/';
    char *path = mem_alloc(directory_length + name_length + 2);
    if (path == NULL) {
        return NULL;
    }
    memcpy(path, directory, directory_length);
    if (slash) {
        path[directory_length] = '/';
    }
    memcpy(path + directory_length + (slash ? 1 : 0), name, name_length + 1);
    return path;
}
