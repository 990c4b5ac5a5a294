/*
 * deadline_buckets: four times the time from bucket to bucket, and seconds rounded up.
 */
#include "base/deadline_buckets.h"

#include <stdbool.h>

#include "base/invariant.h"

enum { SECOND_US = 1000000, FIRST_BUCKET_SECONDS = 1024, EIGHTHS = 8, AGED_SHARE = 4 };

static uint32_t bucket_of(uint64_t now_us, uint64_t deadline_us)
{
    uint64_t left_us = deadline_us > now_us ? deadline_us - now_us : 0;
    uint64_t ratio = left_us / ((uint64_t)SECOND_US * FIRST_BUCKET_SECONDS);
    uint32_t bits = 63 - (uint32_t)__builtin_clzll(ratio << 1 | 1);
    uint32_t index = (bits + 1) / 2;
    return index < DEADLINE_BUCKET_COUNT ? index : DEADLINE_BUCKET_COUNT - 1;
}

void deadline_buckets_add(deadline_buckets *self, uint64_t now_us, uint64_t deadline_us,
                          uint64_t weight)
{
    uint32_t index = bucket_of(now_us, deadline_us);
    deadline_bucket *into = &self->list[index];
    uint64_t left_us = deadline_us > now_us ? deadline_us - now_us : 0;
    uint64_t aged_us = now_us + left_us / AGED_SHARE;
    bool is_later = deadline_us > into->until_us;
    into->until_us = is_later && !PYKV_PLANTED(314) ? deadline_us : into->until_us;
    into->weight += weight;
    if (self->aged_us[index] == 0 || aged_us < self->aged_us[index]) {
        self->aged_us[index] = aged_us;
    }
}

uint64_t deadline_buckets_passed(const deadline_buckets *self, uint64_t now_us)
{
    uint64_t passed = 0;
    for (uint32_t i = 0; i < DEADLINE_BUCKET_COUNT; i++) {
        passed += self->list[i].until_us <= now_us ? self->list[i].weight : 0;
    }
    return passed;
}

uint64_t deadline_buckets_aged(const deadline_buckets *self, uint64_t by_us)
{
    uint64_t aged = 0;
    for (uint32_t i = 0; i < DEADLINE_BUCKET_COUNT; i++) {
        uint64_t aged_us = self->aged_us[i] != 0 ? self->aged_us[i] : self->list[i].until_us;
        aged += aged_us <= by_us ? self->list[i].weight : 0;
    }
    return aged;
}

uint32_t deadline_seconds(uint64_t time_us)
{
    uint64_t seconds = time_us / SECOND_US + (time_us % SECOND_US != 0 && !PYKV_PLANTED(317));
    return seconds <= UINT32_MAX ? (uint32_t)seconds : 0;
}

/* ---- eighths ---- */

/* The parts of total, rounded up, that are to have passed: nothing of it is told too early. */
static uint64_t eighths_of(uint64_t total, uint32_t count)
{
    return total / EIGHTHS * count + (total % EIGHTHS * count + EIGHTHS - 1) / EIGHTHS;
}

/* The earliest time by which so much has passed; UINT64_MAX: there is none. */
static uint64_t time_of(const deadline_buckets *self, uint64_t weight)
{
    uint64_t earliest = UINT64_MAX;
    for (uint32_t i = 0; i < DEADLINE_BUCKET_COUNT; i++) {
        uint64_t until_us = self->list[i].until_us;
        if (until_us < earliest && deadline_buckets_passed(self, until_us) >= weight) {
            earliest = until_us;
        }
    }
    return earliest;
}

void deadline_eighths_make(const deadline_buckets *self, uint64_t total,
                           uint32_t eighths_out[DEADLINE_EIGHTH_COUNT])
{
    for (uint32_t i = 0; i < DEADLINE_EIGHTH_COUNT; i++) {
        uint64_t weight = eighths_of(total, i + 1);
        eighths_out[i] = weight == 0 ? 0 : deadline_seconds(time_of(self, weight));
    }
}

uint64_t deadline_eighths_passed(const uint32_t eighths[DEADLINE_EIGHTH_COUNT], uint64_t total,
                                 uint64_t now_us)
{
    uint32_t passed = 0;
    while (passed < DEADLINE_EIGHTH_COUNT && eighths[passed] != 0 &&
           eighths[passed] <= now_us / SECOND_US) {
        passed++;
    }
    return total / EIGHTHS * passed + total % EIGHTHS * passed / EIGHTHS;
}
