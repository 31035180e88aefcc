/* Messages between the processes of one command that an MPI launcher (mpirun, srun) started
 * together: bytes with a tag, between any two ranks.
 *
 * The program is not linked with MPI. A small module, autogo-mpi.so, is; it is opened only when the
 * environment shows a launcher, so nobody else pays for it. Without a launcher the handle is NULL,
 * which every function here takes: a process by itself, rank 0 of 1.
 *
 * MPI belongs to the whole process: one handle at a time, used by one thread. Waiting sleeps, it
 * does not spin: a rank that waits costs next to no CPU. Errors are ST_IO when MPI fails,
 * ST_UNSUPPORTED when there is no module; the death of another rank is the launcher's to handle
 * (mpirun ends the others). */
#ifndef COMM_COMM_H
#define COMM_COMM_H

#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>

struct comm; /* opaque */

/* NULL in *out without a launcher, or when it started one process only. */
enum status comm_open(struct comm **out, struct err *err);
int comm_rank(const struct comm *c);
int comm_size(const struct comm *c);

/* Tags: 0 to 1000. */
enum status comm_send(struct comm *c, int to, int tag, const void *data, size_t n, struct err *err);

struct comm_msg {
    int from, tag;
    size_t n;
    char *data; /* caller frees; a NUL follows its end */
};
/* Waits for the next message from any rank. With seconds >= 0 not longer than that: ST_NO. While
 * waiting *cancel (NULL: none) is looked at: ST_CANCELLED. Messages of one rank keep their order.
 */
enum status comm_recv(struct comm *c, struct comm_msg *m, double seconds, const int *cancel,
                      struct err *err);
/* Whether a message waits; cheap enough to be asked in a loop. */
bool comm_waiting(const struct comm *c);

/* Ends all ranks at once with this exit code; does not return. For when they do not answer. */
void comm_abort(struct comm *c, int exit_code) __attribute__((noreturn));
/* The end, when all messages have been received: waits for all ranks, then frees. With `failed`,
 * which all must agree on, the ranks only wait until rank 0 is here, a second at most: a launcher
 * that is ending them does not answer MPI's own farewell. */
void comm_close(struct comm *c, bool failed);

#endif
