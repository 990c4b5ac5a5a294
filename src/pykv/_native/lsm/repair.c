/*
 * repair: not there yet for an LSM store.
 */
#include "base/error.h"
#include "lsm/lsm.h"

pykv_status lsm_repair(env *environment, const char *path, pykv_report *report_out)
{
    (void)environment;
    (void)report_out;
    return error_set(PYKV_NOT_SUPPORTED, "%s: repair does not know LSM stores", path);
}
