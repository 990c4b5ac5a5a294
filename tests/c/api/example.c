/*
 * example: how a C program uses pykv: open, put, get, batch, scan, close. docs/c_api.md shows it.
 */
#include <stdio.h>
#include <string.h>

#include "pykv.h"

/* Says what failed, with the detail of this thread, and returns false. */
static bool told(const char *what, pykv_status status)
{
    if (status == PYKV_OK) {
        return true;
    }
    fprintf(stderr, "%s: %s (%s)\n", what, pykv_last_error()->text, pykv_status_name(status));
    return false;
}

/* Prints the value of key; a key that is absent is no failure. */
static bool show(pykv_store *store, const char *key)
{
    pykv_pinned value = {0};
    pykv_status status = pykv_get(store, key, strlen(key), 0, &value);
    if (status == PYKV_NOT_FOUND) {
        printf("%s is absent\n", key);
        return true;
    }
    if (!told("get", status)) {
        return false;
    }
    printf("%s = %.*s\n", key, (int)value.length, (const char *)value.data);
    pykv_unpin(store, &value);
    return true;
}

/* Puts two rows and deletes one: all of it is written, or nothing. */
static bool change_together(pykv_store *store)
{
    pykv_batch *batch;
    if (!told("batch", pykv_batch_new(&batch))) {
        return false;
    }
    bool good = told("batch put", pykv_batch_put(batch, "bob", 3, "3", 1)) &&
                told("batch put", pykv_batch_put(batch, "carol", 5, "7", 1)) &&
                told("batch delete", pykv_batch_delete(batch, "alice", 5)) &&
                told("write", pykv_write(store, batch, PYKV_SYNC));
    pykv_batch_free(batch);
    return good;
}

/* Prints all rows of one moment. */
static bool show_all(pykv_store *store)
{
    pykv_scan *scan;
    pykv_rows rows = {.count = 1};
    if (!told("scan", pykv_scan_open(store, NULL, &scan))) {
        return false;
    }
    bool good = true;
    while (good && rows.count > 0) {
        good = told("scan", pykv_scan_next(scan, 0, 0, &rows));
        for (size_t i = 0; good && i < rows.count; i++) {
            const uint64_t *place = &rows.offsets[2 * i];
            printf("%.*s = %.*s\n", (int)(place[1] - place[0]), (const char *)rows.data + place[0],
                   (int)(place[2] - place[1]), (const char *)rows.data + place[1]);
        }
    }
    pykv_scan_close(scan);
    return good;
}

int main(int argc, char **argv)
{
    pykv_store *store;
    pykv_options options = {.durability = PYKV_DURABILITY_OS};
    if (argc != 2) {
        fprintf(stderr, "usage: example DIRECTORY\n");
        return 2;
    }
    if (!told("open", pykv_open(argv[1], &options, &store))) {
        return 1;
    }
    bool good = told("put", pykv_put(store, "alice", 5, "10", 2, 0)) && show(store, "alice") &&
                change_together(store) && show(store, "alice") && show_all(store);
    good = told("close", pykv_close(store, -1)) && good;
    pykv_free(store);
    return good ? 0 : 1;
}
