/*
 * snapshot_type: the type SnapshotBase.
 */
#ifndef PYKV_CPYTHON_SNAPSHOT_TYPE_H
#define PYKV_CPYTHON_SNAPSHOT_TYPE_H

#include <Python.h>

extern PyType_Spec snapshot_type_spec;

#endif
