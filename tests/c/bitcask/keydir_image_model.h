/*
 * keydir_image_model: images of a model's directory, for the tests of keydir_image_*.c.
 *
 * Every test runs on a directory of the simulated disk or of a temporary folder.
 */
#ifndef PYKV_TESTS_BITCASK_KEYDIR_IMAGE_MODEL_H
#define PYKV_TESTS_BITCASK_KEYDIR_IMAGE_MODEL_H

#include "bitcask/keydir_image.h"
#include "bitcask/keydir_image_format.h"
#include "bitcask/keydir_model.h"
#include "env/env_memory.h"

#define IMAGE_NAME "keydir"
#define IMAGE_PATH "/d/keydir"

enum { IMAGE_FILE_BYTES_MAX = 64 << 20, IMAGE_SEGMENT_COUNT = 3 };

/* A header with a different number in every field. segments points to static memory. */
static inline keydir_image_header image_header(void)
{
    static keydir_image_segment segments[IMAGE_SEGMENT_COUNT] = {
        {11, 12, 13, 14}, {21, 22, 23, 24}, {31, UINT64_MAX, 33, 34}};
    keydir_image_header header = {.store_id = UINT64_C(0xFEDCBA9876543210),
                                  .merge_edit = 7,
                                  .log_position = UINT64_C(5) << 32 | 1000,
                                  .epoch = 3,
                                  .sequence = 123456789,
                                  .segment_count = IMAGE_SEGMENT_COUNT,
                                  .segments = segments};
    return header;
}

static inline env_directory *image_directory(env *environment, const char *path)
{
    env_directory *directory;
    CHECK_OK(env_directory_open(environment, path, true, &directory));
    return directory;
}

static inline env *image_disk(void)
{
    env *disk;
    CHECK_OK(env_memory_new(check_seed(), IMAGE_FILE_BYTES_MAX, &disk));
    return disk;
}

/* A model that holds keys 0 .. key_count of key_limit, with every seventh removed again. */
static inline void image_fill(keydir_model *model, uint64_t key_count, uint64_t key_limit)
{
    keydir_model_open(model, keydir_model_mix, key_limit);
    for (uint64_t key = 0; key < key_count; key++) {
        CHECK_OK(keydir_model_put(model, key));
    }
    for (uint64_t key = 0; key < key_count; key += 7) {
        keydir_model_delete(model, key);
    }
}

/* Writes an image of one directory. */
static inline pykv_status image_write(keydir *keys, const keydir_image_header *header,
                                      env_directory *directory, const char *name)
{
    keydir_image_section only = {keys, *header};
    keydir_image_sections sections = {&only, 1};
    return keydir_image_write(&sections, directory, name);
}

static inline pykv_status image_save(const keydir_model *model, env_directory *directory)
{
    keydir_image_header header = image_header();
    return image_write(model->directory, &header, directory, IMAGE_NAME);
}

/* Opens an image of one directory; the caller frees that and the segments of the header. */
static inline pykv_status image_open(env_directory *directory, keydir **keys_out,
                                     keydir_image_header *header_out)
{
    keydir_image_sections opened = {.list = NULL};
    pykv_status status = keydir_image_open(directory, IMAGE_NAME, &opened);
    if (status == PYKV_OK) {
        CHECK_EQUAL(1, opened.count);
        *keys_out = opened.list[0].keys;
        *header_out = opened.list[0].header;
        mem_free(opened.list);
    } else {
        CHECK(opened.list == NULL);
    }
    return status;
}

/* Puts the directory of the image in place of the model's, which stays if that fails. */
static inline pykv_status image_load(keydir_model *model, env_directory *directory)
{
    keydir *opened = NULL;
    keydir_image_header header;
    pykv_status status = image_open(directory, &opened, &header);
    if (status == PYKV_OK) {
        mem_free(header.segments);
        keydir_free(model->directory);
        model->directory = opened;
    }
    return status;
}

/* The bytes of the image on the simulated disk, and what they are. */
static inline uint8_t *image_bytes(env *disk, uint64_t *size_out, keydir_image_layout *layout_out)
{
    uint8_t *data;
    keydir_image_header header;
    CHECK_OK(env_memory_file_bytes(disk, IMAGE_PATH, &data, size_out));
    CHECK_OK(keydir_image_decode_header(data, IMAGE_PATH, layout_out, &header));
    return data;
}

/* Checks all pages. */
static inline pykv_status image_check_all(keydir *directory)
{
    uint64_t pending;
    return keydir_image_check_some(directory, UINT64_MAX, &pending);
}

#endif
