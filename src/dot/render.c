/* Pictures in a file. */
#include "dot/dot_priv.h"

#include "base/file.h"

#include <errno.h>
#include <string.h>

enum { RENDER_LIMIT_S = 120 };

static enum status render(const char *dot, const char *format, FILE *to, struct err *err)
{
    struct dot_gv_render job = {dot, format};
    struct str reply = {0};
    enum status st = dot_child(dot_gv_render, &job, fileno(to), RENDER_LIMIT_S, NULL, &reply, err);
    str_done(&reply);
    return st;
}

enum status dot_render(const char *dot, const char *format, const char *path, struct err *err)
{
    if (strcmp(format, "dot") == 0)
        return file_write(path, dot, strlen(dot), err);
    if (strcmp(format, "svg") != 0 && strcmp(format, "png") != 0 && strcmp(format, "pdf") != 0)
        return err_set(err, ST_USAGE, "no picture format '%s' (svg, png, pdf, dot)", format);
    struct file_writer w;
    TRY(file_writer_open(&w, path, err));
    enum status st = render(dot, format, w.f, err);
    if (st != ST_OK) {
        file_writer_discard(&w);
        err_in_file(err, path);
        return st;
    }
    return file_writer_commit(&w, err);
}

enum status dot_render_svg(const char *dot, struct str *out, struct err *err)
{
    struct str text = {0};
    char buf[16384];
    size_t n;
    FILE *f = tmpfile();
    if (!f)
        return err_set(err, ST_IO, "no temporary file: %s", strerror(errno));
    enum status st = render(dot, "svg", f, err);
    rewind(f); /* the child wrote through the same file offset */
    while (st == ST_OK && (n = fread(buf, 1, sizeof buf, f)) > 0)
        str_add_n(&text, buf, n);
    fclose(f);
    const char *svg = strstr(str_text(&text), "<svg");
    if (svg)
        str_add(out, svg);
    else if (st == ST_OK)
        st = err_set(err, ST_UNSUPPORTED, "Graphviz drew nothing");
    str_done(&text);
    return st;
}
