/* The module autogo-mpi.so: the only code that sees MPI. It calls nothing of the program. */
#include "comm/comm_priv.h"

#include <mpi.h>

static int open_mpi(int *rank, int *size)
{
    int got;
    int rc = MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &got);
    if (rc == MPI_SUCCESS)
        rc = MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    if (rc == MPI_SUCCESS)
        rc = MPI_Comm_rank(MPI_COMM_WORLD, rank);
    if (rc == MPI_SUCCESS)
        rc = MPI_Comm_size(MPI_COMM_WORLD, size);
    return rc;
}

static int send_bytes(int to, int tag, const void *data, int n)
{
    return MPI_Send(data, n, MPI_BYTE, to, tag, MPI_COMM_WORLD);
}

static int probe(int *waits, int *from, int *tag, int *n)
{
    MPI_Status s;
    int rc = MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, MPI_COMM_WORLD, waits, &s);
    if (rc != MPI_SUCCESS || !*waits)
        return rc;
    *from = s.MPI_SOURCE;
    *tag = s.MPI_TAG;
    return MPI_Get_count(&s, MPI_BYTE, n);
}

static int recv_bytes(int from, int tag, void *data, int n)
{
    return MPI_Recv(data, n, MPI_BYTE, from, tag, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
}

static void abort_all(int exit_code)
{
    MPI_Abort(MPI_COMM_WORLD, exit_code);
}

static void close_mpi(void)
{
    MPI_Finalize();
}

const struct comm_link comm_link = {
    .version = PACKAGE_VERSION,
    .open = open_mpi,
    .send = send_bytes,
    .probe = probe,
    .recv = recv_bytes,
    .abort = abort_all,
    .close = close_mpi,
};
