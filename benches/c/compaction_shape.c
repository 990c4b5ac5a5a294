/*
 * compaction_shape: what the choice of compactions costs: levels of tables that are facts and keys
 * only, without files, under random inserts. Every due compaction is done before the next flush.
 *
 *   cc -std=c11 -D_GNU_SOURCE -O2 -Isrc/pykv/_native benches/c/compaction_shape.c \
 *      build/libpykv.a -o build/compaction_shape -lm -ldl -lpthread
 *   build/compaction_shape [rows [table_rows [flush_tables [base_tables [shape]]]]]
 *
 * shape: 0 random keys, 1 overwrites of a tenth as many keys, 2 rising keys. Prints the write
 * amplification (bytes written by flushes and compactions for each byte inserted), and what the
 * levels look like in the end. Single-threaded.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lsm/compaction_pick.h"
#include "lsm/table_cut.h"

enum { ROW_BYTES = 128, TABLES_MAX = 1 << 20 };
enum { SHAPE_RANDOM = 0, SHAPE_OVERWRITES = 1, SHAPE_RISING = 2 };

/* A table: its facts, its keys, and its bounds as bytes. */
typedef struct shape_table {
    table_file file; /* first, so that one leads to the other */
    uint64_t *keys;  /* rising */
    size_t count;
    uint8_t bounds[2][8];
} shape_table;

typedef struct shape {
    version now;
    compaction_options options;
    size_t flush_rows;
    uint64_t sequence;
    uint64_t chance;
    uint64_t inserted;
    uint64_t flushed;   /* rows */
    uint64_t compacted; /* rows */
    uint64_t moved;
    uint64_t runs;
    uint64_t largest_run; /* rows that one compaction took in */
    uint64_t by_level[LSM_LEVEL_COUNT];
} shape;

static void *claim(size_t count, size_t size)
{
    void *memory = calloc(count + 1, size);
    if (memory == NULL) {
        fprintf(stderr, "no memory\n");
        exit(1);
    }
    return memory;
}

static uint64_t roll(shape *self)
{
    self->chance ^= self->chance << 13;
    self->chance ^= self->chance >> 7;
    self->chance ^= self->chance << 17;
    return self->chance;
}

static int compare_keys(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left;
    uint64_t b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

/* ---- tables and levels ---- */

static slice key_slice(uint64_t key, uint8_t bytes[8])
{
    for (int i = 0; i < 8; i++) {
        bytes[i] = (uint8_t)(key >> (56 - 8 * i));
    }
    return slice_make(bytes, 8);
}

/* A table of a copy of sorted keys. */
static shape_table *make_table(shape *self, const uint64_t *keys, size_t count)
{
    shape_table *made = claim(1, sizeof *made);
    made->keys = claim(count, sizeof *made->keys);
    memcpy(made->keys, keys, count * sizeof *keys);
    made->count = count;
    made->file.facts.number = (uint32_t)++self->sequence;
    made->file.facts.entry_count = count;
    made->file.facts.file_bytes = count * ROW_BYTES;
    made->file.facts.sequence_min = self->sequence;
    made->file.facts.sequence_max = self->sequence;
    made->file.smallest = key_slice(keys[0], made->bounds[0]);
    made->file.largest = key_slice(keys[count - 1], made->bounds[1]);
    return made;
}

static void insert_table(version *now, uint8_t level_index, table_file *file)
{
    level *to = &now->levels[level_index];
    uint32_t place = level_index == 0 ? 0 : level_find(to, file->smallest);
    if (to->count == TABLES_MAX) {
        fprintf(stderr, "too many tables\n");
        exit(1);
    }
    memmove(to->files + place + 1, to->files + place, (to->count - place) * sizeof *to->files);
    to->files[place] = file;
    to->count++;
    to->bytes += file->facts.file_bytes;
    now->file_count++;
}

static void remove_table(version *now, uint8_t level_index, const table_file *file)
{
    level *from = &now->levels[level_index];
    uint32_t place = 0;
    while (from->files[place] != file) {
        place++;
    }
    from->count--;
    memmove(from->files + place, from->files + place + 1,
            (from->count - place) * sizeof *from->files);
    from->bytes -= file->facts.file_bytes;
    now->file_count--;
}

/* ---- work ---- */

static uint64_t next_key(shape *self, int how, uint64_t rows)
{
    if (how == SHAPE_RISING) {
        return self->inserted;
    }
    return how == SHAPE_OVERWRITES ? roll(self) % (rows / 10) * UINT64_C(0x9e3779b97f4a7c15)
                                   : roll(self);
}

/* Sorts keys and drops repetitions; returns how many are left. */
static size_t sort_keys(uint64_t *keys, size_t count)
{
    size_t left = 0;
    qsort(keys, count, sizeof *keys, compare_keys);
    for (size_t i = 0; i < count; i++) {
        if (left == 0 || keys[left - 1] != keys[i]) {
            keys[left++] = keys[i];
        }
    }
    return left;
}

static void flush(shape *self, int how, uint64_t rows)
{
    uint64_t *keys = claim(self->flush_rows, sizeof *keys);
    for (size_t i = 0; i < self->flush_rows; i++) {
        keys[i] = next_key(self, how, rows);
        self->inserted++;
    }
    size_t count = sort_keys(keys, self->flush_rows);
    insert_table(&self->now, 0, &make_table(self, keys, count)->file);
    self->flushed += count;
    free(keys);
}

/* Writes merged keys as outputs of a plan. */
static void write_outputs(shape *self, const compaction_plan *plan, const uint64_t *keys,
                          size_t count)
{
    table_cut cut;
    size_t first = 0;
    table_cut_options options = {self->options.table_bytes, self->options.overlap_bytes_max,
                                 plan->grandparents, plan->grandparent_count};
    table_cut_init(&cut, &options);
    for (size_t i = 0; i < count; i++) {
        uint8_t bytes[8];
        if (table_cut_before(&cut, key_slice(keys[i], bytes), (i - first) * ROW_BYTES)) {
            insert_table(&self->now, plan->output_level,
                         &make_table(self, keys + first, i - first)->file);
            first = i;
        }
    }
    insert_table(&self->now, plan->output_level,
                 &make_table(self, keys + first, count - first)->file);
    self->compacted += count;
    self->by_level[plan->output_level] += count;
}

static void run_plan(shape *self, const compaction_plan *plan)
{
    size_t count = 0;
    uint64_t *keys = claim(plan->input_bytes / ROW_BYTES, sizeof *keys);
    for (size_t side = 0; side < 2; side++) {
        for (size_t i = 0; i < plan->input_counts[side]; i++) {
            table_file *input = plan->inputs[side][i];
            shape_table *table_of = (shape_table *)(void *)input;
            memcpy(keys + count, table_of->keys, table_of->count * sizeof *keys);
            count += table_of->count;
            remove_table(&self->now, side == 0 ? plan->input_level : plan->output_level, input);
            free(table_of->keys);
            free(table_of);
        }
    }
    self->runs++;
    self->largest_run = count > self->largest_run ? count : self->largest_run;
    write_outputs(self, plan, keys, sort_keys(keys, count));
    free(keys);
}

/* Does all that is due. */
static void compact(shape *self)
{
    compaction_plan plan;
    while (compaction_pick(&self->now, &self->options, &plan) == PYKV_OK) {
        if (plan.is_trivial_move) {
            remove_table(&self->now, plan.input_level, plan.inputs[0][0]);
            insert_table(&self->now, plan.output_level, plan.inputs[0][0]);
            self->moved++;
        } else {
            run_plan(self, &plan);
        }
        compaction_plan_reset(&plan);
    }
}

static void report(const shape *self)
{
    double inserted = (double)self->inserted;
    uint64_t held = 0;
    printf("rows %" PRIu64 ", write amplification %.2f (flushes %.2f, compactions %.2f)\n",
           self->inserted, (double)(self->flushed + self->compacted) / inserted,
           (double)self->flushed / inserted, (double)self->compacted / inserted);
    printf("compactions %" PRIu64 ", moves %" PRIu64 ", largest %.1f tables\n", self->runs,
           self->moved, (double)self->largest_run * ROW_BYTES / (double)self->options.table_bytes);
    for (int i = 0; i < LSM_LEVEL_COUNT; i++) {
        const level *at = &self->now.levels[i];
        held += at->bytes / ROW_BYTES;
        if (at->count > 0 || self->by_level[i] > 0) {
            printf("level %d: %5u tables, %6.1f tables' bytes, written into %.2f\n", i, at->count,
                   (double)at->bytes / (double)self->options.table_bytes,
                   (double)self->by_level[i] / inserted);
        }
    }
    printf("rows held %" PRIu64 "\n", held);
}

static uint64_t argument(int count, char **texts, int place, uint64_t fallback)
{
    return count > place ? strtoull(texts[place], NULL, 10) : fallback;
}

int main(int count, char **texts)
{
    static shape self;
    uint64_t rows = argument(count, texts, 1, 2000000);
    uint64_t table_rows = argument(count, texts, 2, 4000);
    uint64_t flush_tables = argument(count, texts, 3, 1);
    uint64_t base_tables = argument(count, texts, 4, 2);
    int how = (int)argument(count, texts, 5, SHAPE_RANDOM);
    self.chance = 20261122;
    self.now.references = 1;
    self.options = compaction_options_make(table_rows * ROW_BYTES);
    self.options.level_bytes_base = base_tables * table_rows * ROW_BYTES;
    self.options.visible_sequence = UINT64_MAX;
    self.flush_rows = table_rows * flush_tables;
    for (int i = 0; i < LSM_LEVEL_COUNT; i++) {
        self.now.levels[i].files = claim(TABLES_MAX, sizeof(table_file *));
    }
    while (self.inserted < rows) {
        flush(&self, how, rows);
        compact(&self);
    }
    report(&self);
    return 0;
}
