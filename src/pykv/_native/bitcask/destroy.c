/*
 * destroy: removing the files of a Bitcask.
 */
#include "bitcask/bitcask.h"
#include "log/home_destroy.h"

pykv_status bitcask_destroy(env *environment, const char *path)
{
    return home_destroy(environment, path, &bitcask_home);
}
