/*
 * named_checks: what a namespace shares with its store, for any engine, reached through pykv.h.
 *
 * Header only: every test program includes it once.
 */
#ifndef PYKV_TESTS_NAMED_CHECKS_H
#define PYKV_TESTS_NAMED_CHECKS_H

#include <unistd.h>

#include "api_fixture.h"

#include "api/handle.h"

static pykv_store *named_open(pykv_store *store, const char *name, int32_t create)
{
    pykv_store *made = NULL;
    CHECK_OK(pykv_namespace_open(store, name, strlen(name), create, 0, &made));
    return made;
}

static void named_put(pykv_store *store, const char *key, const char *value)
{
    CHECK_OK(pykv_put(store, key, strlen(key), value, strlen(value), 0));
}

static uint64_t named_count(pykv_store *store)
{
    uint64_t count = 0;
    CHECK_OK(pykv_count(store, &count));
    return count;
}

static void named_check_clock(pykv_store *store, pykv_store *named)
{
    uint64_t of_store = 0;
    uint64_t of_named = 0;
    CHECK_OK(pykv_now(store, &of_store));
    CHECK_OK(pykv_now(named, &of_named));
    CHECK(of_named >= of_store - 1000000);
}

static void named_check_upkeep(pykv_store *named)
{
    int32_t more;
    pykv_report report;
    CHECK_OK(pykv_sync(named));
    CHECK_OK(pykv_flush(named));
    CHECK_OK(pykv_compact(named, NULL, NULL));
    CHECK_OK(pykv_resume(named));
    CHECK_OK(pykv_maintain_step(named, PYKV_ROLE_DATA, &more));
    CHECK_EQUAL(PYKV_STATE_OPEN, pykv_state(named));
    CHECK_OK(pykv_verify(named, NULL, &report));
    CHECK_EQUAL(0, report.damage_count);
}

/* Uses a namespace of a new store, and closes that. */
static void named_check(api_fixture *f)
{
    uint64_t bytes = 77;
    pykv_stats stats;
    pykv_store *named = named_open(f->store, "users", 1);
    CHECK(f->store->gate == named->gate);
    named_check_clock(f->store, named);
    named_put(named, "a", "1");
    named_put(named, "b", "2");
    named_put(f->store, "a", "3");
    CHECK_EQUAL(1, named_count(f->store));
    CHECK_EQUAL(2, named_count(named));
    named_check_upkeep(named);
    CHECK_OK(pykv_approximate_size(named, NULL, &bytes));
    CHECK(bytes != 77);
    CHECK_OK(pykv_get_stats(named, &stats));
    CHECK_EQUAL(5, stats.last_sequence);
    api_fixture copy = {.options = f->options, .path = check_temporary_directory()};
    CHECK_EQUAL(0, rmdir(copy.path));
    CHECK_OK(pykv_checkpoint(named, copy.path));
    pykv_free(named);
    CHECK_OK(pykv_close(f->store, -1));

    CHECK_OK(api_open(&copy));
    named = named_open(copy.store, "users", 0);
    CHECK_EQUAL(2, named_count(named));
    pykv_free(named);
    CHECK_OK(pykv_close(copy.store, -1));
    api_free(&copy);
}

#endif
