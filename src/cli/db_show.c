/* db show: one segment. */
#include "cli/db.h"

#include "cli/sketch.h"
#include "session/model.h"

enum { LAYOUT_SECONDS = 10 };

static void ports_json(struct json *j, const char *key, const struct graph *g, const int32_t *ids,
                       int n)
{
    char buf[128];
    json_key(j, key);
    json_array(j);
    for (int i = 0; i < n; i++) {
        const struct node *node = graph_node(g, ids[i]);
        const struct ttype *t = node->n_out ? &node->out[0].type : graph_input_type(g, node, 0);
        json_object(j);
        json_kstr(j, "name", node_label(node));
        json_kstr(j, "shape", t ? ttype_text(t, buf, sizeof buf) : NULL);
        json_object_end(j);
    }
    json_array_end(j);
}

static void show_json(struct cli *c, const struct segdb_record *r, const struct segdb_seen *seen)
{
    struct json j;
    int n;
    cli_json_begin(c, &j);
    db_record_json(&j, r);
    json_key(&j, "ports");
    json_object(&j);
    const int32_t *ids = graph_inputs(r->fragment, &n);
    ports_json(&j, "inputs", r->fragment, ids, n);
    ids = graph_outputs(r->fragment, &n);
    ports_json(&j, "outputs", r->fragment, ids, n);
    json_object_end(&j);
    json_key(&j, "seen");
    json_array(&j);
    for (int i = 0; i < seen->n_shapes; i++) {
        json_object(&j);
        json_kstr(&j, "shape", seen->shape[i].text);
        json_kint(&j, "count", seen->shape[i].count);
        json_kint(&j, "flops_paper", seen->shape[i].flops_paper);
        json_kint(&j, "params", seen->shape[i].params);
        json_object_end(&j);
    }
    json_array_end(&j);
    json_key(&j, "origins");
    json_array(&j);
    for (int i = 0; i < seen->n_origins; i++) {
        json_object(&j);
        json_kstr(&j, "group", seen->origin[i].group);
        json_kint(&j, "count", seen->origin[i].count);
        json_object_end(&j);
    }
    json_array_end(&j);
    struct str text = {0};
    cli_add_nodes(&text, r->fragment, true);
    json_kstr(&j, "text", str_text(&text));
    str_done(&text);
    if (cli_get(c, "--output"))
        json_kstr(&j, "output", cli_get(c, "--output"));
    cli_json_end(c, &j);
}

static void add_picture(struct cli *c, const struct graph *g)
{
    struct dot_layout l;
    struct err why = {0};
    if (dot_layout_init(&l, g, NULL, LAYOUT_SECONDS, &cli_interrupted, &why) != ST_OK) {
        str_addf(&c->out, "(no drawing: %s)\n", why.msg);
        return;
    }
    sketch_layout(&l, sketch_wants_ascii(), &c->out);
    dot_layout_done(&l);
}

static void show_text(struct cli *c, const struct segdb_record *r, const struct segdb_seen *seen)
{
    char f[32], p[32];
    struct str *out = &c->out;
    str_addf(out, "%s: %s\n", r->name, r->ops);
    str_addf(out, "%d nodes, %d in, %d out, resolution ratio %d (2: one halving)\n", r->n_nodes,
             r->n_in, r->n_out, r->ratio);
    str_addf(out, "seen %lld times, first in %s\n", (long long)r->count, r->origin);
    str_add(out, "in");
    for (int i = 0; i < seen->n_origins; i++)
        str_addf(out, "%s %s %lld", i ? "," : "",
                 seen->origin[i].group[0] ? seen->origin[i].group : "files",
                 (long long)seen->origin[i].count);
    str_addf(out, "\n\n%9s %9s %9s  shapes seen at its ports\n", "count", "flops", "params");
    for (int i = 0; i < seen->n_shapes; i++)
        str_addf(out, "%9lld %9s %9s  %s\n", (long long)seen->shape[i].count,
                 str_si((double)seen->shape[i].flops_paper, f, sizeof f),
                 str_si((double)seen->shape[i].params, p, sizeof p), seen->shape[i].text);
    str_add_char(out, '\n');
    cli_add_nodes(out, r->fragment, true);
    str_add_char(out, '\n');
    add_picture(c, r->fragment);
    if (cli_get(c, "--output"))
        str_addf(out, "%s: written\n", cli_get(c, "--output"));
}

enum status db_show(struct cli *c, struct segdb *db, struct err *err)
{
    int64_t id;
    struct segdb_record r;
    struct segdb_seen seen;
    const char *path = cli_get(c, "--output");
    if (!segdb_name_parse(c->arg[1], &id))
        return err_set(err, ST_USAGE, "'%.60s' is no name of a segment (s12, u3)", c->arg[1]);
    if (path)
        TRY(model_check_path(path, err));
    TRY(segdb_get(db, id, &r, err));
    enum status st = segdb_seen(db, id, &seen, err);
    if (st == ST_OK) {
        if (path)
            st = session_write(r.fragment, NULL, path, err);
        if (st == ST_OK && c->json)
            show_json(c, &r, &seen);
        else if (st == ST_OK)
            show_text(c, &r, &seen);
        segdb_seen_done(&seen);
    }
    segdb_record_done(&r);
    return st;
}
