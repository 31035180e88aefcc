/* Mining and the segment database: networks per second for N and 2 N networks of the five families
 * (in processes of their own, for their peak memory), then a database of 100,000 segments that are
 * windows of random networks, and the times of queries against it.
 * Usage: bench_segdb; one JSON document on stdout. `ratio` is what twice the networks cost: linear
 * is 2. A query is one for the replacements of a segment of a network of the zoo, as the workbench
 * asks; `get_ms` is the reading of one record. */
#include "base/rng.h"
#include "family/build.h"
#include "family/family.h"
#include "segdb/segdb.h"
#include "shape/shape.h"
#include "tests/bench/bench.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    NETWORKS = 500,
    MERGES = 2000,
    MAX_PIECE = 16,
    SEGMENTS = 100000,
    WINDOW_MIN = 3,
    WINDOW_MAX = 10,
    LIMIT = 50, /* records asked for */
};

static char folder[] = "/tmp/autogo-bench-XXXXXX";

static char *in_folder(const char *name)
{
    return x_asprintf("%s/%s", folder, name);
}

/* ---- mining ---- */

struct mined {
    struct segdb_mined what;
    double s;
    long peak_kib;
    long long bytes;
};

static enum status open_spec(const char *spec, struct graph **out, struct err *err)
{
    return family_build(spec, 1, out, err);
}

static void mine_child(int n, const char *vocab, const char *db, int fd)
{
    const struct segdb_mine_opts opts = {
        .n_merges = MERGES, .max_piece = MAX_PIECE, .open_model = open_spec};
    char **spec = x_calloc((size_t)n, sizeof *spec);
    struct segdb_mined what = {0};
    struct err err = {0};
    int families = 0;
    while (family_name_at(families))
        families++;
    for (int i = 0; i < n; i++)
        spec[i] = family_sample(family_name_at(i % families), 0, i / families);
    check(segdb_mine((const char *const *)spec, n, vocab, db, &opts, &what, &err), &err);
    if (write(fd, &what, sizeof what) != (ssize_t)sizeof what)
        _exit(3);
    _exit(0);
}

static struct mined mine(int n)
{
    struct mined m = {0};
    char *vocab = in_folder("vocab.json"), *db = in_folder("mined.db");
    int fd[2], status = 0;
    struct rusage used;
    struct stat st;
    if (pipe(fd)) {
        perror("bench: pipe");
        exit(3);
    }
    double start = now_ms();
    pid_t pid = fork();
    if (pid == 0)
        mine_child(n, vocab, db, fd[1]);
    bool ok = pid > 0 && wait4(pid, &status, 0, &used) == pid && status == 0;
    m.s = (now_ms() - start) / 1e3;
    if (!ok || read(fd[0], &m.what, sizeof m.what) != (ssize_t)sizeof m.what || stat(db, &st)) {
        fprintf(stderr, "bench_segdb: mining failed\n");
        exit(3);
    }
    m.peak_kib = used.ru_maxrss;
    m.bytes = (long long)st.st_size;
    close(fd[0]);
    close(fd[1]);
    unlink(vocab);
    unlink(db);
    free(vocab);
    free(db);
    return m;
}

static void print_mining(struct json *j)
{
    struct mined m[2];
    json_key(j, "mine");
    json_array(j);
    for (int i = 0; i < 2; i++) {
        m[i] = mine(NETWORKS << i);
        json_object(j);
        json_kint(j, "networks", NETWORKS << i);
        json_knum(j, "s", m[i].s);
        json_knum(j, "networks_per_s", (NETWORKS << i) / m[i].s);
        json_kint(j, "segments", m[i].what.segments);
        json_kint(j, "bytes", m[i].bytes);
        json_knum(j, "peak_mib", (double)m[i].peak_kib / 1024);
        json_object_end(j);
    }
    json_array_end(j);
    json_knum(j, "ratio", m[1].s / m[0].s);
}

/* ---- a database of random segments ---- */

static struct tap random_node(struct builder *b, struct tap x, struct rng *rng)
{
    static const int kernel[] = {1, 3, 5, 7};
    int k = kernel[rng_below(rng, 4)], stride = x.h >= 8 && !rng_below(rng, 4) ? 2 : 1;
    switch (rng_below(rng, 8)) {
    case 0:
        return build_bn(b, x, NULL);
    case 1:
        return build_relu(b, x, NULL);
    case 2:
        return build_relu6(b, x, NULL);
    case 3:
        return build_pool(b, x, rng_below(rng, 2) ? OP_MAXPOOL : OP_AVGPOOL, NULL, k | 2, stride);
    case 4:
        return build_identity(b, x, NULL);
    case 5:
        return build_conv(
            b, x, NULL,
            (struct conv_spec){.cout = x.c, .kh = k, .sh = stride, .group = x.c, .bias = true});
    default:
        return build_conv(b, x, NULL,
                          (struct conv_spec){.cout = x.c << (x.c < 64 && rng_below(rng, 2)),
                                             .kh = k,
                                             .sh = stride,
                                             .bias = rng_below(rng, 2)});
    }
}

/* Chains that join with what they had before. */
static struct graph *random_network(uint64_t seed)
{
    struct rng rng = rng_for(20, seed);
    struct builder b;
    struct graph *g = NULL;
    struct err err = {0};
    build_init(&b, "random", seed, BUILD_TF_SAME);
    struct tap past[40], x = build_input(&b, 16, 32, 32);
    int n = 0;
    while (n < 40) {
        x = random_node(&b, x, &rng);
        past[n++] = x;
        const struct tap *p = &past[rng_below(&rng, (uint64_t)n)];
        if (rng_below(&rng, 3) || p->node == x.node || p->h != x.h || n == 40)
            continue;
        if (p->c == x.c && rng_below(&rng, 2))
            x = build_add(&b, x, *p, NULL);
        else if (p->c + x.c <= 128)
            x = build_concat(&b, (struct tap[]){x, *p}, 2, NULL);
        past[n++] = x;
    }
    build_output(&b, x);
    check(build_finish(&b, &g, &err), &err);
    return g;
}

/* The highest number given so far. */
static int64_t add_windows(struct segdb *db, const struct graph *g)
{
    const int32_t *topo = graph_topo(g);
    int64_t number, highest = 0;
    struct err err = {0};
    for (int len = WINDOW_MIN; len <= WINDOW_MAX; len++)
        for (int at = 1; at + len < graph_n_nodes(g); at++) {
            struct region r;
            struct graph *fragment = NULL;
            check(region_init(&r, g, topo + at, len, &err), &err);
            if (segdb_worth(g, &r)) {
                check(region_extract(g, &r, &fragment, &err), &err);
                check(segdb_add(db, fragment, "bench:random", &number, &err), &err);
                highest = number > highest ? number : highest;
                graph_unref(fragment);
            }
            region_done(&r);
        }
    return highest;
}

static void fill(const char *path, struct json *j)
{
    struct segdb *db = NULL;
    struct err err = {0};
    struct stat st;
    double start = now_ms();
    check(segdb_create(&db, path, &err), &err);
    int64_t have = 0;
    for (uint64_t seed = 0; have < SEGMENTS; seed++) {
        struct graph *g = random_network(seed);
        int64_t number = add_windows(db, g);
        have = number > have ? number : have;
        graph_unref(g);
    }
    double added = now_ms();
    check(segdb_close(db, &err), &err);
    json_knum(j, "fill_s", (added - start) / 1e3);
    json_knum(j, "write_s", (now_ms() - added) / 1e3);
    json_kint(j, "bytes", stat(path, &st) ? -1 : (int64_t)st.st_size);
}

static void time_queries(struct segdb *db, const char *spec, times *query, times *get)
{
    struct graph *g = NULL;
    struct err err = {0};
    check(family_build(spec, 1, &g, &err), &err);
    const int32_t *topo = graph_topo(g);
    for (int at = 1; at + WINDOW_MAX < graph_n_nodes(g); at++) {
        struct region r;
        struct segdb_record record;
        int64_t *ids = NULL;
        int n = 0;
        check(region_init(&r, g, topo + at, WINDOW_MIN + at % (WINDOW_MAX - WINDOW_MIN + 1), &err),
              &err);
        if (segdb_worth(g, &r)) {
            double start = now_ms();
            check(segdb_query(db, g, &r, LIMIT, &ids, &n, &err), &err);
            vec_push(query, now_ms() - start);
            start = now_ms();
            if (n) {
                check(segdb_get(db, ids[at % n], &record, &err), &err);
                vec_push(get, now_ms() - start);
                segdb_record_done(&record);
            }
        }
        free(ids);
        region_done(&r);
    }
    graph_unref(g);
}

static void print_database(struct json *j)
{
    static const char *const spec[] = {"zoo:resnet50", "zoo:unet", "zoo:mobilenetv2", "zoo:edsr",
                                       "zoo:resnet101"};
    char *path = in_folder("random.db");
    const char *layer[] = {path};
    struct segdb *db = NULL;
    struct err err = {0};
    times query = {0}, get = {0};
    json_key(j, "database");
    json_object(j);
    fill(path, j);
    double start = now_ms();
    check(segdb_open(&db, layer, 1, &err), &err);
    json_knum(j, "open_ms", now_ms() - start);
    json_kint(j, "segments", segdb_count(db));
    for (size_t i = 0; i < sizeof spec / sizeof *spec; i++)
        time_queries(db, spec[i], &query, &get);
    segdb_abandon(db);
    print_times(j, "query_ms", &query);
    print_times(j, "get_ms", &get);
    json_object_end(j);
    vec_done(&query);
    vec_done(&get);
    unlink(path);
    free(path);
}

int main(void)
{
    struct str out = {0};
    struct json j;
    if (!mkdtemp(folder)) {
        perror("bench: mkdtemp");
        return 3;
    }
    json_init(&j, &out);
    json_object(&j);
    json_kint(&j, "schema", 1);
    json_kstr(&j, "bench", "segdb");
    print_mining(&j);
    print_database(&j);
    json_object_end(&j);
    puts(str_text(&out));
    str_done(&out);
    rmdir(folder);
    return 0;
}
