/* Models opened before: file_xdg STATE "recent", one name a line, newest first. A file that cannot
 * be read or written is no reason to complain. */
#include "ui/ui_priv.h"

#include "base/file.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RECENT_MAX 20

static void put(struct ui *ui, const char *spec, bool first)
{
    for (size_t i = 0; i < ui->recent.n; i++)
        if (strcmp(ui->recent.at[i], spec) == 0) {
            if (!first)
                return;
            free(ui->recent.at[i]);
            memmove(ui->recent.at + i, ui->recent.at + i + 1,
                    (--ui->recent.n - i) * sizeof *ui->recent.at);
            break;
        }
    if (ui->recent.n == RECENT_MAX) {
        if (!first)
            return;
        free(ui->recent.at[--ui->recent.n]);
    }
    vec_push(&ui->recent, x_strdup(spec));
    if (first) {
        char *s = ui->recent.at[ui->recent.n - 1];
        memmove(ui->recent.at + 1, ui->recent.at, (ui->recent.n - 1) * sizeof *ui->recent.at);
        ui->recent.at[0] = s;
    }
}

void recent_load(struct ui *ui)
{
    char *path = file_xdg("STATE", "recent", 0);
    unsigned char *data = NULL;
    size_t size;
    if (path && access(path, R_OK) == 0 && file_read(path, 1 << 16, &data, &size, NULL) == ST_OK) {
        char *save = NULL;
        for (char *l = strtok_r((char *)data, "\n", &save); l; l = strtok_r(NULL, "\n", &save))
            put(ui, l, false);
    }
    free(data);
    free(path);
}

void recent_add(struct ui *ui, const char *spec)
{
    char *full = NULL;
    struct str out = {0};
    if (strchr(spec, '\n') || ui->read_only)
        return;
    if (access(spec, F_OK) == 0)
        full = realpath(spec, NULL);
    put(ui, full ? full : spec, true);
    free(full);
    for (size_t i = 0; i < ui->recent.n; i++)
        str_addf(&out, "%s\n", ui->recent.at[i]);
    char *path = file_xdg("STATE", "recent", 1);
    if (path)
        file_write(path, str_text(&out), out.n, NULL);
    free(path);
    str_done(&out);
}

void recent_done(struct ui *ui)
{
    for (size_t i = 0; i < ui->recent.n; i++)
        free(ui->recent.at[i]);
    vec_done(&ui->recent);
}

int ui_recent(struct ui *ui, const char **out, int n)
{
    int k = 0;
    for (size_t i = 0; i < ui->recent.n && k < n; i++)
        out[k++] = ui->recent.at[i];
    return k;
}
