/*
 * env_posix_file: files of the real environment: positioned reads and writes, sizes, syncs.
 *
 * Invariants: (1) a read is short only at the end of the file; (2) a write that returns PYKV_OK
 * handed every byte to the kernel; (3) a descriptor that the fork handler closed in a child is not
 * closed there again. Thread-safe, but env_file_close_on_fork has one caller at a time.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"
#include "base/process.h"
#include "env/env_posix.h"

enum {
    TRANSFER_BYTES_MAX = 1 << 30, /* of one system call */
    VECTOR_COUNT_MAX = 64         /* of one system call, below every system's IOV_MAX */
};

static int descriptor_of(const env_file *file)
{
    return ((const posix_file *)file)->descriptor;
}

static int native_flags(int flags)
{
    int result = O_RDONLY;
    if ((flags & ENV_WRITE) != 0) {
        result = (flags & ENV_READ) != 0 ? O_RDWR : O_WRONLY;
    }
    result |= (flags & ENV_CREATE) != 0 ? O_CREAT : 0;
    result |= (flags & ENV_EXCLUSIVE) != 0 ? O_EXCL : 0;
    result |= (flags & ENV_TRUNCATE) != 0 ? O_TRUNC : 0;
    return result;
}

/* Opens a file; a directory, which may be opened to read, is refused as for writing. */
static int open_file(int directory, const char *name, int flags)
{
    struct stat status;
    int descriptor = posix_openat(directory, name, native_flags(flags));
    if (descriptor >= 0 && (flags & ENV_WRITE) == 0 && fstat(descriptor, &status) == 0 &&
        S_ISDIR(status.st_mode)) {
        posix_close_quietly(descriptor);
        errno = EISDIR;
        return -1;
    }
    return descriptor;
}

/* A hint. */
static void read_nothing_around(int descriptor)
{
#if defined(__linux__)
    (void)posix_fadvise(descriptor, 0, 0, POSIX_FADV_RANDOM);
#elif defined(F_RDAHEAD)
    (void)fcntl(descriptor, F_RDAHEAD, 0);
#else
    (void)descriptor;
#endif
}

pykv_status posix_file_open(env_directory *directory, const char *name, int flags, env_file **out)
{
    posix_file *opened = mem_alloc_zeroed(1, sizeof *opened);
    char *path = env_path_join(directory->path, name);
    if (opened == NULL || path == NULL) {
        mem_free(opened);
        mem_free(path);
        return error_set_no_memory(sizeof *opened);
    }
    int parent = ((const posix_directory *)directory)->descriptor;
    opened->descriptor = open_file(parent, name, flags);
    if (opened->descriptor < 0) {
        pykv_status status = env_fail(errno, path, "open a file");
        mem_free(opened);
        mem_free(path);
        return status;
    }
    if ((flags & ENV_AT_RANDOM) != 0) {
        read_nothing_around(opened->descriptor);
    }
    opened->head.owner = directory->owner;
    opened->head.path = path;
    *out = &opened->head;
    return PYKV_OK;
}

void posix_file_close(env_file *file)
{
    posix_file *self = (posix_file *)file;
    bool here = self->fork_stamp == 0 || self->fork_stamp == process_stamp();
    if (self->fork_stamp != 0 && here) {
        process_forget_descriptor(self->descriptor);
    }
    if (here) {
        posix_close_quietly(self->descriptor);
    }
    mem_free(self->head.path);
    mem_free(self);
}

pykv_status posix_file_read(env_file *file, uint64_t offset, void *data, size_t size, size_t *got)
{
    uint8_t *out = data;
    size_t total = 0;
    while (total < size) {
        size_t wanted = size - total < TRANSFER_BYTES_MAX ? size - total : TRANSFER_BYTES_MAX;
        ssize_t count = pread(descriptor_of(file), out + total, wanted, (off_t)(offset + total));
        if (count == 0) {
            break;
        }
        if (count > 0) {
            total += (size_t)count;
            if (PYKV_PLANTED(177)) {
                break;
            }
        } else if (errno != EINTR) {
            return env_fail(errno, file->path, "read");
        }
    }
    *got = total;
    return PYKV_OK;
}

/* Where a write stands: the part at hand and how many of its bytes are written. */
typedef struct write_position {
    const slice *parts;
    size_t part_count;
    size_t done; /* of parts[0] */
} write_position;

static void write_advance(write_position *position, size_t count)
{
    position->done += count;
    while (position->part_count > 0 && position->done >= position->parts[0].size) {
        position->done -= position->parts[0].size;
        position->parts++;
        position->part_count--;
    }
}

/* Fills vectors from the position on; returns their number. */
static int write_vectors(const write_position *position, struct iovec *vectors)
{
    size_t skip = position->done;
    size_t bytes = 0;
    int count = 0;
    for (size_t i = 0; i < position->part_count && count < VECTOR_COUNT_MAX; i++) {
        size_t size = position->parts[i].size - skip;
        if (size > TRANSFER_BYTES_MAX - bytes) {
            size = TRANSFER_BYTES_MAX - bytes;
        }
        if (size > 0) {
            vectors[count].iov_base = (void *)(uintptr_t)(position->parts[i].data + skip);
            vectors[count].iov_len = size;
            count++;
        }
        bytes += size;
        skip = 0;
        if (bytes == TRANSFER_BYTES_MAX) {
            break;
        }
    }
    return count;
}

pykv_status posix_file_write(env_file *file, uint64_t offset, const slice *parts, size_t count)
{
    write_position position = {parts, count, 0};
    write_advance(&position, 0);
    while (position.part_count > 0) {
        struct iovec vectors[VECTOR_COUNT_MAX];
        int vector_count = write_vectors(&position, vectors);
        ssize_t written = pwritev(descriptor_of(file), vectors, vector_count, (off_t)offset);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written <= 0) {
            return env_fail(written < 0 ? errno : EIO, file->path, "write");
        }
        offset += (uint64_t)written;
        write_advance(&position, (size_t)written);
    }
    return PYKV_OK;
}

pykv_status posix_file_sync(env_file *file)
{
    if (posix_sync_data(descriptor_of(file)) != 0) {
        return env_fail(errno, file->path, "sync");
    }
    return PYKV_OK;
}

pykv_status posix_file_size(env_file *file, uint64_t *out)
{
    struct stat status;
    if (fstat(descriptor_of(file), &status) != 0) {
        return env_fail(errno, file->path, "inspect a file");
    }
    *out = (uint64_t)status.st_size;
    return PYKV_OK;
}

pykv_status posix_file_truncate(env_file *file, uint64_t size)
{
    int result;
    do {
        result = ftruncate(descriptor_of(file), (off_t)size);
    } while (result != 0 && errno == EINTR);
    return result == 0 ? PYKV_OK : env_fail(errno, file->path, "truncate");
}

#if defined(__linux__)

/* fallocate(2) itself: posix_fallocate would emulate it by writing. */
pykv_status posix_file_allocate(env_file *file, uint64_t offset, uint64_t size)
{
    int result;
    do {
        result = fallocate(descriptor_of(file), 0, (off_t)offset, (off_t)size);
    } while (result != 0 && errno == EINTR);
    return result == 0 ? PYKV_OK : env_fail(errno, file->path, "allocate space");
}

void posix_file_write_back(env_file *file, uint64_t offset, uint64_t size)
{
    if (size > 0) { /* sync_file_range takes 0 for everything */
        (void)sync_file_range(descriptor_of(file), (off_t)offset, (off_t)size,
                              SYNC_FILE_RANGE_WRITE);
    }
}

/* One request may be cut to the read-ahead of the device, of which the first is the default. */
void posix_file_will_need(env_file *file, uint64_t offset, uint64_t size)
{
    enum { REQUEST_BYTES = 128 * 1024, ASKED_BYTES_MAX = 16 * 1024 * 1024 };
    uint64_t end = size < ASKED_BYTES_MAX ? size : ASKED_BYTES_MAX;
    for (uint64_t done = 0; done < end; done += REQUEST_BYTES) {
        uint64_t asked = end - done < REQUEST_BYTES ? end - done : REQUEST_BYTES;
        (void)posix_fadvise(descriptor_of(file), (off_t)(offset + done), (off_t)asked,
                            POSIX_FADV_WILLNEED);
    }
}

#else

pykv_status posix_file_allocate(env_file *file, uint64_t offset, uint64_t size)
{
    (void)offset;
    (void)size;
    return env_fail(EOPNOTSUPP, file->path, "allocate space");
}

void posix_file_write_back(env_file *file, uint64_t offset, uint64_t size)
{
    (void)file;
    (void)offset;
    (void)size;
}

#if defined(F_RDADVISE)

void posix_file_will_need(env_file *file, uint64_t offset, uint64_t size)
{
    uint64_t asked = size < TRANSFER_BYTES_MAX ? size : TRANSFER_BYTES_MAX;
    struct radvisory range = {.ra_offset = (off_t)offset, .ra_count = (int)asked};
    (void)fcntl(descriptor_of(file), F_RDADVISE, &range);
}

#else

void posix_file_will_need(env_file *file, uint64_t offset, uint64_t size)
{
    (void)file;
    (void)offset;
    (void)size;
}

#endif

#endif

pykv_status posix_file_close_on_fork(env_file *file)
{
    posix_file *self = (posix_file *)file;
    if (self->fork_stamp != 0) {
        return PYKV_OK;
    }
    pykv_status status = process_close_on_fork(self->descriptor);
    if (status == PYKV_OK) {
        self->fork_stamp = process_stamp();
    }
    return status;
}
