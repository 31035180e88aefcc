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

static int first_at(const int *order, int n, int value)
{
    int i = 0;
    while (i < n && order[i] != value)
        i++;
    return i;
}

/* As many different ports as there can be; of orders that differ only in ports of the region that
 * have equal types, one. */
static bool uneven_ok(const int *order, const struct ttype *types, bool region_is_from, int n_from,
                      int n_to)
{
    int used = 0, region = region_is_from ? n_from : n_to;
    for (int i = 0; i < n_from; i++)
        used += first_at(order, n_to, i) < n_to;
    if (used < (n_from < n_to ? n_from : n_to))
        return false;
    /* Inputs that are dropped or joined differ in more than their type. */
    if (region_is_from && n_from > n_to)
        return true;
    for (int i = 0; i < region; i++)
        for (int k = i + 1; k < region; k++) {
            bool sorted = region_is_from ? first_at(order, n_to, i) <= first_at(order, n_to, k)
                                         : order[i] <= order[k];
            if (!sorted && ttype_equal(&types[i], &types[k]))
                return false;
        }
    return true;
}

static void push_order(struct orders *o, const int *order)
{
    size_t size = (size_t)o->n_ports;
    o->at = x_reallocarray(o->at, (size_t)(o->n + 1) * size + 1, sizeof *o->at);
    memcpy(o->at + (size_t)o->n++ * size, order, size * sizeof *order);
}

void orders_init_uneven(struct orders *o, const struct ttype *types, bool region_is_from,
                        int n_from, int n_to)
{
    *o = (struct orders){.n_ports = n_to};
    if (!n_from || !n_to)
        return;
    int *order = x_calloc((size_t)n_to, sizeof *order);
    if (n_from > MAX_PERMUTED || n_to > MAX_PERMUTED) {
        for (int back = 0; back < 2; back++) {
            for (int i = 0; i < n_to; i++) {
                int k = i < n_from ? i : n_from - 1;
                order[i] = back ? n_from - 1 - k : k;
            }
            push_order(o, order);
        }
        free(order);
        return;
    }
    for (int at = 0; at >= 0;) { /* counts in base n_from */
        if (uneven_ok(order, types, region_is_from, n_from, n_to))
            push_order(o, order);
        for (at = n_to - 1; at >= 0 && ++order[at] == n_from; at--)
            order[at] = 0;
    }
    free(order);
}

void orders_done(struct orders *o)
{
    free(o->at);
    memset(o, 0, sizeof *o);
}

void ports_set(struct ports *p, const int *in, int n_in, const int *out, int n_out)
{
    *p = (struct ports){.n_in = n_in, .n_out = n_out};
    p->in = x_calloc((size_t)n_in + 1, sizeof *p->in);
    p->out = x_calloc((size_t)n_out + 1, sizeof *p->out);
    for (int i = 0; i < n_in; i++)
        p->in[i] = in ? in[i] : i;
    for (int i = 0; i < n_out; i++)
        p->out[i] = out ? out[i] : i;
}

void ports_done(struct ports *p)
{
    free(p->in);
    free(p->out);
    memset(p, 0, sizeof *p);
}
