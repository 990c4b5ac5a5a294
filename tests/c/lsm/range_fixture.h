/*
 * range_fixture: sets of range deletes from texts, and as texts: "b-f:7,3 m-:9" are the keys from b
 * and before f, deleted with sequences 7 and 3, and all from m on, deleted with 9.
 */
#ifndef PYKV_TESTS_LSM_RANGE_FIXTURE_H
#define PYKV_TESTS_LSM_RANGE_FIXTURE_H

#include "harness/check.h"

#include "lsm/range_set.h"

enum { RANGE_TEXT_BYTES = 4096 };

static inline slice range_key(const char *text)
{
    return slice_make(text, strlen(text));
}

/* Puts the join of a set and one delete in its place. The keys are borrowed. */
static inline void range_add(const range_set **set, const char *start, const char *stop,
                             uint64_t sequence, const range_rule *rule)
{
    const range_set *one;
    const range_set *joined;
    CHECK_OK(range_set_one(range_key(start), range_key(stop), sequence, &one));
    CHECK_OK(range_set_join(*set, one, rule, &joined));
    range_set_release(one);
    range_set_release(*set);
    *set = joined;
}

static inline void range_text(const range_set *set, char out[RANGE_TEXT_BYTES])
{
    size_t used = 0;
    out[0] = '\0';
    for (uint32_t i = 0; set != NULL && i < set->count; i++) {
        const range_fragment *each = &set->fragments[i];
        used +=
            (size_t)snprintf(out + used, RANGE_TEXT_BYTES - used, "%s%.*s-%.*s:", i == 0 ? "" : " ",
                             (int)each->start.size, (const char *)each->start.data,
                             (int)each->stop.size, (const char *)each->stop.data);
        for (uint32_t k = 0; k < each->sequence_count; k++) {
            used += (size_t)snprintf(out + used, RANGE_TEXT_BYTES - used, "%s%d", k == 0 ? "" : ",",
                                     (int)set->sequences[each->first_sequence + k]);
        }
        CHECK(used < RANGE_TEXT_BYTES);
    }
}

static inline void range_text_check(const char *file, int line, const char *wanted,
                                    const range_set *set)
{
    char found[RANGE_TEXT_BYTES];
    range_text(set, found);
    if (strcmp(wanted, found) != 0) {
        check_failed(file, line, "the set is \"%s\", not \"%s\"", found, wanted);
    }
}

#define CHECK_RANGES(wanted, set) range_text_check(__FILE__, __LINE__, (wanted), (set))

#endif
