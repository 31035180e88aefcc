/* Pictures in a file. */
#include "dot/dot_priv.h"

#include "base/file.h"

#include <string.h>

enum { RENDER_LIMIT_S = 120 };

enum status dot_render(const char *dot, const char *format, const char *path, struct err *err)
{
    if (strcmp(format, "dot") == 0)
        return file_write(path, dot, strlen(dot), err);
    if (strcmp(format, "svg") != 0 && strcmp(format, "png") != 0 && strcmp(format, "pdf") != 0)
        return err_set(err, ST_USAGE, "no picture format '%s' (svg, png, pdf, dot)", format);
    struct file_writer w;
    TRY(file_writer_open(&w, path, err));
    struct dot_gv_render job = {dot, format};
    struct str reply = {0};
    enum status st = dot_child(dot_gv_render, &job, fileno(w.f), RENDER_LIMIT_S, NULL, &reply, err);
    str_done(&reply);
    if (st != ST_OK) {
        file_writer_discard(&w);
        err_in_file(err, path);
        return st;
    }
    return file_writer_commit(&w, err);
}
