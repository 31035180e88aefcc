/* Operators that move elements without computing. */
#include "torch/torch_priv.h"

/* ---- joining and cutting ---- */

enum status torch_concat(struct writer *w)
{
    const char *x;

    torch_expr(w, "torch.cat((");
    for (int i = 0; i < w->n->n_in; i++) {
        TRY(torch_in(w, i, &x));
        torch_expr(w, "%s%s", i ? ", " : "", x);
    }
    torch_expr(w, "%s), dim=%d)", w->n->n_in == 1 ? "," : "",
               ttype_axis(node_int(w->n, "axis", 0), torch_out(w)->rank));
    return ST_OK;
}

enum status torch_split(struct writer *w)
{
    int axis = ttype_axis(node_int(w->n, "axis", 0), torch_type(w, 0)->rank);
    struct str sizes = {0};
    const char *x;

    TRY(torch_in(w, 0, &x));
    for (int k = 0; k < w->n->n_out; k++) {
        int64_t size = graph_type(w->g, (struct value_ref){w->id, k})->dim[axis];

        if (size < 0) {
            str_done(&sizes);
            return torch_refuse(w, "its sizes are open");
        }
        str_addf(&sizes, "%s%lld", k ? ", " : "", (long long)size);
    }
    torch_expr(w, "%s.split([%s], dim=%d)", x, str_text(&sizes), axis);
    str_done(&sizes);
    return ST_OK;
}

struct cut {
    bool used;
    int64_t start, end, step;
};

/* PyTorch slices forwards only: a backward slice is one of the reversed axis. */
static enum status turn(struct writer *w, int axis, struct cut *c, struct str *flips)
{
    int64_t dim = torch_type(w, 0)->dim[axis], count = torch_out(w)->dim[axis];

    if (dim < 0 || count < 0)
        return torch_refuse(w, "goes backwards through an axis of open size");
    c->start = c->start < 0 ? c->start + dim : c->start;
    c->start = c->start < 0 ? 0 : c->start > dim - 1 ? dim - 1 : c->start;
    c->start = dim - 1 - c->start;
    c->step = count > 1 ? -c->step : 1;
    c->end = count ? c->start + (count - 1) * c->step + 1 : c->start;
    str_addf(flips, "%s%d", flips->n ? ", " : "", axis);
    return ST_OK;
}

static void write_cuts(struct writer *w, const struct cut *cut, int rank)
{
    int last = rank;

    while (last > 0 && !cut[last - 1].used)
        last--;
    if (last == 0)
        return;
    torch_expr(w, "[");
    for (int a = 0; a < last; a++) {
        const struct cut *c = &cut[a];

        torch_expr(w, "%s", a ? ", " : "");
        if (c->used && c->start != 0)
            torch_expr(w, "%lld", (long long)c->start);
        torch_expr(w, ":");
        if (c->used && c->end < INT32_MAX)
            torch_expr(w, "%lld", (long long)c->end);
        if (c->used && c->step != 1)
            torch_expr(w, ":%lld", (long long)c->step);
    }
    torch_expr(w, "]");
}

enum status torch_slice(struct writer *w)
{
    int64_t v[4][TTYPE_MAX_RANK];
    struct cut cut[TTYPE_MAX_RANK] = {{0}};
    int n[4], rank = torch_type(w, 0)->rank;
    struct str flips = {0};
    enum status st = ST_OK;
    const char *x;

    for (int i = 0; i < 4; i++)
        TRY(torch_ints(w, 1 + i, v[i], TTYPE_MAX_RANK, &n[i]));
    TRY(torch_in(w, 0, &x));
    for (int i = 0; i < n[0] && st == ST_OK; i++) {
        int axis = n[2] < 0 ? i : ttype_axis(v[2][i], rank);

        cut[axis] = (struct cut){true, v[0][i], v[1][i], n[3] < 0 ? 1 : v[3][i]};
        if (cut[axis].step < 0)
            st = turn(w, axis, &cut[axis], &flips);
    }
    if (st == ST_OK) {
        torch_expr(w, "%s", x);
        if (flips.n)
            torch_expr(w, ".flip(%s)", str_text(&flips));
        write_cuts(w, cut, rank);
    }
    str_done(&flips);
    return st;
}

enum status torch_pad(struct writer *w)
{
    const char *mode = node_string(w->n, "mode", "constant"), *x, *value;
    int64_t pads[2 * TTYPE_MAX_RANK], turned[2 * TTYPE_MAX_RANK];
    int n, rank = torch_type(w, 0)->rank, axes = 0;
    bool constant = !strcmp(mode, "constant");

    TRY(torch_ints(w, 1, pads, 2 * TTYPE_MAX_RANK, &n));
    TRY(torch_in(w, 0, &x));
    for (int a = 0; a < rank; a++) {
        int back = rank - 1 - a; /* F.pad counts from the last axis */

        turned[2 * a] = pads[back];
        turned[2 * a + 1] = pads[rank + back];
        if (pads[back] || pads[rank + back])
            axes = a + 1;
        if (!constant && (pads[back] < 0 || pads[rank + back] < 0))
            return torch_refuse(w, "PyTorch cuts off by mode 'constant' only");
    }
    if (axes == 0) {
        torch_expr(w, "%s", x);
        return ST_OK;
    }
    if (constant) {
        torch_expr(w, "F.pad(%s, %s", x, torch_tuple(w, turned, 2 * axes));
        if (torch_has(w, 2)) {
            TRY(torch_in_number(w, 2, &value));
            torch_expr(w, torch_is_number(w, 2) ? ", value=%s" : ", value=%s.item()", value);
        }
        torch_expr(w, ")");
        return ST_OK;
    }
    if (!torch_is_float(torch_type(w, 0)->dtype))
        return torch_refuse(w, "PyTorch pads no %s by mode '%.20s'",
                            dtype_name(torch_type(w, 0)->dtype), mode);
    if (rank < 3 || rank > 5 || axes > rank - 2)
        return torch_refuse(w, "PyTorch pads only spatial axes by mode '%.20s'", mode);
    torch_expr(w, "F.pad(%s, %s, mode='%s')", x, torch_tuple(w, turned, 2 * (rank - 2)),
               !strcmp(mode, "reflect") ? "reflect" : "replicate");
    return ST_OK;
}

/* ---- the same elements in another shape ---- */

/* Reshape, Flatten: the first axis is left to PyTorch where all others are known, so that any
 * batch will do. */
enum status torch_view(struct writer *w)
{
    const struct ttype *from = torch_type(w, 0), *to = torch_out(w);
    bool first = to->rank > 0, wild = false;
    const char *x;

    TRY(torch_in(w, 0, &x));
    if (w->n->op == OP_FLATTEN && from->rank > 1 && node_int(w->n, "axis", 1) == 1) {
        torch_expr(w, "%s.flatten(1)", x);
        return ST_OK;
    }
    for (int i = 1; i < to->rank; i++)
        first &= to->dim[i] > 0;
    torch_expr(w, "%s.reshape(%s", x, to->rank ? "" : "()");
    for (int i = 0; i < to->rank; i++) {
        bool copied = i < from->rank && DIM_IS_SYM(to->dim[i]) && from->dim[i] == to->dim[i];

        torch_expr(w, "%s", i ? ", " : "");
        if (to->dim[i] >= 0 && !(i == 0 && first)) {
            torch_expr(w, "%lld", (long long)to->dim[i]);
        } else if (copied && !first) {
            torch_expr(w, "%s.shape[%d]", x, i);
        } else if (!wild) {
            wild = true;
            torch_expr(w, "-1");
        } else {
            return torch_refuse(w, "several of its sizes are open");
        }
    }
    torch_expr(w, ")");
    return ST_OK;
}

enum status torch_squeeze(struct writer *w)
{
    bool un = w->n->op == OP_UNSQUEEZE;
    int rank = un ? torch_out(w)->rank : torch_type(w, 0)->rank, n;
    int64_t axes[TTYPE_MAX_RANK];
    unsigned mask = 0;
    const char *x;

    TRY(torch_ints(w, 1, axes, TTYPE_MAX_RANK, &n));
    TRY(torch_in(w, 0, &x));
    for (int i = 0; i < n; i++)
        mask |= 1u << ttype_axis(axes[i], rank);
    for (int a = 0; a < rank && n < 0; a++)
        mask |= torch_type(w, 0)->dim[a] == 1 ? 1u << a : 0;
    torch_expr(w, "%s", x);
    for (int i = 0; i < rank; i++) {
        int a = un ? i : rank - 1 - i;

        if (mask & 1u << a)
            torch_expr(w, ".%s(%d)", torch_call(w), a);
    }
    return ST_OK;
}

enum status torch_transpose(struct writer *w)
{
    int rank = torch_type(w, 0)->rank;
    int64_t perm[TTYPE_MAX_RANK];
    const char *x;

    TRY(torch_in(w, 0, &x));
    for (int i = 0; i < rank; i++)
        perm[i] = node_ints_at(w->n, "perm", (size_t)i, rank - 1 - i);
    if (rank < 2)
        torch_expr(w, "%s", x);
    else
        torch_expr(w, "%s.permute%s", x, torch_tuple(w, perm, rank));
    return ST_OK;
}

/* PyTorch has each channel's block together (CRD); where ONNX has each position's channels together
 * (DCR, and always in SpaceToDepth), the channels change order before or after. */
enum status torch_depth(struct writer *w)
{
    bool to_space = w->n->op == OP_DEPTHTOSPACE;
    bool crd = to_space && !strcmp(node_string(w->n, "mode", "DCR"), "CRD");
    long long b = node_int(w->n, "blocksize", 1);
    long long c = (to_space ? torch_out(w) : torch_type(w, 0))->dim[1];
    const char *x;

    TRY(torch_in(w, 0, &x));
    if (c < 1 && !crd)
        return torch_refuse(w, "its channels are open");
    if (crd)
        torch_expr(w, "F.pixel_shuffle(%s, %lld)", x, b);
    else if (to_space)
        torch_expr(w,
                   "F.pixel_shuffle(%s.unflatten(1, (%lld, %lld)).transpose(1, 2).flatten(1, 2), "
                   "%lld)",
                   x, b * b, c, b);
    else
        torch_expr(w,
                   "F.pixel_unshuffle(%s, %lld).unflatten(1, (%lld, %lld)).transpose(1, 2)"
                   ".flatten(1, 2)",
                   x, b, c, b * b);
    return ST_OK;
}
