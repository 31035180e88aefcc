#include "family/family_priv.h"
#include <string.h>

enum { MAX_SPEC = 8192 };

static const struct family families[] = {
    {"nb101", nb101_generate, .count = nb101_count, .text = nb101_text},
    {"nb201", nb201_generate, .count = nb201_count, .text = nb201_text},
    {"hiaml", hiaml_generate, .count = hiaml_count, .text = hiaml_text},
    {"inception", inception_generate, .draw = inception_draw},
    {"twopath", twopath_generate, .draw = twopath_draw},
};
enum { N_FAMILIES = sizeof families / sizeof *families };

static const char zoo_prefix[] = "zoo:", reduced_suffix[] = "@s";

const struct family *family_at(int i)
{
    return i >= 0 && i < N_FAMILIES ? &families[i] : NULL;
}

const char *family_name_at(int i)
{
    const struct family *f = family_at(i);
    return f ? f->name : NULL;
}

static const struct family *family_of(const char *spec)
{
    for (int i = 0; i < N_FAMILIES; i++)
        if (str_starts(spec, families[i].name) && spec[strlen(families[i].name)] == ':')
            return &families[i];
    return NULL;
}

bool family_is_spec(const char *spec)
{
    return str_starts(spec, zoo_prefix) || family_of(spec);
}

static enum status unknown_form(struct scan *s)
{
    struct str list = {0};
    for (int i = 0; i < N_FAMILIES; i++)
        str_addf(&list, " %s:", families[i].name);
    enum status st =
        scan_fail(s, 0, "not a network name (known: %s%s)", zoo_prefix, str_text(&list));
    str_done(&list);
    return st;
}

static enum status generate(struct scan *s, uint64_t seed, struct graph **out)
{
    const struct family *f = family_of(s->text);
    if (s->end > MAX_SPEC)
        return scan_fail(s, MAX_SPEC, "the text is longer than %d characters", MAX_SPEC);
    if (str_starts(s->text, zoo_prefix)) {
        s->at = strlen(zoo_prefix);
        return zoo_generate(s, seed, out);
    }
    if (!f)
        return unknown_form(s);
    s->at = strlen(f->name) + 1;
    bool reduced = str_ends(s->text, reduced_suffix);
    if (reduced)
        s->end -= strlen(reduced_suffix);
    return f->generate(s, reduced, seed, out);
}

enum status family_build(const char *spec, uint64_t seed, struct graph **out, struct err *err)
{
    struct scan s = {.text = spec, .end = strlen(spec), .err = err};
    enum status st = generate(&s, seed, out);
    if (st != ST_OK)
        err_in_file(err, spec);
    return st;
}
