/* db: looking at segment databases. */
#include "cli/db.h"

#include "base/file.h"

#include <unistd.h>

enum { LAYER_BITS = 40 };

/* ---- files ---- */

void db_files_init(struct db_files *f, const struct cli *c)
{
    const char *one = cli_get(c, "--segments");
    *f = (struct db_files){.n = 1};
    f->path[0] = one ? x_strdup(one) : file_data("segments/segments.db");
    char *user = one ? NULL : session_user_segments(0);
    if (user && access(user, F_OK) == 0)
        f->path[f->n++] = user;
    else
        free(user);
}

void db_files_done(struct db_files *f)
{
    for (int i = 0; i < f->n; i++)
        free(f->path[i]);
}

enum status db_open(const struct db_files *f, struct segdb **out, struct err *err)
{
    return segdb_open(out, (const char *const *)f->path, f->n, err);
}

char *db_edited(const struct cli *c, int make, int *layer)
{
    const char *one = cli_get(c, "--segments");
    *layer = one ? 0 : 1;
    return one ? x_strdup(one) : session_user_segments(make);
}

int64_t db_id(int layer, int64_t number)
{
    return (int64_t)layer << LAYER_BITS | number;
}

/* ---- list ---- */

struct listed {
    int64_t id, count;
};

static int most_frequent_first(const void *x, const void *y)
{
    const struct listed *a = x, *b = y;
    if (a->count != b->count)
        return a->count > b->count ? -1 : 1;
    return (a->id > b->id) - (a->id < b->id);
}

static enum status has_origin(struct segdb *db, int64_t id, const char *group, bool *out,
                              struct err *err)
{
    struct segdb_seen seen;
    *out = true;
    if (!group)
        return ST_OK;
    TRY(segdb_seen(db, id, &seen, err));
    *out = false;
    for (int i = 0; i < seen.n_origins; i++)
        *out |= strcmp(seen.origin[i].group, group) == 0;
    segdb_seen_done(&seen);
    return ST_OK;
}

struct list {
    VEC(struct listed) at;
};

static enum status select_listed(struct cli *c, struct segdb *db, struct list *out, struct err *err)
{
    int64_t nodes;
    TRY(cli_get_int(c, "--nodes", 1, INT32_MAX, 0, &nodes, err));
    for (int64_t id = 0; (id = segdb_next(db, id));) {
        struct segdb_record r;
        bool wanted;
        if (cli_interrupted)
            return err_set(err, ST_CANCELLED, "interrupted");
        TRY(segdb_get(db, id, &r, err));
        struct listed l = {id, r.count};
        wanted = !nodes || r.n_nodes == nodes;
        segdb_record_done(&r);
        if (wanted)
            TRY(has_origin(db, id, cli_get(c, "--origin"), &wanted, err));
        if (wanted)
            vec_push(&out->at, l);
    }
    if (out->at.n)
        qsort(out->at.at, out->at.n, sizeof *out->at.at, most_frequent_first);
    return ST_OK;
}

void db_record_json(struct json *j, const struct segdb_record *r)
{
    json_kstr(j, "name", r->name);
    json_kstr(j, "ops", r->ops);
    json_kstr(j, "origin", r->origin);
    json_kint(j, "nodes", r->n_nodes);
    json_kint(j, "inputs", r->n_in);
    json_kint(j, "outputs", r->n_out);
    json_kint(j, "ratio", r->ratio);
    json_kint(j, "count", r->count);
    json_kint(j, "shapes", r->n_shapes);
    json_kint(j, "flops_paper", r->flops_paper);
    json_kint(j, "params", r->params);
}

static void add_row(struct str *out, const struct segdb_record *r)
{
    char f[32], p[32];
    str_addf(out, "%-8s %7lld %6d %5d %3d>%-3d %5d %8s %8s  %s\n", r->name, (long long)r->count,
             r->n_shapes, r->n_nodes, r->n_in, r->n_out, r->ratio,
             str_si((double)r->flops_paper, f, sizeof f), str_si((double)r->params, p, sizeof p),
             r->ops);
}

static enum status add_listed(struct cli *c, struct segdb *db, const struct list *l, size_t top,
                              struct json *j, struct err *err)
{
    for (size_t i = 0; i < l->at.n && i < top; i++) {
        struct segdb_record r;
        TRY(segdb_get(db, l->at.at[i].id, &r, err));
        if (j) {
            json_object(j);
            db_record_json(j, &r);
            json_object_end(j);
        } else
            add_row(&c->out, &r);
        segdb_record_done(&r);
    }
    return ST_OK;
}

static enum status list_all(struct cli *c, struct segdb *db, struct err *err)
{
    struct list l = {{0}};
    struct json j;
    int64_t top;
    TRY(cli_get_int(c, "--top", 1, INT32_MAX, 20, &top, err));
    enum status st = select_listed(c, db, &l, err);
    if (st == ST_OK && c->json) {
        cli_json_begin(c, &j);
        json_kint(&j, "total", (int64_t)l.at.n);
        json_key(&j, "segments");
        json_array(&j);
        st = add_listed(c, db, &l, (size_t)top, &j, err);
        json_array_end(&j);
        cli_json_end(c, &j);
    } else if (st == ST_OK) {
        if (l.at.n)
            str_add(&c->out, "name       count shapes nodes  ports ratio    flops   params  "
                             "operators\n");
        st = add_listed(c, db, &l, (size_t)top, NULL, err);
        str_addf(&c->out, "%zu segments", l.at.n);
        if (l.at.n > (size_t)top)
            str_addf(&c->out, ", the %lld most frequent shown (--top N)", (long long)top);
        str_add_char(&c->out, '\n');
    }
    vec_done(&l.at);
    if (st != ST_OK)
        str_clear(&c->out);
    return st;
}

/* ---- verbs ---- */

static enum status reading(struct cli *c, struct err *err,
                           enum status (*what)(struct cli *, struct segdb *, struct err *))
{
    struct db_files f;
    struct segdb *db;
    db_files_init(&f, c);
    enum status st = db_open(&f, &db, err);
    if (st == ST_OK) {
        st = what(c, db, err);
        segdb_close(db, NULL);
    }
    db_files_done(&f);
    return st;
}

static enum status verb_list(struct cli *c, struct err *err)
{
    return reading(c, err, list_all);
}

static enum status verb_show(struct cli *c, struct err *err)
{
    return reading(c, err, db_show);
}

static const struct verb {
    const char *name, *args;
    int min_args, max_args; /* with the verb; -1: any number */
    const char *options;    /* those that it takes, beside --segments */
    db_verb *run;
} verbs[] = {
    {"list", "", 1, 1, "--origin --nodes --top", verb_list},
    {"show", " ID", 2, 2, "--output", verb_show},
    {"stats", "", 1, 1, "", db_stats},
    {"check", " [FILE]", 1, 2, "", db_check},
    {"add", " MODEL", 2, 2, "--segment --nodes --vocab", db_add},
    {"remove", " ID...", 2, -1, "", db_remove},
};

static bool takes(const struct verb *v, const char *option)
{
    const char *at = strstr(v->options, option);
    size_t n = strlen(option);
    return at && (!at[n] || at[n] == ' ');
}

static enum status run(struct cli *c, struct err *err)
{
    const struct verb *v = NULL;
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (strcmp(verbs[i].name, c->arg[0]) == 0)
            v = &verbs[i];
    if (!v)
        return err_set(err, ST_USAGE,
                       "db: '%.40s' is not one of list show stats check add remove (autogo db "
                       "--help)",
                       c->arg[0]);
    if (c->n_arg < v->min_args || (v->max_args >= 0 && c->n_arg > v->max_args))
        return err_set(err, ST_USAGE, "usage: autogo db %s%s (autogo db --help)", v->name, v->args);
    for (const struct cli_option *o = c->command->options; o->name; o++)
        if (cli_get(c, o->name) && strcmp(o->name, "--segments") != 0 && !takes(v, o->name))
            return err_set(err, ST_USAGE, "db %s: it takes no %s (autogo db --help)", v->name,
                           o->name);
    return v->run(c, err);
}

static const struct cli_option topics[] = {
    {"list", NULL, NULL, "the segments, most frequent first"},
    {"show ID", NULL, NULL,
     "one segment: its ports, the shapes and networks it was seen in, costs, nodes and a drawing"},
    {"stats", NULL, NULL, "how many segments of which kind each database holds"},
    {"check [FILE]", NULL, NULL,
     "validate every row anew: shapes, costs, identity, counts, and that it is good ONNX"},
    {"add MODEL", NULL, NULL,
     "put a piece of a network (--segment K or --nodes A,B,C) into your own database, unless a "
     "database has the same structure already"},
    {"remove ID...", NULL, NULL, "take segments out of your own database"},
    {NULL, NULL, NULL, NULL},
};
static const struct cli_option options[] = {
    {"--segments", NULL, "DB",
     "this database alone (the shipped one, s1 s2 ..., with yours over it, u1 u2 ...)"},
    {"--origin", NULL, "GROUP", "list: only those seen in zoo, nb101, nb201 ..."},
    {"--nodes", NULL, "N", "list: only those of N nodes; add: the names of the nodes, A,B,C"},
    {"--top", "-n", "N", "list: how many (20)"},
    {"--output", "-o", "FILE", "show: also to a file, onnx json dot svg png pdf py by its suffix"},
    {"--segment", "-k", "K", "add: the segment (autogo segment lists them)"},
    {"--vocab", NULL, "V", "add: canonical (default), reference, or a vocabulary file"},
    {NULL, NULL, NULL, NULL},
};
const struct cli_command cmd_db = {
    .name = "db",
    .args = "VERB ...",
    .help = "look into segment databases, keep segments of your own",
    .min_args = 1,
    .max_args = -1,
    .topics = topics,
    .options = options,
    .run = run,
};
