/*
 * link_hook: a disk that calls a test before it gives a file a second name, so that the test can do
 * then what another thread might.
 *
 * Header only, for one disk a program, env_memory's. Not thread-safe.
 */
#ifndef PYKV_TESTS_LOG_LINK_HOOK_H
#define PYKV_TESTS_LOG_LINK_HOOK_H

#include <stddef.h>

#include "env/env_ops.h"

typedef void (*link_hook_call)(void);

static env_ops link_hook_ops;
static const env_ops *link_hook_inner;
static link_hook_call link_hook_armed;

static pykv_status link_hook_link(env_directory *from, const char *from_name, env_directory *to,
                                  const char *to_name)
{
    link_hook_call call = link_hook_armed;
    link_hook_armed = NULL;
    if (call != NULL) {
        call();
    }
    return link_hook_inner->link(from, from_name, to, to_name);
}

/* Once: before the next link. */
static void link_hook_set(env *disk, link_hook_call call)
{
    link_hook_inner = disk->ops;
    link_hook_ops = *disk->ops;
    link_hook_ops.link = link_hook_link;
    link_hook_armed = call;
    disk->ops = &link_hook_ops;
}

#endif
