/* A loop whose turns are shared out among threads. */
#ifndef BASE_PARALLEL_H
#define BASE_PARALLEL_H

enum { PARALLEL_MOST = 64 };

/* Calls work(arg, worker, i) once for each i below n, in no fixed order, and returns when all are
 * done. Worker 0 is the caller's thread; the others, at most `threads` (and PARALLEL_MOST) with it,
 * are made for this call, and are fewer where the system has none left. */
void parallel_for(int n, int threads, void (*work)(void *arg, int worker, int i), void *arg);

#endif
