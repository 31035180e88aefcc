/* Any text as the name of a network, and, behind a '#', as the preset of an accelerator: it is
 * refused with a reason, or what it says can be used. */
#include "base/mem.h"
#include "cost/npu.h"
#include "family/family.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use_preset(const char *text)
{
    static struct graph *g;
    struct npu_preset p;
    struct npu_cost c;
    struct err err = {0};
    if (!g && family_build("zoo:fsrcnn-3", 1, &g, NULL) != ST_OK)
        abort();
    if (npu_preset_read(&p, text, &err) != ST_OK) {
        assert(err.code == ST_USAGE && err.msg[0]);
        return;
    }
    npu_cost_graph(g, &p, &c);
    assert(c.cycles > 0 && c.energy_uj > 0);
    npu_cost_done(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = x_strndup((const char *)data, size);
    struct graph *g = NULL;
    struct err err = {0};
    if (text[0] == '#')
        use_preset(text + 1);
    else if (family_build(text, 1, &g, &err) != ST_OK)
        assert(!g && err.msg[0]);
    else
        assert(graph_n_nodes(g) > 0);
    graph_unref(g);
    free(text);
    return 0;
}
