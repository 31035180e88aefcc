#include "ui/list.h"

#include "base/str.h"
#include "ui/actions.h"
#include "ui/text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define CELL 256

void list_init(struct list *l, const struct list_column *col, int n_col,
               const struct list_source *src, void *ctx)
{
    memset(l, 0, sizeof *l);
    l->col = col;
    l->n_col = n_col;
    l->src = src;
    l->ctx = ctx;
    l->sort = -1;
    l->page = 1;
    l->empty = "nothing here";
}

void list_done(struct list *l)
{
    vec_done(&l->shown);
}

static uint64_t id_of(const struct list *l, int row)
{
    return l->src->id ? l->src->id(l->ctx, row) : (uint64_t)row;
}

static bool number_of(const struct list *l, int row, int col, double *v)
{
    return l->src->number && l->src->number(l->ctx, row, col, v);
}

static int column_by_title(const struct list *l, const char *title, size_t n)
{
    for (int c = 0; c < l->n_col; c++)
        if (l->col[c].name && strcasecmp(l->col[c].name, title) == 0)
            return c;
    for (int pass = 0; pass < 2; pass++)
        for (int c = 0; c < l->n_col; c++) {
            const char *t = l->col[c].title;
            if (pass == 0 ? strncasecmp(t, title, n) == 0
                          : strcasestr(t, title) != NULL && strlen(title) == n)
                return c;
        }
    return -1;
}

/* "flops<-1e6": column, relation, number. False when the word has not this form. */
static bool relation(const struct list *l, const char *word, int *col, char *op, double *v)
{
    size_t n = strcspn(word, "<>=");
    if (n == 0 || !word[n])
        return false;
    const char *p = word + n;
    *op = *p++;
    if (*p == '=') {
        *op = *op == '<' ? 'l' : *op == '>' ? 'g' : '=';
        p++;
    }
    char title[32];
    snprintf(title, sizeof title, "%.*s", (int)(n < 31 ? n : 31), word);
    *col = column_by_title(l, title, strlen(title));
    return *col >= 0 && str_to_double(p, v);
}

static bool passes(const struct list *l, int row)
{
    if (l->keeps)
        return l->keeps(l->ctx, row);
    char words[sizeof l->filter];
    memcpy(words, l->filter, sizeof words);
    char *save = NULL;
    for (char *w = strtok_r(words, " ", &save); w; w = strtok_r(NULL, " ", &save)) {
        int col;
        char op;
        double want, have;
        bool ok = false;
        if (relation(l, w, &col, &op, &want)) {
            if (number_of(l, row, col, &have))
                ok = op == '<'   ? have < want
                     : op == '>' ? have > want
                     : op == 'l' ? have <= want
                     : op == 'g' ? have >= want
                                 : have == want;
        } else
            for (int c = 0; c < l->n_col && !ok; c++) {
                char buf[CELL];
                l->src->cell(l->ctx, row, c, buf, sizeof buf);
                ok = text_has(buf, w);
            }
        if (!ok)
            return false;
    }
    return true;
}

/* What a row is sorted by, asked for once. */
struct sort_key {
    int row, place; /* place: as it was, for rows that are equal */
    bool is_number;
    double number;
    size_t text; /* where it begins in the texts */
};
struct sorting {
    const char *texts;
    bool descending;
};

/* Rows without a number come last whatever the direction. */
static int compare(const void *a, const void *b, void *arg)
{
    const struct sort_key *x = a, *y = b;
    const struct sorting *s = arg;
    if (x->is_number != y->is_number)
        return x->is_number ? -1 : 1;
    int order = x->is_number ? (x->number > y->number) - (x->number < y->number)
                             : strcasecmp(s->texts + x->text, s->texts + y->text);
    return order ? (s->descending ? -order : order) : x->place - y->place;
}

static void sort_rows(struct list *l)
{
    int n = (int)l->shown.n;
    struct sort_key *key = x_calloc((size_t)n, sizeof *key);
    struct str texts = {0};
    for (int i = 0; i < n; i++) {
        char buf[CELL];
        key[i] = (struct sort_key){.row = l->shown.at[i], .place = i, .text = texts.n};
        key[i].is_number = number_of(l, key[i].row, l->sort, &key[i].number);
        if (key[i].is_number)
            continue;
        l->src->cell(l->ctx, key[i].row, l->sort, buf, sizeof buf);
        str_add_n(&texts, buf, strlen(buf) + 1);
    }
    struct sorting s = {str_text(&texts), l->descending};
    qsort_r(key, (size_t)n, sizeof *key, compare, &s);
    for (int i = 0; i < n; i++)
        l->shown.at[i] = key[i].row;
    free(key);
    str_done(&texts);
}

static void clamp(struct list *l)
{
    int n = (int)l->shown.n;
    if (l->at >= n)
        l->at = n - 1;
    if (l->at < 0)
        l->at = 0;
    l->at_id = n ? id_of(l, l->shown.at[l->at]) : 0;
}

void list_refresh(struct list *l)
{
    int n = l->src->rows(l->ctx);
    bool had = l->shown.n > 0 && l->moved;
    l->shown.n = 0;
    for (int r = 0; r < n; r++)
        if (!l->filter[0] || passes(l, r))
            vec_push(&l->shown, r);
    if (l->sort >= 0 && l->shown.n > 1)
        sort_rows(l);
    else if (l->descending)
        for (size_t i = 0, j = l->shown.n; i + 1 < j; i++) {
            int t = l->shown.at[i];
            l->shown.at[i] = l->shown.at[--j];
            l->shown.at[j] = t;
        }
    if (had)
        for (size_t i = 0; i < l->shown.n; i++)
            if (id_of(l, l->shown.at[i]) == l->at_id) {
                l->at = (int)i;
                break;
            }
    clamp(l);
}

int list_row(const struct list *l)
{
    return l->at >= 0 && (size_t)l->at < l->shown.n ? l->shown.at[l->at] : -1;
}

void list_go(struct list *l, int row)
{
    for (size_t i = 0; i < l->shown.n; i++)
        if (l->shown.at[i] == row)
            l->at = (int)i;
    l->moved = true;
    clamp(l);
}

void list_set_filter(struct list *l, const char *text)
{
    snprintf(l->filter, sizeof l->filter, "%s", text);
    list_refresh(l);
}

bool list_sort_by(struct list *l, const char *title)
{
    bool turned = title[0] == '-';
    int c = column_by_title(l, title + turned, strlen(title + turned));
    if (c < 0)
        return false;
    l->sort = c;
    l->descending = l->col[c].more != turned;
    list_refresh(l);
    return true;
}

bool list_click(struct list *l, int y, int x, bool *again)
{
    int i = l->top + y - l->body.y;
    if (y < l->body.y || y >= l->body.y + l->body.h || x < l->body.x ||
        x >= l->body.x + l->body.w || i >= (int)l->shown.n)
        return false;
    *again = i == l->at;
    l->at = i;
    l->moved = true;
    clamp(l);
    return true;
}

/* The next one that is there; -1 after the last. */
static int next_column(const struct list *l)
{
    int c = l->sort + 1;
    while (c < l->n_col && l->hidden >> c & 1)
        c++;
    return c < l->n_col ? c : -1;
}

bool list_action(struct list *l, int action)
{
    int n = (int)l->shown.n;
    switch (action) {
    case ACTION_UP:
        l->at--;
        break;
    case ACTION_DOWN:
        l->at++;
        break;
    case ACTION_PAGE_UP:
        l->at -= l->page;
        break;
    case ACTION_PAGE_DOWN:
        l->at += l->page;
        break;
    case ACTION_TOP:
        l->at = 0;
        break;
    case ACTION_BOTTOM:
        l->at = n - 1;
        break;
    case ACTION_NEXT:
        l->at = n ? (l->at + 1) % n : 0;
        break;
    case ACTION_PREVIOUS:
        l->at = n ? (l->at + n - 1) % n : 0;
        break;
    case ACTION_SORT:
        l->sort = next_column(l);
        l->descending = false;
        list_refresh(l);
        break;
    case ACTION_SORT_REVERSE:
        l->descending = !l->descending;
        list_refresh(l);
        break;
    default:
        return false;
    }
    l->moved |= action != ACTION_SORT && action != ACTION_SORT_REVERSE;
    clamp(l);
    return true;
}

/* ---- drawing ---- */

/* Widths of the columns in `total` cells; 0 = left out. */
static void fit(const struct list *l, int total, int *width)
{
    int need = 0, flexes = 0, worst;
    for (int c = 0; c < l->n_col; c++) {
        width[c] = l->hidden >> c & 1 ? 0 : l->col[c].width;
        need += width[c] ? width[c] + 1 : 0;
    }
    need--;
    do {
        worst = -1;
        for (int c = 0; need > total && c < l->n_col; c++)
            if (width[c] && l->col[c].prio > 0 &&
                (worst < 0 || l->col[c].prio > l->col[worst].prio))
                worst = c;
        if (worst >= 0) {
            need -= width[worst] + 1;
            width[worst] = 0;
        }
    } while (worst >= 0);
    for (int c = 0; c < l->n_col; c++)
        flexes += l->col[c].flex && width[c];
    for (int c = 0, extra = total - need; c < l->n_col && flexes; c++)
        if (l->col[c].flex && width[c]) {
            int share = extra / flexes--;
            width[c] += share;
            if (width[c] < 4)
                width[c] = 4;
            extra -= share;
        }
}

static void draw_head(const struct list *l, struct rect r, const int *width)
{
    for (int c = 0, x = 0; c < l->n_col; c++) {
        if (!width[c])
            continue;
        char title[64];
        snprintf(title, sizeof title, "%s%s", l->col[c].title,
                 c == l->sort ? theme_glyph(l->descending ? GLYPH_SORT_DOWN : GLYPH_SORT_UP) : "");
        int w = width[c] < r.w - x ? width[c] : r.w - x;
        if (l->col[c].right)
            screen_put_right(r.y, r.x + x, w, STYLE_HEAD, title);
        else
            screen_put(r.y, r.x + x, w, STYLE_HEAD, title);
        x += width[c] + 1;
    }
}

static void draw_row(const struct list *l, struct rect r, int y, int i, const int *width)
{
    int row = l->shown.at[i];
    bool here = i == l->at;
    if (here)
        screen_fill((struct rect){y, r.x, 1, r.w}, STYLE_SELECT);
    for (int c = 0, x = 0; c < l->n_col && x < r.w; c++) {
        if (!width[c])
            continue;
        char buf[CELL];
        buf[0] = 0;
        l->src->cell(l->ctx, row, c, buf, sizeof buf);
        int style = here            ? STYLE_SELECT
                    : l->src->style ? l->src->style(l->ctx, row, c)
                                    : STYLE_TEXT;
        int w = width[c] < r.w - x ? width[c] : r.w - x;
        if (l->col[c].right)
            screen_put_right(y, r.x + x, w, style, buf);
        else
            screen_put(y, r.x + x, w, style, buf);
        x += width[c] + 1;
    }
}

static void draw_bar(const struct list *l, struct rect r)
{
    int n = (int)l->shown.n, h = r.h;
    if (n <= h || h < 2)
        return;
    int thumb = h * h / n > 0 ? h * h / n : 1;
    int at = (int)((long)l->top * (h - thumb) / (n - h));
    for (int y = 0; y < h; y++)
        screen_glyph(r.y + y, r.x, STYLE_DIM,
                     y >= at && y < at + thumb ? GLYPH_THUMB : GLYPH_TRACK);
}

void list_draw(struct list *l, struct rect r)
{
    int width[32];
    int n = (int)l->shown.n;
    if (r.h < 2 || r.w < 4 || l->n_col > 32)
        return;
    struct rect body = {r.y + 1, r.x, r.h - 1, r.w - 1};
    l->body = body;
    fit(l, body.w, width);
    draw_head(l, (struct rect){r.y, r.x, 1, body.w}, width);
    l->page = body.h > 1 ? body.h - 1 : 1;
    if (l->at < l->top)
        l->top = l->at;
    if (l->at >= l->top + body.h)
        l->top = l->at - body.h + 1;
    if (l->top > n - body.h)
        l->top = n - body.h;
    if (l->top < 0)
        l->top = 0;
    for (int y = 0; y < body.h && l->top + y < n; y++)
        draw_row(l, body, body.y + y, l->top + y, width);
    if (n == 0)
        screen_putf(body.y + (body.h > 2), body.x + 2, body.w - 2, STYLE_DIM, "%s%s%s",
                    l->filter[0] ? "no row matches /" : l->empty, l->filter,
                    l->filter[0] ? " (Esc drops the filter)" : "");
    draw_bar(l, (struct rect){body.y, r.x + r.w - 1, body.h, 1});
}
