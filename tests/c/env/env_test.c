/*
 * env_test: what env.h promises of directories, names, locks, clocks and chance, on every
 * environment. Files: env_file_contract_test.c.
 */
#include <errno.h>

#include "env/contract.h"
#include "env/env_ops.h"
#include "env/files.h"

static bool listed(env_directory *directory, const char *name)
{
    env_names names;
    bool found = false;
    CHECK_OK(env_directory_list(directory, &names));
    for (size_t i = 0; i < names.count; i++) {
        found = found || strcmp(names.names[i], name) == 0;
    }
    env_names_free(&names);
    return found;
}

static const char *below(const contract_disk *disk, const char *name)
{
    static char path[CONTRACT_PATH_BYTES + 64];
    snprintf(path, sizeof path, "%s/%s", disk->base, name);
    return path;
}

CONTRACT(a_missing_directory_is_not_found)
{
    env_directory *directory = NULL;
    CHECK_STATUS(PYKV_PATH_NOT_FOUND,
                 env_directory_open(disk->env, below(disk, "gone"), false, &directory));
    CHECK(directory == NULL);
    CHECK_STATUS(PYKV_PATH_NOT_FOUND, env_directory_open(disk->env, "", true, &directory));
    CHECK_EQUAL(ENOENT, error_last()->system_errno);
}

CONTRACT(create_makes_a_directory_with_its_parents)
{
    env_directory *directory = NULL;
    CHECK_OK(env_directory_open(disk->env, below(disk, "a//b/c/"), true, &directory));
    file_put(directory, "file", "text");
    env_directory_close(directory);
    CHECK_OK(env_directory_open(disk->env, below(disk, "a/b/c"), false, &directory));
    file_expect(directory, "file", "text");
    env_directory_close(directory);
    CHECK(listed(disk->root, "a"));
}

CONTRACT(create_opens_a_directory_that_is_there)
{
    env_directory *again = NULL;
    file_put(disk->root, "file", "text");
    CHECK_OK(env_directory_open(disk->env, disk->base, true, &again));
    file_expect(again, "file", "text");
    env_directory_close(again);
}

CONTRACT(a_file_is_not_a_directory)
{
    env_directory *directory = NULL;
    file_put(disk->root, "file", "text");
    CHECK_STATUS(PYKV_NOT_A_DIRECTORY,
                 env_directory_open(disk->env, below(disk, "file"), false, &directory));
    CHECK_STATUS(PYKV_NOT_A_DIRECTORY,
                 env_directory_open(disk->env, below(disk, "file"), true, &directory));
    CHECK_STATUS(PYKV_NOT_A_DIRECTORY,
                 env_directory_open(disk->env, below(disk, "file/below"), true, &directory));
}

CONTRACT(a_directory_tells_its_path)
{
    CHECK_EQUAL(0, strcmp(disk->base, env_directory_path(disk->root)));
}

CONTRACT(two_opens_of_a_directory_have_one_identity)
{
    uint64_t pair[4];
    env_directory *again = NULL;
    CHECK_OK(env_directory_open(disk->env, disk->base, false, &again));
    CHECK_OK(env_directory_identity(disk->root, &pair[0], &pair[1]));
    CHECK_OK(env_directory_identity(again, &pair[2], &pair[3]));
    env_directory_close(again);
    CHECK(pair[0] == pair[2] && pair[1] == pair[3]);
    CHECK_OK(env_directory_open(disk->env, below(disk, "other"), true, &again));
    CHECK_OK(env_directory_identity(again, &pair[2], &pair[3]));
    env_directory_close(again);
    CHECK(pair[0] != pair[2] || pair[1] != pair[3]);
}

CONTRACT(a_path_may_hold_dots_and_slashes)
{
    env_directory *directory = NULL;
    CHECK_OK(env_directory_open(disk->env, below(disk, "./a/.//b/."), true, &directory));
    file_put(directory, "file", "text");
    env_directory_close(directory);
    CHECK_OK(env_directory_open(disk->env, below(disk, "a/b"), false, &directory));
    file_expect(directory, "file", "text");
    CHECK_OK(env_unlink(directory, "file"));
    env_directory_close(directory);
    CHECK_OK(env_remove_directory(disk->env, below(disk, "./a//b/")));
    CHECK_OK(env_remove_directory(disk->env, below(disk, "a")));
    CHECK(!listed(disk->root, "a"));
}

CONTRACT(removing_looks_at_every_component)
{
    file_put(disk->root, "file", "text");
    CHECK_STATUS(PYKV_PATH_NOT_FOUND, env_remove_directory(disk->env, below(disk, "a/b")));
    CHECK_STATUS(PYKV_NOT_A_DIRECTORY, env_remove_directory(disk->env, below(disk, "file/b")));
    CHECK_STATUS(PYKV_NOT_A_DIRECTORY, env_remove_directory(disk->env, below(disk, "file")));
}

CONTRACT(a_log_may_be_mapped_only_where_reads_may)
{
    env_capabilities found = env_directory_capabilities(disk->root);
    CHECK(found.mapped_reads || !found.mapped_log);
    if (disk->simulated != NULL) {
        CHECK(found.mapped_log);
    }
}

CONTRACT(a_list_has_every_name_once)
{
    enum { NAME_COUNT = 100 };
    int seen[NAME_COUNT] = {0};
    env_names names;
    for (int i = 0; i < NAME_COUNT; i++) {
        char name[32];
        snprintf(name, sizeof name, "n%d", i);
        file_put(disk->root, name, "");
    }
    CHECK_OK(env_directory_list(disk->root, &names));
    CHECK_EQUAL(NAME_COUNT, names.count);
    for (size_t i = 0; i < names.count; i++) {
        seen[atoi(names.names[i] + 1)]++;
    }
    env_names_free(&names);
    CHECK_EQUAL(0, names.count);
    for (int i = 0; i < NAME_COUNT; i++) {
        CHECK_EQUAL(1, seen[i]);
    }
}

CONTRACT(rename_replaces_its_target)
{
    file_put(disk->root, "from", "new");
    file_put(disk->root, "to", "old");
    CHECK_OK(env_rename(disk->root, "from", "to"));
    file_expect(disk->root, "to", "new");
    CHECK(!file_exists(disk->root, "from"));
    CHECK_OK(env_directory_sync(disk->root));
}

/* Of the directories that a repair works in. */
CONTRACT(a_name_may_lead_into_a_directory_below)
{
    CHECK_OK(env_make_directory(disk->root, "below"));
    file_put(disk->root, "below/a", "one");
    file_put(disk->root, "b", "two");
    file_expect(disk->root, "below/a", "one");
    CHECK(!listed(disk->root, "a"));
    CHECK_OK(env_rename(disk->root, "below/a", "a"));
    CHECK_OK(env_rename(disk->root, "b", "below/b"));
    file_expect(disk->root, "a", "one");
    file_expect(disk->root, "below/b", "two");
    CHECK(listed(disk->root, "a") && !listed(disk->root, "b"));
    CHECK_OK(env_rename(disk->root, "a", "below/b"));
    file_expect(disk->root, "below/b", "one");
    CHECK_OK(env_rename(disk->root, "below/b", "below/c"));
    CHECK_STATUS(PYKV_PATH_NOT_FOUND, env_rename(disk->root, "below/b", "b"));
    CHECK_STATUS(PYKV_PATH_NOT_FOUND, env_rename(disk->root, "below/c", "nowhere/c"));
    CHECK_STATUS(PYKV_PATH_EXISTS, env_remove_directory(disk->env, below(disk, "below")));
    CHECK_OK(env_unlink(disk->root, "below/c"));
    CHECK_STATUS(PYKV_PATH_NOT_FOUND, env_unlink(disk->root, "below/c"));
    CHECK_OK(env_remove_directory(disk->env, below(disk, "below")));
}

CONTRACT(rename_to_the_same_file_changes_nothing)
{
    file_put(disk->root, "name", "text");
    CHECK_OK(env_rename(disk->root, "name", "name"));
    file_expect(disk->root, "name", "text");
    CHECK_OK(env_link(disk->root, "name", disk->root, "twin"));
    CHECK_OK(env_rename(disk->root, "name", "twin"));
    file_expect(disk->root, "name", "text");
    file_expect(disk->root, "twin", "text");
}

CONTRACT(names_that_are_missing_are_not_found)
{
    CHECK_STATUS(PYKV_PATH_NOT_FOUND, env_rename(disk->root, "gone", "to"));
    CHECK_STATUS(PYKV_PATH_NOT_FOUND, env_unlink(disk->root, "gone"));
    CHECK_STATUS(PYKV_PATH_NOT_FOUND, env_link(disk->root, "gone", disk->root, "to"));
    CHECK_STATUS(PYKV_PATH_NOT_FOUND, env_remove_directory(disk->env, below(disk, "gone")));
    CHECK(strstr(error_last()->path, "gone") != NULL);
}

CONTRACT(link_gives_a_file_a_second_name)
{
    file_put(disk->root, "one", "text");
    CHECK_OK(env_link(disk->root, "one", disk->root, "two"));
    CHECK_STATUS(PYKV_PATH_EXISTS, env_link(disk->root, "one", disk->root, "two"));
    CHECK_OK(env_unlink(disk->root, "one"));
    file_expect(disk->root, "two", "text");
}

CONTRACT(link_gives_a_file_a_name_in_another_directory)
{
    env_directory *other;
    file_put(disk->root, "one", "text");
    CHECK_OK(env_directory_open(disk->env, below(disk, "other"), true, &other));
    CHECK_OK(env_link(disk->root, "one", other, "two"));
    CHECK_STATUS(PYKV_PATH_EXISTS, env_link(disk->root, "one", other, "two"));
    CHECK(strstr(error_last()->path, "other") != NULL);
    CHECK_STATUS(PYKV_PATH_NOT_FOUND, env_unlink(disk->root, "two"));
    CHECK_OK(env_unlink(disk->root, "one"));
    file_expect(other, "two", "text");
    CHECK_OK(env_unlink(other, "two"));
    env_directory_close(other);
}

CONTRACT(an_unlinked_file_lives_until_it_is_closed)
{
    char data[4];
    size_t got = 0;
    file_put(disk->root, "file", "text");
    env_file *file = file_open(disk->root, "file", ENV_READ);
    CHECK_OK(env_unlink(disk->root, "file"));
    CHECK(!file_exists(disk->root, "file"));
    CHECK_OK(env_file_read(file, 0, data, sizeof data, &got));
    CHECK_BYTES("text", data, 4);
    env_file_close(file);
}

CONTRACT(a_directory_is_made_once_and_removed_when_empty)
{
    env_directory *inner = NULL;
    CHECK_OK(env_make_directory(disk->root, "inner"));
    CHECK_STATUS(PYKV_PATH_EXISTS, env_make_directory(disk->root, "inner"));
    CHECK_OK(env_directory_open(disk->env, below(disk, "inner"), false, &inner));
    file_put(inner, "file", "text");
    CHECK_STATUS(PYKV_PATH_EXISTS, env_remove_directory(disk->env, below(disk, "inner")));
    CHECK_OK(env_unlink(inner, "file"));
    CHECK_OK(env_remove_directory(disk->env, below(disk, "inner")));
    CHECK(!listed(disk->root, "inner"));
    env_directory_close(inner);
}

CONTRACT(a_removed_directory_takes_no_more_names)
{
    env_directory *inner = NULL;
    env_file *file = NULL;
    CHECK_OK(env_directory_open(disk->env, below(disk, "inner"), true, &inner));
    CHECK_OK(env_remove_directory(disk->env, below(disk, "inner")));
    CHECK_STATUS(PYKV_PATH_NOT_FOUND, env_file_open(inner, "file", FILES_CREATE, &file));
    CHECK_STATUS(PYKV_PATH_NOT_FOUND, env_make_directory(inner, "more"));
    CHECK(file == NULL);
    env_names names = {NULL, 0};
    CHECK_OK(env_directory_list(inner, &names));
    CHECK_EQUAL(0, names.count);
    env_names_free(&names);
    env_directory_close(inner);
}

CONTRACT(a_directory_renamed_under_its_opener_stays_the_same)
{
    env_directory *inner = NULL;
    CHECK_OK(env_directory_open(disk->env, below(disk, "before"), true, &inner));
    CHECK_OK(env_rename(disk->root, "before", "after"));
    file_put(inner, "file", "text");
    env_directory_close(inner);
    CHECK_OK(env_directory_open(disk->env, below(disk, "after"), false, &inner));
    file_expect(inner, "file", "text");
    env_directory_close(inner);
}

CONTRACT(a_second_lock_of_a_directory_is_refused_until_release)
{
    env_lock *lock = NULL;
    env_lock *second = NULL;
    CHECK_OK(env_lock_take(disk->root, "LOCK", &lock));
    CHECK_STATUS(PYKV_LOCKED, env_lock_take(disk->root, "LOCK", &second));
    CHECK(second == NULL);
    CHECK(error_last()->owner_pid > 0);
    CHECK(strstr(error_last()->text, "this process itself") != NULL);
    env_lock_release(lock);
    CHECK(listed(disk->root, "LOCK"));
    CHECK_OK(env_lock_take(disk->root, "LOCK", &second));
    env_lock_release(second);
}

CONTRACT(clocks_do_not_run_backwards_and_chance_differs)
{
    uint8_t first[32] = {0};
    uint8_t second[32] = {0};
    uint64_t start = env_monotonic_us(disk->env);
    CHECK(env_wall_us(disk->env) > UINT64_C(1500000000000000));
    CHECK_OK(env_random(disk->env, first, sizeof first));
    CHECK_OK(env_random(disk->env, second, sizeof second));
    CHECK(memcmp(first, second, sizeof first) != 0);
    CHECK(env_monotonic_us(disk->env) >= start);
}

TEST(every_errno_of_the_contract_has_its_status)
{
    CHECK_EQUAL(PYKV_NO_SPACE, env_status_from_errno(ENOSPC));
    CHECK_EQUAL(PYKV_NO_SPACE, env_status_from_errno(EDQUOT));
    CHECK_EQUAL(PYKV_NO_SPACE, env_status_from_errno(EFBIG));
    CHECK_EQUAL(PYKV_PATH_NOT_FOUND, env_status_from_errno(ENOENT));
    CHECK_EQUAL(PYKV_PATH_EXISTS, env_status_from_errno(EEXIST));
    CHECK_EQUAL(PYKV_PATH_EXISTS, env_status_from_errno(ENOTEMPTY));
    CHECK_EQUAL(PYKV_NO_PERMISSION, env_status_from_errno(EACCES));
    CHECK_EQUAL(PYKV_NO_PERMISSION, env_status_from_errno(EPERM));
    CHECK_EQUAL(PYKV_READ_ONLY, env_status_from_errno(EROFS));
    CHECK_EQUAL(PYKV_NOT_A_DIRECTORY, env_status_from_errno(ENOTDIR));
    CHECK_EQUAL(PYKV_NO_MEMORY, env_status_from_errno(ENOMEM));
    CHECK_EQUAL(PYKV_NOT_SUPPORTED, env_status_from_errno(EOPNOTSUPP));
    CHECK_EQUAL(PYKV_NOT_SUPPORTED, env_status_from_errno(ENOSYS));
    CHECK_EQUAL(PYKV_NOT_SUPPORTED, env_status_from_errno(EXDEV));
    CHECK_EQUAL(PYKV_NOT_SUPPORTED, env_status_from_errno(EMLINK));
    CHECK_EQUAL(PYKV_INVALID_ARGUMENT, env_status_from_errno(ENAMETOOLONG));
    CHECK_EQUAL(PYKV_IO_FAILED, env_status_from_errno(EIO));
    CHECK_EQUAL(PYKV_IO_FAILED, env_status_from_errno(EMFILE));
}

TEST(a_list_of_names_survives_a_failed_allocation)
{
    env_names names = {NULL, 0};
    CHECK_OK(env_names_add(&names, "one"));
    for (uint64_t at = 1; at <= 2; at++) {
        (void)mem_fail_at(at, 0);
        CHECK_STATUS(PYKV_NO_MEMORY, env_names_add(&names, "two"));
        (void)mem_fail_at(0, 0);
    }
    CHECK_EQUAL(1, names.count);
    CHECK_OK(env_names_add(&names, "two"));
    CHECK_EQUAL(0, strcmp("two", names.names[1]));
    env_names_free(&names);
}

TEST_MAIN(CONTRACT_CASES(a_missing_directory_is_not_found),
          CONTRACT_CASES(create_makes_a_directory_with_its_parents),
          CONTRACT_CASES(create_opens_a_directory_that_is_there),
          CONTRACT_CASES(a_file_is_not_a_directory), CONTRACT_CASES(a_directory_tells_its_path),
          CONTRACT_CASES(two_opens_of_a_directory_have_one_identity),
          CONTRACT_CASES(a_path_may_hold_dots_and_slashes),
          CONTRACT_CASES(removing_looks_at_every_component),
          CONTRACT_CASES(a_log_may_be_mapped_only_where_reads_may),
          CONTRACT_CASES(a_list_has_every_name_once), CONTRACT_CASES(rename_replaces_its_target),
          CONTRACT_CASES(a_name_may_lead_into_a_directory_below),
          CONTRACT_CASES(rename_to_the_same_file_changes_nothing),
          CONTRACT_CASES(names_that_are_missing_are_not_found),
          CONTRACT_CASES(link_gives_a_file_a_second_name),
          CONTRACT_CASES(link_gives_a_file_a_name_in_another_directory),
          CONTRACT_CASES(an_unlinked_file_lives_until_it_is_closed),
          CONTRACT_CASES(a_directory_is_made_once_and_removed_when_empty),
          CONTRACT_CASES(a_removed_directory_takes_no_more_names),
          CONTRACT_CASES(a_directory_renamed_under_its_opener_stays_the_same),
          CONTRACT_CASES(a_second_lock_of_a_directory_is_refused_until_release),
          CONTRACT_CASES(clocks_do_not_run_backwards_and_chance_differs),
          CASE(every_errno_of_the_contract_has_its_status),
          CASE(a_list_of_names_survives_a_failed_allocation))
