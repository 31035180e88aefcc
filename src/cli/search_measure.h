/* Networks of a search trained for real: --measure-every on the way, --measure-top at the end, in
 * measured.json. */
#ifndef CLI_SEARCH_MEASURE_H
#define CLI_SEARCH_MEASURE_H

#include "cli/cli_priv.h"
#include "search/measure.h"

struct search_measuring {
    struct measure_opts o; /* o.top 0: none at the end */
    struct images *images; /* NULL: nothing is trained */
    int64_t every;         /* 0: none on the way */
};
/* To be called before hours of search: reads the options and the images. Trains on a few images to
 * see whether the network fits the task. */
enum status search_measuring_init(struct search_measuring *m, struct cli *c,
                                  const struct graph *base, uint64_t seed, struct err *err);
void search_measuring_done(struct search_measuring *m);
/* The best of the front: trains, writes DIR/measured.json, and adds what came of it to c->out (text
 * only). */
enum status search_measure(struct cli *c, const struct search_measuring *m, const char *dir,
                           const char *archive, const struct graph *base,
                           const struct search_result *r, struct err *err);
/* What was trained on the way. */
void search_truths_json(const struct search_measuring *m, const struct search_result *r,
                        struct json *j);
void search_truths_text(const struct search_measuring *m, const struct search_result *r,
                        struct str *out);
/* NULL: it was not trained. */
const struct search_truth *search_truth_of(const struct search_result *r, int64_t id);

#endif
