/*
 * hex_example: implementation. Single-threaded.
 */
#include "harness/hex_example.h"

#include <stdlib.h>
#include <string.h>

#include "harness/check.h"

FILE *hex_example_open(const char *path)
{
    FILE *page = fopen(path, "r");
    if (page == NULL) {
        check_failed(__FILE__, __LINE__, "%s: not found from here, the root of the repository?",
                     path);
    }
    return page;
}

/* Reads a line without its end; false: there is none. */
static bool read_line(FILE *page, char line[HEX_EXAMPLE_LINE_BYTES])
{
    if (fgets(line, HEX_EXAMPLE_LINE_BYTES, page) == NULL) {
        return false;
    }
    line[strcspn(line, "\n")] = '\0';
    return true;
}

static void add_caption(hex_example *self, const char *line)
{
    if (strchr(line, ':') == NULL || self->caption_count == HEX_EXAMPLE_CAPTION_COUNT_MAX) {
        check_failed(__FILE__, __LINE__, "not a caption, or one too many: %s", line);
    }
    snprintf(self->captions[self->caption_count++], HEX_EXAMPLE_LINE_BYTES, "%s", line);
}

/* "offset: bytes", then two spaces and a name or nothing. */
static void add_row(hex_example *self, const char *line)
{
    char *at;
    if (strtoull(line, &at, 10) != self->size || *at != ':') {
        check_failed(__FILE__, __LINE__, "not a row at %zu: %s", self->size, line);
    }
    for (at++; at[0] == ' ' && at[1] != ' '; at += 3) {
        char digits[3] = {at[1], at[1] == '\0' ? '\0' : at[2], '\0'};
        char *end;
        unsigned long byte = strtoul(digits, &end, 16);
        if (end != digits + 2 || self->size == HEX_EXAMPLE_BYTES_MAX) {
            check_failed(__FILE__, __LINE__, "not a byte, or one too many: %s", line);
        }
        self->bytes[self->size++] = (uint8_t)byte;
    }
    if (*at != '\0' && *at != ' ') {
        check_failed(__FILE__, __LINE__, "not a row of bytes: %s", line);
    }
}

bool hex_example_next(FILE *page, hex_example *out)
{
    char line[HEX_EXAMPLE_LINE_BYTES];
    do {
        if (!read_line(page, line)) {
            return false;
        }
    } while (strcmp(line, "```example") != 0);
    out->caption_count = 0;
    out->size = 0;
    bool in_rows = false;
    while (read_line(page, line)) {
        if (strcmp(line, "```") == 0) {
            return true;
        }
        if (in_rows) {
            add_row(out, line);
        } else if (line[0] == '\0') {
            in_rows = true;
        } else {
            add_caption(out, line);
        }
    }
    check_failed(__FILE__, __LINE__, "the last example has no closing fence");
}

const char *hex_example_text(const hex_example *self, const char *caption)
{
    size_t length = strlen(caption);
    for (size_t i = 0; i < self->caption_count; i++) {
        const char *line = self->captions[i];
        if (strncmp(line, caption, length) == 0 && line[length] == ':') {
            return line + length + 1 + strspn(line + length + 1, " ");
        }
    }
    return NULL;
}

uint64_t hex_example_number(const hex_example *self, const char *caption, uint64_t fallback)
{
    const char *text = hex_example_text(self, caption);
    return text != NULL ? strtoull(text, NULL, 0) : fallback;
}
