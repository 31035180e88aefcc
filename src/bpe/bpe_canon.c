/* Canonical tokens: few classes, no order of neighbours, a stand-in for everything.
 *
 * The paper's tokens list neighbours in edge order, which makes 485 kinds of `add` (algorithms
 * 8.6). Here a node is its operator, kernel, stride and group class and how many nodes it joins
 * and feeds, so a network of a family never mined still consists of known tokens. */
#include "bpe/bpe_priv.h"
#include <ctype.h>
#include <stdlib.h>

static const uint8_t kernel_class[] = {1, 2, 3, 5, 7};
enum { N_KERNEL = sizeof kernel_class, MAX_FAN_IN = 3, MAX_FAN_OUT = 2 };

/* The nearest class, the smaller one on a tie (4 -> 3, 6 -> 5). */
static uint8_t kernel_to_class(int64_t k)
{
    int best = 0;
    for (int i = 1; i < N_KERNEL; i++)
        if (llabs(k - kernel_class[i]) < llabs(k - kernel_class[best]))
            best = i;
    return kernel_class[best];
}

static int kernel_index(uint8_t k)
{
    for (int i = 0; i < N_KERNEL; i++)
        if (kernel_class[i] == k)
            return i;
    return -1;
}

static const char *op_word(enum op op)
{
    switch (op) {
    case OP_OPAQUE:
        return "opaque";
    case OP_INPUT:
        return "input";
    case OP_OUTPUT:
        return "output";
    default:
        return op_info(op)->onnx;
    }
}

/* Distinct producers up to `most`; inputs are few, so comparing with the earlier ones is cheap,
 * and a wide concat stops after `most` different ones. */
static int fan_in(const struct node *n, int most)
{
    int32_t seen[MAX_FAN_IN];
    int k = 0;
    for (int i = 0; i < n->n_in && k < most; i++) {
        int j = 0;
        while (j < k && seen[j] != n->in[i].node)
            j++;
        if (n->in[i].node >= 0 && j == k)
            seen[k++] = n->in[i].node;
    }
    return k;
}

static int fan_out(const struct graph *g, int32_t id, int most)
{
    int n, k = 0;
    const struct use *u = graph_uses(g, id, &n);
    for (int i = 0; i < n && k < most; i++)
        if (!i || u[i].node != u[i - 1].node)
            k++;
    return k;
}

struct canon_key canon_key_generic(enum op op)
{
    return (struct canon_key){.op = (uint8_t)op, .generic = 1};
}

struct canon_key canon_key_of(const struct graph *g, int32_t id)
{
    const struct node *n = graph_node(g, id);
    if (n->op == OP_OPAQUE || n->op == OP_INPUT || n->op == OP_OUTPUT)
        return canon_key_generic(n->op);
    struct canon_key k = {.op = (uint8_t)n->op};
    struct window w;
    if (node_window(n, &w)) {
        k.kh = kernel_to_class(w.kernel[0]);
        k.kw = kernel_to_class(w.kernel[1]);
        k.stride = w.stride[0] > 1 || w.stride[1] > 1 ? 2 : 1;
        if (node_is_depthwise(n))
            k.group = CANON_DEPTHWISE;
        else if (w.group > 1)
            k.group = CANON_GROUPED;
    }
    k.fan_in = (uint8_t)fan_in(n, MAX_FAN_IN);
    k.fan_out = (uint8_t)fan_out(g, id, MAX_FAN_OUT);
    return k;
}

uint64_t canon_key_pack(const struct canon_key *k)
{
    return (uint64_t)k->op << 56 | (uint64_t)k->kh << 48 | (uint64_t)k->kw << 40 |
           (uint64_t)k->stride << 32 | (uint64_t)k->group << 24 | (uint64_t)k->fan_in << 16 |
           (uint64_t)k->fan_out << 8 | k->generic;
}

void canon_key_text(const struct canon_key *k, struct str *out)
{
    static const char *const group[] = {"", "g", "dw"};
    str_add(out, op_word((enum op)k->op));
    if (k->generic)
        return;
    if (k->kh)
        str_addf(out, "%dx%d%s%s", k->kh, k->kw, k->stride == 2 ? "s2" : "", group[k->group]);
    str_addf(out, ":%d:%d", k->fan_in, k->fan_out);
}

static bool word_to_op(const char *s, size_t n, uint8_t *op)
{
    for (int i = 0; i < OP_COUNT; i++) {
        const char *w = op_word((enum op)i);
        if (strlen(w) == n && !memcmp(w, s, n)) {
            *op = (uint8_t)i;
            return true;
        }
    }
    return false;
}

bool canon_key_parse(const char *text, struct canon_key *out)
{
    struct canon_key k = {0};
    size_t n = 0;
    while (isalpha((unsigned char)text[n]))
        n++;
    if (!word_to_op(text, n, &k.op))
        return false;
    const char *p = text + n;
    if (!*p) {
        *out = canon_key_generic((enum op)k.op);
        return true;
    }
    if (isdigit((unsigned char)p[0]) && p[1] == 'x' && isdigit((unsigned char)p[2])) {
        k.kh = (uint8_t)(p[0] - '0');
        k.kw = (uint8_t)(p[2] - '0');
        if (kernel_index(k.kh) < 0 || kernel_index(k.kw) < 0)
            return false;
        k.stride = 1;
        p += 3;
        if (str_starts(p, "s2"))
            k.stride = 2, p += 2;
        if (str_starts(p, "dw"))
            k.group = CANON_DEPTHWISE, p += 2;
        else if (*p == 'g')
            k.group = CANON_GROUPED, p++;
    }
    if (p[0] != ':' || !p[1] || p[2] != ':' || !p[3] || p[4])
        return false;
    if (p[1] < '0' || p[1] > '0' + MAX_FAN_IN || p[3] < '0' || p[3] > '0' + MAX_FAN_OUT)
        return false;
    k.fan_in = (uint8_t)(p[1] - '0');
    k.fan_out = (uint8_t)(p[3] - '0');
    *out = k;
    return !canon_key_barrier(&k);
}

bool canon_key_barrier(const struct canon_key *k)
{
    return k->op == OP_OPAQUE || k->op == OP_INPUT || k->op == OP_OUTPUT;
}

/* Operators that the table treats alike in shape, cost and arity stand in for each other, so
 * LeakyRelu is read as Relu and InstanceNormalization as BatchNormalization where a vocabulary
 * has only the latter. */
static bool same_class(enum op a, enum op b)
{
    const struct op_info *x = op_info(a), *y = op_info(b);
    return a == b || (x->shape == y->shape && x->cost == y->cost && x->arity == y->arity);
}

/* What breaks a pattern least costs least: fans, then kernel, stride, group; another operator
 * only when the operator itself was never seen; the bare operator at last. */
int canon_key_distance(const struct canon_key *want, const struct canon_key *have)
{
    if (canon_key_barrier(want) || canon_key_barrier(have))
        return want->op == have->op ? 0 : -1;
    if (have->generic)
        return want->op != have->op ? -1 : want->generic ? 0 : 100000;
    if (want->generic || !same_class((enum op)want->op, (enum op)have->op) ||
        !want->kh != !have->kh)
        return -1;
    int d = want->op == have->op ? 0 : 1000;
    if (want->kh)
        d += 20 * (abs(kernel_index(want->kh) - kernel_index(have->kh)) +
                   abs(kernel_index(want->kw) - kernel_index(have->kw)));
    d += 100 * (want->stride != have->stride);
    d += 200 * abs(want->group - have->group);
    d += 2 * abs(want->fan_in - have->fan_in) + 3 * abs(want->fan_out - have->fan_out);
    return d;
}
