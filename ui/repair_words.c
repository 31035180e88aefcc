#include "ui/repair_words.h"

#include "ui/theme.h"

#include <stdio.h>

const char *repair_brief(const struct candidate *c, char *buf, size_t size)
{
    if (c->n_grown)
        snprintf(buf, size, "+%d out", c->n_grown);
    else if (c->n_adapter)
        snprintf(buf, size, "+%d adp", c->n_adapter);
    else
        snprintf(buf, size, "%s", mend_result_name(c->status));
    return buf;
}

/* 0 when it has no channels that are known. */
static int64_t width_of(const struct graph *g, int32_t id)
{
    const struct node *n = graph_node(g, id);
    const struct ttype *t = n && n->n_out > 0 ? &n->out[0].type : NULL;
    return t && t->rank >= 2 && t->dim[1] > 0 ? t->dim[1] : 0;
}

static void add_grown(const struct graph *before, const struct candidate *c, struct str *out)
{
    for (int i = 0; i < c->n_grown; i++) {
        int32_t id = c->grown[i];
        const struct node *n = graph_node(before, id);
        int64_t was = width_of(before, id), is = width_of(c->graph, id);
        str_addf(out, "%s%s", i ? ", " : "outside: ", n ? node_label(n) : "?");
        if (was != is)
            str_addf(out, " %lld %s %lld", (long long)was, theme_glyph(GLYPH_TO), (long long)is);
        else /* its inputs are others */
            str_add(out, " new weights");
    }
}

static void add_adapters(const struct candidate *c, struct str *out)
{
    for (int i = 0; i < c->n_adapter; i++) {
        const struct adapter *a = &c->adapter[i];
        str_addf(out, "%s%s at %s %d",
                 i                  ? ", "
                 : c->n_adapter > 1 ? "adapters: "
                                    : "adapter: ",
                 adapter_kind_name(a->kind), a->at_input ? "input" : "output", a->port + 1);
    }
}

void repair_add_reach(const struct graph *before, const struct candidate *c, struct str *out)
{
    if (!c->graph)
        return;
    add_grown(before, c, out);
    if (c->n_grown && c->n_adapter)
        str_add(out, "; ");
    add_adapters(c, out);
}

const char *repair_refusal(const struct session_candidate *c)
{
    if (!c || c->accepted)
        return "";
    return c->conflict && c->conflict->text[0] ? c->conflict->text : c->reason;
}

const char *repair_settings(const struct session_repair *r, char *buf, size_t size)
{
    struct str s = {0};
    char si[24];
    if (r->grow)
        str_addf(&s, "grow %d", r->grow);
    if (r->adapt)
        str_addf(&s, "%sadapt", s.n ? ", " : "");
    if (r->multiple)
        str_addf(&s, "%sx%d", s.n ? ", " : "", r->multiple);
    if (r->max_flops_paper)
        str_addf(&s, "%sFLOPs <= %s", s.n ? ", " : "",
                 str_si((double)r->max_flops_paper, si, sizeof si));
    if (r->max_params)
        str_addf(&s, "%sparams <= %s", s.n ? ", " : "",
                 str_si((double)r->max_params, si, sizeof si));
    snprintf(buf, size, "%s", str_text(&s));
    str_done(&s);
    return buf;
}
