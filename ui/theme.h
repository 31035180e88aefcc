/* Colours and glyphs. Views name a meaning (enum style, enum glyph); this decides how it looks on
 * the terminal at hand: 256 or 8 colours or none (NO_COLOR, mono terminals), UTF-8 or ASCII. */
#ifndef UI_THEME_H
#define UI_THEME_H

#include <stdbool.h>

enum style {
    STYLE_TEXT,
    STYLE_DIM,
    STYLE_BOLD,
    STYLE_BAR,      /* top line */
    STYLE_BAR_NAME, /* what stands out in it */
    STYLE_KEYS,     /* bottom line */
    STYLE_KEY,      /* a key's name in it */
    STYLE_HEAD,     /* column titles */
    STYLE_SELECT,   /* the row under the cursor */
    STYLE_MATCH,
    STYLE_GOOD,  /* less cost, added */
    STYLE_BAD,   /* more cost, removed, infeasible */
    STYLE_WARN,  /* changed, waiting */
    STYLE_MOVED, /* by the last keys */
    STYLE_ERROR,
    STYLE_EDGE,
    STYLE_FOCUS,  /* a box under the cursor */
    STYLE_BEFORE, /* curves */
    STYLE_AFTER,
    STYLE_SEGMENT,
    STYLE_SEGMENTS = 12, /* so many styles from STYLE_SEGMENT on */
    STYLE_COUNT = STYLE_SEGMENT + STYLE_SEGMENTS
};

enum glyph {
    GLYPH_HLINE,
    GLYPH_VLINE,
    GLYPH_TL,
    GLYPH_TR,
    GLYPH_BL,
    GLYPH_BR,
    GLYPH_LEFT_TEE,  /* joins up, down, right */
    GLYPH_RIGHT_TEE, /* joins up, down, left */
    GLYPH_UP_TEE,    /* joins up, left, right */
    GLYPH_DOWN_TEE,  /* joins down, left, right */
    GLYPH_CROSS,
    GLYPH_ARROW, /* the end of an edge, downward */
    GLYPH_BLOCK,
    GLYPH_MORE, /* text was cut here */
    GLYPH_SORT_UP,
    GLYPH_SORT_DOWN,
    GLYPH_TO,
    GLYPH_DOT,
    GLYPH_DELTA,
    GLYPH_HERE,
    GLYPH_TRACK,
    GLYPH_THUMB,
    GLYPH_BEFORE, /* points and lines of curves */
    GLYPH_AFTER,
    GLYPH_BOTH,
    GLYPH_BEFORE_LINE,
    GLYPH_AFTER_LINE,
    GLYPH_COUNT
};

/* In the order of prefs.def; looks.def has their colours. */
enum theme_name {
    THEME_DEFAULT,
    THEME_LIGHT,
    THEME_HIGH_CONTRAST,
    THEME_COLOUR_BLIND_SAFE,
    THEME_MONO,
    THEMES
};

/* Once the terminal is open, and again for another theme. */
void theme_init(enum theme_name name, bool ascii);
/* What ncurses' attrset takes. */
unsigned theme_attr(int style);
bool theme_mono(void);
bool theme_ascii(void);
/* One cell as UTF-8 text. */
const char *theme_glyph(enum glyph g);
/* The style of segment k. */
int theme_segment(int k);
/* The glyph that joins the sides given (bits 1 up, 2 right, 4 down, 8 left). */
enum glyph theme_joint(unsigned sides);

#endif
