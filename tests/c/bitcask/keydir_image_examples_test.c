/*
 * keydir_image_examples: the C code opens the images of docs/format/keydir_image.md, finds what the
 * page says and writes the same bytes again.
 */
#include "harness/hex_example.h"

#include "bitcask/keydir_image_model.h"

enum { SECTION_BYTES = 16384, SECTIONS_MAX = 2, LOOKUPS_MAX = 8 };

typedef struct lookup {
    uint64_t hash;
    uint64_t address;
} lookup;

typedef struct page_image {
    uint8_t bytes[SECTIONS_MAX * SECTION_BYTES];
    lookup lookups[SECTIONS_MAX][LOOKUPS_MAX];
    size_t lookup_counts[SECTIONS_MAX];
} page_image;

static void note_lookups(page_image *self, const hex_example *example, uint64_t section)
{
    char caption[32];
    for (int i = 0; i < KEYDIR_LINE_SLOTS; i++) {
        snprintf(caption, sizeof caption, "hash_%d", i);
        if (hex_example_text(example, caption) != NULL) {
            size_t place = self->lookup_counts[section]++;
            CHECK(place < LOOKUPS_MAX);
            lookup *found = &self->lookups[section][place];
            found->hash = hex_example_number(example, caption, 0);
            snprintf(caption, sizeof caption, "address_%d", i);
            found->address = hex_example_number(example, caption, 0);
        }
    }
}

/* Puts the pieces of the page together. The second image is laid on the first one. */
static void read_page(page_image *self, uint64_t image)
{
    static hex_example example;
    FILE *page = hex_example_open("docs/format/keydir_image.md");
    while (hex_example_next(page, &example)) {
        uint64_t offset = hex_example_number(&example, "offset", UINT64_MAX);
        if (hex_example_number(&example, "image", 1) <= image) {
            CHECK(offset + example.size <= image * SECTION_BYTES);
            memcpy(self->bytes + offset, example.bytes, example.size);
            note_lookups(self, &example, offset / SECTION_BYTES);
        }
    }
    fclose(page);
}

static void check_section(const page_image *self, keydir *keys, uint64_t section)
{
    char text[256] = "";
    keydir_cursor cursor;
    CHECK_OK(image_check_all(keys));
    CHECK_OK(keydir_check(keys, NULL, NULL, text, sizeof text));
    CHECK_EQUAL(self->lookup_counts[section], keydir_count(keys));
    for (size_t i = 0; i < self->lookup_counts[section]; i++) {
        CHECK(keydir_find(keys, self->lookups[section][i].hash, &cursor));
        CHECK(keydir_next(&cursor));
        CHECK_EQUAL(self->lookups[section][i].address, cursor.address);
        CHECK(!keydir_next(&cursor));
    }
}

TEST(the_images_of_the_page_are_opened_and_written_to_the_same_bytes)
{
    for (uint64_t image = 1; image <= SECTIONS_MAX; image++) {
        static page_image self;
        uint8_t *again;
        uint64_t size;
        env_file *file;
        keydir_image_sections opened;
        env *disk = image_disk();
        env_directory *directory = image_directory(disk, "/d");
        self = (page_image){.bytes = {0}};
        read_page(&self, image);
        slice whole = slice_make(self.bytes, image * SECTION_BYTES);
        CHECK_OK(env_file_open(directory, IMAGE_NAME, ENV_WRITE | ENV_CREATE, &file));
        CHECK_OK(env_file_write(file, 0, &whole, 1));
        env_file_close(file);
        CHECK_OK(keydir_image_open(directory, IMAGE_NAME, &opened));
        CHECK_EQUAL(image, opened.count);
        for (uint32_t i = 0; i < opened.count; i++) {
            check_section(&self, opened.list[i].keys, i);
        }
        CHECK_OK(keydir_image_write(&opened, directory, IMAGE_NAME));
        CHECK_OK(env_memory_file_bytes(disk, IMAGE_PATH, &again, &size));
        CHECK_EQUAL(whole.size, size);
        CHECK_BYTES(self.bytes, again, size);
        keydir_image_reset(&opened);
        env_directory_close(directory);
        env_memory_free(disk);
    }
}

TEST_MAIN(CASE(the_images_of_the_page_are_opened_and_written_to_the_same_bytes))
