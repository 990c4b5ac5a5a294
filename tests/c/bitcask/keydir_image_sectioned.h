/*
 * keydir_image_sectioned: images of several directories, for the tests of keydir_image_*.c.
 */
#ifndef PYKV_TESTS_BITCASK_KEYDIR_IMAGE_SECTIONED_H
#define PYKV_TESTS_BITCASK_KEYDIR_IMAGE_SECTIONED_H

#include "bitcask/keydir_image_model.h"

enum { SECTIONS = 4, SECTION_BYTES = 16384 };

/* Directories of the default namespace and of 1, 2 .., with as many live records in segments. */
typedef struct sectioned {
    env *disk;
    env_directory *directory;
    keydir_model models[SECTIONS];
    keydir_image_segment segments[SECTIONS][IMAGE_SEGMENT_COUNT];
    keydir_image_section list[SECTIONS];
} sectioned;

static inline pykv_status sectioned_save(sectioned *self, env_directory *directory)
{
    keydir_image_sections sections = {self->list, SECTIONS};
    return keydir_image_write(&sections, directory, IMAGE_NAME);
}

static inline void sectioned_open(sectioned *self, uint64_t key_count)
{
    keydir_image_header header = image_header();
    self->disk = image_disk();
    self->directory = image_directory(self->disk, "/d");
    for (uint32_t i = 0; i < SECTIONS; i++) {
        uint64_t before = 0;
        keydir_image_segment *segments = self->segments[i];
        image_fill(&self->models[i], key_count + i, 2 * key_count + 10);
        for (uint64_t k = 0; k < IMAGE_SEGMENT_COUNT; k++) {
            segments[k] = header.segments[k];
            segments[k].live_bytes = 1000 - i;
            segments[k].live_count = i == 0 ? 1000000 : self->models[i].count / 3;
            before += k > 0 ? segments[k].live_count : 0;
        }
        segments[0].live_count = i == 0 ? 1000000 : self->models[i].count - before;
        self->list[i] = (keydir_image_section){self->models[i].directory, header};
        self->list[i].header.space_id = 3 * i;
        self->list[i].header.segments = segments;
    }
    CHECK_OK(sectioned_save(self, self->directory));
}

static inline void sectioned_close(sectioned *self)
{
    for (uint32_t i = 0; i < SECTIONS; i++) {
        keydir_model_close(&self->models[i]);
    }
    env_directory_close(self->directory);
    env_memory_free(self->disk);
}

/* Opens the image; its directories take the places of the models', which stay if that fails. */
static inline pykv_status sectioned_load(sectioned *self, env_directory *directory)
{
    keydir_image_sections opened = {.list = NULL};
    pykv_status status = keydir_image_open(directory, IMAGE_NAME, &opened);
    for (uint32_t i = 0; i < opened.count; i++) {
        keydir_free(self->models[i].directory);
        self->models[i].directory = opened.list[i].keys;
        self->list[i].keys = opened.list[i].keys;
        opened.list[i].keys = NULL;
    }
    CHECK(status == PYKV_OK ? opened.count == SECTIONS : opened.list == NULL);
    keydir_image_reset(&opened);
    return status;
}

static inline void sectioned_check(sectioned *self)
{
    for (uint32_t i = 0; i < SECTIONS; i++) {
        CHECK_OK(image_check_all(self->models[i].directory));
        keydir_model_check(&self->models[i], true);
    }
}

#endif
