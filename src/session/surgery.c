/* Changes to one node by hand. What was asked for is made as it is, when the network is consistent
 * with it; else it goes through the repair of a segment: the node, changed, is what replaces it. */
#include "session/session_priv.h"
#include "session/settings.h"

#include "mutate/surgery.h"

struct cut { /* one node as a region, and what is asked of it */
    struct surgery s;
    int32_t node;
    struct session_repair how;
    double patience; /* seconds of repair; 0: as usual */
};

static enum status read_words(const struct session *s, const char *const *word, int n,
                              struct cut *out, struct err *err)
{
    const struct cost *now = &s->version.at[s->cursor]->pub.cost;
    for (int i = 0; i < n; i++) {
        bool taken;
        TRY(surgery_word(&out->s, word[i], &taken, err));
        if (!taken && settings_is_word(word[i]))
            TRY(settings_set_word(&out->how, word[i], now, err));
        else if (!taken)
            return err_set(err, ST_USAGE, "'%.60s' is no change (help edit)", word[i]);
    }
    if (out->s.kind == SURGERY_NONE && !out->s.width)
        return err_set(err, ST_USAGE, "what is to be changed is lacking (help edit)");
    if (out->s.kind > SURGERY_WINDOW && out->s.width)
        return err_set(err, ST_USAGE, "a width goes with no other operator");
    return ST_OK;
}

/* ---- the repair ---- */

static int32_t only_node(const struct graph *fragment)
{
    for (int i = 0; i < graph_n_nodes(fragment); i++) {
        int32_t id = graph_topo(fragment)[i];
        enum op op = graph_node(fragment, id)->op;
        if (op != OP_INPUT && op != OP_OUTPUT)
            return id;
    }
    return -1;
}

/* The node by itself, changed. A fragment is no bare wire: what is deleted becomes an Identity. */
static enum status make_fragment(struct job *j, const struct cut *c, struct err *err)
{
    struct surgery s = c->s;
    struct graph *plain;
    TRY(region_extract(j->graph, &j->region, &plain, err));
    int32_t node = only_node(plain);
    if (s.kind == SURGERY_DELETE) {
        s.kind = SURGERY_OP;
        snprintf(s.op, sizeof s.op, "identity");
    }
    enum status st = surgery_apply(plain, node, &s, j->seed, &j->fragment, err);
    graph_unref(plain);
    if (st == ST_OK && s.width)
        wants_pin(&j->wants, only_node(j->fragment), s.width);
    return st;
}

/* A width spreads over the network: so many nodes may change with it, unless told otherwise. */
enum { GROW_FOR_WIDTH = 64 };

static enum status repair(struct session *s, const struct cut *c, struct job *j, struct err *err)
{
    TRY(region_init(&j->region, j->graph, &c->node, 1, err));
    j->how = c->how;
    j->patience = c->patience;
    if (c->s.width && !j->how.grow)
        j->how.grow = GROW_FOR_WIDTH;
    j->generation = s->layers.generation;
    j->extra_cancel = s->opts.interrupt;
    TRY(make_fragment(j, c, err));
    job_run(j, &s->db, s->layers.path);
    if (session_interrupted(s))
        return err_set(err, ST_CANCELLED, "interrupted");
    if (j->status != ST_OK)
        return *err = j->err, j->status;
    if (!j->cand.graph)
        return err_set(err, ST_NO, "%s", job_reason(j));
    for (int i = 0; i < j->cand.n_added; i++)
        if (j->cand.from[i] == only_node(j->fragment) &&
            !surgery_holds(graph_node(j->cand.graph, j->cand.added[i]), &c->s))
            return err_set(err, ST_NO, "what is around it only fits without the change");
    return ST_OK;
}

/* ---- the whole ---- */

static enum status within_limits(const struct graph *g, const struct session_repair *how,
                                 struct err *err)
{
    struct cost c;
    cost_graph(g, &c);
    if (how->max_flops_paper && c.flops_paper > how->max_flops_paper)
        return err_set(err, ST_NO, "the result has more FLOPs than the limit");
    if (how->max_params && c.params > how->max_params)
        return err_set(err, ST_NO, "the result has more parameters than the limit");
    return ST_OK;
}

static enum status make(struct session *s, const struct cut *c, struct graph **out, struct err *err)
{
    struct err direct = {0};
    const struct graph *g = session_graph(s);
    uint64_t seed =
        hash_pair(hash_pair(s->seed, s->version.at[s->cursor]->pub.hash), (uint64_t)c->node);
    if (!c->s.width) {
        enum status st = surgery_apply(g, c->node, &c->s, seed, out, &direct);
        if (st == ST_OK)
            return ST_OK;
        if (st != ST_MODEL)
            return *err = direct, st;
    }
    struct job *j = job_new(JOB_REPAIR, g);
    j->seed = seed;
    enum status st = repair(s, c, j, err);
    if (st == ST_OK)
        *out = graph_ref(j->cand.graph);
    else if (direct.code != ST_OK && st == ST_NO) {
        struct err second = *err;
        err_set(err, ST_NO, "%.200s; nor can it be repaired there: %.200s", direct.msg, second.msg);
    }
    job_free(j);
    return st;
}

/* What the network gives stays what it is. */
static enum status same_outputs(const struct graph *was, const struct graph *now, struct err *err)
{
    int n, left;
    const int32_t *out = graph_outputs(was, &n);
    graph_outputs(now, &left);
    for (int i = 0; i < n; i++) {
        const struct node *a = graph_node(was, out[i]), *b = graph_node(now, out[i]);
        const struct ttype *before = graph_input_type(was, a, 0);
        const struct ttype *after = b ? graph_input_type(now, b, 0) : NULL;
        char x[96], y[96];
        if (!after || !ttype_equal(before, after))
            return err_set(err, ST_NO, "output '%s' would become %s instead of %s", node_label(a),
                           after ? ttype_text(after, y, sizeof y) : "nothing",
                           ttype_text(before, x, sizeof x));
    }
    return left == n ? ST_OK : err_set(err, ST_NO, "the network would have other outputs");
}

/* The words that say the same, with the settings that counted. */
static char *canonical(const struct session *s, const struct cut *c)
{
    struct str command = {0};
    str_addf(&command, "edit %s", node_label(graph_node(session_graph(s), c->node)));
    surgery_to_words(&c->s, &command);
    settings_add_words(&c->how, &command);
    return str_take(&command);
}

enum status surgery_version(struct session *s, const char *name, const char *const *word, int n,
                            const struct session_repair *how, double patience, struct version **out,
                            struct err *err)
{
    struct graph *g;
    struct cut c = {.node = graph_find(session_graph(s), name), .how = *how, .patience = patience};
    if (c.node < 0)
        return err_set(err, ST_USAGE, "the network has no node '%.80s'", name);
    TRY(read_words(s, word, n, &c, err));
    TRY(make(s, &c, &g, err));
    char *command = canonical(s, &c);
    enum status st = within_limits(g, &c.how, err);
    if (st == ST_OK)
        st = same_outputs(session_graph(s), g, err);
    if (st == ST_OK && graph_hash(g) == s->version.at[s->cursor]->pub.hash)
        st = err_set(err, ST_NO, "that changes nothing");
    if (st == ST_OK)
        st = version_new(s->vocab, g, command, out, err);
    graph_unref(g);
    free(command);
    return st;
}

enum status session_edit_node(struct session *s, const char *name, const char *const *word, int n,
                              struct err *err)
{
    struct version *v;
    TRY(session_may_edit(s, err));
    TRY(surgery_version(s, name, word, n, &s->how, 0, &v, err));
    return edit_adopt(s, v, err);
}
