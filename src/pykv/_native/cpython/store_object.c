/*
 * store_object: what all types with this object do alike.
 */
#include "cpython/store_object.h"

pykv_store *store_object_unbound(void)
{
    PyErr_SetString(PyExc_AttributeError, "no store was bound to this object");
    return NULL;
}

int store_object_traverse(PyObject *op, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(op));
    return 0;
}

void store_object_dealloc(PyObject *op)
{
    store_object *self = (store_object *)op;
    PyTypeObject *type = Py_TYPE(op);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    PyObject_GC_UnTrack(op);
    pykv_many_free(self->spare_many);
    Py_CLEAR(self->owner);
    release(op);
    Py_DECREF(type);
}
