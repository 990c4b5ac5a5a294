/*
 * env_posix: the real environment: its table, its clocks, its chance, and the few system calls
 * that differ between Linux and macOS.
 *
 * Thread-safe: the environment is one constant object.
 */
#include "env/env_posix.h"

#include <errno.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#if defined(__APPLE__)
#include <sys/mount.h>
#include <sys/param.h>
#include <sys/random.h>
#else
#include <sys/random.h>
#include <sys/vfs.h>
#endif

#include "base/invariant.h"

enum { DESCRIPTOR_MIN = 3, RANDOM_CHUNK_BYTES = 256, MICROSECONDS = 1000000 };

int posix_openat(int directory, const char *name, int flags)
{
    int opened;
    do {
        opened = openat(directory, name, flags | O_CLOEXEC, 0644);
    } while (opened < 0 && errno == EINTR);
    if (opened < 0 || opened >= DESCRIPTOR_MIN || PYKV_PLANTED(362)) {
        return opened;
    }
    int moved = fcntl(opened, F_DUPFD_CLOEXEC, DESCRIPTOR_MIN);
    posix_close_quietly(opened);
    return moved;
}

void posix_close_quietly(int descriptor)
{
    int saved = errno;
    (void)close(descriptor);
    errno = saved;
}

#if defined(__APPLE__)

/* Network volumes refuse F_FULLFSYNC. Any other failure stands: a second sync would hide it. */
static int sync_data_once(int descriptor)
{
    if (fcntl(descriptor, F_FULLFSYNC) != -1) {
        return 0;
    }
    bool refused = errno == ENOTSUP || errno == EOPNOTSUPP || errno == ENOTTY || errno == EINVAL;
    return refused ? fsync(descriptor) : -1;
}

#else

static int sync_data_once(int descriptor)
{
    if (PYKV_PLANTED(318)) {
        return sync_file_range(descriptor, 0, 0, SYNC_FILE_RANGE_WRITE_AND_WAIT);
    }
    return fdatasync(descriptor);
}

#endif

int posix_sync_data(int descriptor)
{
    int result;
    do {
        result = sync_data_once(descriptor);
    } while (result != 0 && errno == EINTR);
    return result;
}

/* File systems that cannot sync a directory say EINVAL: their names are as durable as they get. */
int posix_sync_names(int descriptor)
{
    int result;
    do {
        result = fsync(descriptor);
    } while (result != 0 && errno == EINTR);
    return result != 0 && errno == EINVAL ? 0 : result;
}

#if defined(__APPLE__)

env_capabilities posix_capabilities(int descriptor)
{
    env_capabilities result = {false, false};
    struct statfs status;
    if (fstatfs(descriptor, &status) == 0) {
        result.mapped_reads = (status.f_flags & MNT_LOCAL) != 0;
    }
    return result;
}

static int random_chunk(void *data, size_t size)
{
    return getentropy(data, size) == 0 ? (int)size : -1;
}

#else

typedef struct capabilities_row {
    uint32_t type; /* f_type of statfs(2) */
    env_capabilities capabilities;
} capabilities_row;

/* Local file systems with one page cache; others (network, FUSE, unknown) are good for neither. */
static const capabilities_row capabilities_rows[] = {
    {0x0000EF53u, {true, true}},  /* ext2, ext3, ext4 */
    {0x58465342u, {true, true}},  /* xfs */
    {0x01021994u, {true, true}},  /* tmpfs */
    {0x858458F6u, {true, false}}, /* ramfs */
    {0x9123683Eu, {true, false}}, /* btrfs */
    {0x794C7630u, {true, false}}, /* overlayfs */
    {0x2FC12FC1u, {true, false}}, /* zfs */
    {0xF2F52010u, {true, false}}, /* f2fs */
    {0xCA451A4Eu, {true, false}}, /* bcachefs */
};

env_capabilities posix_capabilities(int descriptor)
{
    env_capabilities nothing = {false, false};
    struct statfs status;
    if (fstatfs(descriptor, &status) != 0) {
        return nothing;
    }
    for (size_t i = 0; i < sizeof capabilities_rows / sizeof capabilities_rows[0]; i++) {
        if (capabilities_rows[i].type == (uint32_t)status.f_type) {
            return capabilities_rows[i].capabilities;
        }
    }
    return nothing;
}

static int random_chunk(void *data, size_t size)
{
    return (int)getrandom(data, size, 0);
}

#endif

static pykv_status posix_random(env *self, void *data, size_t size)
{
    (void)self;
    uint8_t *out = data;
    while (size > 0) {
        int got = random_chunk(out, size < RANDOM_CHUNK_BYTES ? size : RANDOM_CHUNK_BYTES);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return env_fail(got < 0 ? errno : EIO, NULL, "get random bytes");
        }
        out += got;
        size -= (size_t)got;
    }
    return PYKV_OK;
}

static uint64_t clock_us(clockid_t clock)
{
    struct timespec now = {0, 0};
    (void)clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * MICROSECONDS + (uint64_t)now.tv_nsec / 1000;
}

static uint64_t posix_monotonic_us(env *self)
{
    (void)self;
    return clock_us(CLOCK_MONOTONIC);
}

static uint64_t posix_wall_us(env *self)
{
    (void)self;
    return clock_us(CLOCK_REALTIME);
}

#ifdef CLOCK_REALTIME_COARSE
static uint64_t posix_wall_tick_us(env *self)
{
    (void)self;
    return clock_us(CLOCK_REALTIME_COARSE);
}
#endif

static const env_ops posix_ops = {
    .directory_open = posix_directory_open,
    .directory_close = posix_directory_close,
    .directory_identity = posix_directory_identity,
    .directory_capabilities = posix_directory_capabilities,
    .directory_sync = posix_directory_sync,
    .directory_list = posix_directory_list,
    .rename = posix_rename,
    .unlink = posix_unlink,
    .link = posix_link,
    .make_directory = posix_make_directory,
    .remove_directory = posix_remove_directory,
    .file_open = posix_file_open,
    .file_close = posix_file_close,
    .file_read = posix_file_read,
    .file_write = posix_file_write,
    .file_sync = posix_file_sync,
    .file_size = posix_file_size,
    .file_truncate = posix_file_truncate,
    .file_allocate = posix_file_allocate,
    .file_write_back = posix_file_write_back,
    .file_will_need = posix_file_will_need,
    .file_close_on_fork = posix_file_close_on_fork,
    .file_map = posix_file_map,
    .unmap = posix_unmap,
    .mapping_faults = posix_mapping_faults,
    .mapping_written = posix_mapping_written,
    .mapping_retire = posix_mapping_retire,
    .mapping_let_go = posix_mapping_let_go,
    .lock_take = posix_lock_take,
    .lock_release = posix_lock_release,
    .monotonic_us = posix_monotonic_us,
    .wall_us = posix_wall_us,
#ifdef CLOCK_REALTIME_COARSE
    .wall_tick_us = posix_wall_tick_us,
#endif
    .random = posix_random,
    .disk_waits = posix_disk_waits,
    .memory_room = posix_memory_room,
};

env *env_posix(void)
{
    static env posix = {&posix_ops};
    return &posix;
}
