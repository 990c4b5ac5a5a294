/*
 * keydir_image_open: an image gives back the directory that was written, on every disk; anything
 * else is refused without a trace.
 */
#include "bitcask/keydir_image_sectioned.h"
#include "env/env_fault.h"

static void round_trip(env_directory *directory, uint64_t key_count)
{
    keydir_model model;
    image_fill(&model, key_count, 2 * key_count + 100);
    CHECK_OK(image_save(&model, directory));
    CHECK_OK(image_load(&model, directory));
    CHECK_EQUAL(model.count, keydir_count(model.directory));
    for (uint64_t key = 0; key < model.key_limit; key++) {
        keydir_model_get(&model, key);
    }
    CHECK_OK(image_check_all(model.directory));
    keydir_model_check(&model, false);
    keydir_model_close(&model);
}

TEST(an_image_gives_back_the_directory_that_was_written)
{
    static const uint64_t key_counts[] = {0, 1, 100, 700, 5000, 100000};
    env *disk = image_disk();
    env_directory *simulated = image_directory(disk, "/d");
    char *path = check_temporary_directory();
    env_directory *real = image_directory(env_posix(), path);
    for (size_t i = 0; i < sizeof key_counts / sizeof key_counts[0]; i++) {
        round_trip(simulated, key_counts[i]);
        round_trip(real, key_counts[i]);
    }
    env_directory_close(simulated);
    env_directory_close(real);
    env_memory_free(disk);
    free(path);
}

TEST(the_header_comes_back_with_the_segments)
{
    keydir_model model;
    keydir *opened;
    keydir_image_header got;
    keydir_image_header wanted = image_header();
    env *disk = image_disk();
    env_directory *directory = image_directory(disk, "/d");
    image_fill(&model, 10, 10);
    CHECK_OK(image_save(&model, directory));
    CHECK_OK(image_open(directory, &opened, &got));
    CHECK_EQUAL(wanted.store_id, got.store_id);
    CHECK_EQUAL(wanted.log_position, got.log_position);
    CHECK_EQUAL(IMAGE_SEGMENT_COUNT, got.segment_count);
    CHECK_BYTES(wanted.segments, got.segments, IMAGE_SEGMENT_COUNT * sizeof *got.segments);
    CHECK(keydir_bytes(opened) >= 2 * KEYDIR_IMAGE_PAGE_BYTES);
    mem_free(got.segments);
    keydir_free(opened);
    keydir_model_close(&model);
    env_directory_close(directory);
    env_memory_free(disk);
}

/* Sizes around a full last page of headers and a full last granule of units, then growth from the
 * mapping into the heap, and an image of that. */
TEST(a_directory_from_an_image_grows_shrinks_and_is_written_again)
{
    env *disk = image_disk();
    env_directory *directory = image_directory(disk, "/d");
    uint64_t seed = check_seed();
    for (uint64_t key_count = 3000; key_count < 60000; key_count = key_count * 3 / 2) {
        keydir_model model;
        image_fill(&model, key_count, 3 * key_count);
        for (int generation = 0; generation < 3; generation++) {
            CHECK_OK(image_save(&model, directory));
            CHECK_OK(image_load(&model, directory));
            for (uint64_t i = 0; i < key_count; i++) {
                uint64_t key = check_random(&seed, model.key_limit);
                if (i % 4 == 0) {
                    keydir_model_delete(&model, key);
                } else {
                    CHECK_OK(keydir_model_put(&model, key));
                }
            }
            CHECK_OK(image_check_all(model.directory));
            keydir_model_check(&model, generation == 2);
        }
        keydir_model_close(&model);
    }
    env_directory_close(directory);
    env_memory_free(disk);
}

TEST(no_image_is_not_found)
{
    keydir_model model;
    env *disk = image_disk();
    env_directory *directory = image_directory(disk, "/d");
    image_fill(&model, 10, 10);
    CHECK_STATUS(PYKV_NOT_FOUND, image_load(&model, directory));
    keydir_model_close(&model);
    env_directory_close(directory);
    env_memory_free(disk);
}

TEST(every_changed_bit_of_header_and_tables_is_refused_at_open)
{
    keydir_model model;
    keydir_image_layout layout;
    uint64_t size;
    int64_t blocks = mem_block_count();
    env *disk = image_disk();
    env_directory *directory = image_directory(disk, "/d");
    image_fill(&model, 100, 100);
    CHECK_OK(image_save(&model, directory));
    uint8_t *data = image_bytes(disk, &size, &layout);
    for (uint64_t bit = 0; bit < 8 * layout.payload_offset; bit++) {
        data[bit / 8] ^= (uint8_t)(1U << bit % 8);
        CHECK_STATUS(PYKV_CORRUPTION, image_load(&model, directory));
        data[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    CHECK_OK(image_load(&model, directory));
    CHECK_OK(image_check_all(model.directory));
    keydir_model_check(&model, true);
    keydir_model_close(&model);
    env_directory_close(directory);
    env_memory_free(disk);
    CHECK_EQUAL(blocks, mem_block_count());
}

TEST(an_image_of_any_other_length_is_refused)
{
    keydir_model model;
    env_file *file;
    uint64_t size;
    env *disk = image_disk();
    env_directory *directory = image_directory(disk, "/d");
    image_fill(&model, 300, 300);
    CHECK_OK(image_save(&model, directory));
    CHECK_OK(env_file_open(directory, IMAGE_NAME, ENV_READ | ENV_WRITE, &file));
    CHECK_OK(env_file_size(file, &size));
    CHECK_OK(env_file_truncate(file, size + 1));
    CHECK_STATUS(PYKV_CORRUPTION, image_load(&model, directory));
    for (uint64_t cut = size; cut > 0; cut -= cut > 512 ? 512 : 1) {
        CHECK_OK(env_file_truncate(file, cut - 1));
        CHECK_STATUS(PYKV_CORRUPTION, image_load(&model, directory));
    }
    env_file_close(file);
    keydir_model_close(&model);
    env_directory_close(directory);
    env_memory_free(disk);
}

TEST(every_failed_allocation_or_call_leaves_nothing_behind)
{
    keydir_model model;
    env *disk = image_disk();
    env *faulty;
    CHECK_OK(env_fault_new(disk, &faulty));
    env_directory *directory = image_directory(faulty, "/d");
    image_fill(&model, 2000, 2000);
    CHECK_OK(image_save(&model, directory));
    int64_t blocks = mem_block_count();
    pykv_status status = PYKV_NO_MEMORY;
    for (uint64_t k = 1; status != PYKV_OK; k++) {
        CHECK(status == PYKV_NO_MEMORY && blocks == mem_block_count());
        mem_fail_at(k, 0);
        status = image_load(&model, directory);
        mem_fail_at(0, 0);
    }
    status = PYKV_IO_FAILED;
    blocks = mem_block_count();
    for (uint64_t k = 1; status != PYKV_OK; k++) {
        CHECK(status == PYKV_IO_FAILED && blocks == mem_block_count());
        env_fault_plan plan = {.at = k, .system_errno = 5};
        env_fault_set(faulty, &plan);
        status = image_load(&model, directory);
    }
    env_fault_plan none = {.at = 0};
    env_fault_set(faulty, &none);
    CHECK_OK(image_check_all(model.directory));
    keydir_model_check(&model, true);
    keydir_model_close(&model);
    env_directory_close(directory);
    env_fault_free(faulty);
    env_memory_free(disk);
}

/* ---- several directories ---- */

TEST(each_section_gives_its_directory_back_and_all_but_the_first_are_read_at_once)
{
    static const uint64_t key_counts[] = {10, 700, 20000};
    for (int i = 0; i < 3; i++) {
        sectioned self;
        keydir_image_sections opened;
        sectioned_open(&self, key_counts[i]);
        CHECK_OK(keydir_image_open(self.directory, IMAGE_NAME, &opened));
        CHECK_EQUAL(SECTIONS, opened.count);
        for (uint32_t k = 0; k < SECTIONS; k++) {
            const keydir_image_header *header = &opened.list[k].header;
            CHECK_EQUAL(3 * k, header->space_id);
            CHECK_EQUAL(SECTIONS - 1 - k, header->sections_behind);
            CHECK_EQUAL(k == 0, opened.list[k].keys->pages_pending > 0);
            CHECK_EQUAL(IMAGE_SEGMENT_COUNT, header->segment_count);
            CHECK_BYTES(self.segments[k], header->segments, sizeof self.segments[k]);
        }
        keydir_image_reset(&opened);
        for (int generation = 0; generation < 2; generation++) {
            CHECK_OK(sectioned_load(&self, self.directory));
            sectioned_check(&self);
            CHECK_OK(sectioned_save(&self, self.directory));
        }
        sectioned_close(&self);
    }
}

/* Of the pages of the first section the open reads nothing. */
TEST(a_changed_bit_of_any_byte_of_any_section_is_found)
{
    sectioned self;
    uint64_t size;
    uint8_t *data;
    sectioned_open(&self, 20);
    CHECK_OK(env_memory_file_bytes(self.disk, IMAGE_PATH, &data, &size));
    CHECK_EQUAL(SECTIONS * SECTION_BYTES, size);
    for (uint64_t bit = 0; bit < 8 * size; bit += 9) {
        data[bit / 8] ^= (uint8_t)(1U << bit % 8);
        if (bit / 8 / 4096 == 2 || bit / 8 / 4096 == 3) {
            keydir_image_sections opened;
            CHECK_OK(keydir_image_open(self.directory, IMAGE_NAME, &opened));
            CHECK_STATUS(PYKV_CORRUPTION, image_check_all(opened.list[0].keys));
            keydir_image_reset(&opened);
        } else {
            CHECK_STATUS(PYKV_CORRUPTION, sectioned_load(&self, self.directory));
        }
        data[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    CHECK_OK(sectioned_load(&self, self.directory));
    sectioned_check(&self);
    sectioned_close(&self);
}

/* Writes the image with one number of the third section changed; what the checks cover is right. */
static pykv_status load_with(sectioned *self, uint64_t *number, uint64_t value)
{
    uint64_t before = *number;
    *number = value;
    CHECK_OK(sectioned_save(self, self->directory));
    pykv_status status = sectioned_load(self, self->directory);
    *number = before;
    return status;
}

TEST(sections_that_do_not_fit_each_other_are_refused_though_their_checks_are_right)
{
    sectioned self;
    sectioned_open(&self, 20);
    keydir_image_header *own = &self.list[2].header;
    keydir_image_segment *segments = self.segments[2];
    CHECK_STATUS(PYKV_CORRUPTION, load_with(&self, &own->store_id, 1));
    CHECK_STATUS(PYKV_CORRUPTION, load_with(&self, &own->merge_edit, 8));
    CHECK_STATUS(PYKV_CORRUPTION, load_with(&self, &own->log_position, 1));
    CHECK_STATUS(PYKV_CORRUPTION, load_with(&self, &own->epoch, 4));
    CHECK_STATUS(PYKV_CORRUPTION, load_with(&self, &own->sequence, own->sequence - 1));
    CHECK_STATUS(PYKV_CORRUPTION, load_with(&self, &own->segment_count, 2));
    CHECK_STATUS(PYKV_CORRUPTION, load_with(&self, &segments[1].number, 22));
    CHECK_STATUS(PYKV_CORRUPTION, load_with(&self, &segments[1].number, 11));
    CHECK_STATUS(PYKV_CORRUPTION, load_with(&self, &segments[1].address_base, 23));
    CHECK_STATUS(PYKV_CORRUPTION, load_with(&self, &segments[1].live_bytes, 1001));
    CHECK_STATUS(PYKV_CORRUPTION, load_with(&self, &segments[1].live_count, 0));
    CHECK_STATUS(PYKV_CORRUPTION, load_with(&self, &self.segments[0][1].live_count, 0));
    static const uint32_t ids[SECTIONS][2] = {{0, 1}, {1, 0}, {2, 3}, {3, 6}};
    for (int i = 0; i < SECTIONS; i++) {
        uint32_t before = self.list[ids[i][0]].header.space_id;
        self.list[ids[i][0]].header.space_id = ids[i][1];
        CHECK_OK(sectioned_save(&self, self.directory));
        CHECK_STATUS(PYKV_CORRUPTION, sectioned_load(&self, self.directory));
        self.list[ids[i][0]].header.space_id = before;
    }
    CHECK_OK(sectioned_save(&self, self.directory));
    CHECK_OK(sectioned_load(&self, self.directory));
    sectioned_check(&self);
    sectioned_close(&self);
}

TEST(sections_that_are_missing_twice_there_or_of_another_place_are_refused)
{
    sectioned self;
    uint64_t size;
    uint8_t *data;
    uint8_t whole[SECTIONS * SECTION_BYTES];
    env_file *file;
    sectioned_open(&self, 20);
    CHECK_OK(env_memory_file_bytes(self.disk, IMAGE_PATH, &data, &size));
    memcpy(whole, data, size);
    for (uint32_t from = 0; from < SECTIONS; from++) {
        for (uint32_t to = 0; to < SECTIONS; to++) {
            memcpy(data + to * SECTION_BYTES, whole + from * SECTION_BYTES, SECTION_BYTES);
            CHECK_STATUS(from == to ? PYKV_OK : PYKV_CORRUPTION,
                         sectioned_load(&self, self.directory));
            memcpy(data, whole, size);
        }
    }
    CHECK_OK(env_file_open(self.directory, IMAGE_NAME, ENV_READ | ENV_WRITE, &file));
    CHECK_OK(env_file_truncate(file, size + SECTION_BYTES));
    CHECK_STATUS(PYKV_CORRUPTION, sectioned_load(&self, self.directory));
    for (uint64_t count = SECTIONS - 1; count > 0; count--) {
        CHECK_OK(env_file_truncate(file, count * SECTION_BYTES));
        CHECK_STATUS(PYKV_CORRUPTION, sectioned_load(&self, self.directory));
    }
    env_file_close(file);
    sectioned_close(&self);
}

TEST(every_failed_allocation_or_call_leaves_nothing_of_several_sections_behind)
{
    sectioned self;
    env *faulty;
    sectioned_open(&self, 300);
    CHECK_OK(env_fault_new(self.disk, &faulty));
    env_directory *directory = image_directory(faulty, "/d");
    int64_t blocks = mem_block_count();
    pykv_status status = PYKV_NO_MEMORY;
    for (uint64_t k = 1; status != PYKV_OK; k++) {
        CHECK(status == PYKV_NO_MEMORY && blocks == mem_block_count());
        mem_fail_at(k, 0);
        status = sectioned_load(&self, directory);
        mem_fail_at(0, 0);
    }
    status = PYKV_IO_FAILED;
    blocks = mem_block_count();
    for (uint64_t k = 1; status != PYKV_OK; k++) {
        /* A page that cannot be read is damaged. */
        CHECK(status == PYKV_IO_FAILED || status == PYKV_CORRUPTION);
        CHECK(blocks == mem_block_count());
        env_fault_plan plan = {.at = k, .system_errno = 5};
        env_fault_set(faulty, &plan);
        status = sectioned_load(&self, directory);
    }
    env_fault_plan none = {.at = 0};
    env_fault_set(faulty, &none);
    sectioned_check(&self);
    CHECK_OK(
        sectioned_load(&self, self.directory)); /* of the file that is open on the faulty disk */
    env_directory_close(directory);
    env_fault_free(faulty);
    sectioned_close(&self);
}

TEST_MAIN(CASE(each_section_gives_its_directory_back_and_all_but_the_first_are_read_at_once),
          CASE(a_changed_bit_of_any_byte_of_any_section_is_found),
          CASE(sections_that_do_not_fit_each_other_are_refused_though_their_checks_are_right),
          CASE(sections_that_are_missing_twice_there_or_of_another_place_are_refused),
          CASE(every_failed_allocation_or_call_leaves_nothing_of_several_sections_behind),
          CASE(an_image_gives_back_the_directory_that_was_written),
          CASE(the_header_comes_back_with_the_segments),
          CASE(a_directory_from_an_image_grows_shrinks_and_is_written_again),
          CASE(no_image_is_not_found),
          CASE(every_changed_bit_of_header_and_tables_is_refused_at_open),
          CASE(an_image_of_any_other_length_is_refused),
          CASE(every_failed_allocation_or_call_leaves_nothing_behind))
