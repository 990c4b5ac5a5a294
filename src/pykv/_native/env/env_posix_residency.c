/*
 * env_posix_residency: what the system tells about memory: waits for the disk, and room for files;
 * and what it can be asked for: large pages.
 *
 * Room is MemAvailable of /proc/meminfo, and no more than what each control group above this
 * process, of either version, allows beyond the memory that cannot be dropped. Where these files
 * are not, there is no limit to know of.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "env/env_posix.h"

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

/* How one version of control groups tells of memory. */
typedef struct group_kind {
    const char *root;       /* where its groups are */
    const char *controller; /* in the line of this process's group; "": of all controllers */
    const char *limit_name; /* the file with the limit */
    const char *held_name;  /* in memory.stat: what cannot be dropped */
} group_kind;

static const group_kind GROUP_KINDS[] = {
    {"/sys/fs/cgroup", "", "memory.max", "anon "},
    {"/sys/fs/cgroup/memory", "memory", "memory.limit_in_bytes", "total_rss "},
};

/* What the group in folder leaves for files, UINT64_MAX if it sets no limit. */
static uint64_t room_of_group(const group_kind *kind, const char *folder)
{
    char path[PATH_BYTES + 32];
    char text[TEXT_BYTES];
    (void)snprintf(path, sizeof path, "%s/%s", folder, kind->limit_name);
    uint64_t limit = read_text(path, text) ? number_after(text, "") : UINT64_MAX;
    if (limit == UINT64_MAX) {
        return UINT64_MAX;
    }
    (void)snprintf(path, sizeof path, "%s/memory.stat", folder);
    uint64_t held = read_text(path, text) ? number_after(text, kind->held_name) : 0;
    held = held == UINT64_MAX ? 0 : held;
    return held < limit ? limit - held : 0;
}

/* True if a list of names with commas between them, as long as it is said, has the name. */
static bool has_name(const char *list, size_t length, const char *name)
{
    size_t wanted = strlen(name);
    for (const char *at = list, *end = list + length; at <= end;) {
        const char *comma = memchr(at, ',', (size_t)(end - at));
        const char *stop = comma != NULL ? comma : end;
        if ((size_t)(stop - at) == wanted && memcmp(at, name, wanted) == 0) {
            return true;
        }
        at = stop + 1;
    }
    return false;
}

/* The path of the group in the text of /proc/self/cgroup, to the end of its line; NULL: there is
 * none. */
static const char *find_group(const char *text, const char *controller)
{
    for (const char *line = text; line != NULL; line = strchr(line, '\n')) {
        line += *line == '\n';
        const char *names = strchr(line, ':');
        const char *path = names != NULL ? strchr(names + 1, ':') : NULL;
        if (path != NULL && has_name(names + 1, (size_t)(path - names - 1), controller)) {
            return path + 1;
        }
    }
    return NULL;
}

/* The least that this process's group and those above it leave; groups: the text of
 * /proc/self/cgroup. */
static uint64_t room_of_groups(const group_kind *kind, const char *groups)
{
    char folder[PATH_BYTES];
    uint64_t room = room_of_group(kind, kind->root);
    const char *group = find_group(groups, kind->controller);
    if (group == NULL) {
        return room;
    }
    (void)snprintf(folder, sizeof folder, "%s%.*s", kind->root, (int)strcspn(group, "\n"), group);
    while (strlen(folder) > strlen(kind->root) + 1) {
        uint64_t own = room_of_group(kind, folder);
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
    uint64_t room = UINT64_MAX;
    if (!read_text("/proc/self/cgroup", text)) {
        text[0] = '\0';
    }
    for (size_t i = 0; i < sizeof GROUP_KINDS / sizeof GROUP_KINDS[0]; i++) {
        uint64_t own = room_of_groups(&GROUP_KINDS[i], text);
        room = own < room ? own : room;
    }
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
