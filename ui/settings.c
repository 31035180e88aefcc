/* The settings of repairs by a key; all of them are on the ':' line (`set`). */
#include "ui/repair_words.h"
#include "ui/view.h"

#include <string.h>

/* What a key goes round; a value that is not there goes to the first. */
static const int grows[] = {0, 4, 16}, multiples[] = {0, 8, 16, 32};

static int after(const int *value, size_t n, int now)
{
    for (size_t i = 0; i < n; i++)
        if (value[i] == now)
            return value[(i + 1) % n];
    return value[0];
}

static bool choose(struct ui *ui, int *value, const char *arg, int next)
{
    int64_t n = next;
    if (*arg && !str_to_i64(arg, 0, INT32_MAX, &n)) {
        ui_say(ui, "'%s' is no number", arg);
        return false;
    }
    *value = (int)n;
    return true;
}

void ui_set_repair(struct ui *ui, enum action a, const char *arg)
{
    struct session *s = ui_session(ui);
    struct session_repair r = *session_repair(s);
    struct err err = {0};
    char text[128];
    if (a == ACTION_ADAPT)
        r.adapt = !r.adapt;
    else if (a == ACTION_GROW) {
        if (!choose(ui, &r.grow, arg, after(grows, sizeof grows / sizeof *grows, r.grow)))
            return;
    } else if (!choose(ui, &r.multiple, arg,
                       after(multiples, sizeof multiples / sizeof *multiples, r.multiple)))
        return;
    if (session_set_repair(s, &r, &err) != ST_OK) {
        ui_fail(ui, &err);
        return;
    }
    if (a == ACTION_ADAPT)
        ui_did(ui, "set adapt %s", r.adapt ? "on" : "off");
    else
        ui_did(ui, "set %s %d", a == ACTION_GROW ? "grow" : "multiple",
               a == ACTION_GROW ? r.grow : r.multiple);
    ui_pop_to(ui, ui_has_view(ui, VIEW_CANDIDATES) ? VIEW_CANDIDATES : VIEW_SEGMENTS);
    repair_settings(&r, text, sizeof text);
    ui_say(ui, "repairs: %s", *text ? text : "as usual");
}
