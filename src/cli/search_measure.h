/* --measure-top of search: the best of a front trained for real, in measured.json. */
#ifndef CLI_SEARCH_MEASURE_H
#define CLI_SEARCH_MEASURE_H

#include "cli/cli_priv.h"
#include "search/search.h"

/* To be called before hours of search: reads the options; *top 0: nothing is asked for. Trains on a
 * few images to see whether the network fits the task. */
enum status search_measure_check(struct cli *c, const struct graph *base, int *top,
                                 struct err *err);
/* Trains, writes DIR/measured.json, and adds what came of it to c->out (text only). */
enum status search_measure(struct cli *c, const char *dir, const char *archive,
                           const struct graph *base, const struct search_result *r, uint64_t seed,
                           struct err *err);

#endif
