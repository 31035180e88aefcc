/* Inside of the command db: its verbs, and which databases they are about. */
#ifndef CLI_DB_H
#define CLI_DB_H

#include "cli/cli_priv.h"
#include "segdb/segdb.h"

/* The file of --segments alone, or the shipped database and, when there is one, the user's. */
struct db_files {
    int n;
    char *path[SEGDB_LAYERS];
};
void db_files_init(struct db_files *f, const struct cli *c);
void db_files_done(struct db_files *f);
enum status db_open(const struct db_files *f, struct segdb **out, struct err *err);
/* What is edited: the file of --segments or the user's database (made with its folder when `make`).
 * *layer is that of its names. Caller frees. */
char *db_edited(const struct cli *c, int make, int *layer);
/* Id of segment `number` of a layer. */
int64_t db_id(int layer, int64_t number);

/* The keys of one segment, inside an object. */
void db_record_json(struct json *j, const struct segdb_record *r);
/* db_show.c */
enum status db_show(struct cli *c, struct segdb *db, struct err *err);

typedef enum status db_verb(struct cli *c, struct err *err);
db_verb db_stats, db_check; /* db_check.c */
db_verb db_add, db_remove;  /* db_edit.c */

#endif
