/* Threads on CPUs of their own. OpenMP's threads inherit the CPUs of the one that makes them. */
#include "exec/timing_priv.h"

#include <sched.h>
#include <stdio.h>

/* Whether it is the first of the threads of its core; yes where the system does not tell. */
static bool leads_core(int cpu)
{
    char path[100];
    int first = cpu;
    FILE *f;

    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list", cpu);
    f = fopen(path, "r");
    if (!f)
        return true;
    if (fscanf(f, "%d", &first) != 1)
        first = cpu;
    fclose(f);
    return first == cpu;
}

bool timing_pin(int threads)
{
    cpu_set_t mine, chosen;
    int n = 0, here = sched_getcpu();

    CPU_ZERO(&chosen);
    if (here < 0 || sched_getaffinity(0, sizeof mine, &mine) < 0)
        return false;
    /* From this CPU on: processes that measure at the same time are on different ones already. */
    for (int leads = 1; leads >= 0; leads--)
        for (int i = 0; i < CPU_SETSIZE && n < threads; i++) {
            int cpu = (here + i) % CPU_SETSIZE;

            if (CPU_ISSET(cpu, &mine) && !CPU_ISSET(cpu, &chosen) && leads_core(cpu) == leads) {
                CPU_SET(cpu, &chosen);
                n++;
            }
        }
    return n == threads && sched_setaffinity(0, sizeof chosen, &chosen) == 0;
}
