/*
 * crc32c: a portable variant by tables and one for each CPU family that has the instruction.
 *
 * All variants keep the state inverted and reflected: bit i of the 32-bit state is the coefficient
 * of x^(31-i). Thread-safe: the tables are constant or built once, and the variant in use is one
 * atomic pointer that is published after what it needs.
 */
#include "base/crc32c.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/annotate.h"
#include "base/coding.h"

#if defined(__x86_64__)
#define CRC32C_VARIANT "sse4.2"
/* clang counts the checksum instruction apart from the rest of SSE 4.2. */
#define BY_INSTRUCTION __attribute__((target("sse4.2,crc32,pclmul")))
#include <nmmintrin.h>
#include <wmmintrin.h>
#elif defined(__aarch64__) && (defined(__linux__) || defined(__ARM_FEATURE_CRC32))
#define CRC32C_VARIANT "armv8"
#define BY_INSTRUCTION
#if defined(__linux__)
#include <sys/auxv.h>
#ifndef HWCAP_CRC32
#define HWCAP_CRC32 (1 << 7)
#endif
#endif
#endif

typedef struct variant {
    const char *name;
    uint32_t (*extend)(uint32_t crc, const void *data, size_t size);
    uint32_t (*extend_numbers)(uint32_t crc, uint64_t first, uint64_t second, uint64_t third,
                               uint32_t last);
    uint32_t (*extend_parts)(uint32_t crc, uint64_t number, slice first, slice second);
} variant;

/*
 * Portable: slicing by 8. Entry i of row k is the state after byte i and k zero bytes. The map is
 * linear over xor, so a row is written as its values at the eight single bits.
 */
#define BIT(i, bit, value) (((i) >> (bit)) % 2 != 0 ? UINT32_C(value) : 0)
#define ENTRY(i, a, b, c, d, e, f, g, h)                                                           \
    (BIT(i, 0, a) ^ BIT(i, 1, b) ^ BIT(i, 2, c) ^ BIT(i, 3, d) ^ BIT(i, 4, e) ^ BIT(i, 5, f) ^     \
     BIT(i, 6, g) ^ BIT(i, 7, h))
#define ENTRIES_4(i, ...)                                                                          \
    ENTRY(i, __VA_ARGS__), ENTRY((i) + 1, __VA_ARGS__), ENTRY((i) + 2, __VA_ARGS__),               \
        ENTRY((i) + 3, __VA_ARGS__)
#define ENTRIES_16(i, ...)                                                                         \
    ENTRIES_4(i, __VA_ARGS__), ENTRIES_4((i) + 4, __VA_ARGS__), ENTRIES_4((i) + 8, __VA_ARGS__),   \
        ENTRIES_4((i) + 12, __VA_ARGS__)
#define ENTRIES_64(i, ...)                                                                         \
    ENTRIES_16(i, __VA_ARGS__), ENTRIES_16((i) + 16, __VA_ARGS__),                                 \
        ENTRIES_16((i) + 32, __VA_ARGS__), ENTRIES_16((i) + 48, __VA_ARGS__)
#define ROW(...)                                                                                   \
    {ENTRIES_64(0, __VA_ARGS__), ENTRIES_64(64, __VA_ARGS__), ENTRIES_64(128, __VA_ARGS__),        \
     ENTRIES_64(192, __VA_ARGS__)}

static const uint32_t rows[8][256] = {
    ROW(0xf26b8303, 0xe13b70f7, 0xc79a971f, 0x8ad958cf, 0x105ec76f, 0x20bd8ede, 0x417b1dbc,
        0x82f63b78),
    ROW(0x13a29877, 0x274530ee, 0x4e8a61dc, 0x9d14c3b8, 0x3fc5f181, 0x7f8be302, 0xff17c604,
        0xfbc3faf9),
    ROW(0xa541927e, 0x4f6f520d, 0x9edea41a, 0x38513ec5, 0x70a27d8a, 0xe144fb14, 0xc76580d9,
        0x8b277743),
    ROW(0xdd45aab8, 0xbf672381, 0x7b2231f3, 0xf64463e6, 0xe964b13d, 0xd725148b, 0xaba65fe7,
        0x52a0c93f),
    ROW(0x38116fac, 0x7022df58, 0xe045beb0, 0xc5670b91, 0x8f2261d3, 0x1ba8b557, 0x37516aae,
        0x6ea2d55c),
    ROW(0xef306b19, 0xdb8ca0c3, 0xb2f53777, 0x6006181f, 0xc00c303e, 0x85f4168d, 0x0e045beb,
        0x1c08b7d6),
    ROW(0x68032cc8, 0xd0065990, 0xa5e0c5d1, 0x4e2dfd53, 0x9c5bfaa6, 0x3d5b83bd, 0x7ab7077a,
        0xf56e0ef4),
    ROW(0x493c7d27, 0x9278fa4e, 0x211d826d, 0x423b04da, 0x847609b4, 0x0d006599, 0x1a00cb32,
        0x34019664),
};

uint32_t crc32c_extend_portable(uint32_t crc, const void *data, size_t size)
{
    const uint8_t *in = data;
    uint32_t state = ~crc;
    for (; size >= 8; in += 8, size -= 8) {
        uint32_t low = load_u32(in) ^ state;
        uint32_t high = load_u32(in + 4);
        state = rows[7][low & 255] ^ rows[6][low >> 8 & 255] ^ rows[5][low >> 16 & 255] ^
                rows[4][low >> 24] ^ rows[3][high & 255] ^ rows[2][high >> 8 & 255] ^
                rows[1][high >> 16 & 255] ^ rows[0][high >> 24];
    }
    for (; size > 0; in++, size--) {
        state = rows[0][(state ^ *in) & 255] ^ state >> 8;
    }
    return ~state;
}

static uint32_t extend_numbers_portable(uint32_t crc, uint64_t first, uint64_t second,
                                        uint64_t third, uint32_t last)
{
    uint8_t bytes[28];
    store_u64(bytes, first);
    store_u64(bytes + 8, second);
    store_u64(bytes + 16, third);
    store_u32(bytes + 24, last);
    return crc32c_extend_portable(crc, bytes, sizeof bytes);
}

static uint32_t extend_parts_portable(uint32_t crc, uint64_t number, slice first, slice second)
{
    uint8_t bytes[8];
    store_u64(bytes, number);
    crc = crc32c_extend_portable(crc, bytes, sizeof bytes);
    crc = crc32c_extend_portable(crc, first.data, first.size);
    return crc32c_extend_portable(crc, second.data, second.size);
}

static const variant portable = {
    .name = "portable",
    .extend = crc32c_extend_portable,
    .extend_numbers = extend_numbers_portable,
    .extend_parts = extend_parts_portable,
};

static const variant *_Atomic chosen = &portable;

static inline const variant *in_use(void)
{
    return atomic_load_explicit(&chosen, memory_order_acquire);
}

uint32_t crc32c_extend(uint32_t crc, const void *data, size_t size)
{
    return in_use()->extend(crc, data, size);
}

uint32_t crc32c_extend_numbers(uint32_t crc, uint64_t first, uint64_t second, uint64_t third,
                               uint32_t last)
{
    return in_use()->extend_numbers(crc, first, second, third, last);
}

uint32_t crc32c_extend_parts(uint32_t crc, uint64_t number, slice first, slice second)
{
    return in_use()->extend_parts(crc, number, first, second);
}

#if defined(__x86_64__)

/*
 * The instruction takes 8 bytes a cycle but answers after three, so longer inputs are cut into
 * three equal runs that are worked on side by side. The states of the first two are then moved
 * over the runs behind them: state times x^(64 * words). A carry-less product of two reflected
 * 32-bit numbers, fed as data, is multiplied by x^33 on the way; hence the exponents.
 */
enum { RUN_WORDS_MAX = 128, THREE_RUNS_BYTES_MIN = 96, WORD_BYTES = 8 };

/* powers[m] is x^(64 * m - 33) modulo the polynomial, for m >= 1. */
static uint64_t powers[2 * RUN_WORDS_MAX + 1];

BY_INSTRUCTION static void build_powers(void)
{
    powers[1] = 1; /* x^31 */
    for (size_t i = 2; i <= (size_t)2 * RUN_WORDS_MAX; i++) {
        powers[i] = _mm_crc32_u64(powers[i - 1], 0);
    }
}

BY_INSTRUCTION static inline uint64_t product(uint64_t left, uint64_t right)
{
    __m128i result = _mm_clmulepi64_si128(_mm_cvtsi64_si128((long long)left),
                                          _mm_cvtsi64_si128((long long)right), 0);
    return (uint64_t)_mm_cvtsi128_si64(result);
}

/* The state after three runs of words words each, at in. */
BY_INSTRUCTION static inline uint64_t extend_three_runs(uint64_t state, const uint8_t *in,
                                                        size_t words)
{
    const uint8_t *second_in = in + words * WORD_BYTES;
    const uint8_t *third_in = second_in + words * WORD_BYTES;
    uint64_t second = 0;
    uint64_t third = 0;
    size_t last = (words - 1) * WORD_BYTES;
    for (size_t at = 0; at < last; at += WORD_BYTES) {
        state = _mm_crc32_u64(state, load_u64(in + at));
        second = _mm_crc32_u64(second, load_u64(second_in + at));
        third = _mm_crc32_u64(third, load_u64(third_in + at));
    }
    state = _mm_crc32_u64(state, load_u64(in + last));
    second = _mm_crc32_u64(second, load_u64(second_in + last));
    uint64_t moved = product(state, powers[2 * words]) ^ product(second, powers[words]);
    return _mm_crc32_u64(third, load_u64(third_in + last) ^ moved);
}

/* The state after the last size bytes (1 to 7) of an input of at least 8 bytes that ends at end. */
BY_INSTRUCTION static inline uint64_t extend_tail(uint64_t state, const uint8_t *end, size_t size)
{
    /* Zero bytes before the first do not change a state of zero, so the tail is moved up to fill a
     * word. What the state has beyond the tail's length comes out shifted. */
    unsigned spare_bits = (unsigned)(64 - 8 * size);
    uint64_t tail = load_u64(end - WORD_BYTES) >> spare_bits;
    return _mm_crc32_u64(0, (tail ^ state) << spare_bits) ^ state >> (8 * size);
}

BY_INSTRUCTION static inline uint64_t extend_u64(uint64_t state, uint64_t number)
{
    return _mm_crc32_u64(state, number);
}

BY_INSTRUCTION static inline uint64_t extend_u32(uint64_t state, uint32_t number)
{
    return _mm_crc32_u32((uint32_t)state, number);
}

BY_INSTRUCTION static inline uint32_t extend_short(uint32_t state, const uint8_t *in, size_t size)
{
    if ((size & 4) != 0) {
        state = _mm_crc32_u32(state, load_u32(in));
        in += 4;
    }
    if ((size & 2) != 0) {
        state = _mm_crc32_u16(state, load_u16(in));
        in += 2;
    }
    if ((size & 1) != 0) {
        state = _mm_crc32_u8(state, *in);
    }
    return state;
}

BY_INSTRUCTION static inline uint64_t extend_run(uint64_t state, const uint8_t *in, size_t size)
{
    if (size < WORD_BYTES) {
        return extend_short((uint32_t)state, in, size);
    }
    while (size >= THREE_RUNS_BYTES_MIN) {
        size_t words = size / ((size_t)3 * WORD_BYTES);
        words = words < RUN_WORDS_MAX ? words : RUN_WORDS_MAX;
        state = extend_three_runs(state, in, words);
        in += 3 * words * WORD_BYTES;
        size -= 3 * words * WORD_BYTES;
    }
    for (; size >= WORD_BYTES; in += WORD_BYTES, size -= WORD_BYTES) {
        state = _mm_crc32_u64(state, load_u64(in));
    }
    if (size > 0) {
        state = extend_tail(state, in + size, size);
    }
    return state;
}

static bool instruction_available(void)
{
    __builtin_cpu_init();
    return __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("pclmul");
}

#elif defined(CRC32C_VARIANT)

/* One run suffices: the instruction takes 8 bytes and answers after two cycles. */
static inline uint64_t extend_u64(uint64_t state, uint64_t number)
{
    uint32_t half = (uint32_t)state;
    __asm__(".arch_extension crc\n\tcrc32cx %w0, %w0, %x1" : "+r"(half) : "r"(number));
    return half;
}

static inline uint64_t extend_u32(uint64_t state, uint32_t number)
{
    uint32_t half = (uint32_t)state;
    __asm__(".arch_extension crc\n\tcrc32cw %w0, %w0, %w1" : "+r"(half) : "r"(number));
    return half;
}

static inline uint64_t extend_u8(uint64_t state, uint8_t byte)
{
    uint32_t half = (uint32_t)state;
    __asm__(".arch_extension crc\n\tcrc32cb %w0, %w0, %w1" : "+r"(half) : "r"((uint32_t)byte));
    return half;
}

static inline uint64_t extend_run(uint64_t state, const uint8_t *in, size_t size)
{
    for (; size >= 8; in += 8, size -= 8) {
        state = extend_u64(state, load_u64(in));
    }
    for (; size > 0; in++, size--) {
        state = extend_u8(state, *in);
    }
    return state;
}

static void build_powers(void)
{
}

static bool instruction_available(void)
{
#if defined(__linux__) && !defined(__ARM_FEATURE_CRC32)
    return (getauxval(AT_HWCAP) & HWCAP_CRC32) != 0;
#else
    return true;
#endif
}

#endif

#if defined(CRC32C_VARIANT)

BY_INSTRUCTION static uint32_t extend_by_instruction(uint32_t crc, const void *data, size_t size)
{
    return ~(uint32_t)extend_run((uint32_t)~crc, data, size);
}

BY_INSTRUCTION static uint32_t numbers_by_instruction(uint32_t crc, uint64_t first, uint64_t second,
                                                      uint64_t third, uint32_t last)
{
    uint64_t state = extend_u64(extend_u64((uint32_t)~crc, first), second);
    return ~(uint32_t)extend_u32(extend_u64(state, third), last);
}

BY_INSTRUCTION static uint32_t parts_by_instruction(uint32_t crc, uint64_t number, slice first,
                                                    slice second)
{
    uint64_t state = extend_u64((uint32_t)~crc, number);
    state = extend_run(state, first.data, first.size);
    return ~(uint32_t)extend_run(state, second.data, second.size);
}

static const variant by_instruction = {
    .name = CRC32C_VARIANT,
    .extend = extend_by_instruction,
    .extend_numbers = numbers_by_instruction,
    .extend_parts = parts_by_instruction,
};

static void choose_once(void)
{
    if (instruction_available()) {
        build_powers();
        atomic_store_explicit(&chosen, &by_instruction, memory_order_release);
    }
}

void crc32c_choose(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, choose_once);
}

#else

void crc32c_choose(void)
{
}

#endif

const char *crc32c_variant(void)
{
    return in_use()->name;
}
