/*
 * codec_zstd: compression with contexts that are kept, decompression that is told the exact size.
 *
 * A block is one frame with its content size and without a checksum: blocks have their own.
 */
#include "codec/codec_zstd.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#include "base/coding.h"
#include "base/error.h"
#include "base/memory.h"

/* 1.4.0, and what may follow without a change of the interface. */
enum { VERSION_MIN = 10400, VERSION_END = 20000 };

/* What get_frame_content_size says in place of a size, and the code of a failed allocation, which
 * is returned negated. These are parts of the library's stable interface. */
#define CONTENT_SIZE_UNKNOWN (0ULL - 1)
#define CODE_NO_MEMORY       ((size_t)0 - 64)

static size_t zstd_bound(void *context, size_t size)
{
    const codec_zstd *self = context;
    return self->functions.compress_bound(size);
}

/* Takes the thread's context out of kept, or makes one; NULL: no memory. */
static void *take_context(_Atomic(void *) *kept, void *(*create)(void))
{
    void *context = atomic_exchange_explicit(&kept[thread_hint()], NULL, memory_order_acquire);
    return context != NULL ? context : create();
}

/* Keeps a context, unless another one was put there meanwhile. */
static void give_back(_Atomic(void *) *kept, void *context, size_t (*free_context)(void *))
{
    void *nothing = NULL;
    if (!atomic_compare_exchange_strong_explicit(&kept[thread_hint()], &nothing, context,
                                                 memory_order_release, memory_order_relaxed)) {
        (void)free_context(context);
    }
}

static pykv_status failure(const codec_zstd *self, pykv_status status, size_t code)
{
    if (code == CODE_NO_MEMORY) {
        return error_set(PYKV_NO_MEMORY, "zstd (%s) got no memory", self->face.name);
    }
    return error_set(status, "zstd (%s): %s", self->face.name,
                     self->functions.get_error_name(code));
}

static pykv_status zstd_compress(void *context, int level, const uint8_t *data, size_t size,
                                 uint8_t *out, size_t *size_out)
{
    codec_zstd *self = context;
    const pykv_zstd *zstd = &self->functions;
    void *compressor = take_context(self->compressors, zstd->create_cctx);
    if (compressor == NULL) {
        return failure(self, PYKV_NO_MEMORY, CODE_NO_MEMORY);
    }
    level = level == 0 ? CODEC_ZSTD_LEVEL_DEFAULT : level;
    size_t capacity = zstd->compress_bound(size);
    size_t made = zstd->compress_cctx(compressor, out, capacity, data, size, level);
    if (zstd->is_error(made) != 0) {
        (void)zstd->free_cctx(compressor);
        return failure(self, PYKV_INTERNAL, made);
    }
    give_back(self->compressors, compressor, zstd->free_cctx);
    *size_out = made;
    return PYKV_OK;
}

/* Below 0 a level takes literals as they are, and the lower it is, the more it skips. */
static int zstd_faster(int level)
{
    enum { LITERALS_RAW = -1, SKIPPING = -3 };
    if (level > LITERALS_RAW) {
        return LITERALS_RAW;
    }
    return level > SKIPPING ? SKIPPING : level;
}

/* dictionary NULL: without one. */
static pykv_status restore(codec_zstd *self, const void *dictionary, const uint8_t *data,
                           size_t size, uint8_t *out, size_t raw_size)
{
    const pykv_zstd *zstd = &self->functions;
    unsigned long long told = zstd->get_frame_content_size(data, size);
    if (told != raw_size && told != CONTENT_SIZE_UNKNOWN) {
        return error_set(PYKV_CORRUPTION, "this is no zstd frame of %zu bytes", raw_size);
    }
    void *decompressor = take_context(self->decompressors, zstd->create_dctx);
    if (decompressor == NULL) {
        return failure(self, PYKV_NO_MEMORY, CODE_NO_MEMORY);
    }
    size_t made =
        dictionary == NULL
            ? zstd->decompress_dctx(decompressor, out, raw_size, data, size)
            : zstd->decompress_with_ddict(decompressor, out, raw_size, data, size, dictionary);
    if (zstd->is_error(made) != 0) {
        (void)zstd->free_dctx(decompressor);
        return failure(self, PYKV_CORRUPTION, made);
    }
    give_back(self->decompressors, decompressor, zstd->free_dctx);
    if (made != raw_size) {
        return error_set(PYKV_CORRUPTION, "a zstd frame has %zu bytes, not %zu", made, raw_size);
    }
    return PYKV_OK;
}

static pykv_status zstd_decompress(void *context, const uint8_t *data, size_t size, uint8_t *out,
                                   size_t raw_size)
{
    return restore(context, NULL, data, size, out, raw_size);
}

/* ---- dictionaries ---- */

typedef struct zstd_dictionary {
    void *compressing; /* NULL: it only restores */
    void *restoring;
} zstd_dictionary;

enum { DICTIONARY_ID_AT = 4, DICTIONARY_ID = 1 };

/* The library numbers a dictionary by chance, and each frame repeats the number in four bytes. Who
 * has a frame knows its dictionary, so one byte will do. */
static pykv_status zstd_train(void *context, const uint8_t *samples, const size_t *sizes,
                              uint32_t count, uint8_t *out, size_t capacity, size_t *size_out)
{
    const codec_zstd *self = context;
    size_t made = self->functions.train(out, capacity, samples, sizes, count);
    if (self->functions.is_error(made) != 0 || made < DICTIONARY_ID_AT + sizeof(uint32_t)) {
        return PYKV_NOT_FOUND;
    }
    store_u32(out + DICTIONARY_ID_AT, DICTIONARY_ID);
    *size_out = made;
    return PYKV_OK;
}

static void zstd_close_ready(void *context, void *ready)
{
    const codec_zstd *self = context;
    zstd_dictionary *made = ready;
    if (made->compressing != NULL) {
        (void)self->functions.free_cdict(made->compressing);
    }
    if (made->restoring != NULL) {
        (void)self->functions.free_ddict(made->restoring);
    }
    mem_free(made);
}

static pykv_status zstd_make_ready(void *context, bool packs, int level, const uint8_t *data,
                                   size_t size, void **ready_out)
{
    const codec_zstd *self = context;
    zstd_dictionary *made = mem_alloc_zeroed(1, sizeof *made);
    if (made == NULL) {
        return error_set_no_memory(sizeof *made);
    }
    made->restoring = self->functions.create_ddict(data, size);
    if (packs) {
        made->compressing =
            self->functions.create_cdict(data, size, level == 0 ? CODEC_ZSTD_LEVEL_DEFAULT : level);
    }
    if (made->restoring == NULL || (packs && made->compressing == NULL)) {
        zstd_close_ready(context, made);
        return error_set(PYKV_CORRUPTION, "zstd (%s) takes no dictionary of these %zu bytes",
                         self->face.name, size);
    }
    *ready_out = made;
    return PYKV_OK;
}

static pykv_status zstd_compress_with(void *context, void *ready, const uint8_t *data, size_t size,
                                      uint8_t *out, size_t *size_out)
{
    codec_zstd *self = context;
    const pykv_zstd *zstd = &self->functions;
    const zstd_dictionary *with = ready;
    void *compressor = take_context(self->compressors, zstd->create_cctx);
    if (compressor == NULL) {
        return failure(self, PYKV_NO_MEMORY, CODE_NO_MEMORY);
    }
    size_t made = zstd->compress_with_cdict(compressor, out, zstd->compress_bound(size), data, size,
                                            with->compressing);
    if (zstd->is_error(made) != 0) {
        (void)zstd->free_cctx(compressor);
        return failure(self, PYKV_INTERNAL, made);
    }
    give_back(self->compressors, compressor, zstd->free_cctx);
    *size_out = made;
    return PYKV_OK;
}

static pykv_status zstd_decompress_with(void *context, void *ready, const uint8_t *data,
                                        size_t size, uint8_t *out, size_t raw_size)
{
    const zstd_dictionary *with = ready;
    return restore(context, with->restoring, data, size, out, raw_size);
}

/* "pykv pykv pykv pykv pykv pykv!" as another libzstd compressed it. */
static const char trial_text[] = "pykv pykv pykv pykv pykv pykv!";
static const uint8_t trial_frame[] = {0x28, 0xb5, 0x2f, 0xfd, 0x20, 0x1e, 0x65,
                                      0x00, 0x00, 0x30, 0x70, 0x79, 0x6b, 0x76,
                                      0x20, 0x21, 0x01, 0x00, 0x00, 0x8b, 0x16};

/* Functions that are not what they are called must not come to real data: a frame made elsewhere is
 * read, one made here is read back, and one that was cut is refused. */
static pykv_status try_out(codec_zstd *self)
{
    enum { TRIAL_BYTES = sizeof trial_text - 1, FRAME_BYTES = 256 };
    uint8_t frame[FRAME_BYTES];
    uint8_t text[TRIAL_BYTES] = {0};
    size_t frame_size = 0;
    bool bound_fits = self->functions.compress_bound(TRIAL_BYTES) <= FRAME_BYTES;
    if (!bound_fits ||
        zstd_decompress(self, trial_frame, sizeof trial_frame, text, TRIAL_BYTES) != PYKV_OK ||
        memcmp(text, trial_text, TRIAL_BYTES) != 0) {
        return error_set(PYKV_NOT_SUPPORTED, "zstd (%s) does not read a frame", self->face.name);
    }
    memset(text, 0, TRIAL_BYTES);
    if (zstd_compress(self, 1, (const uint8_t *)trial_text, TRIAL_BYTES, frame, &frame_size) !=
            PYKV_OK ||
        zstd_decompress(self, frame, frame_size, text, TRIAL_BYTES) != PYKV_OK ||
        memcmp(text, trial_text, TRIAL_BYTES) != 0 ||
        zstd_decompress(self, frame, frame_size - 1, text, TRIAL_BYTES) != PYKV_CORRUPTION) {
        return error_set(PYKV_NOT_SUPPORTED, "zstd (%s) does not do what it should",
                         self->face.name);
    }
    return PYKV_OK;
}

/* The same with a dictionary. A library that fails here has none for us. */
static bool dictionaries_work(codec_zstd *self)
{
    enum { TRIAL_BYTES = sizeof trial_text - 1, FRAME_BYTES = 256 };
    const uint8_t *trial = (const uint8_t *)trial_text;
    uint8_t frame[FRAME_BYTES];
    uint8_t text[TRIAL_BYTES] = {0};
    size_t frame_size = 0;
    void *ready = NULL;
    if (zstd_make_ready(self, true, 1, trial, TRIAL_BYTES, &ready) != PYKV_OK || ready == NULL) {
        return false;
    }
    bool work =
        zstd_compress_with(self, ready, trial, TRIAL_BYTES, frame, &frame_size) == PYKV_OK &&
        zstd_decompress_with(self, ready, frame, frame_size, text, TRIAL_BYTES) == PYKV_OK &&
        memcmp(text, trial_text, TRIAL_BYTES) == 0;
    zstd_close_ready(self, ready);
    return work;
}

static void add_dictionaries(codec_zstd *self)
{
    if (self->functions.train != NULL && dictionaries_work(self)) {
        self->face.train = zstd_train;
        self->face.make_ready = zstd_make_ready;
        self->face.close_ready = zstd_close_ready;
        self->face.compress_with = zstd_compress_with;
        self->face.decompress_with = zstd_decompress_with;
    }
}

pykv_status codec_zstd_init(codec_zstd *self, const pykv_zstd *functions, const char *name)
{
    memset(self, 0, sizeof *self);
    self->face = (codec){.id = CODEC_ZSTD,
                         .name = name,
                         .context = self,
                         .bound = zstd_bound,
                         .compress = zstd_compress,
                         .faster = zstd_faster,
                         .decompress = zstd_decompress};
    self->functions = *functions;
    unsigned version = functions->version_number();
    if (version < VERSION_MIN || version >= VERSION_END) {
        return error_set(PYKV_NOT_SUPPORTED, "zstd (%s) has version %u, which is not served", name,
                         version);
    }
    pykv_status status = try_out(self);
    if (status == PYKV_OK) {
        add_dictionaries(self);
    } else {
        codec_zstd_reset(self);
    }
    return status;
}

void codec_zstd_reset(codec_zstd *self)
{
    for (size_t i = 0; i < THREAD_HINT_COUNT; i++) {
        void *compressor = atomic_exchange(&self->compressors[i], NULL);
        void *decompressor = atomic_exchange(&self->decompressors[i], NULL);
        if (compressor != NULL) {
            (void)self->functions.free_cctx(compressor);
        }
        if (decompressor != NULL) {
            (void)self->functions.free_dctx(decompressor);
        }
    }
}
