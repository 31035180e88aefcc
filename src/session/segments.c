/* The segments of a version: those that the vocabulary cuts it into, and behind them those that the
 * user made of nodes of his choice. */
#include "session/session_priv.h"

#include <stdlib.h>

enum status segments_cut(const struct bpe_vocab *vocab, struct version *v, struct err *err)
{
    if (v->segmented || !vocab)
        return ST_OK;
    TRY(bpe_segment_graph(vocab, v->graph, &v->seg, err));
    v->segmented = true;
    int n = v->seg.n_segments, slots = graph_n_slots(v->graph);
    v->segment = x_calloc((size_t)n + 1, sizeof *v->segment);
    v->segment_of = x_malloc(((size_t)slots + 1) * sizeof *v->segment_of);
    for (int i = 0; i < slots; i++)
        v->segment_of[i] = -1;
    for (int k = 0; k < n; k++)
        for (int i = 0; i < v->seg.segment[k].len; i++)
            v->segment_of[v->seg.order[v->seg.segment[k].start + i]] = k;
    return ST_OK;
}

static void free_segment(struct session_segment *p)
{
    if (!p)
        return;
    region_done(&p->region);
    free(p->ops);
    free(p);
}

void segments_done(struct version *v)
{
    for (int k = 0; v->segment && k < v->seg.n_segments; k++)
        free_segment(v->segment[k]);
    for (size_t k = 0; k < v->own.n; k++)
        free_segment(v->own.at[k]);
    vec_done(&v->own);
    if (v->segmented)
        bpe_segmentation_done(&v->seg);
    free(v->segment);
    free(v->segment_of);
}

/* ---- what a segment is ---- */

struct by_pos {
    int pos;
    int32_t id;
};

static int cmp_pos(const void *a, const void *b)
{
    const struct by_pos *x = a, *y = b;
    return (x->pos > y->pos) - (x->pos < y->pos);
}

char *version_ops(const struct graph *g, const int32_t *ids, int n)
{
    struct str b = {0};
    struct by_pos *at = x_calloc((size_t)n + 1, sizeof *at);
    for (int i = 0; i < n; i++)
        at[i] = (struct by_pos){graph_topo_pos(g, ids[i]), ids[i]};
    qsort(at, (size_t)n, sizeof *at, cmp_pos);
    for (int i = 0; i < n; i++) {
        const struct node *node = graph_node(g, at[i].id);
        struct window w;
        str_addf(&b, "%s%s", i ? " " : "", node_op_type(node));
        if (node_window(node, &w))
            str_addf(&b, "%lldx%lld%s", (long long)w.kernel[0], (long long)w.kernel[1],
                     node_is_depthwise(node) ? "dw"
                     : w.group > 1           ? "g"
                                             : "");
    }
    free(at);
    return b.s ? str_take(&b) : x_strdup("");
}

static struct session_segment *work_out(const struct graph *g, const int32_t *ids, int n)
{
    struct session_segment *out = x_calloc(1, sizeof *out);
    struct err err = {0};
    if (region_init(&out->region, g, ids, n, &err) != ST_OK)
        snprintf(out->why, sizeof out->why, "%s", err.msg);
    else
        out->ok = mutate_region_ok(g, &out->region, out->why, sizeof out->why);
    if (out->ok)
        out->why[0] = '\0';
    cost_nodes(g, ids, n, &out->cost);
    out->ops = version_ops(g, ids, n);
    return out;
}

static struct version *current(const struct session *s)
{
    struct version *v = s->version.n ? s->version.at[s->cursor] : NULL;
    return v && v->segmented ? v : NULL;
}

int session_n_segments(const struct session *s)
{
    const struct version *v = current(s);
    return v ? v->seg.n_segments + (int)v->own.n : 0;
}

const struct session_segment *session_segment(struct session *s, int k)
{
    struct version *v = current(s);
    if (!v || k < 0 || k >= session_n_segments(s))
        return NULL;
    if (k >= v->seg.n_segments)
        return v->own.at[k - v->seg.n_segments];
    if (!v->segment[k]) {
        const struct bpe_segment *p = &v->seg.segment[k];
        v->segment[k] = work_out(v->graph, v->seg.order + p->start, p->len);
        v->segment[k]->known = p->known;
    }
    return v->segment[k];
}

const int *session_segment_of(const struct session *s)
{
    const struct version *v = current(s);
    return v ? v->segment_of : NULL;
}

const struct bpe_segmentation *session_segmentation(const struct session *s)
{
    const struct version *v = current(s);
    return v ? &v->seg : NULL;
}

/* ---- segments of the user's choice ---- */

static bool same_nodes(const struct region *r, const int32_t *ids, int n)
{
    return r->n == n && memcmp(r->ids, ids, (size_t)n * sizeof *ids) == 0;
}

static bool all_known(const struct version *v, const struct region *r)
{
    for (int i = 0; i < v->seg.n_nodes; i++)
        if (v->seg.token[i] < 0 && region_has(r, v->seg.order[i]))
            return false;
    return true;
}

enum status session_own_segment(struct session *s, const int32_t *ids, int n, int *k,
                                struct err *err)
{
    struct version *v = current(s);
    int32_t *all;
    TRY(session_need_model(s, err));
    if (!v || n == 0)
        return err_set(err, ST_USAGE, "of which nodes?");
    TRY(region_close(v->graph, ids, n, &all, &n, err));
    int n_cut = v->seg.n_segments, cut = v->segment_of[all[0]];
    if (cut >= 0 && same_nodes(&session_segment(s, cut)->region, all, n)) {
        free(all);
        *k = cut;
        return ST_OK;
    }
    for (*k = n_cut; *k < session_n_segments(s); ++*k)
        if (same_nodes(&v->own.at[*k - n_cut]->region, all, n))
            break;
    if (*k == session_n_segments(s)) {
        struct session_segment *p = work_out(v->graph, all, n);
        p->known = all_known(v, &p->region);
        vec_push(&v->own, p);
    }
    free(all);
    return ST_OK;
}

/* One of "nodes:conv1,#17": a name, or the number of a node. */
static int32_t find_node(const struct graph *g, const char *word)
{
    int64_t id;
    if (word[0] == '#' && str_to_i64(word + 1, 0, graph_n_slots(g) - 1, &id))
        return graph_node(g, (int32_t)id) ? (int32_t)id : -1;
    return graph_find(g, word);
}

enum status session_find_segment(struct session *s, const char *word, int *k, struct err *err)
{
    static const char own[] = "nodes:";
    const struct graph *g = session_graph(s);
    int64_t number;
    if (strncmp(word, own, sizeof own - 1) != 0) {
        int n = session_n_segments(s);
        if (!str_to_i64(word, 0, INT32_MAX, &number))
            return err_set(err, ST_USAGE, "'%s' is no segment", word);
        *k = (int)number;
        return number < n ? ST_OK
                          : err_set(err, ST_USAGE, "there is no segment %d (0 to %d)", *k, n - 1);
    }
    VEC(int32_t) ids = {0};
    char *list = x_strdup(word + sizeof own - 1), *save = NULL;
    enum status st = ST_OK;
    for (char *w = strtok_r(list, ",", &save); w && st == ST_OK; w = strtok_r(NULL, ",", &save)) {
        int32_t id = find_node(g, w);
        if (id < 0)
            st = err_set(err, ST_USAGE, "the network has no node '%.80s'", w);
        vec_push(&ids, id);
    }
    if (st == ST_OK)
        st = session_own_segment(s, ids.at, (int)ids.n, k, err);
    free(list);
    vec_done(&ids);
    return st;
}

void session_segment_word(const struct session *s, int k, struct str *out)
{
    const struct version *v = current(s);
    if (k < v->seg.n_segments) {
        str_addf(out, "%d", k);
        return;
    }
    const struct region *r = &v->own.at[k - v->seg.n_segments]->region;
    for (int i = 0; i < r->n; i++)
        str_addf(out, "%s#%d", i ? "," : "nodes:", (int)r->ids[i]);
}

uint64_t segment_key(const struct session *s, int k)
{
    const struct version *v = current(s);
    if (k < v->seg.n_segments)
        return (uint64_t)k;
    const struct region *r = &v->own.at[k - v->seg.n_segments]->region;
    return hash_bytes(r->ids, (size_t)r->n * sizeof *r->ids, 0);
}
