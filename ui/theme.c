#include "ui/theme.h"

#include <ncurses.h>
#include <stdlib.h>
#include <string.h>

struct look {
    short fg256, bg256; /* -1: the terminal's own */
    short fg8, bg8;
    unsigned attr8, attr256, mono;
};

/* Colours are chosen to be readable on dark and light backgrounds; meaning never rests on colour
 * alone (signs, words and marks stand beside it). */
static const struct look looks[STYLE_COUNT] = {
    [STYLE_TEXT] = {-1, -1, -1, -1, 0, 0, 0},
    [STYLE_DIM] = {244, -1, -1, -1, A_DIM, 0, A_DIM},
    [STYLE_BOLD] = {-1, -1, -1, -1, A_BOLD, A_BOLD, A_BOLD},
    [STYLE_BAR] = {252, 24, COLOR_WHITE, COLOR_BLUE, 0, 0, A_REVERSE},
    [STYLE_BAR_NAME] = {231, 24, COLOR_WHITE, COLOR_BLUE, A_BOLD, A_BOLD, A_REVERSE | A_BOLD},
    [STYLE_KEYS] = {250, 237, COLOR_BLACK, COLOR_CYAN, 0, 0, 0},
    [STYLE_KEY] = {222, 237, COLOR_BLACK, COLOR_CYAN, A_BOLD, A_BOLD, A_BOLD},
    [STYLE_HEAD] = {110, -1, COLOR_CYAN, -1, A_BOLD, A_BOLD, A_UNDERLINE},
    [STYLE_SELECT] = {231, 60, COLOR_WHITE, COLOR_BLUE, A_BOLD, A_BOLD, A_REVERSE},
    [STYLE_MATCH] = {16, 222, COLOR_BLACK, COLOR_YELLOW, 0, 0, A_REVERSE},
    [STYLE_GOOD] = {71, -1, COLOR_GREEN, -1, 0, 0, 0},
    [STYLE_BAD] = {167, -1, COLOR_RED, -1, 0, 0, A_BOLD},
    [STYLE_WARN] = {172, -1, COLOR_YELLOW, -1, 0, 0, 0},
    [STYLE_MOVED] = {222, -1, COLOR_YELLOW, -1, A_BOLD, A_BOLD, A_BOLD},
    [STYLE_ERROR] = {231, 124, COLOR_WHITE, COLOR_RED, A_BOLD, A_BOLD, A_REVERSE | A_BOLD},
    [STYLE_EDGE] = {244, -1, -1, -1, A_DIM, 0, 0},
    [STYLE_FOCUS] = {231, 60, COLOR_WHITE, COLOR_BLUE, A_BOLD, A_BOLD, A_REVERSE},
    [STYLE_BEFORE] = {74, -1, COLOR_CYAN, -1, 0, 0, 0},
    [STYLE_AFTER] = {172, -1, COLOR_YELLOW, -1, A_BOLD, A_BOLD, A_BOLD},
    [STYLE_SEGMENT + 0] = {74, -1, COLOR_CYAN, -1, 0, 0, 0},
    [STYLE_SEGMENT + 1] = {172, -1, COLOR_YELLOW, -1, 0, 0, 0},
    [STYLE_SEGMENT + 2] = {71, -1, COLOR_GREEN, -1, 0, 0, 0},
    [STYLE_SEGMENT + 3] = {168, -1, COLOR_MAGENTA, -1, 0, 0, 0},
    [STYLE_SEGMENT + 4] = {103, -1, COLOR_BLUE, -1, A_BOLD, 0, 0},
    [STYLE_SEGMENT + 5] = {143, -1, COLOR_YELLOW, -1, A_BOLD, 0, 0},
    [STYLE_SEGMENT + 6] = {37, -1, COLOR_CYAN, -1, A_BOLD, 0, 0},
    [STYLE_SEGMENT + 7] = {167, -1, COLOR_RED, -1, 0, 0, 0},
    [STYLE_SEGMENT + 8] = {134, -1, COLOR_MAGENTA, -1, A_BOLD, 0, 0},
    [STYLE_SEGMENT + 9] = {107, -1, COLOR_GREEN, -1, A_BOLD, 0, 0},
    [STYLE_SEGMENT + 10] = {173, -1, COLOR_RED, -1, A_BOLD, 0, 0},
    [STYLE_SEGMENT + 11] = {67, -1, COLOR_BLUE, -1, 0, 0, 0},
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

void theme_init(bool ascii)
{
    const char *no = getenv("NO_COLOR");
    theme.ascii = ascii;
    theme.mono = (no && *no) || !has_colors();
    if (!theme.mono && start_color() == ERR)
        theme.mono = true;
    if (!theme.mono)
        use_default_colors();
    for (int i = 0; i < STYLE_COUNT; i++) {
        const struct look *l = &looks[i];
        if (theme.mono) {
            theme.attr[i] = l->mono;
            continue;
        }
        bool many = COLORS >= 256;
        short fg = many ? l->fg256 : l->fg8, bg = many ? l->bg256 : l->bg8;
        unsigned attr = many ? l->attr256 : l->attr8;
        if (i + 1 < COLOR_PAIRS && (fg != -1 || bg != -1)) {
            init_pair((short)(i + 1), fg, bg);
            attr |= (unsigned)COLOR_PAIR(i + 1);
        }
        theme.attr[i] = attr;
    }
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
