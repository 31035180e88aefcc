#include "cost/npu.h"

#include "base/mem.h"
#include "base/vec.h"
#include "cost/cost.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { KIB = 1024, PJ_PER_UJ = 1000000 };

/* ---- tensors and where they are ---- */

/* A tensor between layers. */
struct held {
    int64_t bytes;
    bool on_chip, in_dram;
    int last, read; /* positions: of its last reader, of the layer that reads it now */
};

struct chip {
    const struct graph *g;
    const struct npu_preset *p;
    struct npu_cost *out;
    int *first; /* of a node slot: its outputs in `tensor` */
    VEC(struct held) tensor;
    VEC(int) on_chip;   /* those that are */
    int64_t used, room; /* bytes on chip */
    int64_t dram_bytes; /* of the layer at hand */
    int at;             /* its position */
    bool *fused;        /* slots whose result is not stored: the next layer continues in place */
};

static int64_t bytes_of(struct chip *c, const struct ttype *t)
{
    int64_t n = t && t->rank >= 0 ? ttype_count(t, 1) : -1;
    if (n < 0) {
        c->out->incomplete = true;
        return 0;
    }
    return sat_mul(n, c->p->element_bytes);
}

static void chip_init(struct chip *c, const struct graph *g, const struct npu_preset *p,
                      struct npu_cost *out)
{
    *c = (struct chip){.g = g, .p = p, .out = out};
    c->room = (p->input_kib + p->output_kib) * KIB / 2;
    c->first = x_calloc((size_t)graph_n_slots(g) + 1, sizeof *c->first);
    c->fused = x_calloc((size_t)graph_n_slots(g) + 1, sizeof *c->fused);
    for (int pos = 0; pos < graph_n_nodes(g); pos++) {
        int32_t id = graph_topo(g)[pos];
        const struct node *n = graph_node(g, id);
        int uses;
        const struct use *use = graph_uses(g, id, &uses);
        c->first[id] = (int)c->tensor.n;
        for (int i = 0; i < n->n_out; i++)
            vec_push(&c->tensor, (struct held){.bytes = bytes_of(c, &n->out[i].type),
                                               .in_dram = n->op == OP_INPUT,
                                               .last = pos,
                                               .read = -1});
        for (int i = 0; i < uses; i++) {
            int port = graph_node(g, use[i].node)->in[use[i].port].port;
            struct held *t = &c->tensor.at[c->first[id] + port];
            int reader = graph_topo_pos(g, use[i].node);
            t->last = reader > t->last ? reader : t->last;
        }
    }
}

static void chip_done(struct chip *c)
{
    free(c->first);
    free(c->fused);
    vec_done(&c->tensor);
    vec_done(&c->on_chip);
}

static void leave(struct chip *c, size_t i)
{
    struct held *t = &c->tensor.at[c->on_chip.at[i]];
    t->on_chip = false;
    c->used -= t->bytes;
    c->on_chip.at[i] = c->on_chip.at[--c->on_chip.n];
}

static void forget_dead(struct chip *c)
{
    for (size_t i = c->on_chip.n; i-- > 0;)
        if (c->tensor.at[c->on_chip.at[i]].last < c->at)
            leave(c, i);
}

/* What is used last goes to DRAM, until there is room; not what the layer at hand reads. */
static bool make_room(struct chip *c, int64_t bytes)
{
    if (bytes > c->room)
        return false;
    while (c->used > c->room - bytes) {
        size_t worst = c->on_chip.n;
        for (size_t i = 0; i < c->on_chip.n; i++) {
            const struct held *t = &c->tensor.at[c->on_chip.at[i]];
            if (t->last > c->at && t->read != c->at &&
                (worst == c->on_chip.n || t->last > c->tensor.at[c->on_chip.at[worst]].last))
                worst = i;
        }
        if (worst == c->on_chip.n)
            return false;
        struct held *t = &c->tensor.at[c->on_chip.at[worst]];
        if (!t->in_dram)
            c->dram_bytes = sat_add(c->dram_bytes, t->bytes);
        t->in_dram = true;
        leave(c, worst);
    }
    return true;
}

static void put_on_chip(struct chip *c, int tensor)
{
    c->tensor.at[tensor].on_chip = true;
    c->used += c->tensor.at[tensor].bytes;
    vec_push(&c->on_chip, tensor);
}

static struct held *input_of(struct chip *c, const struct node *n, int i)
{
    return n->in[i].node < 0 ? NULL : &c->tensor.at[c->first[n->in[i].node] + n->in[i].port];
}

/* What a layer takes from DRAM: bytes that it needs once, and those of inputs that do not fit,
 * which it needs in each pass. */
struct fetched {
    int64_t once, each_pass;
};

static struct fetched read_inputs(struct chip *c, const struct node *n)
{
    struct fetched f = {0};
    for (int i = 0; i < n->n_in; i++)
        if (input_of(c, n, i))
            input_of(c, n, i)->read = c->at;
    for (int i = 0; i < n->n_in; i++) {
        struct held *t = input_of(c, n, i);
        if (!t || t->on_chip)
            continue;
        int64_t *to = t->bytes <= c->p->input_kib * KIB / 2 ? &f.once : &f.each_pass;
        *to = sat_add(*to, t->bytes);
        if (t->last > c->at && make_room(c, t->bytes))
            put_on_chip(c, c->first[n->in[i].node] + n->in[i].port);
    }
    return f;
}

static void write_outputs(struct chip *c, int32_t id)
{
    const struct node *n = graph_node(c->g, id);
    for (int i = 0; i < n->n_out; i++) {
        struct held *t = &c->tensor.at[c->first[id] + i];
        if (make_room(c, t->bytes)) {
            put_on_chip(c, c->first[id] + i);
        } else {
            t->in_dram = true;
            c->dram_bytes = sat_add(c->dram_bytes, t->bytes);
        }
    }
}

/* A tensor that is another one, or several, seen anew: where they are it is. */
static void pass_on(struct chip *c, int32_t id)
{
    const struct node *n = graph_node(c->g, id);
    bool on_chip = true;
    for (int i = 0; i < n->n_in; i++)
        on_chip &= !input_of(c, n, i) || input_of(c, n, i)->on_chip;
    for (int i = 0; i < n->n_in && !on_chip; i++) { /* together in DRAM */
        struct held *t = input_of(c, n, i);
        if (t && t->on_chip && !t->in_dram) {
            c->dram_bytes = sat_add(c->dram_bytes, t->bytes);
            t->in_dram = true;
        }
    }
    for (size_t k = c->on_chip.n; on_chip && k-- > 0;) /* their room is the result's */
        if (c->tensor.at[c->on_chip.at[k]].last <= c->at)
            leave(c, k);
    for (int i = 0; i < n->n_out; i++) {
        struct held *t = &c->tensor.at[c->first[id] + i];
        t->in_dram = !on_chip;
        if (on_chip && make_room(c, t->bytes)) {
            put_on_chip(c, c->first[id] + i);
        } else if (on_chip) {
            t->in_dram = true;
            c->dram_bytes = sat_add(c->dram_bytes, t->bytes);
        }
    }
}

/* ---- work ---- */

/* What a node asks of the array: `count` equal products. */
struct products {
    struct systolic_work work;
    int64_t count, weights; /* elements of all kernels */
};

static int64_t area(const struct ttype *t)
{
    int64_t n = 1;
    for (int i = 2; t && i < t->rank; i++)
        n = sat_mul(n, t->dim[i] > 0 ? t->dim[i] : 1);
    return n;
}

static bool conv_products(const struct graph *g, const struct node *n, struct products *out)
{
    struct window w;
    const struct ttype *x = graph_input_type(g, n, 0), *k = graph_input_type(g, n, 1);
    if (!x || !k || !node_window(n, &w) || w.cin < 1 || w.cout < 1 || w.group < 1)
        return false;
    int64_t kernel = w.kernel[0] * w.kernel[1];
    bool transposed = n->op == OP_CONVT;
    out->count = w.group;
    out->work.pixels = area(transposed ? x : &n->out[0].type);
    out->work.filters = transposed ? w.cout / w.group * kernel : w.cout / w.group;
    out->work.window = transposed ? w.cin / w.group : kernel * (w.cin / w.group);
    out->weights = ttype_count(k, 1);
    return true;
}

static bool matmul_products(const struct graph *g, const struct node *n, struct products *out)
{
    const struct ttype *a = graph_input_type(g, n, 0), *y = &n->out[0].type;
    if (!a || a->rank < 1 || y->rank < 1)
        return false;
    bool turned = n->op == OP_GEMM && node_int(n, "transA", 0);
    out->work.window = a->dim[turned ? 0 : a->rank - 1];
    out->work.filters = y->rank > 1 || a->rank == 1 ? y->dim[y->rank - 1] : 1;
    int64_t all = ttype_count(y, 1);
    if (out->work.window < 1 || out->work.filters < 1 || all < 1)
        return false;
    out->work.pixels = all / out->work.filters;
    out->count = 1;
    out->weights = sat_mul(out->work.window, out->work.filters);
    return out->work.pixels > 0;
}

/* Operations of the vector unit for a node. */
static int64_t vector_ops(const struct graph *g, const struct node *n)
{
    struct window w;
    int64_t outputs = ttype_count(&n->out[0].type, 1);
    const struct ttype *x = graph_input_type(g, n, 0);
    int64_t inputs = x ? ttype_count(x, 1) : 0;
    int joined = 0;
    for (int i = 0; i < n->n_in; i++)
        joined += n->in[i].node >= 0 || node_const(n, i) != NULL;
    switch (op_info(n->op)->cost) {
    case COST_NORM:
        return sat_mul(2, outputs); /* scale and shift */
    case COST_POOL:                 /* every element of every window, or all inputs */
        return node_window(n, &w) ? sat_mul(outputs, w.kernel[0] * w.kernel[1]) : inputs;
    default:
        return sat_mul(outputs, op_info(n->op)->arity == ARITY_JOIN && joined > 2 ? joined - 1 : 1);
    }
}

/* ---- a layer ---- */

static int64_t dram_cycles(const struct npu_preset *p, int64_t bytes)
{
    return (int64_t)fmin(ceil((double)bytes / p->dram_bytes_per_cycle), 9e18);
}

/* Weights, and inputs that do not fit, in the order of folds that takes less: all pixels for some
 * filters, so that weights come once, or all filters for some pixels, so that inputs do. */
static int64_t from_dram(const struct npu_preset *p, const struct products *q, struct fetched f,
                         const struct systolic_cost *s, int columns)
{
    int64_t weights = sat_mul(q->weights, p->element_bytes), room = p->weight_kib * KIB / 2;
    int64_t some = q->work.filters < columns ? q->work.filters : columns;
    int64_t slice = sat_mul(sat_mul(q->work.window, some), p->element_bytes);
    bool once = s->weight_passes == 1 || weights <= room;
    int64_t again = sat_mul(weights, once ? 1 : s->weight_passes);
    int64_t by_filters = sat_add(p->dataflow == SYSTOLIC_OS && slice <= room ? weights : again,
                                 sat_mul(f.each_pass, s->input_passes));
    int64_t by_pixels = sat_add(again, f.each_pass);
    return p->dataflow == SYSTOLIC_OS && by_pixels < by_filters ? by_pixels : by_filters;
}

/* On the part of the array on which it is quickest, the largest of those. What it evicts and writes
 * does not depend on that part, and is in c->dram_bytes already. */
static void run_on_array(struct chip *c, const struct products *q, struct fetched f,
                         struct npu_layer *l)
{
    const struct npu_preset *p = c->p;
    int64_t best = -1, moved = 0;
    for (int rows = (int)p->rows; rows > 0; rows /= 2)
        for (int columns = (int)p->columns; columns > 0; columns /= 2) {
            struct systolic_cost s =
                systolic_run(rows, columns, (enum systolic_dataflow)p->dataflow, q->work);
            int64_t cycles = sat_mul(s.cycles, q->count);
            int64_t bytes =
                sat_add(c->dram_bytes, sat_add(f.once, from_dram(p, q, f, &s, columns)));
            int64_t moving = dram_cycles(p, bytes), longer = cycles > moving ? cycles : moving;
            if (best >= 0 && longer >= best)
                continue;
            best = longer;
            moved = bytes;
            l->compute_cycles = cycles;
            int64_t operands = sat_add(s.input_reads, s.weight_reads);
            int64_t sums = sat_add(s.output_writes, s.output_reads);
            l->sram_bytes = sat_mul(q->count, sat_add(sat_mul(operands, p->element_bytes),
                                                      sat_mul(sums, p->sum_bytes)));
        }
    l->macs = sat_mul(q->count, sat_mul(q->work.pixels, sat_mul(q->work.filters, q->work.window)));
    c->dram_bytes = moved;
}

static void run_on_vector(struct chip *c, const struct node *n, struct npu_layer *l)
{
    int64_t ops = vector_ops(c->g, n), lanes = c->p->vector_lanes;
    if (ops < 0) {
        c->out->incomplete = true;
        ops = 0;
    }
    l->compute_cycles = ops / lanes + (ops % lanes != 0);
    for (int i = 0; i < n->n_in; i++)
        if (input_of(c, n, i))
            l->sram_bytes = sat_add(l->sram_bytes, input_of(c, n, i)->bytes);
    for (int i = 0; i < n->n_out; i++)
        l->sram_bytes = sat_add(l->sram_bytes, bytes_of(c, &n->out[i].type));
}

/* Continues where the layer before it ends: nothing else reads that. */
static bool is_fused(const struct chip *c, const struct node *n, int32_t *into)
{
    enum cost_rule rule = op_info(n->op)->cost;
    int32_t from = n->n_in > 0 ? n->in[0].node : -1;
    int uses;
    if (!c->p->fuse || from < 0 || op_info(n->op)->arity != ARITY_ONE ||
        op_info(n->op)->shape == SHAPE_RESIZE || (rule != COST_NORM && rule != COST_ELEM) ||
        !c->fused[from])
        return false;
    graph_uses(c->g, from, &uses);
    *into = from;
    return uses == 1;
}

static void finish_layer(struct chip *c, struct npu_layer *l)
{
    const struct npu_preset *p = c->p;
    l->dram_bytes = c->dram_bytes;
    l->dram_cycles = dram_cycles(p, l->dram_bytes);
    l->cycles = l->compute_cycles > l->dram_cycles ? l->compute_cycles : l->dram_cycles;
    double seconds = (double)l->cycles / (p->clock_mhz * 1e6);
    double ops = l->unit == NPU_VECTOR ? (double)l->compute_cycles * (double)p->vector_lanes
                                       : (double)l->macs;
    l->energy_uj = (ops * p->mac_pj + (double)l->sram_bytes * p->sram_pj_per_byte +
                    (double)l->dram_bytes * p->dram_pj_per_byte) /
                       PJ_PER_UJ +
                   p->static_mw * 1e3 * seconds;
    if (l->cycles > 0)
        l->utilisation =
            (double)l->macs / ((double)p->rows * (double)p->columns * (double)l->cycles);
}

static void run_layer(struct chip *c, int32_t id, struct npu_layer *l)
{
    const struct node *n = graph_node(c->g, id);
    struct products q;
    enum cost_rule rule = op_info(n->op)->cost;
    bool conv = rule == COST_CONV || rule == COST_CONVT, matmul = rule == COST_GEMM;
    c->dram_bytes = 0;
    forget_dead(c);
    if (is_fused(c, n, &l->into)) {
        pass_on(c, id);
        c->fused[id] = true;
    } else if ((conv && conv_products(c->g, n, &q)) || (matmul && matmul_products(c->g, n, &q))) {
        l->unit = NPU_ARRAY;
        struct fetched f = read_inputs(c, n);
        write_outputs(c, id);
        run_on_array(c, &q, f, l);
        c->fused[id] = true;
    } else if (conv || matmul || n->op == OP_OPAQUE) {
        c->out->incomplete = true;
        pass_on(c, id);
    } else if (rule == COST_ZERO) {
        pass_on(c, id);
    } else {
        l->unit = NPU_VECTOR;
        struct fetched f = read_inputs(c, n);
        write_outputs(c, id);
        run_on_vector(c, n, l);
        c->dram_bytes = sat_add(c->dram_bytes, sat_add(f.once, f.each_pass));
    }
    finish_layer(c, l);
}

void npu_cost_graph(const struct graph *g, const struct npu_preset *p, struct npu_cost *out)
{
    struct chip c;
    *out = (struct npu_cost){0};
    chip_init(&c, g, p, out);
    out->layer = x_calloc((size_t)graph_n_nodes(g) + 1, sizeof *out->layer);
    for (int pos = 0; pos < graph_n_nodes(g); pos++) {
        int32_t id = graph_topo(g)[pos];
        enum op op = graph_node(g, id)->op;
        if (op == OP_INPUT || op == OP_OUTPUT)
            continue;
        struct npu_layer *l = &out->layer[out->n_layers++];
        *l = (struct npu_layer){.node = id, .into = -1};
        c.at = pos;
        run_layer(&c, id, l);
        out->cycles = sat_add(out->cycles, l->cycles);
        out->stall_cycles = sat_add(out->stall_cycles, l->cycles - l->compute_cycles);
        out->macs = sat_add(out->macs, l->macs);
        out->sram_bytes = sat_add(out->sram_bytes, l->sram_bytes);
        out->dram_bytes = sat_add(out->dram_bytes, l->dram_bytes);
        out->energy_uj += l->energy_uj;
    }
    out->ms = (double)out->cycles / (p->clock_mhz * 1e3);
    if (out->cycles > 0) {
        out->power_mw = out->energy_uj / out->ms;
        out->utilisation =
            (double)out->macs / ((double)p->rows * (double)p->columns * (double)out->cycles);
    }
    chip_done(&c);
}

void npu_cost_done(struct npu_cost *c)
{
    free(c->layer);
    *c = (struct npu_cost){0};
}
