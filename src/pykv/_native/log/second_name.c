/*
 * second_name: the link, and the copy in its place.
 */
#include "log/second_name.h"

#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"

enum { COPY_BYTES = 256 * 1024 };

static pykv_status copy_bytes(env_file *source, env_file *target, uint8_t *block)
{
    uint64_t offset = 0;
    size_t got = COPY_BYTES;
    while (got == COPY_BYTES) {
        pykv_status status = env_file_read(source, offset, block, COPY_BYTES, &got);
        if (status == PYKV_OK && got > 0) {
            slice part = slice_make(block, got);
            status = env_file_write(target, offset, &part, 1);
        }
        if (status != PYKV_OK) {
            return status;
        }
        offset += got;
    }
    return PYKV_PLANTED(324) ? PYKV_OK : env_file_sync(target);
}

static pykv_status copy_file(env_directory *from, const char *from_name, env_directory *to,
                             const char *to_name)
{
    env_file *source;
    env_file *target;
    uint8_t *block = mem_alloc(COPY_BYTES);
    if (block == NULL) {
        return error_set_no_memory(COPY_BYTES);
    }
    pykv_status status = env_file_open(from, from_name, ENV_READ, &source);
    if (status == PYKV_OK) {
        status = env_file_open(to, to_name, ENV_WRITE | ENV_CREATE | ENV_EXCLUSIVE, &target);
        if (status == PYKV_OK) {
            status = copy_bytes(source, target, block);
            env_file_close(target);
        }
        env_file_close(source);
    }
    mem_free(block);
    return status;
}

/* Where a second name is refused, for another device or too many names, the bytes are not. */
static bool asks_for_a_copy(pykv_status status)
{
    bool is_other_device = status == PYKV_NOT_SUPPORTED && !PYKV_PLANTED(367);
    return is_other_device || status == PYKV_NO_PERMISSION;
}

pykv_status second_name(env_directory *from, const char *from_name, env_directory *to,
                        const char *to_name)
{
    pykv_status status = env_link(from, from_name, to, to_name);
    return asks_for_a_copy(status) ? copy_file(from, from_name, to, to_name) : status;
}
