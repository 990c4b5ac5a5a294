/*
 * repair_unpack: the values of records that repair found in a segment file (unpack.h).
 */
#ifndef PYKV_BITCASK_REPAIR_UNPACK_H
#define PYKV_BITCASK_REPAIR_UNPACK_H

#include "bitcask/repair_state.h"
#include "log/log_format.h"

/* As unpack_record, for a record at offset of a source whose file has that name. The dictionary is
 * made ready once and is the source's. PYKV_NOT_SUPPORTED: nobody provides the codec. */
PYKV_NODISCARD pykv_status repair_unpack(repair_source *source, const codec_table *codecs,
                                         const char *name, uint64_t offset, record *found,
                                         buffer *room);

#endif
