/* Versions brought to the compare view, and what it shows written to files. */
#include "ui/ui_priv.h"

#include "base/mem.h"

#include <stdio.h>

static void title_of(const struct session_version *v, char *buf, size_t size)
{
    snprintf(buf, size, *v->name ? "version %d \"%s\"" : "version %d", v->id, v->name);
}

void ui_compare_versions(struct ui *ui, int a, int b)
{
    const struct session_version *va = session_version(ui->tab->session, a),
                                 *vb = session_version(ui->tab->session, b);
    char title[2][80];
    title_of(va, title[0], sizeof title[0]);
    title_of(vb, title[1], sizeof title[1]);
    ui_compare(ui, va->graph, title[0], vb->graph, title[1], (int[]){a, b});
}

enum status command_diff(struct ui *ui, const char *line, struct err *err)
{
    struct str out = {0};
    int a, b;
    enum status st = session_command(ui->tab->session, line, SESSION_ASYNC, &out, err);
    if (st == ST_OK) {
        ui_did(ui, "%s", line);
        if (session_diffed(ui->tab->session, &a, &b))
            ui_compare_versions(ui, a, b);
        else
            ui_say(ui, "%.*s", (int)strcspn(str_text(&out), "\n"), str_text(&out));
    }
    str_done(&out);
    return st;
}

/* ---- writing ---- */

static void write_now(struct ui *ui, bool yes)
{
    const struct ui_pair *p = &ui->tab->pair;
    struct comparison_said said[2] = {{p->a_title, "", ""}, {p->b_title, "", ""}};
    char word[600], title[2][32];
    struct comparison c;
    struct err err = {0};
    if (!yes) {
        ui_say(ui, "not written");
        return;
    }
    for (int k = 0; k < 2 && !p->candidate; k++) {
        const struct session_version *v = session_version(ui->tab->session, p->version[k]);
        snprintf(title[k], sizeof title[k], "version %d", v->id);
        said[k] = (struct comparison_said){title[k], v->name, v->note};
    }
    comparison_init(&c, p->a, p->b, p->n_same);
    if (session_compare_later(ui->tab->session, &c, said, ui->path, &err) != ST_OK)
        ui_fail(ui, &err);
    else {
        if (!p->candidate)
            ui_did(ui, "diff %d %d %s", p->version[0], p->version[1],
                   ui_quoted(ui->path, word, sizeof word));
        ui_say(ui, "writing %s ...", ui->path);
    }
    comparison_done(&c);
}

void ui_save_comparison(struct ui *ui, const char *path)
{
    command_ask_to_write(ui, path, write_now);
}
