/* Which orders of the ports are worth trying. */
#include "mutate/mutate_priv.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_PERMUTED = 4 };

static bool looks_like(const struct ttype *types, const int *a, const int *b, int n)
{
    for (int i = 0; i < n; i++)
        if (!ttype_equal(&types[a[i]], &types[b[i]]))
            return false;
    return true;
}

static void add_order(struct orders *o, const struct ttype *types, const int *order)
{
    for (int k = 0; k < o->n; k++)
        if (looks_like(types, o->at + k * o->n_ports, order, o->n_ports))
            return;
    size_t size = (size_t)o->n_ports;
    o->at = x_reallocarray(o->at, (size_t)(o->n + 1) * size + 1, sizeof *o->at);
    if (size)
        memcpy(o->at + (size_t)o->n * size, order, size * sizeof *order);
    o->n++;
}

static void reverse(int *a, int n)
{
    for (int i = 0; i < n / 2; i++) {
        int t = a[i];
        a[i] = a[n - 1 - i];
        a[n - 1 - i] = t;
    }
}

/* The next permutation in lexicographic order; false after the last. */
static bool next_order(int *a, int n)
{
    int i = n - 2, k = n - 1;
    while (i >= 0 && a[i] > a[i + 1])
        i--;
    if (i < 0)
        return false;
    while (a[k] < a[i])
        k--;
    int t = a[i];
    a[i] = a[k];
    a[k] = t;
    reverse(a + i + 1, n - i - 1);
    return true;
}

void orders_init(struct orders *o, const struct ttype *types, int n_ports)
{
    *o = (struct orders){.n_ports = n_ports};
    int *order = x_calloc((size_t)n_ports + 1, sizeof *order);
    for (int i = 0; i < n_ports; i++)
        order[i] = i;
    add_order(o, types, order);
    if (n_ports > MAX_PERMUTED) {
        reverse(order, n_ports);
        add_order(o, types, order);
    } else {
        while (next_order(order, n_ports))
            add_order(o, types, order);
    }
    free(order);
}

void orders_done(struct orders *o)
{
    free(o->at);
    memset(o, 0, sizeof *o);
}
