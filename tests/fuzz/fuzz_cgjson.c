/* Any bytes as a computation graph in JSON: refused with a reason, or a graph that is written and
 * read again as the same. */
#include "onx/onx.h"
#include "shape/shape.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[] = "fuzz_cgjson.XXXXXX";
    int fd = mkstemp(path);
    struct graph *g = NULL, *again = NULL, *typed = NULL;
    struct err err = {0};
    if (fd < 0 || write(fd, data, size) != (ssize_t)size)
        abort();
    close(fd);
    if (cgjson_load(&g, path, 1, &err) != ST_OK)
        assert(!g && err.msg[0]);
    else if (cgjson_save(g, path, &err) == ST_OK) {
        if (cgjson_load(&again, path, 1, &err) != ST_OK) {
            fprintf(stderr, "written, but not readable: %s\n", err.msg);
            abort();
        }
        assert(graph_hash(again) == graph_hash(g));
    }
    if (g)
        shape_infer(g, &typed, NULL);
    graph_unref(typed);
    graph_unref(again);
    graph_unref(g);
    unlink(path);
    return 0;
}
