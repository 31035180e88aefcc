/* The state of an unfinished mining run: a database with what is needed to go on. */
#include "segdb/segdb_priv.h"
#include <stdlib.h>
#include <sys/stat.h>

#ifndef PACKAGE_VERSION
#define PACKAGE_VERSION ""
#endif

/* Changes when anything changes that the result depends on, the files that specs name included. */
uint64_t segdb_part_key(const char *const *specs, int n, const struct segdb_mine_opts *opts)
{
    uint64_t h = hash_str(PACKAGE_VERSION, SEGDB_VERSION);
    h = hash_pair(hash_pair(h, (uint64_t)opts->n_merges), (uint64_t)opts->max_piece);
    for (int i = 0; i < n; i++) {
        struct stat st;
        h = hash_str(specs[i], h);
        h = hash_pair(h, opts->times ? (uint64_t)opts->times[i] : 1);
        if (stat(specs[i], &st) != 0)
            continue;
        h = hash_pair(h, (uint64_t)st.st_size);
        h = hash_pair(hash_pair(h, (uint64_t)st.st_mtim.tv_sec), (uint64_t)st.st_mtim.tv_nsec);
    }
    return h;
}

static bool read_part(struct segdb_layer *l, uint64_t key, struct segdb *db, struct segdb_part *p)
{
    int64_t have, mining, next, sum;
    if (segdb_layer_meta(l, "part_key", &have, NULL) != ST_OK || (uint64_t)have != key ||
        segdb_layer_meta(l, "part_mining", &mining, NULL) != ST_OK ||
        segdb_layer_meta(l, "part_next", &next, NULL) != ST_OK || next < 0 || next > INT32_MAX ||
        segdb_layer_meta(l, "part_sum", &sum, NULL) != ST_OK ||
        segdb_layer_meta_text(l, "part_text", &p->text, NULL) != ST_OK)
        return false;
    p->key = key;
    p->mining = mining != 0;
    p->next = (int)next;
    return (uint64_t)sum == segdb_part_sum(p) && segdb_rows_load(db, l, NULL) == ST_OK;
}

bool segdb_part_load(const char *path, uint64_t key, struct segdb *db, struct segdb_part *out)
{
    struct segdb_layer l;
    struct segdb_part p = {0};
    if (segdb_layer_open(&l, path, SEGDB_PART, true, NULL) != ST_OK)
        return false;
    bool ok = read_part(&l, key, db, &p);
    segdb_layer_close(&l);
    if (ok)
        *out = p;
    else
        free(p.text);
    return ok;
}

enum status segdb_part_save(const char *path, const struct segdb_part *part, struct segdb *db,
                            struct err *err)
{
    unsigned char *bytes;
    size_t n;
    TRY(segdb_rows_pack(db, part, &bytes, &n, err));
    enum status st = file_write(path, bytes, n, err);
    sqlite3_free(bytes);
    return st;
}
