/*
 * library: version, names of statuses, the last error, checks of bytes, help with work.
 */
#include "pykv.h"

#include "base/crc32c.h"
#include "base/error.h"
#include "base/work.h"

#define PYKV_VERSION_TEXT "0.1.0"

const char *pykv_version(void)
{
    return PYKV_VERSION_TEXT;
}

const char *pykv_status_name(int32_t status)
{
    static const char *const names[] = {
        [PYKV_OK] = "ok",
        [PYKV_NOT_FOUND] = "not found",
        [PYKV_WOULD_BLOCK] = "would block",
        [PYKV_TIMED_OUT] = "timed out",
        [PYKV_INVALID_ARGUMENT] = "invalid argument",
        [PYKV_KEY_TOO_LARGE] = "key too large",
        [PYKV_VALUE_TOO_LARGE] = "value too large",
        [PYKV_BATCH_TOO_LARGE] = "batch too large",
        [PYKV_CORRUPTION] = "corruption",
        [PYKV_LOCKED] = "locked",
        [PYKV_READ_ONLY] = "read-only",
        [PYKV_CLOSED] = "closed",
        [PYKV_FORKED] = "forked",
        [PYKV_IO_FAILED] = "input/output failed",
        [PYKV_NO_SPACE] = "no space",
        [PYKV_STORE_FAILED] = "store failed",
        [PYKV_COMMIT_UNKNOWN] = "commit unknown",
        [PYKV_FORMAT] = "format",
        [PYKV_NOT_SUPPORTED] = "not supported",
        [PYKV_NO_MEMORY] = "no memory",
        [PYKV_INTERNAL] = "internal",
        [PYKV_PATH_NOT_FOUND] = "path not found",
        [PYKV_PATH_EXISTS] = "path exists",
        [PYKV_NO_PERMISSION] = "no permission",
        [PYKV_NOT_A_DIRECTORY] = "not a directory",
        [PYKV_HISTORY_GONE] = "history gone",
        [PYKV_REPLACED] = "replaced",
        [PYKV_SNAPSHOT_GONE] = "snapshot gone",
    };
    int32_t count = (int32_t)(sizeof names / sizeof names[0]);
    return status >= 0 && status < count ? names[status] : "unknown status";
}

const pykv_error *pykv_last_error(void)
{
    return error_last();
}

uint32_t pykv_crc32c(uint32_t crc, const void *data, size_t size)
{
    return crc32c_extend(crc, data, size);
}

void pykv_help(pykv_work *work)
{
    work_help(work);
}
