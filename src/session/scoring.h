/* The work of a WHY job: what in both networks moves their estimates. On any thread. */
#ifndef SESSION_SCORING_H
#define SESSION_SCORING_H

#include "session/job.h"

enum status scoring_why(struct job *j);

#endif
