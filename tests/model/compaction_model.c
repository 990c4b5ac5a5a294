/*
 * compaction_model: the operations. What they lead to is compared in compaction_model_check.c.
 */
#include "compaction_model.h"

#include "codec/codec_runs.h"

#include "lsm/body_crc.h"

enum {
    STEP_BYTES_MAX = 400,
    MEMTABLE_BYTES = 1 << 16,
    STALL_ONE_IN = 30,
    GIVE_UP_ONE_IN = 12,
    PICKS_MAX = 500
};

/* ---- beginning ---- */

static memtable *add_memtable(compaction_history *self)
{
    memmove(&self->tables[1], &self->tables[0], self->table_count * sizeof *self->tables);
    CHECK_OK(memtable_create(&self->readers, MEMTABLE_BYTES, &self->tables[0]));
    self->table_count++;
    return self->tables[0];
}

static void choose_options(compaction_history *self)
{
    uint64_t table_bytes = 100 + history_roll(self, 400);
    self->options =
        (compaction_options){.table_bytes = table_bytes,
                             .level_bytes_base = 500 + history_roll(self, 3000),
                             .level_multiplier = (uint32_t)(2 + history_roll(self, 4)),
                             .level0_trigger = (uint32_t)(1 + history_roll(self, 4)),
                             .level0_trigger_max = (uint32_t)(4 + history_roll(self, 4)),
                             .overlap_bytes_max = 1 + history_roll(self, 10 * table_bytes),
                             .input_bytes_max = history_roll(self, 20 * table_bytes)};
    if (history_roll(self, 2) == 0) {
        self->options.runs_merged = (uint32_t)(2 + history_roll(self, 3));
        self->options.runs_max = self->options.runs_merged + (uint32_t)history_roll(self, 4);
        self->options.run_bytes_max = history_roll(self, 30 * table_bytes);
    }
}

/* In half of the histories blocks are compressed. */
static void choose_codec(compaction_history *self)
{
    if (self->number / 2 % 2 == 0) {
        codec_table_add(&self->job.codecs, &codec_runs);
        self->job.job.building.codec = &codec_runs;
    }
}

void history_init(compaction_history *self, uint64_t number, uint64_t seed)
{
    memset(self, 0, sizeof *self);
    self->number = number;
    self->chance = seed;
    self->now_us = 1000;
    job_init(&self->job);
    epoch_init(&self->entered);
    reclaimer_init(&self->readers, &self->entered);
    table_graveyard_init(&self->graveyard, self->job.home, NULL);
    self->job.job.building.block_bytes = (uint32_t)(TABLE_BLOCK_BYTES_MIN + history_roll(self, 99));
    choose_options(self);
    choose_codec(self);
    self->step_bytes_max = 20 + history_roll(self, STEP_BYTES_MAX);
    CHECK_OK(version_new_empty(&self->of));
    add_memtable(self);
}

/* ---- writes ---- */

/* Visibility stands still for a few writes, or for many. */
static void make_visible(compaction_history *self)
{
    uint64_t chosen = history_roll(self, STALL_ONE_IN);
    self->stalled = self->stalled ? chosen > 2 : chosen == 0;
    if (!self->stalled) {
        self->visible_sequence = self->sequence;
    }
}

static void write_one(compaction_history *self)
{
    char key[16];
    uint8_t value[HISTORY_VALUE_BYTES];
    uint64_t chosen = history_roll(self, 10);
    uint8_t index = (uint8_t)history_roll(self, HISTORY_KEY_COUNT);
    if (self->sequence == HISTORY_OPERATIONS_MAX) {
        return;
    }
    history_operation *made = &self->operations[self->sequence++];
    *made = (history_operation){.key = index, .deletes = chosen < 3};
    if (chosen == 3) {
        made->deadline_us = self->now_us + 1 + history_roll(self, 300);
    }
    iterator_entry entry = {.key = slice_make(key, history_key(index, key)),
                            .sequence = self->sequence,
                            .deadline_us = made->deadline_us,
                            .kind = made->deletes ? TABLE_DELETE : TABLE_PUT};
    if (!made->deletes) {
        entry.value = slice_make(value, history_value(self->sequence, value));
    }
    entry.body_crc = body_crc_of(&entry);
    uint64_t bytes = memtable_entry_bytes(entry.key.size, entry.value.size, entry.deadline_us != 0);
    CHECK_OK(memtable_reserve(self->tables[0], 1, bytes));
    memtable_add(self->tables[0], &entry, history_hash(entry.key));
    make_visible(self);
}

static void seal(compaction_history *self)
{
    if (self->table_count <= HISTORY_SEALED_MAX) {
        memtable_seal(self->tables[0]);
        add_memtable(self);
    }
}

/* ---- flushes ---- */

static void finish_flush(compaction_history *self)
{
    const manifest_table *facts = flush_run_output(self->flush);
    memtable *oldest = self->tables[--self->table_count];
    if (facts != NULL) {
        version_addition added = {history_open_table(self, facts), 0};
        version_change change = {.added = &added, .added_count = 1};
        flush_run_take(self->flush);
        history_publish(self, &change);
        table_file_release(added.file);
    } else {
        history_check_reads(self);
    }
    memtable_release(oldest);
    flush_run_free(self->flush);
    self->flush = NULL;
}

static void begin_flush(compaction_history *self)
{
    table_job job = history_job_of_now(self);
    if (self->table_count > 1) {
        memtable *oldest = self->tables[self->table_count - 1];
        CHECK_OK(flush_run_new(&job, oldest, self->of, &self->flush));
    }
}

static void step_flush(compaction_history *self, uint64_t step_bytes)
{
    bool more;
    if (flush_run_step(self->flush, step_bytes, &more) != PYKV_OK) {
        history_fail(self, "a flush fails");
    }
    if (!more) {
        finish_flush(self);
    }
}

static void flush_some(compaction_history *self)
{
    if (self->flush == NULL) {
        begin_flush(self);
    } else if (history_roll(self, GIVE_UP_ONE_IN) == 0) {
        flush_run_free(self->flush);
        self->flush = NULL;
        self->given_up_count++;
    } else {
        step_flush(self, 1 + history_roll(self, self->step_bytes_max));
    }
}

static void flush_all(compaction_history *self)
{
    while (self->table_count > 1) {
        if (self->flush == NULL) {
            begin_flush(self);
        }
        step_flush(self, UINT64_MAX);
    }
}

/* ---- pins ---- */

static void unpin(history_view *pin)
{
    for (size_t i = 0; i < pin->table_count; i++) {
        memtable_release(pin->tables[i]);
    }
    version_release(pin->of);
    pin->of = NULL;
}

static void pin_or_unpin(compaction_history *self)
{
    history_view *pin = &self->pins[history_roll(self, HISTORY_PIN_COUNT)];
    if (pin->of != NULL) {
        unpin(pin);
        return;
    }
    *pin = history_view_now(self);
    version_acquire(pin->of);
    for (size_t i = 0; i < pin->table_count; i++) {
        memtable_acquire(pin->tables[i]);
    }
}

/* ---- the stream ---- */

void history_step(compaction_history *self)
{
    uint64_t chosen = history_roll(self, 100);
    if (chosen < 34) {
        write_one(self);
    } else if (chosen < 41) {
        seal(self);
    } else if (chosen < 59) {
        flush_some(self);
    } else if (chosen < 90) {
        history_compact_some(self);
    } else if (chosen < 94) {
        pin_or_unpin(self);
    } else if (chosen < 97) {
        self->now_us += history_roll(self, 100);
    } else if (chosen < 98) {
        history_check_reads(self);
        history_check_structure(self);
    } else {
        table_graveyard_empty(&self->graveyard);
    }
}

void history_settle(compaction_history *self)
{
    const compaction_plan *running[HISTORY_RUN_COUNT];
    key_range all = {.start = slice_make("", 0)};
    self->visible_sequence = self->sequence;
    flush_all(self);
    seal(self);
    flush_all(self);
    for (size_t i = 0; i < HISTORY_RUN_COUNT; i++) {
        history_end_run(self, &self->runs[i]);
    }
    history_run *which = &self->runs[0];
    bool picks = history_roll(self, 2) == 0;
    compaction_options options = history_options_of_now(self, running);
    for (size_t i = 0; picks && compaction_pick(self->of, &options, &which->plan) == PYKV_OK; i++) {
        if (i == PICKS_MAX) {
            history_fail(self, "picking does not come to an end");
        }
        history_begin_run(self, which, &options);
        history_end_run(self, which);
    }
    compaction_wish wish = {all, self->job.next_number, self->sequence};
    while (compaction_pick_range(self->of, &options, &wish, &which->plan) == PYKV_OK) {
        history_begin_run(self, which, &options);
        history_end_run(self, which);
    }
}

void history_reset(compaction_history *self)
{
    flush_run_free(self->flush);
    for (size_t i = 0; i < HISTORY_RUN_COUNT; i++) {
        if (self->runs[i].run != NULL) {
            compaction_plan_end(&self->runs[i].plan);
            history_drop_run(&self->runs[i]);
        }
    }
    for (size_t i = 0; i < HISTORY_PIN_COUNT; i++) {
        if (self->pins[i].of != NULL) {
            unpin(&self->pins[i]);
        }
    }
    for (size_t i = 0; i < self->table_count; i++) {
        memtable_release(self->tables[i]);
    }
    table_graveyard_empty(&self->graveyard);
    if (job_file_count(&self->job) != self->of->file_count) {
        history_fail(self, "files are left that no version has");
    }
    version_release(self->of);
    table_graveyard_empty(&self->graveyard);
    CHECK(!reclaimer_sweep(&self->readers));
    reclaimer_destroy(&self->readers);
    job_reset(&self->job);
}
