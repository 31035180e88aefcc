/* The corpus as text:
 *
 *   autogo-corpus 1 canonical
 *   tokens 812          then one a line, "+" (or "!": a barrier) and the text
 *   groups 6 0          the number and the current one; then one name a line
 *   sequences 40211     then one a line: group, how often, token ids
 *
 * Names may hold anything: a backslash is written \\, a line feed \n. */
#include "bpe/bpe_priv.h"
#include <stdlib.h>

#define FORMAT "autogo-corpus"
enum { VERSION = 1, MAX_ITEMS = 100000000 };

/* ---- writing ---- */

static void add_number(struct str *out, int64_t v)
{
    char digit[24];
    int n = sizeof digit;
    do
        digit[--n] = (char)('0' + v % 10);
    while (v /= 10);
    str_add_n(out, digit + n, sizeof digit - (size_t)n);
}

static void add_name(struct str *out, const char *s)
{
    for (; *s; s++) {
        if (*s == '\\' || *s == '\n')
            str_add_char(out, '\\');
        str_add_char(out, *s == '\n' ? 'n' : *s);
    }
    str_add_char(out, '\n');
}

void bpe_corpus_write(const struct bpe_corpus *c, struct str *out)
{
    str_addf(out, "%s %d %s\n", FORMAT, VERSION,
             c->mode == BPE_CANONICAL ? "canonical" : "reference");
    str_addf(out, "tokens %zu\n", c->token.n);
    for (size_t i = 0; i < c->token.n; i++) {
        str_add_char(out, c->barrier.at[i] ? '!' : '+');
        add_name(out, c->token.at[i]);
    }
    str_addf(out, "groups %zu %d\n", c->group_name.n, c->group);
    for (size_t i = 0; i < c->group_name.n; i++)
        add_name(out, c->group_name.at[i]);
    str_addf(out, "sequences %zu\n", c->line.n);
    for (size_t k = 0; k < c->line.n; k++) {
        const struct bpe_line *l = &c->line.at[k];
        add_number(out, l->group);
        str_add_char(out, ' ');
        add_number(out, l->count);
        for (int i = 0; i < l->len; i++) {
            str_add_char(out, ' ');
            add_number(out, c->seq.at[l->at + (size_t)i]);
        }
        str_add_char(out, '\n');
    }
}

/* ---- reading ---- */

struct reader {
    const char *at;
    int line;
    struct bpe_corpus *c;
    struct str name;
    VEC(int) ids;
    struct err *err;
};

static enum status bad(const struct reader *r, const char *what)
{
    return err_set(r->err, ST_MODEL, "corpus, line %d: %s", r->line, what);
}

static bool eat(struct reader *r, const char *text)
{
    if (!str_starts(r->at, text))
        return false;
    r->at += strlen(text);
    return true;
}

static bool number(struct reader *r, int64_t hi, int64_t *out)
{
    const char *start = r->at;
    int64_t v = 0;
    for (; *r->at >= '0' && *r->at <= '9'; r->at++) {
        v = v * 10 + (*r->at - '0');
        if (v > hi)
            return false;
    }
    *out = v;
    return r->at > start;
}

static bool end_line(struct reader *r)
{
    if (!eat(r, "\n"))
        return false;
    r->line++;
    return true;
}

static bool name(struct reader *r)
{
    str_clear(&r->name);
    for (; *r->at && *r->at != '\n'; r->at++) {
        char c = *r->at;
        if (c == '\\') {
            c = *++r->at;
            if (c != '\\' && c != 'n')
                return false;
            c = c == 'n' ? '\n' : c;
        }
        str_add_char(&r->name, c);
    }
    return *r->at == '\n';
}

static enum status read_token(struct reader *r, int64_t id)
{
    bool barrier = *r->at == '!';
    struct canon_key key;
    if ((!eat(r, "+") && !eat(r, "!")) || !name(r) || !bpe_token_is_plain(str_text(&r->name)))
        return bad(r, "malformed token");
    if (r->c->mode == BPE_CANONICAL &&
        (!canon_key_parse(str_text(&r->name), &key) || canon_key_barrier(&key) != barrier))
        return bad(r, "no canonical token");
    /* The bare operators of the canonical mode are there already, and must be the same. */
    if (bpe_corpus_token(r->c, str_text(&r->name), barrier) != id)
        return bad(r, "this token is not expected here");
    end_line(r);
    return ST_OK;
}

static enum status read_group(struct reader *r, int64_t id)
{
    if (!name(r))
        return bad(r, "malformed group");
    bpe_corpus_group(r->c, str_text(&r->name));
    if (r->c->group != id)
        return bad(r, "this group is not expected here");
    end_line(r);
    return ST_OK;
}

static enum status read_sequence(struct reader *r, int64_t index)
{
    (void)index;
    int64_t group, count, id;
    r->ids.n = 0;
    if (!number(r, (int64_t)r->c->tokens.n - 1, &group) || !eat(r, " ") ||
        !number(r, INT64_MAX / 100, &count) || count < 1)
        return bad(r, "malformed sequence");
    while (eat(r, " ")) {
        if (!number(r, (int64_t)r->c->token.n - 1, &id))
            return bad(r, "there is no such token");
        vec_push(&r->ids, (int)id);
    }
    if (!r->ids.n || *r->at != '\n')
        return bad(r, "malformed sequence");
    r->c->group = (int)group;
    struct err why = {0};
    if (bpe_corpus_add_ids(r->c, r->ids.at, (int)r->ids.n, count, &why) != ST_OK)
        return bad(r, why.msg);
    end_line(r);
    return ST_OK;
}

/* "tokens 12\n" and at least `least` items; `current` (may be NULL) receives a second number. */
static enum status read_list(struct reader *r, const char *title, int64_t least, int64_t *current,
                             enum status (*item)(struct reader *r, int64_t index))
{
    int64_t n;
    if (!eat(r, title) || !number(r, MAX_ITEMS, &n) || n < least ||
        (current && (!eat(r, " ") || !number(r, n - 1, current))) || !end_line(r))
        return bad(r, "not the head of the list expected here");
    for (int64_t i = 0; i < n; i++)
        TRY(item(r, i));
    return ST_OK;
}

static enum status read_all(struct reader *r)
{
    int64_t version, current;
    bool canonical;
    if (!eat(r, FORMAT " ") || !number(r, MAX_ITEMS, &version))
        return bad(r, "not a corpus");
    if (version != VERSION)
        return bad(r, "a version that this program does not know");
    canonical = eat(r, " canonical");
    if ((!canonical && !eat(r, " reference")) || !end_line(r))
        return bad(r, "neither canonical nor reference");
    r->c = bpe_corpus_new(canonical ? BPE_CANONICAL : BPE_REFERENCE);
    TRY(read_list(r, "tokens ", (int64_t)r->c->token.n, NULL, read_token));
    TRY(read_list(r, "groups ", 1, &current, read_group));
    TRY(read_list(r, "sequences ", 0, NULL, read_sequence));
    if (*r->at)
        return bad(r, "text after the end");
    r->c->group = (int)current;
    return ST_OK;
}

enum status bpe_corpus_read(const char *text, struct bpe_corpus **out, struct err *err)
{
    struct reader r = {.at = text, .line = 1, .err = err};
    enum status st = read_all(&r);
    if (st == ST_OK)
        *out = r.c;
    else
        bpe_corpus_free(r.c);
    str_done(&r.name);
    vec_done(&r.ids);
    return st;
}
