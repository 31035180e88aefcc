/* See screen.h. The strings that give the terminal back are looked up when it is taken, because a
 * crash handler may call neither terminfo nor stdio. */
#include "ui/screen.h"

#include "base/mem.h"
#include "ui/input.h"
#include "ui/text.h"

#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <locale.h>
#include <ncurses.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <term.h>
#include <termios.h>
#include <unistd.h>

#define MAX_COLS 1024

/* What is pasted comes in brackets; a terminal that does not know the mode ignores it. */
#define PASTE_ON "\033[?2004h"
#define PASTE_OFF "\033[?2004l"

static struct {
    SCREEN *term;
    struct termios saved;
    char rescue[256];
    size_t rescue_n;
    volatile sig_atomic_t taken;
    volatile sig_atomic_t quit_signal;
    int interrupt;
    int pipe[2];
    bool ascii, ascii_terminal;
    int click_y, click_x;
    bool mouse_more;
} screen = {.pipe = {-1, -1}};

/* ---- signals ---- */

static const int crash_signals[] = {SIGSEGV, SIGFPE, SIGILL, SIGBUS, SIGABRT};
static const int loop_signals[] = {SIGWINCH, SIGINT, SIGTERM, SIGHUP, SIGTSTP, SIGCONT};
#define N_CRASH (sizeof crash_signals / sizeof crash_signals[0])
#define N_LOOP (sizeof loop_signals / sizeof loop_signals[0])

void screen_rescue(void)
{
    if (!screen.taken)
        return;
    screen.taken = 0;
    size_t at = 0;
    while (at < screen.rescue_n) {
        ssize_t n = write(STDOUT_FILENO, screen.rescue + at, screen.rescue_n - at);
        if (n <= 0)
            break;
        at += (size_t)n;
    }
    tcsetattr(STDIN_FILENO, TCSANOW, &screen.saved);
}

static void on_crash(int sig)
{
    const char *what = sig == SIGSEGV  ? "SIGSEGV"
                       : sig == SIGFPE ? "SIGFPE"
                       : sig == SIGILL ? "SIGILL"
                       : sig == SIGBUS ? "SIGBUS"
                                       : "SIGABRT";
    char line[160] = "autogo: crashed (";
    screen_rescue();
    size_t n = strlen(line);
    for (const char *p = what; *p; p++)
        line[n++] = *p;
    for (const char *p = "); applied edits are in the journal, start again to go on\n"; *p; p++)
        line[n++] = *p;
    ssize_t ignored = write(STDERR_FILENO, line, n);
    (void)ignored;
    struct sigaction dfl;
    memset(&dfl, 0, sizeof dfl);
    dfl.sa_handler = SIG_DFL;
    sigaction(sig, &dfl, NULL);
    raise(sig);
}

static void on_signal(int sig)
{
    int keep = errno;
    unsigned char b = (unsigned char)sig;
    if (sig == SIGTERM || sig == SIGHUP)
        screen.quit_signal = sig;
    if (sig == SIGINT || sig == SIGTERM || sig == SIGHUP)
        __atomic_store_n(&screen.interrupt, 1, __ATOMIC_RELAXED);
    ssize_t ignored = write(screen.pipe[1], &b, 1);
    (void)ignored;
    errno = keep;
}

static void handle(int sig, void (*fn)(int), int flags)
{
    struct sigaction sa;
    memset(&sa, 0, sizeof sa);
    sa.sa_handler = fn;
    sa.sa_flags = flags;
    sigemptyset(&sa.sa_mask);
    sigaction(sig, &sa, NULL);
}

/* A crash may be a stack that ran over, so its handler brings its own. */
static void install_handlers(void)
{
    static char stack[65536];
    stack_t alt;
    memset(&alt, 0, sizeof alt);
    alt.ss_sp = stack;
    alt.ss_size = sizeof stack;
    sigaltstack(&alt, NULL);
    for (size_t i = 0; i < N_CRASH; i++)
        handle(crash_signals[i], on_crash, SA_ONSTACK | (int)SA_RESETHAND);
    for (size_t i = 0; i < N_LOOP; i++)
        handle(loop_signals[i], on_signal, SA_RESTART);
    handle(SIGPIPE, SIG_IGN, 0);
    x_on_abort(screen_rescue);
}

static void remove_handlers(void)
{
    for (size_t i = 0; i < N_CRASH; i++)
        handle(crash_signals[i], SIG_DFL, 0);
    for (size_t i = 0; i < N_LOOP; i++)
        handle(loop_signals[i], SIG_DFL, 0);
}

static enum status open_pipe(struct err *err)
{
    if (screen.pipe[0] >= 0)
        return ST_OK;
    if (pipe(screen.pipe) != 0)
        return err_set(err, ST_INTERNAL, "pipe: %s", strerror(errno));
    for (int i = 0; i < 2; i++) {
        fcntl(screen.pipe[i], F_SETFL, O_NONBLOCK);
        fcntl(screen.pipe[i], F_SETFD, FD_CLOEXEC);
    }
    return ST_OK;
}

static void write_terminal(const char *s)
{
    ssize_t ignored = write(STDOUT_FILENO, s, strlen(s));
    (void)ignored;
}

static void stop_here(void)
{
    write_terminal(PASTE_OFF);
    endwin();
    handle(SIGTSTP, SIG_DFL, 0);
    raise(SIGTSTP);
    handle(SIGTSTP, on_signal, SA_RESTART);
    write_terminal(PASTE_ON);
}

static void fit_window(void)
{
    struct winsize ws;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws) == 0 && ws.ws_row > 0 && ws.ws_col > 0)
        resizeterm(ws.ws_row, ws.ws_col < MAX_COLS ? ws.ws_col : MAX_COLS);
}

unsigned screen_signals(void)
{
    unsigned bits = 0;
    unsigned char b[64];
    ssize_t n;
    while ((n = read(screen.pipe[0], b, sizeof b)) > 0)
        for (ssize_t i = 0; i < n; i++)
            switch (b[i]) {
            case SIGWINCH:
                bits |= SCREEN_RESIZED;
                break;
            case SIGINT:
                bits |= SCREEN_INTERRUPT;
                break;
            case SIGTSTP:
                stop_here();
                bits |= SCREEN_REDRAW | SCREEN_RESIZED;
                break;
            case SIGCONT:
                bits |= SCREEN_REDRAW | SCREEN_RESIZED;
                break;
            default:
                bits |= SCREEN_QUIT;
            }
    if (bits & SCREEN_REDRAW)
        reset_prog_mode();
    if (bits & SCREEN_RESIZED)
        fit_window();
    return bits;
}

int screen_signal_fd(void)
{
    return screen.pipe[0];
}

const int *screen_interrupt(void)
{
    return &screen.interrupt;
}

void screen_interrupt_clear(void)
{
    if (!screen.quit_signal)
        __atomic_store_n(&screen.interrupt, 0, __ATOMIC_RELAXED);
}

bool screen_interrupted(void)
{
    return __atomic_load_n(&screen.interrupt, __ATOMIC_RELAXED) != 0;
}

/* ---- taking and giving back ---- */

/* terminfo strings may hold delays, "$<5>", which only tputs understands. */
static void rescue_add(const char *cap)
{
    const char *s = tigetstr(cap);
    if (!s || s == (const char *)-1)
        return;
    while (*s && screen.rescue_n + 1 < sizeof screen.rescue) {
        const char *end = s[0] == '$' && s[1] == '<' ? strchr(s, '>') : NULL;
        if (end)
            s = end + 1;
        else
            screen.rescue[screen.rescue_n++] = *s++;
    }
}

static enum status check_terminal(struct err *err)
{
    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
        return err_set(err, ST_USAGE,
                       "the workbench needs a terminal; see 'autogo --help' for batch commands");
    const char *name = getenv("TERM");
    if (!name || !*name)
        return err_set(err, ST_USAGE, "TERM is not set; the workbench needs it");
    int why = 0;
    if (setupterm(name, STDOUT_FILENO, &why) != OK)
        return err_set(err, ST_USAGE, "terminal '%.40s' is unknown to terminfo (TERM)", name);
    const char *move = tigetstr("cup");
    if (!move || move == (const char *)-1)
        return err_set(err, ST_USAGE, "terminal '%.40s' cannot move its cursor (TERM)", name);
    return ST_OK;
}

/* xterm's, which all that know them have in common; others never send them. */
static void define_keys(void)
{
    static const struct {
        const char *bytes;
        int code;
    } keys[] = {{"\033[200~", SCREEN_KEY_PASTE},
                {"\033[201~", SCREEN_KEY_PASTE_END},
                {"\033[6;5~", SCREEN_KEY_TAB_NEXT},
                {"\033[5;5~", SCREEN_KEY_TAB_PREVIOUS}};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        define_key(keys[i].bytes, keys[i].code);
}

enum status screen_open(struct err *err)
{
    TRY(check_terminal(err));
    TRY(open_pipe(err));
    setlocale(LC_CTYPE, "");
    screen.ascii_terminal =
        strcmp(nl_langinfo(CODESET), "UTF-8") != 0 || getenv("AUTOGO_ASCII") != NULL;
    if (tcgetattr(STDIN_FILENO, &screen.saved) != 0)
        return err_set(err, ST_IO, "terminal: %s", strerror(errno));
    screen.rescue_n = strlen(PASTE_OFF);
    memcpy(screen.rescue, PASTE_OFF, screen.rescue_n);
    static const char *const caps[] = {"sgr0", "op", "rmkx", "cnorm", "rmcup"};
    for (size_t i = 0; i < sizeof caps / sizeof caps[0]; i++)
        rescue_add(caps[i]);
    if (screen.rescue_n + 2 < sizeof screen.rescue)
        screen.rescue[screen.rescue_n++] = '\r';

    del_curterm(cur_term); /* newterm makes one of its own */

    screen.taken = 1;
    install_handlers();
    set_escdelay(25);
    screen.term = newterm(NULL, stdout, stdin);
    if (!screen.term) {
        screen_close();
        return err_set(err, ST_IO, "cannot set up the terminal");
    }
    cbreak();
    noecho();
    nonl();
    keypad(stdscr, TRUE);
    nodelay(stdscr, TRUE);
    meta(stdscr, TRUE);
    leaveok(stdscr, FALSE);
    curs_set(0);
    define_keys();
    write_terminal(PASTE_ON);
    screen_look(THEME_DEFAULT, SCREEN_ASCII_AUTO);
    fit_window();
    return ST_OK;
}

void screen_look(enum theme_name theme, enum screen_ascii ascii)
{
    screen.ascii = ascii == SCREEN_ASCII_AUTO ? screen.ascii_terminal : ascii == SCREEN_ASCII_ON;
    theme_init(theme, screen.ascii);
}

void screen_close(void)
{
    if (screen.term) {
        write_terminal(PASTE_OFF);
        endwin();
        delscreen(screen.term);
        screen.term = NULL;
    }
    screen.taken = 0;
    remove_handlers();
    x_on_abort(NULL);
}

/* ---- cells ---- */

int screen_rows(void)
{
    return LINES;
}

int screen_cols(void)
{
    return COLS < MAX_COLS ? COLS : MAX_COLS;
}

void screen_clear(void)
{
    erase();
}

void screen_show(bool whole)
{
    if (whole)
        clearok(stdscr, TRUE);
    refresh();
}

void screen_cursor(int y, int x)
{
    curs_set(y >= 0);
    if (y >= 0)
        move(y, x);
}

int screen_add(int y, int x, int w, int style, const char *text)
{
    wchar_t cells[MAX_COLS + 1];
    bool cut;
    if (y < 0 || y >= LINES || x < 0 || x >= COLS || w <= 0)
        return 0;
    if (w > screen_cols() - x)
        w = screen_cols() - x;
    int used = text_cells(text, w, screen.ascii, cells, &cut);
    if (cut) {
        used = text_cells(text, w - 1, screen.ascii, cells, &cut);
        size_t n = wcslen(cells);
        cells[n] = screen.ascii ? L'~' : L'\u2026';
        cells[n + 1] = 0;
        used++;
    }
    attrset((int)theme_attr(style));
    mvaddwstr(y, x, cells);
    return used;
}

static void blank(int y, int x, int w, int style)
{
    if (y < 0 || y >= LINES || x < 0 || w <= 0 || x >= COLS)
        return;
    attrset((int)theme_attr(style));
    mvhline(y, x, ' ' | theme_attr(style), w < COLS - x ? w : COLS - x);
}

void screen_put(int y, int x, int w, int style, const char *text)
{
    int used = screen_add(y, x, w, style, text);
    blank(y, x + used, w - used, style);
}

void screen_put_right(int y, int x, int w, int style, const char *text)
{
    int used = text_width(text, screen.ascii);
    int left = used < w ? w - used : 0;
    blank(y, x, left, style);
    screen_put(y, x + left, w - left, style, text);
}

void screen_putf(int y, int x, int w, int style, const char *fmt, ...)
{
    char buf[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(buf, sizeof buf, fmt, ap);
    va_end(ap);
    screen_put(y, x, w, style, buf);
}

void screen_wrap(struct rect r, int style, const char *text)
{
    for (int y = 0; y < r.h; y++) {
        size_t skip = 0, n = text_line(text, r.w, theme_ascii(), &skip);
        char *line = y + 1 < r.h ? x_strndup(text, n) : x_strdup(text);
        screen_put(r.y + y, r.x, r.w, style, line);
        free(line);
        text += n + skip;
    }
}

void screen_glyph(int y, int x, int style, enum glyph g)
{
    screen_add(y, x, 2, style, theme_glyph(g));
}

void screen_fill(struct rect r, int style)
{
    for (int y = 0; y < r.h; y++)
        blank(r.y + y, r.x, r.w, style);
}

void screen_hline(int y, int x, int w, int style)
{
    for (int i = 0; i < w; i++)
        screen_glyph(y, x + i, style, GLYPH_HLINE);
}

void screen_vline(int y, int x, int h, int style)
{
    for (int i = 0; i < h; i++)
        screen_glyph(y + i, x, style, GLYPH_VLINE);
}

void screen_dump(FILE *f)
{
    for (int y = 0; y < LINES; y++) {
        char line[MAX_COLS * 4 + 8] = "";
        size_t n = 0, end = 0;
        for (int x = 0; x < screen_cols(); x++) {
            cchar_t c;
            wchar_t wc[CCHARW_MAX + 1] = {0};
            attr_t attr;
            short pair;
            if (mvin_wch(y, x, &c) == ERR || getcchar(&c, wc, &attr, &pair, NULL) == ERR || !wc[0])
                wc[0] = L' ';
            n += text_encode((unsigned)wc[0], line + n);
            if (wc[0] != L' ')
                end = n;
            if (wcwidth(wc[0]) == 2)
                x++;
        }
        fprintf(f, "%.*s\n", (int)end, line);
    }
}

void screen_bell(void)
{
    beep();
}

/* ---- keys ---- */

void screen_mouse(bool on)
{
    mouseinterval(0); /* a press is told at once */
    mousemask(on ? BUTTON1_PRESSED | BUTTON4_PRESSED | BUTTON5_PRESSED : 0, NULL);
}

/* ncurses gives one KEY_MOUSE for all that came at once. 0: there is no more. */
static int mouse_key(void)
{
    MEVENT e;
    screen.mouse_more = getmouse(&e) == OK;
    if (!screen.mouse_more)
        return 0;
    screen.click_y = e.y;
    screen.click_x = e.x;
    return e.bstate & BUTTON4_PRESSED   ? INPUT_WHEEL_UP
           : e.bstate & BUTTON5_PRESSED ? INPUT_WHEEL_DOWN
           : e.bstate & BUTTON1_PRESSED ? INPUT_CLICK
                                        : INPUT_UNKNOWN;
}

void screen_clicked(int *y, int *x)
{
    *y = screen.click_y;
    *x = screen.click_x;
}

int screen_key(void)
{
    wint_t c = 0;
    int mouse = screen.mouse_more ? mouse_key() : 0;
    if (mouse)
        return mouse;
    int kind = get_wch(&c);
    if (kind == ERR)
        return 0;
    if (kind == KEY_CODE_YES && c == KEY_MOUSE)
        return (mouse = mouse_key()) ? mouse : screen_key(); /* a button was let go */
    if (kind == KEY_CODE_YES)
        return input_from_curses((int)c);
    if (c == '\r')
        c = '\n';
    if (c == 127 || c == 8)
        return INPUT_BACKSPACE;
    return (int)c;
}

bool screen_gone(void)
{
    struct pollfd fd = {STDIN_FILENO, POLLIN, 0};
    int waiting = 0;
    return poll(&fd, 1, 0) > 0 && (ioctl(STDIN_FILENO, FIONREAD, &waiting) != 0 || waiting == 0);
}
