#include "session/filter.h"

#include "base/str.h"
#include "base/vec.h"
#include "session/field.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Parentheses within each other. */
enum { DEPTH = 100 };

enum relation { IS, LESS, LESS_EQUAL, MORE, MORE_EQUAL, EQUAL, NOT_EQUAL, HAS, HAS_NOT };

/* A program for a stack of truths. */
struct step {
    enum { TEST, NOT, AND, OR } kind;
    const struct field *field; /* the rest is TEST's */
    enum relation relation;
    double number;
    char *text;
};

struct filter {
    VEC(struct step) step;
};

struct parser {
    const char *text, *at;
    int depth;
    struct filter *f;
    struct err *err;
};

/* ---- relations ---- */

static const struct {
    const char *sign; /* a longer one before those it begins with */
    enum relation relation;
    bool of_numbers, of_texts;
} relations[] = {
    {"<=", LESS_EQUAL, true, false}, {">=", MORE_EQUAL, true, false}, {"==", EQUAL, true, true},
    {"!=", NOT_EQUAL, true, true},   {"!~", HAS_NOT, false, true},    {"<", LESS, true, false},
    {">", MORE, true, false},        {"=", EQUAL, true, true},        {"~", HAS, false, true},
};

static bool number_holds(const struct step *t, double v)
{
    switch (t->relation) {
    case IS:
        return v < 0 || v > 0;
    case LESS:
        return v < t->number;
    case LESS_EQUAL:
        return v <= t->number;
    case MORE:
        return v > t->number;
    case MORE_EQUAL:
        return v >= t->number;
    case EQUAL:
        return v >= t->number && v <= t->number;
    case NOT_EQUAL:
        return v < t->number || v > t->number;
    default:
        return false;
    }
}

static bool text_holds(const struct step *t, const struct session_candidate *c)
{
    bool without = t->relation == NOT_EQUAL || t->relation == HAS_NOT;
    bool part = t->relation == HAS || t->relation == HAS_NOT, found = false;
    char buf[512];
    const char *have;
    for (int i = 0; !found && (have = t->field->text(c, i, buf, sizeof buf)); i++)
        found = t->relation == IS ? have[0] != '\0'
                : part            ? strcasestr(have, t->text) != NULL
                                  : strcasecmp(have, t->text) == 0;
    return found != without;
}

bool filter_holds(const struct filter *f, const struct session_candidate *c)
{
    /* What waits at a level: the left sides of one || and of one &&. */
    bool stack[2 * (DEPTH + 1) + 2] = {false};
    int n = 0;
    for (size_t i = 0; i < f->step.n; i++) {
        const struct step *t = &f->step.at[i];
        if (t->kind == TEST)
            stack[n++] = t->field->number ? number_holds(t, t->field->number(c)) : text_holds(t, c);
        else if (t->kind == NOT)
            stack[n - 1] = !stack[n - 1];
        else {
            n--;
            stack[n - 1] = t->kind == AND ? stack[n - 1] && stack[n] : stack[n - 1] || stack[n];
        }
    }
    return stack[0];
}

/* ---- reading ---- */

static bool is_word_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static void skip_blanks(struct parser *p)
{
    p->at += strspn(p->at, " \t");
}

static bool accept(struct parser *p, const char *sign)
{
    skip_blanks(p);
    if (!str_starts(p->at, sign))
        return false;
    p->at += strlen(sign);
    return true;
}

/* Characters before `at`, and one. */
static int column(const struct parser *p, const char *at)
{
    int n = 1;
    for (const char *c = p->text; c < at; c++)
        n += ((unsigned char)*c & 0xc0) != 0x80;
    return n;
}

static enum status expected(struct parser *p, const char *what)
{
    skip_blanks(p);
    return err_set(p->err, ST_USAGE, "column %d: %s is expected", column(p, p->at), what);
}

static size_t word_length(const struct parser *p)
{
    size_t n = 0;
    while (is_word_char(p->at[n]))
        n++;
    return n;
}

static enum status read_field(struct parser *p, const struct field **out)
{
    skip_blanks(p);
    size_t n = word_length(p);
    if (n == 0)
        return expected(p, "a field");
    *out = field_find(p->at, n);
    if (!*out) {
        const struct field *like = field_like(p->at, n);
        return err_set(p->err, ST_USAGE, "column %d: no field '%.*s'%s%s%s", column(p, p->at),
                       n < 40 ? (int)n : 40, p->at, like ? " (" : "", like ? like->name : "",
                       like ? "?)" : "");
    }
    p->at += n;
    return ST_OK;
}

static enum status read_relation(struct parser *p, const struct field *f, enum relation *out)
{
    *out = IS;
    skip_blanks(p);
    for (size_t i = 0; i < sizeof relations / sizeof *relations; i++) {
        if (!str_starts(p->at, relations[i].sign))
            continue;
        if (f->number ? !relations[i].of_numbers : !relations[i].of_texts)
            return err_set(p->err, ST_USAGE, "column %d: %s is a %s: %s", column(p, p->at), f->name,
                           f->number ? "number" : "text",
                           f->number ? "< <= > >= = !=" : "~ (contains) !~ = !=");
        p->at += strlen(relations[i].sign);
        *out = relations[i].relation;
        break;
    }
    return ST_OK;
}

/* Length of a number without its unit. */
static size_t number_length(const char *s)
{
    static const char digits[] = "0123456789";
    size_t n = *s == '+' || *s == '-', k;
    n += strspn(s + n, digits);
    if (s[n] == '.')
        n += 1 + strspn(s + n + 1, digits);
    if (s[n] == 'e' || s[n] == 'E') {
        k = n + 1 + (s[n + 1] == '+' || s[n + 1] == '-');
        if (strspn(s + k, digits))
            n = k + strspn(s + k, digits);
    }
    return n;
}

/* What a number is multiplied by, "%" or " M"; false: what stands at it is no unit. */
static bool read_unit(struct parser *p, double *times)
{
    const char *at = p->at + strspn(p->at, " \t");
    double known = *at == '%' ? .01 : str_si_times(*at);
    *times = 1;
    if (known > 0 && !is_word_char(at[1])) {
        *times = known;
        p->at = at + 1;
        return true;
    }
    return !is_word_char(*p->at);
}

static enum status read_number(struct parser *p, double *out)
{
    char text[64];
    double times;
    skip_blanks(p);
    size_t n = number_length(p->at);
    snprintf(text, sizeof text, "%.*s", n < sizeof text ? (int)n : 0, p->at);
    if (!str_to_double(text, out))
        return expected(p, "a number");
    p->at += n;
    if (!read_unit(p, &times))
        return expected(p, "a unit (% k M G T)");
    *out *= times;
    return isfinite(*out) ? ST_OK : expected(p, "a smaller number");
}

static enum status read_text(struct parser *p, char **out)
{
    skip_blanks(p);
    bool quoted = *p->at == '"';
    size_t n = strcspn(p->at + quoted, quoted ? "\"" : " \t&|!()<>=~\"");
    if (quoted && !p->at[1 + n])
        return err_set(p->err, ST_USAGE, "column %d: this \" is not closed", column(p, p->at));
    if (!quoted && n == 0)
        return expected(p, "a text");
    *out = x_strndup(p->at + quoted, n);
    p->at += n + 2 * (size_t)quoted;
    return ST_OK;
}

/* ---- the grammar ---- */

static void add(struct parser *p, int kind)
{
    vec_push(&p->f->step, (struct step){.kind = kind});
}

static enum status parse_test(struct parser *p)
{
    struct step t = {.kind = TEST};
    TRY(read_field(p, &t.field));
    TRY(read_relation(p, t.field, &t.relation));
    if (t.relation != IS)
        TRY(t.field->number ? read_number(p, &t.number) : read_text(p, &t.text));
    vec_push(&p->f->step, t);
    return ST_OK;
}

static enum status parse_or(struct parser *p);

static enum status parse_not(struct parser *p)
{
    bool turned = false;
    while (accept(p, "!"))
        turned = !turned;
    if (!accept(p, "(")) {
        TRY(parse_test(p));
    } else {
        if (++p->depth > DEPTH)
            return err_set(p->err, ST_USAGE, "column %d: more than %d parentheses in each other",
                           column(p, p->at - 1), DEPTH);
        TRY(parse_or(p));
        if (!accept(p, ")"))
            return expected(p, "&&, || or )");
        p->depth--;
    }
    if (turned)
        add(p, NOT);
    return ST_OK;
}

static enum status parse_and(struct parser *p)
{
    TRY(parse_not(p));
    while (accept(p, "&&")) {
        TRY(parse_not(p));
        add(p, AND);
    }
    return ST_OK;
}

static enum status parse_or(struct parser *p)
{
    TRY(parse_and(p));
    while (accept(p, "||")) {
        TRY(parse_and(p));
        add(p, OR);
    }
    return ST_OK;
}

enum status filter_parse(const char *text, struct filter **out, struct err *err)
{
    struct parser p = {text, text, 0, x_calloc(1, sizeof *p.f), err};
    enum status st = parse_or(&p);
    skip_blanks(&p);
    if (st == ST_OK && *p.at)
        st = expected(&p, "&& or ||");
    if (st == ST_OK)
        *out = p.f;
    else
        filter_free(p.f);
    return st;
}

void filter_free(struct filter *f)
{
    if (!f)
        return;
    for (size_t i = 0; i < f->step.n; i++)
        free(f->step.at[i].text);
    vec_done(&f->step);
    free(f);
}

bool filter_is_meant(const char *text)
{
    return text[strcspn(text, "<>=~!&|()")] != '\0';
}
