/*
 * check: implementation of the test frame. Single-threaded.
 */
#include "harness/check.h"

#include <ftw.h>
#include <stdarg.h>
#include <unistd.h>

jmp_buf check_jump;

static char *temporary_directories[64];
static size_t temporary_directory_count;

_Noreturn void check_failed(const char *file, int line, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "%s:%d: ", file, line);
    vfprintf(stderr, format, arguments);
    fprintf(stderr, "  [PYKV_SEED=%" PRIu64 "]\n", check_seed());
    va_end(arguments);
    longjmp(check_jump, 1);
}

uint64_t check_count(const char *name, uint64_t fallback)
{
    const char *text = getenv(name);
    return text != NULL && *text != '\0' ? strtoull(text, NULL, 0) : fallback;
}

uint64_t check_seed(void)
{
    return check_count("PYKV_SEED", 20261121);
}

uint64_t check_random(uint64_t *state, uint64_t bound)
{
    uint64_t x = *state == 0 ? UINT64_C(0x9E3779B97F4A7C15) : *state;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    *state = x;
    return (x * UINT64_C(0x2545F4914F6CDD1D) >> 11) % bound;
}

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    (void)status;
    (void)kind;
    (void)walk;
    return remove(path);
}

static void remove_temporary_directories(void)
{
    for (size_t i = 0; i < temporary_directory_count; i++) {
        nftw(temporary_directories[i], remove_entry, 16, FTW_DEPTH | FTW_PHYS);
        free(temporary_directories[i]);
    }
}

char *check_temporary_directory(void)
{
    const char *root = getenv("TMPDIR");
    char path[512];
    snprintf(path, sizeof path, "%s/pykv-test-XXXXXX", root != NULL ? root : "/tmp");
    if (mkdtemp(path) == NULL || temporary_directory_count == 64) {
        check_failed(__FILE__, __LINE__, "no temporary directory");
    }
    if (temporary_directory_count == 0) {
        atexit(remove_temporary_directories);
    }
    temporary_directories[temporary_directory_count++] = strdup(path);
    return strdup(path);
}

/* True if the case passed. A case that jumped back leaves no variable of its caller undefined. */
static bool run_case(const check_case *one)
{
    if (setjmp(check_jump) != 0) {
        return false;
    }
    one->run();
    return true;
}

int check_main(const check_case *cases, size_t case_count, int argc, char **argv)
{
    size_t passed = 0;
    size_t failed = 0;
    for (size_t i = 0; i < case_count; i++) {
        if (argc > 1 && strstr(cases[i].name, argv[1]) == NULL) {
            continue;
        }
        if (run_case(&cases[i])) {
            passed++;
        } else {
            fprintf(stderr, "FAILED %s\n", cases[i].name);
            failed++;
        }
    }
    printf("%zu passed, %zu failed\n", passed, failed);
    return failed == 0 && passed > 0 ? 0 : 1;
}
