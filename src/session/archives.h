/* The archives of searches in the user's state folder, $XDG_STATE_HOME/autogo/searches/. For
 * src/session only. */
#ifndef SESSION_ARCHIVES_H
#define SESSION_ARCHIVES_H

#include "base/hash.h"

/* Where that of a network and settings is, or would be; its folder is made. Caller frees. */
char *archives_name(uint64_t network, uint64_t settings);
/* The file that a name leads to, itself where there is none. Caller frees. */
char *archives_file(const char *name);
/* The archive is found by that name as well, unless another one is. */
void archives_also(const char *archive, const char *name);
/* Removes those not written for 30 days that are not among the newest 20; not `keep`, and none that
 * is in use. */
void archives_prune(const char *keep);

#endif
