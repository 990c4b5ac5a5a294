/*
 * codec_library: dlopen and dlsym. Stateless.
 */
#include "codec/codec_library.h"

#include <dlfcn.h>
#include <string.h>

#include "base/error.h"

const char *codec_library_default(void)
{
#if defined(__APPLE__)
    return "libzstd.1.dylib";
#else
    return "libzstd.so.1";
#endif
}

/* What to look for, and where its address goes. */
typedef struct symbol {
    const char *name;
    size_t offset;
} symbol;

#define SYMBOL(name, member) {name, offsetof(pykv_zstd, member)}

static const symbol symbols[] = {
    SYMBOL("ZSTD_versionNumber", version_number),
    SYMBOL("ZSTD_isError", is_error),
    SYMBOL("ZSTD_getErrorName", get_error_name),
    SYMBOL("ZSTD_compressBound", compress_bound),
    SYMBOL("ZSTD_createCCtx", create_cctx),
    SYMBOL("ZSTD_freeCCtx", free_cctx),
    SYMBOL("ZSTD_compressCCtx", compress_cctx),
    SYMBOL("ZSTD_createDCtx", create_dctx),
    SYMBOL("ZSTD_freeDCtx", free_dctx),
    SYMBOL("ZSTD_decompressDCtx", decompress_dctx),
    SYMBOL("ZSTD_getFrameContentSize", get_frame_content_size),
    SYMBOL("ZSTD_createCDict", create_cdict),
    SYMBOL("ZSTD_freeCDict", free_cdict),
    SYMBOL("ZSTD_compress_usingCDict", compress_with_cdict),
    SYMBOL("ZSTD_createDDict", create_ddict),
    SYMBOL("ZSTD_freeDDict", free_ddict),
    SYMBOL("ZSTD_decompress_usingDDict", decompress_with_ddict),
    SYMBOL("ZDICT_trainFromBuffer", train),
};
enum { SYMBOL_COUNT = sizeof symbols / sizeof symbols[0] };

_Static_assert(sizeof(pykv_zstd) == SYMBOL_COUNT * sizeof(void *), "every member is looked up");

pykv_status codec_library_load(const char *library, pykv_zstd *functions_out)
{
    pykv_zstd found;
    void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL) {
        return error_set(PYKV_NOT_SUPPORTED, "%s cannot be loaded", library);
    }
    for (size_t i = 0; i < SYMBOL_COUNT; i++) {
        void *address = dlsym(handle, symbols[i].name);
        if (address == NULL) {
            (void)dlclose(handle);
            return error_set(PYKV_NOT_SUPPORTED, "%s has no %s", library, symbols[i].name);
        }
        memcpy((char *)&found + symbols[i].offset, &address, sizeof address);
    }
    *functions_out = found;
    return PYKV_OK;
}
