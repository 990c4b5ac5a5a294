/*
 * raw_log: what a log costs on this device without any store around it.
 *
 *   raw_log synced DIRECTORY COMMITS ROUNDS [BYTES]
 *       appends of 136 bytes, or BYTES, each followed by fdatasync, in four ways, the ways
 * interleaved: growing     pwrite at the end of a file that grows fallocated  pwrite into space
 * reserved by fallocate zero-ahead  the same, zeros written 256 KiB ahead of the tail recycled
 * pwrite over a file written before in writes of 16 KiB raw_log unsynced DIRECTORY APPENDS appends
 * of 136 bytes without a sync: pwrite each, and stores into a mapping.
 *
 * Prints one JSON object: for each way a list of microseconds an append, one entry a round, and
 * for synced ways the KiB that reached the block device for each commit (null where the kernel
 * does not tell). Files are made in DIRECTORY and removed.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

enum {
    RECORD_BYTES = 136,
    RECORD_BYTES_MAX = 64 * 1024,
    PREWRITE_BYTES = 16 * 1024,
    ZERO_AHEAD_BYTES = 256 * 1024,
    ROUNDS_MAX = 1000,
    SECTOR_BYTES = 512
};

typedef enum append_method {
    GROWING,
    FALLOCATED,
    ZERO_AHEAD,
    RECYCLED,
    METHOD_COUNT
} append_method;

static const char *const METHOD_NAMES[METHOD_COUNT] = {
    [GROWING] = "growing",
    [FALLOCATED] = "fallocated",
    [ZERO_AHEAD] = "zero-ahead",
    [RECYCLED] = "recycled",
};

/* One file and the way it is appended to. Bytes below zeroed_bytes have been written before. */
typedef struct log_file {
    append_method method;
    int fd;
    size_t record_bytes;
    uint64_t tail_bytes;
    uint64_t zeroed_bytes;
    double us[ROUNDS_MAX];
    double device_kib[ROUNDS_MAX];
} log_file;

static const uint8_t ZEROS[PREWRITE_BYTES];

static void die(const char *what)
{
    fprintf(stderr, "raw_log: %s: %s\n", what, strerror(errno));
    exit(1);
}

static double now_us(void)
{
    struct timespec now;
    if (clock_gettime(CLOCK_MONOTONIC, &now) != 0) {
        die("clock_gettime");
    }
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static void write_at(int fd, const void *data, size_t length, uint64_t offset)
{
    if (pwrite(fd, data, length, (off_t)offset) != (ssize_t)length) {
        die("pwrite");
    }
}

/* Opens a file whose name is taken away at once, so that it is gone when the program ends. */
static int open_unnamed(const char *directory)
{
    char path[4096];
    int length = snprintf(path, sizeof(path), "%s/raw-XXXXXX", directory);
    if (length < 0 || (size_t)length >= sizeof(path)) {
        errno = ENAMETOOLONG;
        die(directory);
    }
    int fd = mkostemp(path, O_CLOEXEC);
    if (fd < 0 || unlink(path) != 0) {
        die(path);
    }
    return fd;
}

static void write_zeros(int fd, uint64_t start, uint64_t length)
{
    for (uint64_t done = 0; done < length; done += PREWRITE_BYTES) {
        write_at(fd, ZEROS, PREWRITE_BYTES, start + done);
    }
}

static void prepare(log_file *self, append_method method, const char *directory,
                    size_t record_bytes, uint64_t file_bytes)
{
    self->method = method;
    self->record_bytes = record_bytes;
    self->fd = open_unnamed(directory);
    if (method == FALLOCATED || method == ZERO_AHEAD) {
        if (fallocate(self->fd, 0, 0, (off_t)file_bytes) != 0) {
            die("fallocate");
        }
    }
    if (method == ZERO_AHEAD || method == RECYCLED) {
        self->zeroed_bytes = method == RECYCLED ? file_bytes : ZERO_AHEAD_BYTES;
        write_zeros(self->fd, 0, self->zeroed_bytes);
    }
    if (fsync(self->fd) != 0) {
        die("fsync");
    }
    if (method == RECYCLED && posix_fadvise(self->fd, 0, 0, POSIX_FADV_DONTNEED) != 0) {
        die("posix_fadvise");
    }
}

static void append(log_file *self, const uint8_t *record)
{
    uint64_t end = self->tail_bytes + self->record_bytes;
    if (self->method == ZERO_AHEAD && end > self->zeroed_bytes) {
        write_zeros(self->fd, self->zeroed_bytes, ZERO_AHEAD_BYTES);
        self->zeroed_bytes += ZERO_AHEAD_BYTES;
    }
    write_at(self->fd, record, self->record_bytes, self->tail_bytes);
    self->tail_bytes = end;
}

/* Bytes written to the block device of fd since boot, by anyone; false if that is not known. */
static bool device_written_bytes(int fd, uint64_t *bytes_out)
{
    struct stat status;
    if (fstat(fd, &status) != 0) {
        die("fstat");
    }
    char path[64];
    snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/stat", major(status.st_dev),
             minor(status.st_dev));
    FILE *counters = fopen(path, "re");
    if (counters == NULL) {
        return false;
    }
    uint64_t sectors = 0;
    int found = fscanf(counters, "%*u %*u %*u %*u %*u %*u %" SCNu64, &sectors);
    fclose(counters);
    *bytes_out = sectors * SECTOR_BYTES;
    return found == 1;
}

static void measure_synced(log_file *self, const uint8_t *record, unsigned commits, unsigned round)
{
    uint64_t before = 0;
    uint64_t after = 0;
    bool known = device_written_bytes(self->fd, &before);
    double start = now_us();
    for (unsigned i = 0; i < commits; i++) {
        append(self, record);
        if (fdatasync(self->fd) != 0) {
            die("fdatasync");
        }
    }
    self->us[round] = (now_us() - start) / commits;
    known = device_written_bytes(self->fd, &after) && known;
    self->device_kib[round] = known ? (double)(after - before) / commits / 1024.0 : -1.0;
}

static void print_list(const double *values, unsigned count)
{
    putchar('[');
    for (unsigned i = 0; i < count; i++) {
        printf("%s%.4f", i == 0 ? "" : ", ", values[i]);
    }
    putchar(']');
}

static void print_synced(const log_file *files, unsigned rounds)
{
    putchar('{');
    for (int i = 0; i < METHOD_COUNT; i++) {
        printf("%s\"%s\": {\"us\": ", i == 0 ? "" : ", ", METHOD_NAMES[i]);
        print_list(files[i].us, rounds);
        printf(", \"device_kib\": ");
        if (files[i].device_kib[0] < 0) {
            printf("null");
        } else {
            print_list(files[i].device_kib, rounds);
        }
        putchar('}');
    }
    puts("}");
}

static void run_synced(const char *directory, const uint8_t *record, size_t record_bytes,
                       unsigned commits, unsigned rounds)
{
    static log_file files[METHOD_COUNT];
    uint64_t needed = (uint64_t)commits * (rounds + 1) * record_bytes;
    uint64_t file_bytes = (needed / ZERO_AHEAD_BYTES + 2) * ZERO_AHEAD_BYTES;
    for (int i = 0; i < METHOD_COUNT; i++) {
        prepare(&files[i], (append_method)i, directory, record_bytes, file_bytes);
    }
    for (int i = 0; i < METHOD_COUNT; i++) {
        measure_synced(&files[i], record, commits / 8 + 1, 0); /* warm-up, overwritten below */
    }
    for (unsigned round = 0; round < rounds; round++) {
        for (unsigned i = 0; i < METHOD_COUNT; i++) {
            measure_synced(&files[(i + round) % METHOD_COUNT], record, commits, round);
        }
    }
    print_synced(files, rounds);
}

static double append_by_pwrite(const char *directory, const uint8_t *record, unsigned appends)
{
    int fd = open_unnamed(directory);
    double start = now_us();
    for (unsigned i = 0; i < appends; i++) {
        write_at(fd, record, RECORD_BYTES, (uint64_t)i * RECORD_BYTES);
    }
    double elapsed = now_us() - start;
    close(fd);
    return elapsed / appends;
}

static double append_by_store(const char *directory, const uint8_t *record, unsigned appends)
{
    int fd = open_unnamed(directory);
    size_t length = (size_t)appends * RECORD_BYTES;
    if (fallocate(fd, 0, 0, (off_t)length) != 0) {
        die("fallocate");
    }
    uint8_t *mapped = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (mapped == MAP_FAILED) {
        die("mmap");
    }
    double start = now_us();
    for (unsigned i = 0; i < appends; i++) {
        memcpy(mapped + (size_t)i * RECORD_BYTES, record, RECORD_BYTES);
    }
    double elapsed = now_us() - start;
    munmap(mapped, length);
    close(fd);
    return elapsed / appends;
}

static unsigned parse_count(const char *text, unsigned count_max)
{
    char *end = NULL;
    errno = 0;
    unsigned long count = strtoul(text, &end, 10);
    if (errno != 0 || *end != '\0' || count == 0 || count > count_max) {
        fprintf(stderr, "raw_log: %s is not a number from 1 to %u\n", text, count_max);
        exit(2);
    }
    return (unsigned)count;
}

int main(int argc, char **argv)
{
    static uint8_t record[RECORD_BYTES_MAX];
    memset(record, 0xA5, sizeof(record));
    if ((argc == 5 || argc == 6) && strcmp(argv[1], "synced") == 0) {
        unsigned commits = parse_count(argv[3], 1000000);
        unsigned rounds = parse_count(argv[4], ROUNDS_MAX);
        unsigned bytes = argc == 6 ? parse_count(argv[5], RECORD_BYTES_MAX) : RECORD_BYTES;
        run_synced(argv[2], record, bytes, commits, rounds);
        return 0;
    }
    if (argc == 4 && strcmp(argv[1], "unsynced") == 0) {
        unsigned appends = parse_count(argv[3], 10000000);
        double by_pwrite = append_by_pwrite(argv[2], record, appends);
        double by_store = append_by_store(argv[2], record, appends);
        printf("{\"pwrite\": {\"us\": [%.4f]}, \"mapped store\": {\"us\": [%.4f]}}\n", by_pwrite,
               by_store);
        return 0;
    }
    fprintf(stderr, "usage: raw_log synced DIRECTORY COMMITS ROUNDS [BYTES]\n"
                    "       raw_log unsynced DIRECTORY APPENDS\n");
    return 2;
}
