/* Filter expressions from any bytes: an error that names a column of the text, or a filter that can
 * be asked about candidates of which something, or nothing, is known. */
#include "base/mem.h"
#include "session/filter.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = x_strndup((const char *)data, size);
    struct filter *f = NULL;
    struct err err = {0};
    struct pred_delta e = {true, .01, -.01, .03};
    struct session_candidate blank = {.origin = "", .ops = "", .reason = "", .tags = ""};
    struct session_candidate some = {.id = "s12",
                                     .record = 12,
                                     .rank = 3,
                                     .origin = "zoo:resnet50",
                                     .ops = "Conv3x3 BatchNormalization Relu",
                                     .reason = "",
                                     .tags = "good odd",
                                     .estimate = &e,
                                     .npu = "os32",
                                     .delta_cycles = -5,
                                     .npu_cycles = 50};
    int column = 0;
    if (filter_parse(text, &f, &err) == ST_OK) {
        bool a = filter_holds(f, &some), b = filter_holds(f, &blank);
        if (a != filter_holds(f, &some) || b != filter_holds(f, &blank))
            abort();
        filter_free(f);
    } else if (sscanf(err.msg, "column %d:", &column) != 1 || column < 1 ||
               (size_t)column > strlen(text) + 1) {
        abort();
    }
    free(text);
    return 0;
}
