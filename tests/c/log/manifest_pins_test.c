/*
 * manifest_pins_test: pins go into a manifest and come back, and what is no pin is refused.
 */
#include "harness/check.h"

#include "log/manifest_file.h"
#include "log/manifest_pins.h"

static uint8_t head[MANIFEST_HEAD_BYTES];

static pykv_pin pin_of(const char *name, uint64_t sequence)
{
    pykv_pin pin = {.sequence = sequence, .bytes_max = UINT64_MAX, .until_us = sequence * 3};
    snprintf(pin.name, sizeof pin.name, "%s", name);
    return pin;
}

static history_pins example(void)
{
    history_pins self = {.count = 0};
    pykv_pin first = pin_of("a", 7);
    pykv_pin longest =
        pin_of("0123456789012345678901234567890123456789012345678901234567890123", 9);
    CHECK(history_pins_set(&self, &first));
    CHECK(history_pins_set(&self, &longest));
    return self;
}

/* Encodes pins, changes a byte at an offset by exclusive or (and makes the checks right again), and
 * decodes them. */
static pykv_status read_changed(const history_pins *pins, size_t at, uint8_t change, bool sealed,
                                history_pins *out)
{
    buffer bytes = BUFFER_EMPTY;
    uint32_t crc = manifest_head_seal(head);
    CHECK_OK(buffer_append(&bytes, head, sizeof head));
    CHECK_OK(manifest_pins_encode(pins, crc, &bytes));
    CHECK_EQUAL(sizeof head + manifest_pins_bytes(pins), bytes.size);
    bytes.data[sizeof head + at] ^= change;
    for (size_t i = 0; sealed && i < pins->count; i++) {
        manifest_entry_seal(bytes.data + sizeof head + i * MANIFEST_PIN_BYTES, MANIFEST_PIN_BYTES,
                            crc);
    }
    pykv_status status = manifest_pins_decode(bytes.data, sizeof head, pins->count, "file", out);
    buffer_reset(&bytes);
    return status;
}

TEST(pins_come_back_as_they_were)
{
    history_pins pins = example();
    history_pins got = {.count = 5};
    CHECK_OK(read_changed(&pins, 0, 0, false, &got));
    CHECK_EQUAL(2, got.count);
    for (size_t i = 0; i < got.count; i++) {
        CHECK(strcmp(pins.pins[i].name, got.pins[i].name) == 0);
        CHECK_EQUAL(pins.pins[i].sequence, got.pins[i].sequence);
        CHECK_EQUAL(pins.pins[i].bytes_max, got.pins[i].bytes_max);
        CHECK_EQUAL(pins.pins[i].until_us, got.pins[i].until_us);
    }
}

TEST(a_changed_byte_is_found)
{
    history_pins pins = example();
    history_pins got;
    for (size_t at = 0; at < manifest_pins_bytes(&pins); at++) {
        CHECK_STATUS(PYKV_CORRUPTION, read_changed(&pins, at, 0x10, false, &got));
    }
}

TEST(what_is_no_pin_is_refused_though_the_checks_are_right)
{
    history_pins pins = example();
    history_pins got;
    const size_t wrong[][2] = {{24, 1}, /* no name */
                               {24, 3}, /* a name with zeros in it */
                               {25, 1}, /* longer than names are */
                               {29, 1}, /* bytes behind the name */
                               {96, 1}, /* bytes without a meaning */
                               {104 + 92, 1}};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        CHECK_STATUS(PYKV_CORRUPTION,
                     read_changed(&pins, wrong[i][0], (uint8_t)wrong[i][1], true, &got));
    }
    pins.pins[1] = pins.pins[0];
    CHECK_STATUS(PYKV_CORRUPTION, read_changed(&pins, 0, 0, false, &got));
}

TEST(a_name_has_one_pin_and_there_are_not_many)
{
    history_pins pins = example();
    pykv_pin again = pin_of("a", 8);
    CHECK(history_pins_set(&pins, &again));
    CHECK_EQUAL(2, pins.count);
    CHECK_EQUAL(8, history_pins_find(&pins, "a")->sequence);
    for (uint64_t i = 0; i < HISTORY_PINS_MAX - 2; i++) {
        char name[8];
        snprintf(name, sizeof name, "p%" PRIu64, i);
        pykv_pin more = pin_of(name, i);
        CHECK(history_pins_set(&pins, &more));
    }
    pykv_pin one_more = pin_of("more", 1);
    CHECK(!history_pins_set(&pins, &one_more));
    CHECK(history_pins_set(&pins, &again));
    CHECK(history_pins_remove(&pins, "a"));
    CHECK(!history_pins_remove(&pins, "a"));
    CHECK(history_pins_find(&pins, "a") == NULL);
    CHECK(history_pins_find(&pins, "p13") != NULL);
    CHECK(history_pins_set(&pins, &one_more));
}

TEST_MAIN(CASE(pins_come_back_as_they_were), CASE(a_changed_byte_is_found),
          CASE(what_is_no_pin_is_refused_though_the_checks_are_right),
          CASE(a_name_has_one_pin_and_there_are_not_many))
