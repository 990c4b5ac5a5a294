/*
 * env_posix_residency: what the system tells about memory: waits for the disk, and room for files;
 * and what it can be asked for: large pages.
 *
 * Room is MemAvailable of /proc/meminfo, and no more than what each control group above this
 * process (version 2) allows beyond the memory that cannot be dropped. Where these files are not,
 * there is no limit to know of.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "env/env_posix.h"

#define GROUPS_FOLDER "/sys/fs/cgroup"

enum { TEXT_BYTES = 8192, PATH_BYTES = 1024, KIBIBYTE = 1024 };

/* The first TEXT_BYTES - 1 bytes of a file of the system; false if it cannot be read. */
static bool read_text(const char *path, char text[TEXT_BYTES])
{
    int descriptor = posix_openat(AT_FDCWD, path, O_RDONLY);
    if (descriptor < 0) {
        return false;
    }
    ssize_t got = read(descriptor, text, TEXT_BYTES - 1);
    posix_close_quietly(descriptor);
    text[got > 0 ? got : 0] = '\0';
    return got > 0;
}

/* The number behind the line that begins with name; UINT64_MAX if there is none. */
static uint64_t number_after(const char *text, const char *name)
{
    size_t length = strlen(name);
    for (const char *line = text; line != NULL; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, name, length) == 0) {
            char *end;
            unsigned long long number = strtoull(line + length, &end, 10);
            return end == line + length ? UINT64_MAX : number;
        }
    }
    return UINT64_MAX;
}

/* What the group in folder leaves for files, UINT64_MAX if it sets no limit. */
static uint64_t room_of_group(const char *folder)
{
    char path[PATH_BYTES + 32];
    char text[TEXT_BYTES];
    (void)snprintf(path, sizeof path, "%s/memory.max", folder);
    uint64_t limit = read_text(path, text) ? number_after(text, "") : UINT64_MAX;
    if (limit == UINT64_MAX) {
        return UINT64_MAX;
    }
    (void)snprintf(path, sizeof path, "%s/memory.stat", folder);
    uint64_t held = read_text(path, text) ? number_after(text, "anon ") : 0;
    return held < limit ? limit - held : 0;
}

/* The least that this process's group and those above it leave. */
static uint64_t room_of_groups(void)
{
    char text[TEXT_BYTES];
    char folder[PATH_BYTES] = GROUPS_FOLDER;
    uint64_t room = room_of_group(folder);
    const char *group = read_text("/proc/self/cgroup", text) ? strstr(text, "0::/") : NULL;
    if (group == NULL) {
        return room;
    }
    int length = (int)strcspn(group + 3, "\n");
    (void)snprintf(folder, sizeof folder, GROUPS_FOLDER "%.*s", length, group + 3);
    while (strlen(folder) > sizeof GROUPS_FOLDER) {
        uint64_t own = room_of_group(folder);
        room = own < room ? own : room;
        *strrchr(folder, '/') = '\0';
    }
    return room;
}

uint64_t posix_memory_room(env *self)
{
    (void)self;
    char text[TEXT_BYTES];
    uint64_t available = UINT64_MAX;
    if (read_text("/proc/meminfo", text)) {
        available = number_after(text, "MemAvailable:");
    }
    uint64_t room = room_of_groups();
    if (available != UINT64_MAX && available * KIBIBYTE < room) {
        room = available * KIBIBYTE;
    }
    return room;
}

void env_use_large_pages(void *memory, size_t size)
{
#if defined(__linux__)
#if !defined(MADV_COLLAPSE)
    enum { MADV_COLLAPSE = 25 }; /* Linux 6.1; refused by what came before */
#endif
    (void)madvise(memory, size, MADV_COLLAPSE);
#else
    (void)memory;
    (void)size;
#endif
}

uint64_t posix_disk_waits(env *self)
{
    (void)self;
    struct rusage usage;
    memset(&usage, 0, sizeof usage);
    (void)getrusage(RUSAGE_SELF, &usage);
    return (uint64_t)usage.ru_majflt;
}
