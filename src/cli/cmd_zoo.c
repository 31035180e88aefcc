/* zoo: the networks that are built from a name. */
#include "cli/cli_priv.h"

#include "base/file.h"
#include "cli/source.h"
#include "family/family.h"
#include "session/model.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { EXAMPLES = 5 };

/* ---- lists ---- */

static void list_json(struct cli *c)
{
    const struct family_zoo *z;
    const char *f;
    struct json j;
    cli_json_begin(c, &j);
    json_key(&j, "zoo");
    json_array(&j);
    for (int i = 0; (z = family_zoo_at(i)); i++) {
        json_object(&j);
        json_kstr(&j, "name", z->name);
        json_kstr(&j, "summary", z->summary);
        json_object_end(&j);
    }
    json_array_end(&j);
    json_key(&j, "families");
    json_array(&j);
    for (int i = 0; (f = family_name_at(i)); i++) {
        json_object(&j);
        json_kstr(&j, "name", f);
        json_key(&j, "networks");
        if (family_count(f) > 0)
            json_int(&j, family_count(f));
        else
            json_null(&j);
        json_object_end(&j);
    }
    json_array_end(&j);
    cli_json_end(c, &j);
}

static void add_count(struct str *out, int64_t n)
{
    if (n > 0)
        str_addf(out, "%lld networks", (long long)n);
    else
        str_add(out, "too many networks to number");
}

static enum status list(struct cli *c)
{
    const struct family_zoo *z;
    const char *f;
    if (c->json)
        return list_json(c), ST_OK;
    for (int i = 0; (z = family_zoo_at(i)); i++)
        str_addf(&c->out, "zoo:%-12s %s\n", z->name, z->summary);
    str_add_char(&c->out, '\n');
    for (int i = 0; (f = family_name_at(i)); i++) {
        str_addf(&c->out, "%-16s ", f);
        add_count(&c->out, family_count(f));
        str_add_char(&c->out, '\n');
    }
    str_add(&c->out, "FAMILY@s are the reduced variants for 1 x 32 x 32 images.\n");
    return ST_OK;
}

/* ---- samples of a family ---- */

static enum status draw(struct cli *c, const char *family, int64_t n, struct source_list *out,
                        struct err *err)
{
    char *source = x_asprintf("%s:sample=%lld", family, (long long)n);
    enum status st = source_add(out, source, c->seed, err);
    free(source);
    return st;
}

static enum status examples(struct cli *c, const char *family, struct err *err)
{
    struct source_list s = {{0}};
    struct json j;
    TRY(draw(c, family, EXAMPLES, &s, err));
    if (c->json) {
        cli_json_begin(c, &j);
        json_kstr(&j, "family", family);
        json_key(&j, "networks");
        if (family_count(family) > 0)
            json_int(&j, family_count(family));
        else
            json_null(&j);
        json_key(&j, "examples");
        json_array(&j);
        for (size_t i = 0; i < s.at.n; i++)
            json_str(&j, s.at.at[i]);
        json_array_end(&j);
        cli_json_end(c, &j);
    } else {
        str_addf(&c->out, "%s: ", family);
        add_count(&c->out, family_count(family));
        str_add(&c->out, ", for example\n");
        for (size_t i = 0; i < s.at.n; i++)
            str_addf(&c->out, "%s\n", s.at.at[i]);
        str_addf(&c->out, "autogo zoo %s --sample N -o DIR writes some\n", family);
    }
    source_done(&s);
    return ST_OK;
}

/* A set of networks in a folder: FAMILY-00001.onnx ..., and what they are in index.csv. */
struct set {
    const char *dir;
    char *stem; /* FAMILY, without a character that a shell would mind */
    struct source_list networks;
    struct str index; /* the index as it shall be */
};

static char *file_name(const struct set *s, size_t i)
{
    return x_asprintf("%s-%05zu.onnx", s->stem, i + 1);
}

static char *path_in(const char *dir, const char *name)
{
    return x_asprintf("%s%s%s", dir, str_ends(dir, "/") ? "" : "/", name);
}

static void write_index(struct set *s)
{
    str_add(&s->index, "file,arch\n");
    for (size_t i = 0; i < s->networks.at.n; i++) {
        char *name = file_name(s, i);
        str_addf(&s->index, "%s,\"%s\"\n", name, s->networks.at.at[i]);
        free(name);
    }
}

static enum status refuse(const char *path, const char *why, struct err *err)
{
    err_set(err, ST_USAGE, "%s", why);
    return err_in_file(err, path), ST_USAGE;
}

/* Files are written over only where the index says that they are the same set (an earlier run that
 * was interrupted); nothing else is lost by a wrong folder. */
static enum status check_folder(const struct set *s, struct err *err)
{
    unsigned char *old;
    size_t n;
    char *index = path_in(s->dir, "index.csv");
    enum status st = ST_OK;
    if (access(index, F_OK) == 0) {
        st = file_read(index, (size_t)1 << 30, &old, &n, err);
        if (st == ST_OK) {
            if (n != s->index.n || memcmp(old, s->index.s, n) != 0)
                st = refuse(index, "it is of another set of networks: name another folder", err);
            free(old);
        }
    } else
        for (size_t i = 0; st == ST_OK && i < s->networks.at.n; i++) {
            char *name = file_name(s, i), *path = path_in(s->dir, name);
            if (access(path, F_OK) == 0)
                st = refuse(path, "it is there already and not in an index.csv", err);
            free(path);
            free(name);
        }
    free(index);
    return st;
}

static enum status write_one(struct cli *c, const struct set *s, size_t i, struct err *err)
{
    struct graph *g;
    TRY(cli_model(c, s->networks.at.at[i], &g, err));
    char *name = file_name(s, i), *path = path_in(s->dir, name);
    enum status st = session_write(g, NULL, path, err);
    free(path);
    free(name);
    graph_unref(g);
    return st;
}

static enum status write_set(struct cli *c, struct set *s, struct err *err)
{
    if (mkdir(s->dir, 0777) < 0 && errno != EEXIST) {
        err_set(err, ST_IO, "cannot make the folder: %s", strerror(errno));
        return err_in_file(err, s->dir), ST_IO;
    }
    write_index(s);
    TRY(check_folder(s, err));
    char *index = path_in(s->dir, "index.csv");
    enum status st = file_write(index, s->index.s, s->index.n, err);
    free(index);
    int n = (int)s->networks.at.n;
    for (int i = 0; st == ST_OK && i < n; i++) {
        cli_progress(c, i, n, s->networks.at.at[i]);
        st = cli_interrupted ? err_set(err, ST_CANCELLED, "interrupted")
                             : write_one(c, s, (size_t)i, err);
    }
    cli_progress_end(c);
    return st;
}

static void set_json(struct cli *c, const struct set *s)
{
    struct json j;
    cli_json_begin(c, &j);
    json_kstr(&j, "family", c->arg[0]);
    json_kint(&j, "seed", (int64_t)c->seed);
    json_kstr(&j, "output", s->dir);
    json_key(&j, "files");
    json_array(&j);
    for (size_t i = 0; i < s->networks.at.n; i++) {
        char *name = file_name(s, i);
        json_object(&j);
        json_kstr(&j, "file", name);
        json_kstr(&j, "arch", s->networks.at.at[i]);
        json_object_end(&j);
        free(name);
    }
    json_array_end(&j);
    cli_json_end(c, &j);
}

static enum status sample(struct cli *c, const char *family, struct err *err)
{
    int64_t n;
    struct set s = {.dir = cli_get(c, "--output")};
    TRY(cli_get_int(c, "--sample", 1, 10000000, 0, &n, err));
    if (!s.dir)
        return err_set(err, ST_USAGE, "zoo: -o DIR is needed for samples (autogo zoo --help)");
    TRY(draw(c, family, n, &s.networks, err));
    s.stem = x_strdup(family);
    char *at = strchr(s.stem, '@');
    if (at)
        *at = '-';
    c->tells_itself = true;
    enum status st = write_set(c, &s, err);
    if (st == ST_OK && c->json)
        set_json(c, &s);
    else if (st == ST_OK)
        str_addf(&c->out, "%s: %lld networks and index.csv written\n", s.dir, (long long)n);
    else if (st == ST_CANCELLED)
        err_set(err, st, "interrupted; the same command writes the whole set");
    source_done(&s.networks);
    str_done(&s.index);
    free(s.stem);
    return st;
}

/* ---- one network ---- */

static enum status write_network(struct cli *c, const char *name, struct err *err)
{
    const char *path = cli_get(c, "--output");
    bool spec = strchr(name, ':') != NULL;
    if (!path && strpbrk(name, ":/|"))
        return err_set(err, ST_USAGE, "zoo: -o FILE is needed for an architecture string");
    char *model = spec ? x_strdup(name) : x_asprintf("zoo:%s", name);
    char *file = path ? x_strdup(path) : x_asprintf("%s.onnx", name);
    enum status st = cli_write_model(c, model, file, err);
    free(file);
    free(model);
    return st;
}

static enum status run(struct cli *c, struct err *err)
{
    const char *name = c->n_arg ? c->arg[0] : NULL, *path = cli_get(c, "--output");
    bool family = name && family_count(name) >= 0;
    if (!name && path)
        return err_set(err, ST_USAGE, "zoo: which network goes to %s? (autogo zoo NAME -o FILE)",
                       path);
    if (cli_get(c, "--sample") && !family)
        return err_set(err, ST_USAGE, "zoo: --sample needs a family (autogo zoo lists them)");
    if (!name)
        return list(c);
    if (cli_get(c, "--sample"))
        return sample(c, name, err);
    if (family && path)
        return err_set(err, ST_USAGE, "zoo: %s is a family: how many networks? (--sample N)", name);
    return family ? examples(c, name, err) : write_network(c, name, err);
}

static const struct cli_option topics[] = {
    {"NAME", NULL, NULL, "a base network or an architecture string: write it to a file"},
    {"FAMILY", NULL, NULL, "how many networks it has, and some of them (also FAMILY@s)"},
    {"FAMILY --sample N -o DIR", NULL, NULL,
     "write N different networks as FAMILY-00001.onnx ..., and their architecture strings in "
     "index.csv; a folder with another index.csv, or with such files and none, is refused"},
    {NULL, NULL, NULL, NULL},
};
static const struct cli_option options[] = {
    {"--output", "-o", "FILE", "where to write it (NAME.onnx), or the folder for samples"},
    {"--sample", NULL, "N", "how many networks, drawn with --seed"},
    {NULL, NULL, NULL, NULL},
};
const struct cli_command cmd_zoo = {
    .name = "zoo",
    .args = "[NAME|FAMILY]",
    .help = "list base networks and families, or write some of their networks",
    .min_args = 0,
    .max_args = 1,
    .topics = topics,
    .options = options,
    .run = run,
};
