/* The jobs of label, each a network and a seed: trained here one after the other, or by the other
 * processes that an MPI launcher started (comm.h).
 *
 * Then rank 0 trains nothing: it alone has the table, hands a job to each rank that has none,
 * appends the rows that come back, and tells all ranks to stop, with the status that the command
 * ends with. An error or a signal anywhere stops all; rows that were received stay. Which rank
 * trains a network has no influence on its row, but for the times in it. */
#ifndef CLI_LABEL_JOBS_H
#define CLI_LABEL_JOBS_H

#include "cli/cli_priv.h"
#include "cli/label_file.h"

/* Trains a network; *row (caller frees) is its row behind ARCH,SEED. */
typedef enum status label_train_fn(void *arg, const char *arch, int seed, char **row,
                                   struct err *err);

struct label_jobs {
    struct cli *c;
    struct label_file *file;
    char *const *arch;
    int n, seeds;
    int most_seeds; /* of any call: numbers of jobs in claims do not depend on `seeds` */
    label_train_fn *train;
    void *arg;
    int done, added; /* rows of these jobs in the table; those made here */
};

/* All jobs without a row, first all networks with seed 0, then with seed 1 ... One process, or
 * rank 0. ST_CANCELLED when interrupted. */
enum status label_jobs_run(struct label_jobs *j, struct err *err);
/* Rank 0, at its end in any case: all ranks end with `st`. Rows that arrive until then are kept
 * (j NULL: there is no table yet). Nothing to do in one process. */
void label_jobs_stop(struct cli *c, struct label_jobs *j, enum status st);

/* Every other rank: `ready` is how its preparation ended (`err` says why), `place` the manifest's
 * lines about its machine. Returns what rank 0 ends with, and prints nothing. */
enum status label_jobs_work(struct cli *c, enum status ready, const char *place,
                            label_train_fn *train, void *arg, struct err *err);
/* In a loop that trains: turns the word to stop into an interruption. */
void label_jobs_poll(struct cli *c);

#endif
