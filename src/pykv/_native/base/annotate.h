/*
 * Compiler annotations: thread-safety (checked by clang -Wthread-safety), branch hints, result use.
 *
 * The former name members of the struct they stand in, which only a young clang can read: they
 * expand to nothing unless the analysis asks for them.
 */
#ifndef PYKV_BASE_ANNOTATE_H
#define PYKV_BASE_ANNOTATE_H

#if defined(PYKV_THREAD_ANALYSIS)
#define PYKV_THREAD_ATTRIBUTE(x) __attribute__((x))
#else
#define PYKV_THREAD_ATTRIBUTE(x)
#endif

#define CAPABILITY(name)          PYKV_THREAD_ATTRIBUTE(capability(name))
#define GUARDED_BY(lock)          PYKV_THREAD_ATTRIBUTE(guarded_by(lock))
#define REQUIRES(...)             PYKV_THREAD_ATTRIBUTE(requires_capability(__VA_ARGS__))
#define EXCLUDES(...)             PYKV_THREAD_ATTRIBUTE(locks_excluded(__VA_ARGS__))
#define ACQUIRES(...)             PYKV_THREAD_ATTRIBUTE(acquire_capability(__VA_ARGS__))
#define RELEASES(...)             PYKV_THREAD_ATTRIBUTE(release_capability(__VA_ARGS__))
#define TRY_ACQUIRES(...)         PYKV_THREAD_ATTRIBUTE(try_acquire_capability(__VA_ARGS__))
#define ASSERTS_HELD(...)         PYKV_THREAD_ATTRIBUTE(assert_capability(__VA_ARGS__))
#define NO_THREAD_SAFETY_ANALYSIS PYKV_THREAD_ATTRIBUTE(no_thread_safety_analysis)

/* For functions that run while no other thread knows the object: before its open returned, or after
 * its close drained it. */
#define SINGLE_THREADED NO_THREAD_SAFETY_ANALYSIS

#define PYKV_NODISCARD   __attribute__((warn_unused_result))
#define PYKV_LIKELY(x)   __builtin_expect(!!(x), 1)
#define PYKV_UNLIKELY(x) __builtin_expect(!!(x), 0)

#endif
