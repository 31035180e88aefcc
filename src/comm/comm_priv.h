/* Between the program and its MPI module; for src/comm only. */
#ifndef COMM_COMM_PRIV_H
#define COMM_COMM_PRIV_H

/* What the module offers. A result other than 0 is MPI's error code. */
struct comm_link {
    const char *version; /* of the program that it was built with */
    int (*open)(int *rank, int *size);
    int (*send)(int to, int tag, const void *data, int n);
    int (*probe)(int *waits, int *from, int *tag, int *n);
    int (*recv)(int from, int tag, void *data, int n);
    void (*abort)(int exit_code);
    void (*close)(void);
};

/* The one symbol of the module. */
extern const struct comm_link comm_link;
#define COMM_LINK_SYMBOL "comm_link"
#define COMM_MODULE "autogo-mpi.so"

#endif
