/* What a search was begun with, kept in its folder (search.json) so that it can go on. */
#ifndef CLI_SEARCH_SAVED_H
#define CLI_SEARCH_SAVED_H

#include "cli/cli_priv.h"

struct search_saved_option {
    char *name, *value; /* without the dashes */
};
struct search_saved {
    char *dir, *model, *input_shape; /* input_shape NULL: as the file says */
    uint64_t seed;
    VEC(struct search_saved_option) option;
};
/* From the command line; with --resume from that folder, options on the command line before those
 * there; "default" drops a setting there. How networks are trained on the way is put on the command
 * line, borrowed from *s. ST_USAGE: no folder, or no model, or a setting that stays as the search
 * was begun. */
enum status search_saved_init(struct search_saved *s, struct cli *c, struct err *err);
/* NULL: it was not given. */
const char *search_saved_get(const struct search_saved *s, const char *name);
enum status search_saved_write(const struct search_saved *s, struct err *err);
void search_saved_done(struct search_saved *s);

#endif
