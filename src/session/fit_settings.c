/* The settings of a training run as words: "epochs 8", "images all". */
#include "session/session_priv.h"

#include <float.h>
#include <stdlib.h>

enum which { EPOCHS, IMAGES, TEST, BATCH, LR, SEED, DATA };

static const struct {
    const char *name, *help;
    int64_t lo, hi; /* lo 0: "all" */
} table[SESSION_FIT_SETTINGS] = {
    [EPOCHS] = {"epochs", "passes over the images", 1, 10000},
    [IMAGES] = {"images", "training images used, or all", 0, INT32_MAX},
    [TEST] = {"test", "test images used, or all", 0, INT32_MAX},
    [BATCH] = {"batch", "images in a step", 1, 65536},
    [LR] = {"lr", "peak of the learning rate", 0, 0},
    [SEED] = {"seed", "of the order of the images and of new weights", 0, INT64_MAX},
    [DATA] = {"data", "folder of IDX files or CIFAR-10's batches, or default", 0, 0},
};

/* What + and - go through; 0: all. */
static const int sizes[] = {256, 500, 1000, 2000, 5000, 10000, 20000, 50000};
static const int batches[] = {8, 16, 32, 64, 128, 256, 512};
static const double rates[] = {0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1};
#define COUNT(a) ((int)(sizeof(a) / sizeof *(a)))

void session_fit_defaults(struct session_fit_settings *set)
{
    *set = (struct session_fit_settings){
        .epochs = 4, .images = 5000, .test = 2000, .batch = 64, .lr = 0.05};
}

const struct session_fit_settings *session_fit_settings(const struct session *s)
{
    return &s->fitting.set;
}

const char *session_fit_name(int i)
{
    return table[i].name;
}

const char *session_fit_help(int i)
{
    return table[i].help;
}

const char *session_fit_value(const struct session_fit_settings *set, int i, char *buf, size_t size)
{
    int n = i == EPOCHS ? set->epochs : i == IMAGES ? set->images : i == TEST ? set->test : 0;
    switch ((enum which)i) {
    case EPOCHS:
    case IMAGES:
    case TEST:
        if (n == 0)
            snprintf(buf, size, "all");
        else
            snprintf(buf, size, "%d", n);
        break;
    case BATCH:
        snprintf(buf, size, "%d", set->batch);
        break;
    case LR:
        snprintf(buf, size, "%g", set->lr);
        break;
    case SEED:
        snprintf(buf, size, "%lld", (long long)set->seed);
        break;
    case DATA:
        snprintf(buf, size, "%s", set->data[0] ? set->data : "Fashion-MNIST");
        break;
    }
    return buf;
}

static enum status set_data(struct session_fit_settings *set, const char *value, struct err *err)
{
    bool usual = strcmp(value, "default") == 0 || strcmp(value, "Fashion-MNIST") == 0;
    if (strlen(value) >= sizeof set->data)
        return err_set(err, ST_USAGE, "the name of the folder is too long");
    snprintf(set->data, sizeof set->data, "%s", usual ? "" : value);
    return ST_OK;
}

enum status session_fit_set(struct session *s, const char *name, const char *value, struct err *err)
{
    struct session_fit_settings *set = &s->fitting.set;
    int64_t v = 0;
    double x = 0;
    int i = 0;
    while (i < SESSION_FIT_SETTINGS && strcmp(table[i].name, name) != 0)
        i++;
    if (i == SESSION_FIT_SETTINGS)
        return err_set(err, ST_USAGE,
                       "no setting '%.60s' (epochs, images, test, batch, lr, seed, data)", name);
    if (i == DATA)
        return set_data(set, value, err);
    bool all = (i == IMAGES || i == TEST) && strcmp(value, "all") == 0;
    if (i == LR) {
        if (!str_to_double(value, &x) || !(x > 0 && x <= FLT_MAX))
            return err_set(err, ST_USAGE, "lr '%.60s' is not a number above 0", value);
    } else if (!all && !str_to_i64(value, table[i].lo, table[i].hi, &v))
        return err_set(err, ST_USAGE, "%s '%.60s' is not a whole number from %lld to %lld%s", name,
                       value, (long long)table[i].lo, (long long)table[i].hi,
                       i == IMAGES || i == TEST ? ", or all" : "");
    switch ((enum which)i) {
    case EPOCHS:
        set->epochs = (int)v;
        break;
    case IMAGES:
        set->images = (int)v;
        break;
    case TEST:
        set->test = (int)v;
        break;
    case BATCH:
        set->batch = (int)v;
        break;
    case LR:
        set->lr = x;
        break;
    case SEED:
        set->seed = (uint64_t)v;
        break;
    case DATA:
        break;
    }
    return ST_OK;
}

/* The neighbour of `now` in an ascending list; itself at the end. */
static int step_int(const int *list, int n, int now, int dir)
{
    if (dir > 0) {
        for (int i = 0; i < n; i++)
            if (list[i] > now)
                return list[i];
    } else
        for (int i = n - 1; i >= 0; i--)
            if (list[i] < now)
                return list[i];
    return now;
}

static int step_size(int now, int dir)
{
    if (now == 0)
        return dir > 0 ? 0 : sizes[COUNT(sizes) - 1];
    int next = step_int(sizes, COUNT(sizes), now, dir);
    return dir > 0 && next == now ? 0 : next;
}

static double step_rate(double now, int dir)
{
    for (int k = 0; k < COUNT(rates); k++) {
        double r = rates[dir > 0 ? k : COUNT(rates) - 1 - k];
        if (dir > 0 ? r > now * 1.001 : r < now * 0.999)
            return r;
    }
    return now;
}

void session_fit_turn(struct session *s, int i, int dir)
{
    struct session_fit_settings *set = &s->fitting.set;
    dir = dir > 0 ? 1 : -1;
    switch ((enum which)i) {
    case EPOCHS:
        if (set->epochs + dir >= 1 && set->epochs + dir <= table[EPOCHS].hi)
            set->epochs += dir;
        break;
    case IMAGES:
        set->images = step_size(set->images, dir);
        break;
    case TEST:
        set->test = step_size(set->test, dir);
        break;
    case BATCH:
        set->batch = step_int(batches, COUNT(batches), set->batch, dir);
        break;
    case LR:
        set->lr = step_rate(set->lr, dir);
        break;
    case SEED:
        if (dir > 0 ? set->seed < INT64_MAX : set->seed > 0)
            set->seed += (uint64_t)(int64_t)dir;
        break;
    case DATA:
        break;
    }
}
