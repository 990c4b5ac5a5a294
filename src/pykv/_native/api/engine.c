/*
 * engine: which engines there are, and which of them a directory belongs to.
 */
#include "api/engine.h"

#include "base/error.h"
#include "base/invariant.h"

/* Where names say nothing, the first one counts. */
static const engine_ops *const engines[] = {&engine_bitcask, &engine_lsm};

/* What a new database gets. */
static const engine_ops *const engine_of_new = &engine_lsm;

enum { ENGINE_COUNT = sizeof engines / sizeof engines[0] };

/* NULL: there is no such engine. */
static const engine_ops *find(int32_t engine)
{
    for (size_t i = 0; i < ENGINE_COUNT; i++) {
        if (engines[i]->home->engine == engine) {
            return engines[i];
        }
    }
    return NULL;
}

typedef pykv_status (*home_detector)(env_directory *home, const home_engine *const *engines,
                                     size_t count, int32_t *engine_out);

static pykv_status ask(env *environment, const char *path, home_detector detect,
                       int32_t *engine_out)
{
    const home_engine *homes[ENGINE_COUNT];
    env_directory *home;
    pykv_status status = env_directory_open(environment, path, false, &home);
    if (status != PYKV_OK) {
        return status;
    }
    for (size_t i = 0; i < ENGINE_COUNT; i++) {
        homes[i] = engines[i]->home;
    }
    status = detect(home, homes, ENGINE_COUNT, engine_out);
    env_directory_close(home);
    return status;
}

pykv_status engine_detect(env *environment, const char *path, int32_t *engine_out)
{
    int32_t engine = PYKV_ENGINE_ANY;
    pykv_status status = ask(environment, path, home_detect, engine_out);
    if (status != PYKV_CORRUPTION || PYKV_PLANTED(109)) {
        return status;
    }
    pykv_error damage = *error_last();
    if (ask(environment, path, home_detect_by_names, &engine) != PYKV_OK ||
        engine == PYKV_ENGINE_ANY) {
        error_restore(&damage);
        return status;
    }
    *engine_out = engine;
    return PYKV_OK;
}

static pykv_status choose_by_directory(env *environment, const char *path,
                                       const engine_ops **ops_out)
{
    int32_t engine = PYKV_ENGINE_ANY;
    pykv_status status = ask(environment, path, home_detect, &engine);
    if (status == PYKV_CORRUPTION) {
        status = ask(environment, path, home_detect_by_names, &engine);
    }
    if (status != PYKV_OK && status != PYKV_PATH_NOT_FOUND) {
        return status;
    }
    const engine_ops *found = engine != PYKV_ENGINE_ANY ? find(engine) : engine_of_new;
    if (found == NULL) {
        return error_set_at(PYKV_FORMAT, path,
                            "the database is one of engine number %d, which this pykv does not "
                            "have: use a newer pykv",
                            (int)engine);
    }
    *ops_out = found;
    return PYKV_OK;
}

pykv_status engine_choose(env *environment, const char *path, int32_t wanted,
                          const engine_ops **ops_out)
{
    if (wanted == PYKV_ENGINE_ANY) {
        return choose_by_directory(environment, path, ops_out);
    }
    const engine_ops *found = find(wanted);
    if (found == NULL) {
        return error_set(PYKV_NOT_SUPPORTED, "engine %d is not built into this library",
                         (int)wanted);
    }
    *ops_out = found;
    return PYKV_OK;
}
