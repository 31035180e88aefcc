/* A comparison as one self-contained page. */
#include "session/comparison.h"

#include "base/html.h"

#include <stdio.h>
#include <string.h>

static const char style[] =
    ".drawings{display:flex;gap:1rem;overflow:auto;max-height:85vh;border:1px solid var(--line);"
    "padding:.6rem}.drawings figure{margin:0;flex:1 0 auto}\n"
    ".drawings figcaption{position:sticky;top:-.6rem;background:var(--ground);padding:.2rem}\n"
    ".drawing .node rect{fill:var(--ground);stroke:currentColor}.drawing text{fill:currentColor}\n"
    ".drawing .edge{fill:none;stroke:currentColor;stroke-opacity:.55}\n"
    ".drawing .added rect,.key.added{fill:#a6e3a1;background:#a6e3a1}"
    ".drawing .removed rect,.key.removed{fill:#f5a3a3;background:#f5a3a3}"
    ".drawing .changed rect,.key.changed{fill:#ffd27f;background:#ffd27f}\n"
    ".drawing .added text,.drawing .removed text,.drawing .changed text{fill:#000}\n"
    ".key{color:#000;padding:0 .4rem;border-radius:4px}.drawing .node:target rect{stroke-width:3}\n"
    ".nodes td,.nodes th{text-align:left}.nodes .half{border-left:1px solid var(--line)}\n"
    "tr.removed th{color:#c62828}tr.added th{color:#2e7d32}.other{font-weight:bold}\n";

/* "version 3 "wide"". */
static void add_side(const struct comparison_said *s, struct str *out)
{
    html_text(out, s->title);
    if (!*s->name)
        return;
    str_add(out, " <q>");
    html_text(out, s->name);
    str_add(out, "</q>");
}

static void add_facts(const char *model, const struct comparison_said said[2], struct str *out)
{
    static const char *const side[] = {"before", "after"};
    str_add(out, "<table class='facts'><tbody>\n");
    if (*model) {
        str_add(out, "<tr><th>model</th><td>");
        html_text(out, model);
        str_add(out, "</td></tr>\n");
    }
    for (int k = 0; k < 2; k++) {
        str_addf(out, "<tr><th>%s</th><td class='said'>", side[k]);
        add_side(&said[k], out);
        if (*said[k].note) {
            str_add(out, "<br/><small>");
            html_text(out, said[k].note);
            str_add(out, "</small>");
        }
        str_add(out, "</td></tr>\n");
    }
    str_add(out, "</tbody></table>\n");
}

/* ---- what they cost ---- */

static void add_metric(const struct comparison_costs *m, enum comparison_metric k, struct str *out)
{
    char buf[64];
    str_addf(out, "<tr class='metric' id='metric-%s'><th class='text'>%s</th>",
             comparison_metric_key(k), comparison_metric_name(m, k, buf, sizeof buf));
    for (int side = 0; side < 2; side++)
        str_addf(out, "<td>%s</td>", comparison_value(m, k, side, buf, sizeof buf));
    str_addf(out, "<td>%s</td>", comparison_change(m, k, buf, sizeof buf));
    str_addf(out, "<td>%s</td></tr>\n", comparison_percent(m, k, buf, sizeof buf));
}

static void add_metrics(const struct comparison_costs *m, struct str *out)
{
    str_add(out, "<h2>What they cost</h2>\n<div class='wide'><table class='metrics'>\n<thead><tr>"
                 "<th></th><th>before</th><th>after</th><th>change</th><th></th></tr></thead>\n"
                 "<tbody>\n");
    for (int k = 0; k < METRICS; k++)
        if (comparison_shown(m, (enum comparison_metric)k))
            add_metric(m, (enum comparison_metric)k, out);
    str_add(out, "</tbody></table></div>\n<p class='note'>");
    if (*m->table) {
        str_add(out, "Accuracy is what a predictor estimates, never a measurement: as for networks "
                     "of ");
        html_text(out, m->table);
        str_add(out, m->has_interval ? ", with the interval that covers 90 %. " : ". ");
        if (m->has_delta && !m->delta.in_distribution)
            str_add(out, "A question mark: it knows no network like these, and the change is one "
                         "of order only. ");
    }
    str_add(out, "Milliseconds are the median of runs on this machine, where somebody measured "
                 "them (autogo latency, fit). ");
    if (*m->npu) {
        str_add(out, "Cycles and energy are those of a model of an accelerator: ");
        html_text(out, m->npu);
        str_add(out, ". ");
    }
    if (m->incomplete)
        str_add(out, "Some shapes or operators are unknown: costs are lower bounds.");
    str_add(out, "</p>\n");
}

/* ---- drawings ---- */

static void add_drawings(const struct comparison *c, const struct dot_layout *l,
                         const char *why_not, const struct comparison_said said[2], struct str *out)
{
    static const char *const prefix[] = {"a", "b"};
    str_add(out, "<h2>Drawings</h2>\n");
    if (!l) {
        str_add(out, "<p>No drawings: ");
        html_text(out, why_not);
        str_add(out, "</p>\n");
        return;
    }
    str_addf(out,
             "<p class='note'><span class='key removed'>%d removed</span> "
             "<span class='key added'>%d added</span> <span class='key changed'>%d resized or "
             "changed</span> Nodes that both have are at the same height.</p>\n"
             "<div class='drawings'>\n",
             c->count[COMPARISON_REMOVED], c->count[COMPARISON_ADDED],
             c->count[COMPARISON_RESIZED] + c->count[COMPARISON_CHANGED]);
    for (int k = 0; k < 2; k++) {
        str_add(out, "<figure><figcaption>");
        add_side(&said[k], out);
        str_add(out, "</figcaption>\n");
        dot_layout_svg(&l[k], c->g[k], c->mark[k], prefix[k], out);
        str_add(out, "</figure>\n");
    }
    str_add(out, "</div>\n");
}

/* ---- node by node ---- */

static void add_cell(const char *class, const char *text, bool other, struct str *out)
{
    str_addf(out, "<td class='%s%s'>", class, other ? " other" : "");
    html_text(out, text);
    str_add(out, "</td>");
}

static void add_row(const struct comparison *c, const struct comparison_row *r, struct str *out)
{
    static const char *const prefix[] = {"a", "b"};
    struct comparison_cells cell[2];
    const char *kind = comparison_kind_name(r->kind);
    bool both = r->id[0] >= 0 && r->id[1] >= 0;
    for (int k = 0; k < 2; k++)
        comparison_cells(c->g[k], r->id[k], &cell[k]);
    str_addf(out, "<tr class='row %s'><th>%s</th>", kind, kind);
    for (int k = 0; k < 2; k++) {
        str_add(out, "<td class='half'>");
        if (r->id[k] >= 0) {
            str_addf(out, "<a href='#%s%d'>", prefix[k], (int)r->id[k]);
            html_text(out, node_label(graph_node(c->g[k], r->id[k])));
            str_add(out, "</a>");
        }
        str_add(out, "</td>");
        add_cell("", cell[k].op, both && strcmp(cell[0].op, cell[1].op) != 0, out);
        add_cell("", cell[k].kernel, both && strcmp(cell[0].kernel, cell[1].kernel) != 0, out);
        add_cell("", cell[k].width, both && strcmp(cell[0].width, cell[1].width) != 0, out);
        add_cell("", cell[k].shape, both && strcmp(cell[0].shape, cell[1].shape) != 0, out);
    }
    str_add(out, "</tr>\n");
}

static void add_rows(const struct comparison *c, struct str *out)
{
    str_add(out, "<h2>Node by node</h2>\n");
    if (c->n_row == 0) {
        str_addf(out, "<p>%s</p>\n",
                 c->equal ? "The two are the same network." : "No node differs.");
        return;
    }
    str_add(out, "<div class='wide'><table class='nodes'>\n<thead><tr><th></th>");
    for (int k = 0; k < 2; k++)
        str_addf(out,
                 "<th class='half'>%s</th><th>operator</th><th>kernel</th><th>width</th>"
                 "<th>shape</th>",
                 k ? "after" : "before");
    str_add(out, "</tr></thead>\n<tbody>\n");
    for (int i = 0; i < c->n_row; i++)
        add_row(c, &c->row[i], out);
    str_add(out, "</tbody></table></div>\n");
}

void comparison_page(const struct comparison *c, const struct comparison_costs *m,
                     const struct dot_layout *layout, const char *why_not, const char *model,
                     const struct comparison_said said[2], struct str *out)
{
    char title[200];
    snprintf(title, sizeof title, "%.90s and %.90s", *said[0].name ? said[0].name : said[0].title,
             *said[1].name ? said[1].name : said[1].title);
    html_begin(out, "autogo diff: ", title, style);
    str_add(out, "<h1>");
    add_side(&said[0], out);
    str_add(out, " and ");
    add_side(&said[1], out);
    str_add(out, "</h1>\n");
    add_facts(model, said, out);
    add_metrics(m, out);
    add_drawings(c, layout, why_not, said, out);
    add_rows(c, out);
    html_end(out);
}
