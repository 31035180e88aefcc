#include "base/parallel.h"

#include <pthread.h>
#include <stdatomic.h>

struct loop {
    int n;
    atomic_int next;
    void (*work)(void *arg, int worker, int i);
    void *arg;
};
struct seat {
    struct loop *loop;
    int worker;
};

static void *run(void *arg)
{
    const struct seat *s = arg;
    for (int i; (i = atomic_fetch_add(&s->loop->next, 1)) < s->loop->n;)
        s->loop->work(s->loop->arg, s->worker, i);
    return NULL;
}

void parallel_for(int n, int threads, void (*work)(void *arg, int worker, int i), void *arg)
{
    pthread_t thread[PARALLEL_MOST];
    struct seat seat[PARALLEL_MOST];
    struct loop loop = {.n = n, .work = work, .arg = arg};
    int want = threads < n ? threads : n, made = 1;
    want = want < PARALLEL_MOST ? want : PARALLEL_MOST;
    seat[0] = (struct seat){&loop, 0};
    for (; made < want; made++) {
        seat[made] = (struct seat){&loop, made};
        if (pthread_create(&thread[made], NULL, run, &seat[made]) != 0)
            break;
    }
    run(&seat[0]);
    while (--made > 0)
        pthread_join(thread[made], NULL);
}
