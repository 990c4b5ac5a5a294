/*
 * kept_blocks: files of zeros.
 */
#include "log/kept_blocks.h"

#include "base/coding.h"
#include "base/error.h"
#include "base/invariant.h"

enum { STEP_BYTES = 4096 };

static pykv_status write_zeros(env_file *file, uint64_t from, uint64_t end)
{
    static const uint8_t zeros[STEP_BYTES];
    pykv_status status = PYKV_OK;
    while (status == PYKV_OK && from < end) {
        slice piece = slice_make(zeros, end - from < sizeof zeros ? end - from : sizeof zeros);
        status = env_file_write(file, from, &piece, 1);
        from += piece.size;
    }
    return status;
}

/* Every byte of the file has its block: it only ever grows here. */
static pykv_status grow(env_file *file, uint64_t size, uint64_t wanted)
{
    if (size >= wanted || PYKV_PLANTED(93)) {
        return PYKV_OK;
    }
    pykv_status status = env_file_allocate(file, size, wanted - size);
    return status == PYKV_NOT_SUPPORTED ? write_zeros(file, size, wanted) : status;
}

pykv_status kept_blocks_grow(env_directory *directory, const char *name, uint64_t size)
{
    env_file *file;
    uint64_t kept = 0;
    pykv_status status = env_file_open(directory, name, ENV_WRITE | ENV_CREATE, &file);
    if (status != PYKV_OK) {
        return status;
    }
    status = env_file_size(file, &kept);
    if (status == PYKV_OK) {
        status = grow(file, kept, round_up(size, STEP_BYTES));
    }
    env_file_close(file);
    if (status != PYKV_OK && kept == 0) {
        (void)kept_blocks_release(directory, name);
    }
    return status;
}

bool kept_blocks_release(env_directory *directory, const char *name)
{
    pykv_error failure = *error_last();
    bool released = env_unlink(directory, name) == PYKV_OK;
    error_restore(&failure);
    return released;
}
