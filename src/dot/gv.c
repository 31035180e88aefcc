/* The Graphviz side: runs in a child process only (child.c). Memory is not given back, the process
 * ends right after. */
#include "dot/dot_priv.h"

#include "base/mem.h"
#include "base/vec.h"

#include <errno.h>
#include <gvc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* cairo, behind the PNG device, has no larger pictures. */
enum { MAX_PIXELS = 32767, PNG_DPI = 96, MIN_DPI = 4 };

/* The first complaint of Graphviz; nothing of it may reach the terminal. */
static char complaint[200];

static int on_complaint(char *text)
{
    if (complaint[0] == '\0' && text[0] != '\0' && text[0] != '\n')
        snprintf(complaint, sizeof complaint, "Graphviz: %.180s", text);
    complaint[strcspn(complaint, "\n")] = '\0';
    return 0;
}

static GVC_t *start(void)
{
    agseterrf(on_complaint);
    agseterr(AGWARN);
    return gvContext();
}

static void fail(int reply_fd, const char *what)
{
    dot_reply_error(reply_fd, ST_UNSUPPORTED, complaint[0] ? complaint : what);
}

void dot_gv_render(int reply_fd, int out_fd, void *arg)
{
    const struct dot_gv_render *job = arg;
    GVC_t *gvc = start();
    Agraph_t *g = agmemread(job->dot);
    FILE *out = fdopen(out_fd, "wb");
    if (!gvc || !g || !out || gvLayout(gvc, g, "dot") != 0) {
        fail(reply_fd, "Graphviz could not lay the graph out");
        return;
    }
    if (strcmp(job->format, "png") == 0) {
        double w = GD_bb(g).UR.x - GD_bb(g).LL.x, h = GD_bb(g).UR.y - GD_bb(g).LL.y;
        double inches = (w > h ? w : h) / 72 + 0.2;
        double dpi = PNG_DPI;
        if (inches * dpi > MAX_PIXELS)
            dpi = (double)(int)(MAX_PIXELS / inches);
        if (dpi < MIN_DPI) {
            dot_reply_error(reply_fd, ST_UNSUPPORTED, "too tall for a PNG; use svg or pdf");
            return;
        }
        char text[16], name[] = "dpi", none[] = "";
        snprintf(text, sizeof text, "%.0f", dpi);
        agsafeset(g, name, text, none);
    }
    if (gvRender(gvc, g, job->format, out) != 0) {
        fail(reply_fd, "Graphviz could not draw the graph");
        return;
    }
    if (fflush(out) != 0 || ferror(out)) {
        dot_reply_error(reply_fd, ST_IO, strerror(errno));
        return;
    }
    dot_reply(reply_fd, "", 0);
}

/* cgraph takes char * everywhere, and copies. */
static void set_inches(void *obj, const char *attr, double points)
{
    char name[16], text[32], none[] = "";
    snprintf(name, sizeof name, "%s", attr);
    snprintf(text, sizeof text, "%.6f", points / 72);
    agsafeset(obj, name, text, none);
}

/* With `rank`: every edge is at least as long as its ends are apart, so that the shortest drawing
 * has all nodes on their ranks. Parts that no edge joins hang on one more node above them all. */
static void hold_ranks(Agraph_t *g, Agnode_t **node, Agedge_t **edge,
                       const struct dot_gv_layout *job)
{
    int *part = x_malloc(((size_t)job->n_node + 1) * sizeof *part), parts = job->n_node;
    char name[16], text[16], minlen[] = "minlen", one[] = "1", none[] = "";
    agattr(g, AGEDGE, minlen, one);
    for (int i = 0; i < job->n_node; i++)
        part[i] = i;
    for (int i = 0; i < job->n_edge; i++) {
        int from = job->edge[2 * i], to = job->edge[2 * i + 1];
        snprintf(text, sizeof text, "%d", job->rank[to] - job->rank[from]);
        agsafeset(edge[i], minlen, text, none);
        for (; part[from] != from; from = part[from])
            part[from] = part[part[from]];
        for (; part[to] != to; to = part[to])
            part[to] = part[part[to]];
        parts -= from != to;
        part[to] = from;
    }
    snprintf(name, sizeof name, "top");
    Agnode_t *top = parts > 1 ? agnode(g, name, 1) : NULL;
    for (int i = 0; top && i < job->n_node; i++)
        if (part[i] == i) {
            snprintf(text, sizeof text, "%d", job->rank[i] + 1);
            agsafeset(agedge(g, top, node[i], NULL, 1), minlen, text, none);
        }
    free(part);
}

typedef VEC(double) doubles;

static void add_spline(doubles *out, Agedge_t *e)
{
    size_t at = out->n;
    vec_push(out, 0);
    const splines *spl = e ? ED_spl(e) : NULL;
    for (int k = 0; spl && k < spl->size; k++) {
        const bezier *b = &spl->list[k];
        for (int i = k == 0 ? 0 : 1; i < b->size; i++) {
            vec_push(out, b->list[i].x);
            vec_push(out, b->list[i].y);
        }
    }
    out->at[at] = (double)((out->n - at - 1) / 2);
}

void dot_gv_layout(int reply_fd, int unused_fd, void *arg)
{
    (void)unused_fd;
    const struct dot_gv_layout *job = arg;
    GVC_t *gvc = start();
    char name[32] = "g";
    Agraph_t *g = agopen(name, Agstrictdirected, NULL);
    if (!gvc || !g) {
        fail(reply_fd, "Graphviz did not start");
        return;
    }
    set_inches(g, "nodesep", job->node_sep);
    /* Without labels Graphviz measures no text, which would load all of pango and fontconfig. */
    static const char *const node_attrs[][2] = {
        {"shape", "box"}, {"fixedsize", "true"}, {"label", ""}, {"width", "1"}, {"height", "1"}};
    for (size_t i = 0; i < sizeof node_attrs / sizeof node_attrs[0]; i++) {
        char attr[16], value[16];
        snprintf(attr, sizeof attr, "%s", node_attrs[i][0]);
        snprintf(value, sizeof value, "%s", node_attrs[i][1]);
        agattr(g, AGNODE, attr, value);
    }
    char arrowhead[] = "arrowhead", none[] = "none";
    agattr(g, AGEDGE, arrowhead, none);

    Agnode_t **node = x_calloc((size_t)job->n_node + 1, sizeof(Agnode_t *));
    Agedge_t **edge = x_calloc((size_t)job->n_edge + 1, sizeof(Agedge_t *));
    for (int i = 0; i < job->n_node; i++) {
        snprintf(name, sizeof name, "%d", i);
        node[i] = agnode(g, name, 1);
        set_inches(node[i], "width", job->width[i]);
        set_inches(node[i], "height", job->height);
    }
    for (int i = 0; i < job->n_edge; i++)
        edge[i] = agedge(g, node[job->edge[2 * i]], node[job->edge[2 * i + 1]], NULL, 1);
    if (job->rank)
        hold_ranks(g, node, edge, job);
    if (gvLayout(gvc, g, "dot") != 0) {
        fail(reply_fd, "Graphviz could not lay the graph out");
        return;
    }
    doubles out = {0};
    for (int i = 0; i < job->n_node; i++) {
        vec_push(&out, ND_coord(node[i]).x);
        vec_push(&out, ND_coord(node[i]).y);
    }
    for (int i = 0; i < job->n_edge; i++)
        add_spline(&out, edge[i]);
    dot_reply(reply_fd, out.at, out.n * sizeof *out.at);
}
