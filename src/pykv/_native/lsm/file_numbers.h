/*
 * file_numbers: where the makers of files get their numbers.
 */
#ifndef PYKV_LSM_FILE_NUMBERS_H
#define PYKV_LSM_FILE_NUMBERS_H

#include <stdint.h>

#include "pykv.h"

/* Gives the number of the next file, which no other file of the store gets. */
typedef struct file_numbers {
    pykv_status (*take)(void *context, uint32_t *number_out);
    void *context;
} file_numbers;

#endif
