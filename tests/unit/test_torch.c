/* PyTorch modules as text, their weights as bytes, and what is refused. That they compute the same
 * is for tests/diff/test_torch_run.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/file.h"
#include "torch/torch.h"
#include "graph_make.h"
#include "torch_make.h"
#include "../diff/torch_rows.h"

#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

static char dir[] = "/tmp/autogo-torch-XXXXXX";

static int set_up(void **state)
{
    (void)state;
    return mkdtemp(dir) ? 0 : -1;
}

static int tear_down(void **state)
{
    static const char *const names[] = {"net.py", "net.npz"};

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *path = x_asprintf("%s/%s", dir, names[i]);

        unlink(path);
        free(path);
    }
    return rmdir(dir); /* fails when something was left behind */
}

static unsigned char *slurp(const char *name, size_t *size)
{
    char *path = x_asprintf("%s/%s", dir, name);
    unsigned char *data = NULL;

    assert_int_equal(file_read(path, 1 << 24, &data, size, NULL), ST_OK);
    free(path);
    return data;
}

static enum status save(const struct graph *g, struct err *err)
{
    char *path = x_asprintf("%s/net.py", dir);
    enum status st = torch_save(g, path, err);

    free(path);
    return st;
}

/* The module's text; caller frees. */
static char *text_of(struct graph *g)
{
    struct err err = {0};
    size_t size;

    if (save(g, &err) != ST_OK)
        fail_msg("%s", err.msg);
    graph_unref(g);
    return (char *)slurp("net.py", &size);
}

static void check_text(char *text, const char *want)
{
    if (!strstr(text, want))
        fail_msg("'%s' is not in\n%s", want, text);
    free(text);
}

/* ---- networks by hand ---- */

static int32_t add_input(struct graph_edit *e, const char *name)
{
    int32_t id = add(e, OP_INPUT, name, -1, -1);

    graph_edit_mut(e, id)->out[0].type = make_type(e, "Nx4x8x8");
    return id;
}

static struct graph *finish(struct graph_edit *e)
{
    struct graph *g;
    struct err err = {0};

    graph_edit_set_opset(e, 13);
    if (graph_edit_freeze(e, &g, &err) != ST_OK)
        fail_msg("%s", err.msg);
    return g;
}

/* ---- text ---- */

static void test_whole(void **state)
{
    struct graph_edit *e = graph_edit_new(NULL);
    int32_t in = add_input(e, "data"), a, b;

    (void)state;
    graph_edit_set_name(e, "two \"\"\" \\ paths");
    a = add(e, OP_RELU, "layer1.0.relu", in, -1);
    b = add(e, OP_TANH, "layer1.0.tanh", in, -1);
    b = add(e, OP_SIGMOID, "gate", b, -1);
    a = add(e, OP_MUL, "mul", a, b);
    add(e, OP_OUTPUT, "y", a, -1);
    check_text(text_of(finish(e)), "    def forward(self, data):\n"
                                   "        layer1_0_relu = F.relu(data)  # Nx4x8x8\n"
                                   "        x = torch.tanh(data)  # Nx4x8x8\n"
                                   "        x = torch.sigmoid(x)  # Nx4x8x8\n"
                                   "        x = layer1_0_relu * x  # Nx4x8x8\n"
                                   "        return x\n");
}

static void test_head(void **state)
{
    struct graph_edit *e = graph_edit_new(NULL);
    int32_t in = add_input(e, "data");

    (void)state;
    graph_edit_set_name(e, "a \"\"\" \\ name\n\xc3\xa4");
    add(e, OP_OUTPUT, "y", add(e, OP_RELU, "relu", in, -1), -1);
    check_text(text_of(finish(e)),
               "\"\"\"a ??? ? name??? as a PyTorch module, written by autogo.\n\n"
               "Input  data: float Nx4x8x8\nOutput y: float Nx4x8x8\n\n");
}

/* Each name becomes an identifier of its own that neither Python nor nn.Module uses. */
static void test_names(void **state)
{
    static const struct {
        const char *name, *want;
    } names[] = {{"a.b/c", "a_b_c"},
                 {"a b_c", "a_b_c_2"},
                 {"a_b_c_2", "a_b_c_2_2"},
                 {"class", "class_2"},
                 {"forward", "forward_2"},
                 {"x", "x_2"},
                 {"7", "n7"},
                 {"__init__", "init"},
                 {"\xc3\xa4", "node"},
                 {"training", "training_2"}};
    enum { N = sizeof names / sizeof *names };
    struct graph_edit *e = graph_edit_new(NULL);
    int32_t in = add_input(e, "data"), id[N];
    char *text;

    (void)state;
    for (int i = 0; i < N; i++)
        id[i] = add(e, OP_RELU, names[i].name, in, -1);
    for (int i = 0; i < N; i++) /* so that all of them have names */
        for (int k = 0; k < 2; k++)
            add(e, OP_OUTPUT, "", add(e, OP_NEG, "neg", id[i], -1), -1);
    text = text_of(finish(e));
    for (int i = 0; i < N; i++) {
        char *want = x_asprintf("        %s = F.relu(data)  #", names[i].want);

        if (!strstr(text, want))
            fail_msg("'%s' is not in\n%s", want, text);
        free(want);
    }
    free(text);
}

static void test_lines(void **state)
{
    static const struct {
        struct torch_row row;
        const char *want;
    } cases[] = {
        {{"", "Conv", "Nx3x8x8 w4x3x3x3 w4", "pads=0,1,1,1 strides=2,2", 0},
         "        self.the_node = nn.Conv2d(3, 4, 3, stride=2)\n"},
        {{"", "Conv", "Nx3x8x8 w4x3x3x3", "pads=0,1,1,2", 0},
         "        x = self.the_node(F.pad(x, (1, 2, 0, 1)))  # Nx4x7x9\n"},
        {{"", "Conv", "Nx3x8x8 w4x3x3x1", "pads=1,0,1,0", 0},
         "nn.Conv2d(3, 4, (3, 1), padding=(1, 0), bias=False)\n"},
        {{"", "Gemm", "Nx5 w5x7 w7", "", 0}, "        self.the_node = nn.Linear(5, 7)\n"},
        {{"", "BatchNormalization", "Nx4x5x5 w4 w4 w4 p4", "", 0},
         "nn.BatchNorm2d(4, eps=1e-05, momentum=0.1)\n"},
        {{"", "Clip", "Nx4 f0 f6", "", 0}, " = F.relu6(x)"},
        {{"", "Add", "Nx4 w4", "", 0}, "        self.w4 = nn.Parameter(torch.zeros((4,)))\n"},
        {{"", "Sub", "Nx4 w4", "", 0},
         "        self.register_buffer('w4', torch.zeros((4,), dtype=torch.float32))\n"},
        {{"", "Mul", "Nx4 f0.5", "", 0}, " = x * 0.5  # Nx4\n"},
        {{"", "Reshape", "Nx3x4 i-1,12", "", 0}, " = x.reshape(-1, 12)"},
        {{"", "Split", "Nx6x5", "axis=1", 2}, "the_node_0, the_node_1 = x.split([3, 3], dim=1)"},
        {{"", "Split", "Nx6x5", "axis=1", 2}, "        return the_node_0, the_node_1\n"},
        {{"", "DepthToSpace", "Nx12x3x4", "blocksize=2 mode=CRD", 0}, "F.pixel_shuffle(x, 2)"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_text(text_of(make_row(&cases[i].row)), cases[i].want);
}

/* Every operator of the table has a row, and every row can be written. */
static void test_rows(void **state)
{
    bool seen[OP_COUNT] = {[OP_OPAQUE] = true, [OP_INPUT] = true, [OP_OUTPUT] = true};

    (void)state;
    for (int i = 0; i < N_ROWS; i++) {
        free(text_of(make_row(&rows[i])));
        seen[op_from_onnx(rows[i].op)] = true;
    }
    for (int op = 0; op < OP_COUNT; op++)
        if (!seen[op])
            fail_msg("no row for %s", op_info((enum op)op)->onnx);
}

/* What no output needs is not written, whatever it is. */
static void test_dead(void **state)
{
    struct graph_edit *e = graph_edit_new(NULL);
    int32_t in = add_input(e, "data");
    char *text;

    (void)state;
    add(e, OP_OPAQUE, "loose", in, -1);
    add(e, OP_OUTPUT, "y", add(e, OP_RELU, "relu", in, -1), -1);
    text = text_of(finish(e));
    assert_null(strstr(text, "loose"));
    check_text(text, "        x = F.relu(x)  # Nx4x8x8\n        return x\n");
}

/* ---- refusals ---- */

static void check_refused(struct graph *g, const char *want)
{
    struct err err = {0};

    assert_int_equal(save(g, &err), ST_UNSUPPORTED);
    if (!strstr(err.msg, want))
        fail_msg("'%s' is not in '%s'", want, err.msg);
    graph_unref(g);
}

static void test_refused(void **state)
{
    static const struct {
        struct torch_row row;
        const char *want;
    } cases[] = {
        {{"", "Resize", "2x3x4x5 - - i2,3,7,9", "nearest_mode=ceil", 0},
         "node 'the.node' (Resize): PyTorch has no interpolation with its positions"},
        {{"", "Resize", "2x3x4x5 - - i2,6,4,5", "", 0}, "spatial axes only"},
        {{"", "Resize", "2x3x4x5 - - i2,3,8,9", "mode=cubic cubic_coeff_a=-0.5", 0}, "'cubic'"},
        {{"", "MaxPool", "Nx3x8x8", "kernel_shape=2,2", 2}, "its output 1 is used"},
        {{"", "AveragePool", "Nx3x10x7", "kernel_shape=2,2 strides=3,3 pads=1,1,1,1 ceil_mode=1",
          0},
         "padding only"},
        {{"", "Pad", "Nx3x4x5 i0,1,0,0,0,1,0,0", "mode=reflect", 0}, "spatial axes"},
        {{"", "Dropout", "Nx4 f0.5 1", "", 0}, "ratio or mode"},
    };
    struct graph_edit *e = graph_edit_new(NULL);
    int32_t in = add_input(e, "data");

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_refused(make_row(&cases[i].row), cases[i].want);
    add(e, OP_OUTPUT, "y", add(e, OP_OPAQUE, "strange", in, -1), -1);
    check_refused(finish(e), "node 'strange'");
}

/* ---- weights ---- */

static uint32_t get32(const unsigned char *p)
{
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* The array of that name: *header its .npy header, the elements behind it are returned. Checks the
 * directory, the local header and the sum. */
static const unsigned char *find_array(const unsigned char *zip, size_t size, const char *name,
                                       const char **header)
{
    const unsigned char *end = zip + size - 22, *p = zip + get32(end + 16);

    assert_true(get32(end) == 0x06054b50 && get32(end + 16) + get32(end + 12) + 22 == size);
    for (; get32(p) == 0x02014b50; p += 46 + p[28]) {
        const unsigned char *local = zip + get32(p + 42), *data = local + 30 + local[26];

        if (strlen(name) != p[28] || memcmp(p + 46, name, p[28]) != 0)
            continue;
        assert_true(get32(local) == 0x04034b50 && get32(local + 22) == get32(p + 24));
        assert_memory_equal(local + 30, name, strlen(name));
        assert_int_equal(crc32(0, data, get32(p + 24)), get32(p + 16));
        assert_memory_equal(data, "\x93NUMPY\x01\x00", 8);
        assert_int_equal((10 + data[8]) % 64, 0);
        *header = (const char *)data + 10;
        return data + 10 + data[8];
    }
    fail_msg("no %s", name);
    return NULL;
}

static void test_npz(void **state)
{
    const struct torch_row row = {"", "Gemm", "Nx2 w2x3 w3", "", 0};
    struct graph *g = make_row(&row);
    const struct node *n = graph_node(g, graph_find(g, "the.node"));
    float want[6], got[6];
    const char *header;
    size_t size;
    unsigned char *zip, *again;

    (void)state;
    tensor_read(n->in[1].tensor, want);
    assert_int_equal(save(g, NULL), ST_OK);
    zip = slurp("net.npz", &size);
    memcpy(got, find_array(zip, size, "the_node.weight.npy", &header), sizeof got);
    assert_true(str_starts(header, "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2,), }"));
    for (int i = 0; i < 3; i++) /* nn.Linear keeps outputs first */
        for (int k = 0; k < 2; k++)
            assert_true(got[i * 2 + k] == want[k * 3 + i]);
    tensor_read(n->in[2].tensor, want);
    assert_memory_equal(find_array(zip, size, "the_node.bias.npy", &header), want, 12);
    assert_int_equal(save(g, NULL), ST_OK);
    again = slurp("net.npz", &size);
    assert_memory_equal(zip, again, size);
    free(zip);
    free(again);
    graph_unref(g);
}

/* numpy has no bfloat16: its values come as float32. */
static void test_bfloat(void **state)
{
    static const uint16_t bits[6] = {0x3f80, 0xc000, 0x4040, 0x4080, 0xbf00, 0};
    static const float want[6] = {1, 4, -2, -0.5F, 3, 0};
    struct ttype t = {DT_BFLOAT16, 2, {2, 3}};
    struct graph_edit *e = graph_edit_new(NULL);
    int32_t at = add_input(e, "data");
    const char *header;
    unsigned char *zip;
    char *text;
    size_t size;

    (void)state;
    graph_edit_mut(e, at)->out[0].type = (struct ttype){DT_BFLOAT16, 2, {5, 2}};
    at = add(e, OP_GEMM, "gemm", at, -1);
    node_add_const(graph_edit_mut(e, at), tensor_new_bytes("", &t, bits, sizeof bits));
    add(e, OP_OUTPUT, "y", at, -1);
    text = text_of(finish(e));
    zip = slurp("net.npz", &size);
    assert_memory_equal(find_array(zip, size, "gemm.weight.npy", &header), want, sizeof want);
    assert_true(str_starts(header, "{'descr': '<f4',"));
    free(zip);
    check_text(text, "Input  data: float 5x2\n");
}

/* A tensor of two layers is one parameter under both names. */
static void test_shared(void **state)
{
    struct graph_edit *e = graph_edit_new(NULL);
    struct tensor *t = make_random(e, "w4x4x1x1", 0);
    int32_t at = add_input(e, "data");
    const char *header;
    unsigned char *zip;
    char *text;
    size_t size;

    (void)state;
    for (int i = 0; i < 2; i++) {
        at = add(e, OP_CONV, i ? "second" : "first", at, -1);
        node_add_const(graph_edit_mut(e, at), tensor_ref(t));
    }
    add(e, OP_OUTPUT, "y", at, -1);
    text = text_of(finish(e));
    zip = slurp("net.npz", &size);
    assert_memory_equal(find_array(zip, size, "first.weight.npy", &header),
                        find_array(zip, size, "second.weight.npy", &header), 64);
    free(zip);
    tensor_unref(t);
    check_text(text, "        self.second.weight = self.first.weight\n");
}

/* ---- files ---- */

/* When either file cannot be written both stay as they are, and nothing is left beside them. */
static void test_files(void **state)
{
    const struct torch_row row = {"", "Relu", "Nx2", "", 0};
    struct graph *g = make_row(&row);
    char *code = x_asprintf("%s/net.py", dir), *npz = x_asprintf("%s/net.npz", dir);
    struct err err = {0};
    struct stat info;

    (void)state;
    assert_int_equal(torch_save(g, "/nonexistent/net.py", &err), ST_IO);
    assert_non_null(strstr(err.file, "net.npz"));
    unlink(code);
    assert_int_equal(file_write(npz, "old", 3, NULL), ST_OK);
    assert_int_equal(mkdir(code, 0777), 0);
    assert_int_equal(torch_save(g, code, NULL), ST_IO);
    assert_int_equal(stat(npz, &info), 0);
    assert_int_equal(info.st_size, 3);
    assert_int_equal(rmdir(code), 0);
    assert_int_equal(torch_save(g, code, NULL), ST_OK);
    free(code);
    free(npz);
    graph_unref(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),   cmocka_unit_test(test_head),  cmocka_unit_test(test_names),
        cmocka_unit_test(test_lines),   cmocka_unit_test(test_rows),  cmocka_unit_test(test_dead),
        cmocka_unit_test(test_refused), cmocka_unit_test(test_npz),   cmocka_unit_test(test_bfloat),
        cmocka_unit_test(test_shared),  cmocka_unit_test(test_files),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
