/*
 * keydir_image_examples: the C code opens the image of docs/format/keydir_image.md, finds what the
 * page says and writes the same bytes again.
 */
#include "harness/hex_example.h"

#include "bitcask/keydir_image_model.h"

enum { EXAMPLE_BYTES = 16384 };

typedef struct lookup {
    uint64_t hash;
    uint64_t address;
} lookup;

/* Puts the pieces of the page together; returns the number of lookups that it promises. */
static size_t read_page(uint8_t *image, lookup *lookups, size_t lookup_count_max)
{
    static hex_example example;
    char caption[32];
    size_t count = 0;
    FILE *page = hex_example_open("docs/format/keydir_image.md");
    while (hex_example_next(page, &example)) {
        uint64_t offset = hex_example_number(&example, "offset", UINT64_MAX);
        CHECK(offset + example.size <= EXAMPLE_BYTES);
        memcpy(image + offset, example.bytes, example.size);
        for (int i = 0; i < KEYDIR_LINE_SLOTS; i++) {
            snprintf(caption, sizeof caption, "hash_%d", i);
            if (hex_example_text(&example, caption) != NULL) {
                CHECK(count < lookup_count_max);
                lookups[count].hash = hex_example_number(&example, caption, 0);
                snprintf(caption, sizeof caption, "address_%d", i);
                lookups[count++].address = hex_example_number(&example, caption, 0);
            }
        }
    }
    fclose(page);
    return count;
}

TEST(the_image_of_the_page_is_opened_and_written_to_the_same_bytes)
{
    static uint8_t image[EXAMPLE_BYTES];
    lookup lookups[8];
    size_t count = read_page(image, lookups, 8);
    uint8_t *again;
    uint64_t size;
    env_file *file;
    keydir *opened;
    keydir_cursor cursor;
    keydir_image_header header;
    char text[256] = "";
    env *disk = image_disk();
    env_directory *directory = image_directory(disk, "/d");
    slice part = slice_make(image, sizeof image);
    CHECK_OK(env_file_open(directory, IMAGE_NAME, ENV_WRITE | ENV_CREATE, &file));
    CHECK_OK(env_file_write(file, 0, &part, 1));
    env_file_close(file);
    CHECK_OK(keydir_image_open(directory, IMAGE_NAME, &opened, &header));
    CHECK_OK(image_check_all(opened));
    CHECK_OK(keydir_check(opened, NULL, NULL, text, sizeof text));
    CHECK_EQUAL(count, keydir_count(opened));
    for (size_t i = 0; i < count; i++) {
        CHECK(keydir_find(opened, lookups[i].hash, &cursor));
        CHECK(keydir_next(&cursor));
        CHECK_EQUAL(lookups[i].address, cursor.address);
        CHECK(!keydir_next(&cursor));
    }
    CHECK_OK(keydir_image_write(opened, directory, IMAGE_NAME, &header));
    CHECK_OK(env_memory_file_bytes(disk, IMAGE_PATH, &again, &size));
    CHECK_EQUAL(EXAMPLE_BYTES, size);
    CHECK_BYTES(image, again, EXAMPLE_BYTES);
    mem_free(header.segments);
    keydir_free(opened);
    env_directory_close(directory);
    env_memory_free(disk);
}

TEST_MAIN(CASE(the_image_of_the_page_is_opened_and_written_to_the_same_bytes))
