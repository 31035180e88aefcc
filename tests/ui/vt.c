#include "vt.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>
#include <vterm.h>

enum { LIMIT_MS = 30000 }; /* sanitizers are slow */

struct vt {
    VTerm *vt;
    VTermScreen *screen;
    int fd, rows, cols;
    pid_t pid;
    bool alternate, cursor, ended;
    int status;
    char *raw, *text;
    size_t n_raw, cap_raw;
};

static void fail(const char *what)
{
    perror(what);
    exit(99);
}

static int on_prop(VTermProp prop, VTermValue *val, void *user)
{
    struct vt *v = user;
    if (prop == VTERM_PROP_ALTSCREEN)
        v->alternate = val->boolean;
    if (prop == VTERM_PROP_CURSORVISIBLE)
        v->cursor = val->boolean;
    return 1;
}

static const VTermScreenCallbacks callbacks = {.settermprop = on_prop};

/* The program sees what is set here and what the sanitizers read, nothing of the caller's. */
static void set_environment(const struct vt_opts *o)
{
    static const char *const kept[] = {"PATH",         "HOME",           "ASAN_OPTIONS",
                                       "LSAN_OPTIONS", "UBSAN_OPTIONS",  "TSAN_OPTIONS",
                                       "AUTOGO_DATA",  "XDG_STATE_HOME", "XDG_DATA_HOME"};
    char *value[sizeof kept / sizeof *kept];
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        value[i] = getenv(kept[i]);
    clearenv();
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        if (value[i])
            setenv(kept[i], value[i], 1);
    setenv("TZ", "UTC", 1);
    setenv("LC_ALL", o->locale ? o->locale : "C.UTF-8", 1);
    if (!o->term || *o->term)
        setenv("TERM", o->term ? o->term : "xterm-256color", 1);
    for (int i = 0; o->env && o->env[i]; i++) {
        char *copy = strdup(o->env[i]), *eq = strchr(copy, '=');
        *eq = 0;
        setenv(copy, eq + 1, 1);
        free(copy);
    }
}

struct vt *vt_start(const char *const *argv, const struct vt_opts *o)
{
    struct vt *v = calloc(1, sizeof *v);
    struct winsize ws = {.ws_row = (unsigned short)o->rows, .ws_col = (unsigned short)o->cols};
    v->rows = o->rows;
    v->cols = o->cols;
    v->cursor = true;
    v->vt = vterm_new(o->rows, o->cols);
    vterm_set_utf8(v->vt, 1);
    v->screen = vterm_obtain_screen(v->vt);
    vterm_screen_set_callbacks(v->screen, &callbacks, v);
    vterm_screen_enable_altscreen(v->screen, 1);
    vterm_screen_reset(v->screen, 1);
    v->pid = forkpty(&v->fd, NULL, NULL, &ws);
    if (v->pid < 0)
        fail("forkpty");
    if (v->pid == 0) {
        set_environment(o);
        execv(argv[0], (char *const *)(size_t)argv);
        fail(argv[0]);
    }
    return v;
}

void vt_free(struct vt *v)
{
    if (!v->ended) {
        kill(v->pid, SIGKILL);
        waitpid(v->pid, NULL, 0);
    }
    close(v->fd);
    vterm_free(v->vt);
    free(v->raw);
    free(v->text);
    free(v);
}

pid_t vt_pid(const struct vt *v)
{
    return v->pid;
}

/* ---- out of the program ---- */

static long now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000L + t.tv_nsec / 1000000L;
}

/* Takes what comes within `ms`; false when nothing came. */
static bool take(struct vt *v, int ms)
{
    struct pollfd fd = {v->fd, POLLIN, 0};
    char buf[65536];
    if (poll(&fd, 1, ms) <= 0)
        return false;
    ssize_t n = read(v->fd, buf, sizeof buf);
    if (n <= 0) { /* the other side is closed */
        usleep((useconds_t)(ms < 20 ? ms : 20) * 1000u);
        return false;
    }
    if (v->n_raw + (size_t)n + 1 > v->cap_raw) {
        v->cap_raw = (v->n_raw + (size_t)n + 1) * 2;
        v->raw = realloc(v->raw, v->cap_raw);
        if (!v->raw)
            fail("realloc");
    }
    memcpy(v->raw + v->n_raw, buf, (size_t)n);
    v->n_raw += (size_t)n;
    v->raw[v->n_raw] = 0;
    vterm_input_write(v->vt, buf, (size_t)n);
    /* Answers of the terminal to questions of the program. */
    size_t m = vterm_output_read(v->vt, buf, sizeof buf);
    if (m > 0 && write(v->fd, buf, m) < 0)
        fail("write");
    return true;
}

void vt_quiet(struct vt *v, int ms)
{
    long end = now_ms() + LIMIT_MS;
    while (now_ms() < end && take(v, ms))
        ;
}

static size_t put_utf8(unsigned c, char *out)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xc0 | c >> 6);
        out[1] = (char)(0x80 | (c & 63));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xe0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 63));
        out[2] = (char)(0x80 | (c & 63));
        return 3;
    }
    out[0] = (char)(0xf0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 63));
    out[2] = (char)(0x80 | (c >> 6 & 63));
    out[3] = (char)(0x80 | (c & 63));
    return 4;
}

const char *vt_text(struct vt *v)
{
    free(v->text);
    v->text = calloc(1, (size_t)v->rows * ((size_t)v->cols * 4 + 1) + 1);
    char *out = v->text;
    for (int y = 0; y < v->rows; y++) {
        char *line = out;
        for (int x = 0; x < v->cols;) {
            VTermScreenCell cell;
            memset(&cell, 0, sizeof cell);
            vterm_screen_get_cell(v->screen, (VTermPos){y, x}, &cell);
            out +=
                put_utf8(cell.chars[0] && cell.chars[0] != (uint32_t)-1 ? cell.chars[0] : ' ', out);
            x += cell.width > 0 ? cell.width : 1;
        }
        while (out > line && out[-1] == ' ')
            out--;
        *out++ = '\n';
    }
    *out = 0;
    return v->text;
}

/* ---- pictures ---- */

enum { CELL_W = 8, CELL_H = 16, BASE_LINE = 12 }; /* of a font of 13.33 px, in pixels */

static unsigned rgb(struct vt *v, VTermColor c, unsigned usual)
{
    if (VTERM_COLOR_IS_DEFAULT_FG(&c) || VTERM_COLOR_IS_DEFAULT_BG(&c))
        return usual;
    vterm_screen_convert_color_to_rgb(v->screen, &c);
    return (unsigned)c.rgb.red << 16 | (unsigned)c.rgb.green << 8 | c.rgb.blue;
}

static void add_char(FILE *f, uint32_t c)
{
    if (c == '<' || c == '>' || c == '&')
        fprintf(f, "&#%u;", (unsigned)c);
    else {
        char text[8] = "";
        text[put_utf8(c, text)] = 0;
        fputs(text, f);
    }
}

/* A cell's background, then its character: each at its place, whatever the font's widths are. */
static void draw_cell(struct vt *v, FILE *f, int y, int x)
{
    VTermScreenCell cell;
    memset(&cell, 0, sizeof cell);
    vterm_screen_get_cell(v->screen, (VTermPos){y, x}, &cell);
    unsigned front = rgb(v, cell.fg, 0xd0d0d0), back = rgb(v, cell.bg, 0x1c1c1c);
    if (cell.attrs.reverse) {
        unsigned t = front;
        front = back;
        back = t;
    }
    if (back != 0x1c1c1c)
        fprintf(f, "<rect x='%d' y='%d' width='%d' height='%d' fill='#%06x'/>\n", x * CELL_W,
                y * CELL_H, CELL_W, CELL_H, back);
    uint32_t c = cell.chars[0] == (uint32_t)-1 ? 0 : cell.chars[0];
    if (!c || c == ' ')
        return;
    fprintf(f, "<text x='%d' y='%d' fill='#%06x'%s>", x * CELL_W, y * CELL_H + BASE_LINE, front,
            cell.attrs.bold ? " font-weight='bold'" : "");
    add_char(f, c);
    fputs("</text>\n", f);
}

bool vt_picture(struct vt *v, const char *path)
{
    FILE *f = fopen(path, "w");
    if (!f)
        return false;
    int w = v->cols * CELL_W, h = v->rows * CELL_H;
    fprintf(f,
            "<svg xmlns='http://www.w3.org/2000/svg' width='%d' height='%d' "
            "font-family='DejaVu Sans Mono' font-size='13.33px'>\n"
            "<rect width='%d' height='%d' fill='#1c1c1c'/>\n",
            w, h, w, h);
    for (int y = 0; y < v->rows; y++)
        for (int x = 0; x < v->cols; x++)
            draw_cell(v, f, y, x);
    fputs("</svg>\n", f);
    return fclose(f) == 0;
}

const char *vt_raw(struct vt *v, size_t *n)
{
    *n = v->n_raw;
    return v->raw ? v->raw : "";
}

bool vt_expect(struct vt *v, const char *text)
{
    long end = now_ms() + LIMIT_MS;
    while (!strstr(vt_text(v), text)) {
        if (now_ms() > end) {
            printf("the screen never showed '%s':\n%s", text, vt_text(v));
            return false;
        }
        take(v, 50);
    }
    return true;
}

static bool busy(struct vt *v)
{
    const char *t = vt_text(v), *end = strchr(t, '\n');
    const char *w = strstr(t, "working");
    if (w && w < end)
        return true;
    for (const char *p = t; p + 2 < end; p++)
        if (isdigit((unsigned char)p[0]) && p[1] == '/' && isdigit((unsigned char)p[2]))
            return true;
    return false;
}

void vt_settle(struct vt *v)
{
    long end = now_ms() + LIMIT_MS;
    do
        vt_quiet(v, 60);
    while (busy(v) && now_ms() < end);
}

bool vt_alternate(const struct vt *v)
{
    return v->alternate;
}

bool vt_cursor(const struct vt *v)
{
    return v->cursor;
}

bool vt_cooked(const struct vt *v)
{
    struct termios t;
    return tcgetattr(v->fd, &t) == 0 && (t.c_lflag & ECHO) && (t.c_lflag & ICANON);
}

int vt_wait(struct vt *v)
{
    long end = now_ms() + LIMIT_MS;
    while (now_ms() < end && !v->ended) {
        take(v, 20);
        if (waitpid(v->pid, &v->status, WNOHANG) == v->pid)
            v->ended = true;
    }
    while (take(v, 20))
        ;
    return v->ended ? v->status : -1;
}

/* ---- into the program ---- */

static void put(struct vt *v, const char *s, size_t n)
{
    while (n > 0) {
        ssize_t k = write(v->fd, s, n);
        if (k < 0 && errno == EINTR)
            continue;
        if (k <= 0)
            return; /* it has ended */
        s += k;
        n -= (size_t)k;
    }
}

void vt_type(struct vt *v, const char *text)
{
    put(v, text, strlen(text));
}

void vt_keys(struct vt *v, const char *words)
{
    static const struct {
        const char *name, *bytes;
    } keys[] = {
        {"Enter", "\r"},     {"Esc", "\033"},     {"Tab", "\t"},       {"Space", " "},
        {"Up", "\033OA"},    {"Down", "\033OB"},  {"Right", "\033OC"}, {"Left", "\033OD"},
        {"PgUp", "\033[5~"}, {"PgDn", "\033[6~"}, {"F1", "\033OP"},    {"Backspace", "\177"},
    };
    char copy[512], *save = NULL;
    snprintf(copy, sizeof copy, "%s", words);
    for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save)) {
        const char *bytes = w;
        char ctrl[2] = {0};
        for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
            if (strcmp(keys[i].name, w) == 0)
                bytes = keys[i].bytes;
        if (w[0] == '^' && w[1] && !w[2]) {
            ctrl[0] = (char)(w[1] & 31);
            bytes = ctrl;
        }
        vt_type(v, bytes);
        /* A lone escape is told from the start of a sequence by time. */
        if (strcmp(w, "Esc") == 0)
            vt_quiet(v, 60);
    }
}

void vt_resize(struct vt *v, int rows, int cols)
{
    struct winsize ws = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)cols};
    v->rows = rows;
    v->cols = cols;
    vterm_set_size(v->vt, rows, cols);
    ioctl(v->fd, TIOCSWINSZ, &ws);
}

/* ---- saved screens ---- */

/* The number that ends at `end` becomes "#.#", whatever its width was. */
static void mask_number(char *line, char *end)
{
    char *from = end;
    while (from > line && (isdigit((unsigned char)from[-1]) || from[-1] == '.'))
        from--;
    if (from == end)
        return;
    char *rest = strdup(end);
    sprintf(from, "#.#%s", rest);
    free(rest);
}

/* Cell `at` of a line of UTF-8; NULL when the line is shorter. */
static char *cell_at(char *line, long at)
{
    for (; *line; line++)
        if (((unsigned char)*line & 0xc0) != 0x80 && at-- == 0)
            return line;
    return NULL;
}

static void mask_line(char *line, long *ms_end)
{
    size_t n = strlen(line);
    char *rule = strstr(line, "rank"), *p;
    if (rule && n > 3 && (p = strstr(line, " ms")) && (!p[3] || p[3] == ' '))
        *ms_end = p + 3 - line;
    else if (strncmp(line, "\u2500\u2500\u2500", 9) == 0 || strncmp(line, "---", 3) == 0)
        *ms_end = -1;
    else if (*ms_end > 0 && (p = cell_at(line, *ms_end - 5)) && isdigit((unsigned char)p[4]))
        memcpy(p, "  #.#", 5);
    for (p = strstr(line, " ms"); p; p = strstr(p + 3, " ms"))
        mask_number(line, p);
    for (p = line; strlen(p) >= 8; p++)
        if (isdigit((unsigned char)p[0]) && p[2] == ':' && p[5] == ':' &&
            isdigit((unsigned char)p[7]))
            memcpy(p, "##:##:##", 8);
    p = strstr(line, "/autogo-ui-");
    if (p && strlen(p) >= 17)
        memcpy(p + 11, "######", 6);
    p = strstr(line, " journal /");
    if (p)
        strcpy(p, " journal #");
}

/* What differs from run to run: times in ms, the clock, the column "ms" of a table, the journal's
 * path, the folder of a run. */
const char *vt_masked(struct vt *v)
{
    vt_text(v);
    size_t size = strlen(v->text) + (size_t)v->rows * 16 + 1;
    char *out = calloc(1, size), *save = NULL, line[4096];
    size_t n = 0;
    long ms_end = -1; /* where the ms column ends, while inside its table */
    for (char *p = v->text; *p; p = save) {
        save = strchr(p, '\n') + 1;
        snprintf(line, sizeof line, "%.*s", (int)(save - p - 1), p);
        mask_line(line, &ms_end);
        n += (size_t)snprintf(out + n, size - n, "%s\n", line);
    }
    free(v->text);
    v->text = out;
    return out;
}

static char *read_file(const char *path)
{
    FILE *f = fopen(path, "r");
    if (!f)
        return NULL;
    char *s = calloc(1, 1 << 18);
    size_t n = fread(s, 1, (1 << 18) - 1, f);
    s[n] = 0;
    fclose(f);
    return s;
}

bool vt_matches(struct vt *v, const char *name)
{
    char path[512];
    const char *top = getenv("srcdir");
    snprintf(path, sizeof path, "%s/tests/ui/screens/%s.%dx%d.txt", top ? top : SRCDIR, name,
             v->cols, v->rows);
    if (getenv("UPDATE")) {
        do
            vt_settle(v), vt_quiet(v, 400);
        while (busy(v));
        FILE *f = fopen(path, "w");
        if (!f)
            fail(path);
        fputs(vt_masked(v), f);
        fclose(f);
        return true;
    }
    char *want = read_file(path);
    long end = now_ms() + LIMIT_MS;
    bool same = false;
    if (!want) {
        printf("%s: %s\n", path, strerror(errno));
        return false;
    }
    while (!(same = strcmp(vt_masked(v), want) == 0) && now_ms() < end)
        take(v, 50);
    if (!same)
        printf("%s differs. Wanted:\n%s\nGot:\n%s\n", path, want, vt_masked(v));
    free(want);
    return same;
}
