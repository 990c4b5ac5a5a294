/*
 * log_file: the files that hold a log: their names, making one, opening the one that a manifest
 * lists, looking at its bytes.
 *
 * A log file is named by its number, %08x.log. It begins with the header of log_segment.h, which
 * is durable, name and bytes, before anything lists it. What a crash tore off is kept as %08x.torn.
 * A file of values is named %08x.val.
 * Thread-safety: as the environment's functions.
 */
#ifndef PYKV_LOG_LOG_FILE_H
#define PYKV_LOG_LOG_FILE_H

#include <stdint.h>

#include "base/buffer.h"
#include "env/env.h"
#include "log/log_segment.h"

enum { LOG_FILE_NAME_BYTES = 16 };

/* Name of the log file with number, and of what was torn off it. */
void log_file_name(uint32_t number, char out[LOG_FILE_NAME_BYTES]);
void log_file_torn_name(uint32_t number, char out[LOG_FILE_NAME_BYTES]);

/* Number of a log file by its name, 0 if it is not the name of one. */
uint32_t log_file_number(const char *name);

/* Likewise of a file of kind LOG_SEGMENT_VALUES. */
void log_file_values_name(uint32_t number, char out[LOG_FILE_NAME_BYTES]);
uint32_t log_file_values_number(const char *name);

/* Makes the file with this header, for reading and writing; header and name are durable. On failure
 * the file is taken away again as far as that works. */
PYKV_NODISCARD pykv_status log_file_create(env_directory *directory,
                                           const log_segment_header *header, env_file **file_out);

/* Opens the file that a manifest lists with these facts (synced_through does not count): for
 * reading, and for writing too if that is wanted and permitted. size_out: its size.
 * PYKV_CORRUPTION if it is missing, has no valid header, or is another one. */
PYKV_NODISCARD pykv_status log_file_open(env_directory *directory,
                                         const log_segment_header *expected, bool writable,
                                         env_file **file_out, uint64_t *size_out);

/* After a view was read: PYKV_IO_FAILED if pages of the mapping could not be. They look like zeros,
 * and zeros like the end of a log. */
PYKV_NODISCARD pykv_status log_file_check_view(const uint8_t *data, const env_mapping *mapping,
                                               const char *path);

/* The whole file, data_out[0..size_out): borrows mapping (a mapping of the file, base NULL: none)
 * or reads into scratch. Valid until either goes. */
PYKV_NODISCARD pykv_status log_file_view(env_file *file, const env_mapping *mapping,
                                         buffer *scratch, const uint8_t **data_out,
                                         uint64_t *size_out);

#endif
