/* Any bytes as a segment database: it is refused, or its records are read, or refused one by one.
 */
#include "segdb/segdb.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { RECORDS = 20 };

static void use(struct segdb *db)
{
    struct err err = {0};
    for (int64_t id = 0; id < RECORDS; id++) {
        struct segdb_record rec;
        struct segdb_seen seen;
        if (segdb_get(db, id, &rec, &err) != ST_OK)
            assert(err.msg[0]);
        else {
            assert(graph_n_nodes(rec.fragment) > 0);
            segdb_record_done(&rec);
        }
        if (segdb_seen(db, id, &seen, &err) == ST_OK)
            segdb_seen_done(&seen);
        segdb_check(db, id, &err);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[] = "fuzz_segdb.XXXXXX";
    const char *const name = path;
    int fd = mkstemp(path);
    struct segdb *db = NULL;
    struct err err = {0};
    if (fd < 0 || write(fd, data, size) != (ssize_t)size)
        abort();
    close(fd);
    if (segdb_open(&db, &name, 1, &err) != ST_OK)
        assert(!db && err.msg[0]);
    else {
        use(db);
        segdb_abandon(db);
    }
    unlink(path);
    return 0;
}
