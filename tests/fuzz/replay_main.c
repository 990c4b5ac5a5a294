/*
 * replay_main: a main for fuzz targets without libFuzzer. Feeds the target each file named on the
 * command line, in a block of exactly its size. Exit code 1 if there is no file or one cannot be
 * read.
 */
#include <stdio.h>
#include <stdlib.h>

#include "fuzz/fuzz_target.h"

/* Runs the target on the bytes of an open file; nonzero: they could not be read. */
static int replay_file(FILE *file)
{
    if (fseek(file, 0, SEEK_END) != 0) {
        return 1;
    }
    long end = ftell(file);
    if (end < 0 || fseek(file, 0, SEEK_SET) != 0) {
        return 1;
    }
    size_t size = (size_t)end;
    uint8_t *data = malloc(size > 0 ? size : 1);
    int failed = data == NULL || fread(data, 1, size, file) != size;
    if (!failed) {
        (void)LLVMFuzzerTestOneInput(data, size);
    }
    free(data);
    return failed;
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        FILE *file = fopen(argv[i], "rb");
        int failed = file == NULL || replay_file(file) != 0;
        if (file != NULL) {
            fclose(file);
        }
        if (failed) {
            fprintf(stderr, "%s: cannot be read\n", argv[i]);
            return 1;
        }
    }
    printf("%d inputs\n", argc - 1);
    return argc > 1 ? 0 : 1;
}
