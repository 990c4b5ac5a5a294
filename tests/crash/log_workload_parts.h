/*
 * log_workload_parts: what log_workload.c and log_workload_check.c share.
 */
#ifndef PYKV_TESTS_LOG_WORKLOAD_PARTS_H
#define PYKV_TESTS_LOG_WORKLOAD_PARTS_H

#include "crash/log_workload.h"

/* Memory for one record. */
typedef struct log_workload_bytes {
    char key[48];
    uint8_t value[LOG_COPY_BYTES_MAX + 5000];
} log_workload_bytes;

/* The record with this sequence as this attempt writes it. It borrows bytes. */
void log_workload_record(const log_workload *plan, uint64_t sequence, uint64_t number,
                         log_workload_bytes *bytes, record *out);

/* Makes a segment file with its header and a sink over it. */
PYKV_NODISCARD pykv_status log_workload_segment_new(env_directory *directory, const char *name,
                                                    const log_segment_header *header,
                                                    const log_workload *plan, env_file **file_out,
                                                    log_sink **sink_out);

#endif
