/*
 * shared_file: a file lives as long as somebody refers to it; the graveyard alone closes it, and
 * unlinks it if it is obsolete.
 */
#include <string.h>

#include "harness/check.h"

#include "base/error.h"
#include "env/env_memory.h"
#include "lsm/shared_file.h"

typedef struct example {
    shared_file shared;
    const char *name;
    int *closed;
} example;

static void close_example(shared_file *self, char *name_out)
{
    example *closing = (example *)(void *)self;
    snprintf(name_out, SHARED_FILE_NAME_BYTES, "%s", closing->name);
    (*closing->closed)++;
}

typedef struct fixture {
    env *env;
    env_directory *home;
    graveyard grave;
    int closed;
    example examples[2];
} fixture;

static void make_file(fixture *self, const char *name)
{
    env_file *file;
    CHECK_OK(env_file_open(self->home, name, ENV_READ | ENV_WRITE | ENV_CREATE, &file));
    env_file_close(file);
}

static fixture *fixture_open(void)
{
    static fixture made;
    made = (fixture){.closed = 0};
    CHECK_OK(env_memory_new(1, 1 << 20, &made.env));
    CHECK_OK(env_directory_open(made.env, "db", true, &made.home));
    graveyard_init(&made.grave, made.home);
    static const char *const names[] = {"first", "second"};
    for (size_t i = 0; i < 2; i++) {
        made.examples[i].name = names[i];
        made.examples[i].closed = &made.closed;
        make_file(&made, names[i]);
        shared_file_init(&made.examples[i].shared, &made.grave, close_example);
    }
    return &made;
}

static void fixture_close(fixture *self)
{
    env_directory_close(self->home);
    env_memory_free(self->env);
}

static bool has_file(const fixture *self, const char *name)
{
    env_file *file;
    if (env_file_open(self->home, name, ENV_READ, &file) != PYKV_OK) {
        return false;
    }
    env_file_close(file);
    return true;
}

TEST(the_last_reference_buries_a_file_and_the_graveyard_closes_it)
{
    fixture *self = fixture_open();
    shared_file_acquire(&self->examples[0].shared);
    shared_file_release(&self->examples[0].shared);
    CHECK_EQUAL(0, graveyard_empty(&self->grave));
    shared_file_release(&self->examples[0].shared);
    shared_file_release(&self->examples[1].shared);
    CHECK_EQUAL(0, self->closed);
    CHECK_EQUAL(2, graveyard_empty(&self->grave));
    CHECK_EQUAL(2, self->closed);
    CHECK_EQUAL(0, graveyard_empty(&self->grave));
    CHECK(has_file(self, "first") && has_file(self, "second"));
    fixture_close(self);
}

TEST(only_an_obsolete_file_is_unlinked)
{
    fixture *self = fixture_open();
    shared_file_mark_obsolete(&self->examples[1].shared);
    shared_file_release(&self->examples[0].shared);
    shared_file_release(&self->examples[1].shared);
    CHECK(has_file(self, "second"));
    CHECK_EQUAL(2, graveyard_empty(&self->grave));
    CHECK(has_file(self, "first") && !has_file(self, "second"));
    fixture_close(self);
}

TEST(a_file_that_cannot_be_unlinked_leaves_the_last_error_alone)
{
    fixture *self = fixture_open();
    CHECK_OK(env_unlink(self->home, "first"));
    shared_file_mark_obsolete(&self->examples[0].shared);
    shared_file_release(&self->examples[0].shared);
    (void)error_set(PYKV_NO_SPACE, "before");
    CHECK_EQUAL(1, graveyard_empty(&self->grave));
    CHECK_EQUAL(PYKV_NO_SPACE, error_last()->status);
    fixture_close(self);
}

TEST_MAIN(CASE(the_last_reference_buries_a_file_and_the_graveyard_closes_it),
          CASE(only_an_obsolete_file_is_unlinked),
          CASE(a_file_that_cannot_be_unlinked_leaves_the_last_error_alone))
