#include "ui/theme.h"

#include <ncurses.h>
#include <stdlib.h>
#include <string.h>

struct colours {
    short fg256, bg256; /* -1: the terminal's own */
    unsigned attr256;
    short fg8, bg8;
    unsigned attr8;
};

struct look {
    unsigned mono;
    struct colours in[THEMES - 1]; /* of every theme but mono */
};

static const struct look looks[STYLE_COUNT] = {
#define C(fg256, bg256, attr256, fg8, bg8, attr8) \
    {                                             \
        fg256, bg256, attr256, fg8, bg8, attr8    \
    }
#define LOOK(style, mono, ...) [style] = {mono, {__VA_ARGS__}},
#include "ui/looks.def"
#undef LOOK
#undef C
};

static const char *const glyphs[GLYPH_COUNT][2] = {
    [GLYPH_HLINE] = {"-", "\u2500"},    [GLYPH_VLINE] = {"|", "\u2502"},
    [GLYPH_TL] = {"+", "\u250c"},       [GLYPH_TR] = {"+", "\u2510"},
    [GLYPH_BL] = {"+", "\u2514"},       [GLYPH_BR] = {"+", "\u2518"},
    [GLYPH_LEFT_TEE] = {"+", "\u251c"}, [GLYPH_RIGHT_TEE] = {"+", "\u2524"},
    [GLYPH_UP_TEE] = {"+", "\u2534"},   [GLYPH_DOWN_TEE] = {"+", "\u252c"},
    [GLYPH_CROSS] = {"+", "\u253c"},    [GLYPH_ARROW] = {"v", "\u25bc"},
    [GLYPH_BLOCK] = {"#", "\u2588"},    [GLYPH_MORE] = {"~", "\u2026"},
    [GLYPH_SORT_UP] = {"^", "\u25b2"},  [GLYPH_SORT_DOWN] = {"v", "\u25bc"},
    [GLYPH_TO] = {"->", "\u2192"},      [GLYPH_DOT] = {"*", "\u00b7"},
    [GLYPH_DELTA] = {"d ", "\u0394"},   [GLYPH_HERE] = {"*", "\u25cf"},
    [GLYPH_TRACK] = {"|", "\u2502"},    [GLYPH_THUMB] = {"#", "\u2588"},
    [GLYPH_BEFORE] = {"o", "\u25cb"},   [GLYPH_AFTER] = {"x", "\u25c6"},
    [GLYPH_BOTH] = {"8", "\u25c8"},     [GLYPH_BEFORE_LINE] = {".", "\u00b7"},
    [GLYPH_AFTER_LINE] = {":", ":"},
};

/* The terminal is one for the process, and so is what it looks like. */
static struct {
    bool ascii, mono;
    unsigned attr[STYLE_COUNT];
} theme;

void theme_init(enum theme_name name, bool ascii)
{
    const char *no = getenv("NO_COLOR");
    theme.ascii = ascii;
    theme.mono = name == THEME_MONO || (no && *no) || !has_colors();
    if (!theme.mono && start_color() == ERR)
        theme.mono = true;
    if (!theme.mono)
        use_default_colors();
    for (int i = 0; i < STYLE_COUNT; i++) {
        theme.attr[i] = looks[i].mono;
        if (theme.mono)
            continue;
        const struct colours *c = &looks[i].in[name];
        bool many = COLORS >= 256;
        short fg = many ? c->fg256 : c->fg8, bg = many ? c->bg256 : c->bg8;
        theme.attr[i] = many ? c->attr256 : c->attr8;
        if (i + 1 < COLOR_PAIRS && (fg != -1 || bg != -1)) {
            init_pair((short)(i + 1), fg, bg);
            theme.attr[i] |= (unsigned)COLOR_PAIR(i + 1);
        }
    }
    bkgdset(' ' | theme.attr[STYLE_TEXT]);
}

unsigned theme_attr(int style)
{
    return theme.attr[style];
}

bool theme_mono(void)
{
    return theme.mono;
}

bool theme_ascii(void)
{
    return theme.ascii;
}

const char *theme_glyph(enum glyph g)
{
    return glyphs[g][!theme.ascii];
}

int theme_segment(int k)
{
    return k < 0 ? STYLE_DIM : STYLE_SEGMENT + k % STYLE_SEGMENTS;
}

enum glyph theme_joint(unsigned sides)
{
    static const unsigned char joint[16] = {
        [0] = GLYPH_DOT,   [1] = GLYPH_VLINE,      [2] = GLYPH_HLINE,     [3] = GLYPH_BL,
        [4] = GLYPH_VLINE, [5] = GLYPH_VLINE,      [6] = GLYPH_TL,        [7] = GLYPH_LEFT_TEE,
        [8] = GLYPH_HLINE, [9] = GLYPH_BR,         [10] = GLYPH_HLINE,    [11] = GLYPH_UP_TEE,
        [12] = GLYPH_TR,   [13] = GLYPH_RIGHT_TEE, [14] = GLYPH_DOWN_TEE, [15] = GLYPH_CROSS,
    };
    return joint[sides & 15];
}
