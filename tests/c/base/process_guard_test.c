/*
 * process_guard_test: bytes that a mapped file lost read as zeros, faults elsewhere go where they
 * went before.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>

#include "child.h"
#include "harness/check.h"

#include "base/memory.h"
#include "base/process.h"
#include "base/process_guard.h"

enum { PAGE_COUNT = 8, MARK = 0xab };

typedef struct mapped_file {
    process_mapping guarded;
    volatile const uint8_t *bytes;
    int descriptor;
} mapped_file;

static size_t page_bytes(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

/* A mapped file of PAGE_COUNT pages of MARK; not guarded yet. */
static mapped_file map_file(void)
{
    static char *directory;
    static int number;
    char path[600];
    if (directory == NULL) {
        directory = check_temporary_directory();
    }
    snprintf(path, sizeof path, "%s/%d-%d", directory, (int)getpid(), number++);
    size_t size = PAGE_COUNT * page_bytes();
    mapped_file file;
    file.descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    CHECK(file.descriptor >= 0);
    uint8_t *content = mem_alloc(size);
    CHECK(content != NULL);
    memset(content, MARK, size);
    CHECK(pwrite(file.descriptor, content, size, 0) == (ssize_t)size);
    mem_free(content);
    void *base = mmap(NULL, size, PROT_READ, MAP_SHARED, file.descriptor, 0);
    CHECK(base != MAP_FAILED);
    file.bytes = base;
    file.guarded = (process_mapping){.base = base, .size = size};
    return file;
}

static void unmap_file(mapped_file *file)
{
    CHECK(munmap((void *)(uintptr_t)file->guarded.base, file->guarded.size) == 0);
    close(file->descriptor);
}

static void keep_pages(const mapped_file *file, size_t count)
{
    CHECK(ftruncate(file->descriptor, (off_t)(count * page_bytes())) == 0);
}

static uint8_t read_page(const mapped_file *file, size_t page)
{
    return file->bytes[page * page_bytes() + page_bytes() / 2];
}

TEST(lost_pages_read_as_zeros_and_each_is_counted_once)
{
    CHECK(process_guard_check());
    mapped_file file = map_file();
    CHECK_OK(process_guard(&file.guarded));
    keep_pages(&file, 1);
    CHECK_EQUAL(0, read_page(&file, 2));
    CHECK_EQUAL(1, atomic_load(&file.guarded.fault_count));
    CHECK_EQUAL(0, read_page(&file, 2));
    CHECK_EQUAL(1, atomic_load(&file.guarded.fault_count));
    CHECK_EQUAL(0, read_page(&file, PAGE_COUNT - 1));
    CHECK_EQUAL(2, atomic_load(&file.guarded.fault_count));
    CHECK_EQUAL(MARK, read_page(&file, 0));
    CHECK_EQUAL(2, atomic_load(&file.guarded.fault_count));
    process_unguard(&file.guarded);
    unmap_file(&file);
}

TEST(a_fault_is_charged_to_its_own_mapping)
{
    CHECK(process_guard_check());
    mapped_file first = map_file();
    mapped_file second = map_file();
    CHECK_OK(process_guard(&first.guarded));
    CHECK_OK(process_guard(&second.guarded));
    keep_pages(&second, 0);
    CHECK_EQUAL(0, read_page(&second, 0));
    CHECK_EQUAL(0, atomic_load(&first.guarded.fault_count));
    CHECK_EQUAL(1, atomic_load(&second.guarded.fault_count));
    process_unguard(&first.guarded);
    CHECK_EQUAL(0, read_page(&second, 1));
    CHECK_EQUAL(2, atomic_load(&second.guarded.fault_count));
    process_unguard(&second.guarded);
    unmap_file(&first);
    unmap_file(&second);
}

TEST(errno_survives_a_fault)
{
    CHECK(process_guard_check());
    mapped_file file = map_file();
    CHECK_OK(process_guard(&file.guarded));
    keep_pages(&file, 0);
    errno = E2BIG;
    uint8_t value = read_page(&file, 3);
    CHECK_EQUAL(E2BIG, errno);
    CHECK_EQUAL(0, value);
    process_unguard(&file.guarded);
    unmap_file(&file);
}

static volatile sig_atomic_t other_handler_runs;

static void count_and_exit(int number)
{
    (void)number;
    other_handler_runs++;
    _exit(77);
}

static int replaced_and_installed_again(void)
{
    mapped_file file = map_file();
    if (signal(SIGBUS, count_and_exit) == SIG_ERR || !process_guard_check() ||
        process_guard(&file.guarded) != PYKV_OK) {
        return 1;
    }
    keep_pages(&file, 0);
    return read_page(&file, 1) == 0 && other_handler_runs == 0 &&
                   atomic_load(&file.guarded.fault_count) == 1
               ? 0
               : 2;
}

/* The story: faulthandler.enable() after an open replaces the handler; the next open checks. */
TEST(a_replaced_handler_is_installed_again)
{
    CHECK(process_guard_check());
    CHECK_EQUAL(0, child_run(replaced_and_installed_again));
}

static bool other_is_installed(void)
{
    struct sigaction current;
    return sigaction(SIGBUS, NULL, &current) == 0 && current.sa_handler == count_and_exit;
}

static int replaced_and_kept(void)
{
    const uint64_t second = 1000000;
    mapped_file file = map_file();
    process_guard_keep(7 * second);
    if (signal(SIGBUS, count_and_exit) == SIG_ERR || process_guard(&file.guarded) != PYKV_OK) {
        return 1;
    }
    process_guard_keep(8 * second);
    if (other_is_installed() || signal(SIGBUS, count_and_exit) == SIG_ERR) {
        return 2;
    }
    process_guard_keep(9 * second - 1);
    if (!other_is_installed()) {
        return 3;
    }
    process_guard_keep(9 * second);
    keep_pages(&file, 0);
    return read_page(&file, 1) == 0 && atomic_load(&file.guarded.fault_count) == 1 ? 0 : 4;
}

static int replaced_where_nothing_is_guarded(void)
{
    (void)signal(SIGBUS, count_and_exit);
    process_guard_keep(UINT64_MAX);
    return other_is_installed() ? 0 : 1;
}

/* The story: faulthandler.enable() came after the last open, and then the disk failed. */
TEST(a_replaced_handler_is_installed_again_within_a_second)
{
    CHECK_OK(process_init());
    CHECK_EQUAL(0, child_run(replaced_and_kept));
    CHECK_EQUAL(0, child_run(replaced_where_nothing_is_guarded));
}

static int fault_outside(void)
{
    mapped_file guarded = map_file();
    mapped_file outside = map_file();
    if (!process_guard_check() || process_guard(&guarded.guarded) != PYKV_OK) {
        return 1;
    }
    keep_pages(&outside, 0);
    return read_page(&outside, 0) == 0 ? 2 : 3;
}

static int fault_outside_by_default(void)
{
    (void)signal(SIGBUS, SIG_DFL);
    return fault_outside();
}

static int fault_outside_while_ignored(void)
{
    (void)signal(SIGBUS, SIG_IGN);
    return fault_outside();
}

static int fault_outside_with_a_handler(void)
{
    (void)signal(SIGBUS, count_and_exit);
    return fault_outside();
}

static void exit_with_details(int number, siginfo_t *info, void *context)
{
    _exit(number == SIGBUS && info->si_code > 0 && context != NULL ? 78 : 79);
}

static int fault_outside_with_a_detailed_handler(void)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = exit_with_details;
    action.sa_flags = SA_SIGINFO;
    (void)sigaction(SIGBUS, &action, NULL);
    return fault_outside();
}

TEST(a_fault_outside_goes_where_it_went_before)
{
    CHECK_EQUAL(CHILD_SIGNALLED + SIGBUS, child_run(fault_outside_by_default));
    CHECK_EQUAL(CHILD_SIGNALLED + SIGBUS, child_run(fault_outside_while_ignored));
    CHECK_EQUAL(77, child_run(fault_outside_with_a_handler));
    CHECK_EQUAL(78, child_run(fault_outside_with_a_detailed_handler));
}

static int fault_after_unguarding(void)
{
    (void)signal(SIGBUS, SIG_DFL);
    mapped_file file = map_file();
    if (!process_guard_check() || process_guard(&file.guarded) != PYKV_OK) {
        return 1;
    }
    process_unguard(&file.guarded);
    keep_pages(&file, 0);
    return read_page(&file, 0) == 0 ? 2 : 3;
}

TEST(a_mapping_that_is_unguarded_is_foreign_again)
{
    CHECK_EQUAL(CHILD_SIGNALLED + SIGBUS, child_run(fault_after_unguarding));
}

static struct sigaction before_other;

static void restore_and_raise(int number)
{
    (void)sigaction(number, &before_other, NULL);
    (void)raise(number);
}

static int fault_outside_with_a_handler_that_raises(void)
{
    (void)signal(SIGBUS, SIG_DFL);
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = restore_and_raise;
    action.sa_flags = SA_NODEFER;
    if (!process_guard_check() || sigaction(SIGBUS, &action, &before_other) != 0) {
        return 1;
    }
    return fault_outside();
}

/*
 * The story: faulthandler saved our handler as its previous one, we installed ours over it. At a
 * foreign fault ours calls it, it restores and raises ours, and without a stop this never ends.
 */
TEST(a_handler_that_raises_the_signal_again_ends_the_process)
{
#if defined(__SANITIZE_THREAD__)
    (void)fault_outside_with_a_handler_that_raises;
    fputs("not run: the thread sanitizer holds a raised signal back until the handler ends\n",
          stderr);
#else
    CHECK_EQUAL(CHILD_SIGNALLED + SIGBUS, child_run(fault_outside_with_a_handler_that_raises));
#endif
}

static int sent_while_ignored(void)
{
    (void)signal(SIGBUS, SIG_IGN);
    return process_guard_check() && raise(SIGBUS) == 0 ? 0 : 1;
}

static int sent_by_default(void)
{
    (void)signal(SIGBUS, SIG_DFL);
    return process_guard_check() && raise(SIGBUS) == 0 ? 0 : 1;
}

TEST(a_signal_that_was_sent_is_passed_on)
{
    CHECK_EQUAL(0, child_run(sent_while_ignored));
    CHECK_EQUAL(CHILD_SIGNALLED + SIGBUS, child_run(sent_by_default));
}

static mapped_file inherited;

static int read_inherited(void)
{
    (void)signal(SIGBUS, SIG_DFL);
    if (!process_guard_check()) {
        return 1;
    }
    return read_page(&inherited, 1) == 0 ? 2 : 3;
}

TEST(a_child_starts_with_an_empty_table)
{
    CHECK_OK(process_init());
    inherited = map_file();
    CHECK_OK(process_guard(&inherited.guarded));
    keep_pages(&inherited, 0);
    CHECK_EQUAL(CHILD_SIGNALLED + SIGBUS, child_run(read_inherited));
    CHECK_EQUAL(0, read_page(&inherited, 1));
    process_unguard(&inherited.guarded);
    unmap_file(&inherited);
}

static int fill_the_table(void)
{
    enum { TABLE_SIZE = 65536 };
    static process_mapping mappings[TABLE_SIZE + 1];
    for (size_t i = 0; i <= TABLE_SIZE; i++) {
        mappings[i].base = (const uint8_t *)&mappings[i];
        mappings[i].size = sizeof mappings[i];
        pykv_status wanted = i < TABLE_SIZE ? PYKV_OK : PYKV_NO_MEMORY;
        if (process_guard(&mappings[i]) != wanted) {
            return 1;
        }
    }
    process_unguard(&mappings[0]);
    mapped_file file = map_file();
    if (!process_guard_check() || process_guard(&file.guarded) != PYKV_OK) {
        return 2;
    }
    process_unguard(&mappings[TABLE_SIZE - 1]);
    if (process_guard(&mappings[TABLE_SIZE]) != PYKV_OK) {
        return 3;
    }
    keep_pages(&file, 0);
    return read_page(&file, 1) == 0 && atomic_load(&file.guarded.fault_count) == 1 ? 0 : 4;
}

TEST(the_table_has_a_limit_that_is_an_error)
{
    CHECK_EQUAL(0, child_run(fill_the_table));
}

TEST(unguarding_what_is_not_guarded_is_ignored)
{
    static uint8_t bytes[8];
    process_mapping mapping = {.base = bytes, .size = sizeof bytes};
    process_unguard(&mapping);
    CHECK_OK(process_guard(&mapping));
    process_unguard(&mapping);
    process_unguard(&mapping);
}

static _Atomic bool churn_over;

/* Mappings come, are freed at once, and their slots are used again. */
static void *guard_and_unguard(void *argument)
{
    (void)argument;
    uint64_t rounds = 0;
    while (!atomic_load(&churn_over)) {
        process_mapping *passing = mem_alloc_zeroed(1, sizeof *passing);
        if (passing != NULL) {
            passing->base = (const uint8_t *)passing;
            passing->size = 1 + rounds++ % 16;
            if (process_guard(passing) == PYKV_OK) {
                process_unguard(passing);
            }
        }
        mem_free(passing);
    }
    return NULL;
}

TEST(faults_are_served_while_other_mappings_come_and_go)
{
    CHECK(process_guard_check());
    pthread_t threads[2];
    atomic_store(&churn_over, false);
    for (size_t i = 0; i < 2; i++) {
        CHECK(pthread_create(&threads[i], NULL, guard_and_unguard, NULL) == 0);
    }
    int wrong = 0;
    for (int round = 0; round < 100; round++) {
        mapped_file file = map_file();
        wrong += process_guard(&file.guarded) != PYKV_OK;
        keep_pages(&file, 0);
        for (size_t page = 0; page < PAGE_COUNT; page++) {
            wrong += read_page(&file, page) != 0;
        }
        wrong += atomic_load(&file.guarded.fault_count) != PAGE_COUNT;
        process_unguard(&file.guarded);
        unmap_file(&file);
    }
    atomic_store(&churn_over, true);
    for (size_t i = 0; i < 2; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
    }
    CHECK_EQUAL(0, wrong);
}

TEST_MAIN(CASE(lost_pages_read_as_zeros_and_each_is_counted_once),
          CASE(a_fault_is_charged_to_its_own_mapping), CASE(errno_survives_a_fault),
          CASE(a_replaced_handler_is_installed_again),
          CASE(a_replaced_handler_is_installed_again_within_a_second),
          CASE(a_fault_outside_goes_where_it_went_before),
          CASE(a_mapping_that_is_unguarded_is_foreign_again),
          CASE(a_handler_that_raises_the_signal_again_ends_the_process),
          CASE(a_signal_that_was_sent_is_passed_on), CASE(a_child_starts_with_an_empty_table),
          CASE(the_table_has_a_limit_that_is_an_error),
          CASE(unguarding_what_is_not_guarded_is_ignored),
          CASE(faults_are_served_while_other_mappings_come_and_go))
