/*
 * cycles: the CPU's cycle or tick counter, for telling a memory access from a disk read.
 *
 * Not a clock: differences are compared with a threshold that the user calibrates against one.
 */
#ifndef PYKV_BASE_CYCLES_H
#define PYKV_BASE_CYCLES_H

#include <stdint.h>

static inline uint64_t cycles_now(void)
{
#if defined(__x86_64__) || defined(__i386__)
    uint32_t low;
    uint32_t high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
#elif defined(__aarch64__)
    uint64_t ticks;
    __asm__ volatile("mrs %0, cntvct_el0" : "=r"(ticks));
    return ticks;
#else
    return 0;
#endif
}

#endif
