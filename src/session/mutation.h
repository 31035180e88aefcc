/* The work of CANDIDATE and REPAIR jobs: one replacement under the settings and wants of the job,
 * and for a repair the conflict when there is none. On any thread. */
#ifndef SESSION_MUTATION_H
#define SESSION_MUTATION_H

#include "session/job.h"

enum status mutation_run(struct job *j, struct layers_db *db, char *const path[SEGDB_LAYERS]);
/* The options of its repair, which point into the job. */
void mutation_opts(const struct job *j, struct mend_opts *out);

#endif
