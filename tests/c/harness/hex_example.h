/*
 * hex_example: reads the examples of docs/format/, whose form docs/format/README.md describes, so
 * that the C code decodes what the documents show. Single-threaded.
 *
 *   FILE *page = hex_example_open("docs/format/record.md");
 *   while (hex_example_next(page, &example)) { ... }
 *   fclose(page);
 */
#ifndef PYKV_TESTS_HARNESS_HEX_EXAMPLE_H
#define PYKV_TESTS_HARNESS_HEX_EXAMPLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum {
    HEX_EXAMPLE_BYTES_MAX = 8192,
    HEX_EXAMPLE_CAPTION_COUNT_MAX = 80,
    HEX_EXAMPLE_LINE_BYTES = 256
};

typedef struct hex_example {
    char captions[HEX_EXAMPLE_CAPTION_COUNT_MAX][HEX_EXAMPLE_LINE_BYTES]; /* "name: text" */
    size_t caption_count;
    uint8_t bytes[HEX_EXAMPLE_BYTES_MAX];
    size_t size;
} hex_example;

/* Opens a page by its path from the root of the repository, where tests run; fails the case. */
FILE *hex_example_open(const char *path);

/* Reads the next example; false: the page has no more. Fails the case on one out of form. */
bool hex_example_next(FILE *page, hex_example *out);

/* Text of a caption, or NULL. Valid as long as *self is unchanged. */
const char *hex_example_text(const hex_example *self, const char *caption);

/* Number of a caption, or fallback if there is none. */
uint64_t hex_example_number(const hex_example *self, const char *caption, uint64_t fallback);

#endif
