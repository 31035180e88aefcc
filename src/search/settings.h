/* The settings of a search as text, for command line and workbench alike. */
#ifndef SEARCH_SETTINGS_H
#define SEARCH_SETTINGS_H

#include "search/search.h"

enum search_setting {
#define SETTING(id, name, value, help, changes) SET_##id,
#include "search/settings.def"
#undef SETTING
    SEARCH_SETTINGS
};
struct search_setting_info {
    const char *name, *value, *help; /* "max-flops", "X" */
    bool changes;                    /* also while a search runs */
};
extern const struct search_setting_info search_setting_info[SEARCH_SETTINGS];
/* SEARCH_SETTINGS: none of this name. */
enum search_setting search_setting_find(const char *name);

struct search_settings {
    struct search_opts o;        /* what is set; the rest is the caller's to fill in */
    char *text[SEARCH_SETTINGS]; /* as they were set; NULL: not */
    bool forbidden[OP_COUNT];
    int32_t *frozen;
};
/* The defaults. */
void search_settings_init(struct search_settings *s);
/* What is set in `from` but `without` (SEARCH_SETTINGS: all of it); not what the caller filled in.
 */
void search_settings_copy(struct search_settings *s, const struct search_settings *from,
                          enum search_setting without);
/* ST_USAGE: it has no such form. */
enum status search_settings_set(struct search_settings *s, enum search_setting k, const char *value,
                                struct err *err);
/* Settings that only mean something for a network: what is frozen and allowed; sets s->o.frozen and
 * s->o.forbidden, which stay s's. */
enum status search_settings_bind(struct search_settings *s, const struct graph *g,
                                 const struct bpe_vocab *v, struct err *err);
void search_settings_done(struct search_settings *s);

#endif
