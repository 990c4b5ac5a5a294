/*
 * refresh_checks: a reader beside the store of a fixture, and what a refresh of it shows, for any
 * engine.
 *
 * Header only: a test program defines REFRESH and DESTROY as the engine's functions, and includes
 * it once, after its fixture.
 */
#ifndef PYKV_TESTS_REFRESH_CHECKS_H
#define PYKV_TESTS_REFRESH_CHECKS_H

/* A reader beside the fixture's store, on the same disk. */
static fixture reader_new(const fixture *writer)
{
    fixture self = {.disk = writer->disk, .options = writer->options};
    self.options.read_only = 1;
    CHECK_OK(fixture_open(&self));
    return self;
}

static pykv_status try_refresh(fixture *self, uint64_t *sequence_out)
{
    bool moved;
    return REFRESH(self->store, sequence_out, &moved);
}

static uint64_t refresh(fixture *self)
{
    uint64_t sequence = 0;
    CHECK_OK(try_refresh(self, &sequence));
    CHECK_EQUAL(fixture_stats(self).last_sequence, sequence);
    return sequence;
}

/* The reader counts what the writer counts. */
static void expect_same_books(fixture *self, fixture *reader)
{
    pykv_stats a = fixture_stats(self);
    pykv_stats b = fixture_stats(reader);
    CHECK_EQUAL(a.key_count, b.key_count);
    CHECK_EQUAL(a.live_bytes, b.live_bytes);
    CHECK_EQUAL(a.last_sequence, b.last_sequence);
}

static void check_that_it_shows_what_was_written(fixture *self)
{
    fixture_put(self, "key", "old");
    fixture reader = reader_new(self);
    fixture_put(self, "key", "new");
    fixture_put(self, "other", "value");
    fixture_expect(&reader, "key", "old");
    fixture_expect(&reader, "other", NULL);
    CHECK_EQUAL(3, refresh(&reader));
    fixture_expect(&reader, "key", "new");
    fixture_expect(&reader, "other", "value");
    fixture_delete(self, "other");
    CHECK_EQUAL(4, refresh(&reader));
    fixture_expect(&reader, "other", NULL);
    expect_same_books(self, &reader);
    fixture_kill(&reader);
}

static void check_that_it_goes_on_with_the_next_writer(fixture *self)
{
    fixture_fill(self, 0, 10, 50);
    fixture reader = reader_new(self);
    fixture_fill(self, 10, 20, 50);
    fixture_kill(self);
    CHECK_EQUAL(20, refresh(&reader));
    CHECK_OK(fixture_open(self));
    CHECK_EQUAL(20, refresh(&reader));
    CHECK_EQUAL(1, fixture_stats(&reader).epoch);
    fixture_put(self, "next", "1");
    CHECK_EQUAL(21, refresh(&reader));
    fixture_reopen(self);
    CHECK_EQUAL(21, refresh(&reader));
    CHECK_EQUAL(21, fixture_count(&reader));
    fixture_put(self, "more", "1");
    CHECK_EQUAL(22, refresh(&reader));
    expect_same_books(self, &reader);
    fixture_kill(&reader);
}

static void expect_pins(fixture *self, size_t count, uint64_t sequence)
{
    pykv_pin listed[HISTORY_PINS_MAX];
    size_t found = 0;
    change_feeds_list_pins(&self->store->feeds, listed, HISTORY_PINS_MAX, &found);
    CHECK_EQUAL(count, found);
    CHECK_EQUAL(sequence, count > 0 ? listed[0].sequence : 0);
    CHECK(count == 0 || !listed[0].gone);
}

/* It showed those that there were when it was opened, and those of an LSM store as gone. */
static void check_that_it_shows_the_pins(fixture *self)
{
    pykv_pin pin = {.name = "copy", .sequence = 3};
    fixture_fill(self, 0, 10, 50);
    CHECK_OK(change_feeds_pin(&self->store->feeds, &pin));
    fixture reader = reader_new(self);
    expect_pins(&reader, 1, 3);
    pin.sequence = 7;
    CHECK_OK(change_feeds_pin(&self->store->feeds, &pin));
    (void)refresh(&reader);
    expect_pins(&reader, 1, 7);
    CHECK_OK(change_feeds_unpin(&self->store->feeds, "copy"));
    (void)refresh(&reader);
    expect_pins(&reader, 0, 0);
    fixture_kill(&reader);
}

static void check_that_it_refuses_another_database(fixture *self, uint64_t rows)
{
    uint64_t sequence = 77;
    fixture reader = reader_new(self);
    fixture_close(self);
    CHECK_OK(DESTROY(self->disk, FIXTURE_PATH));
    CHECK_STATUS(PYKV_REPLACED, try_refresh(&reader, &sequence));
    CHECK_EQUAL(rows, fixture_count(&reader));
    CHECK_OK(fixture_open(self));
    fixture_put(self, "stranger", "1");
    CHECK_STATUS(PYKV_REPLACED, try_refresh(&reader, &sequence));
    CHECK_EQUAL(77, sequence);
    CHECK_EQUAL(rows, fixture_count(&reader));
    fixture_expect(&reader, "stranger", NULL);
    fixture_kill(&reader);
}

#endif
