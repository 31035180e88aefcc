/* Fills in the generated parts of a manual page, so that keys and commands are written down once:
 *     mkman <autogo.1.in >autogo.1 */
#include "cli/cli.h"
#include "cost/npu.h"
#include "family/family.h"
#include "man/fill.h"
#include "onx/onx.h"
#include "search/archive.h"
#include "search/settings.h"
#include "segdb/segdb_priv.h"
#include "session/field.h"
#include "ui/ui.h"

/* Text that roff takes as it is: no escapes, no requests. */
static void add_roff(struct str *out, const char *s)
{
    if (*s == '.' || *s == '\'')
        str_add(out, "\\&");
    for (; *s; s++)
        if (*s == '\\')
            str_add(out, "\\e");
        else if (*s == '-')
            str_add(out, "\\-");
        else
            str_add_char(out, *s);
}

static void add_words(struct str *out)
{
    int n;
    const struct session_word *w = session_words(&n);
    for (int i = 0; i < n; i++) {
        str_add(out, ".TP\n\\fB");
        add_roff(out, w[i].name);
        str_add(out, "\\fR");
        if (*w[i].args) {
            str_add(out, " \\fI");
            add_roff(out, w[i].args);
            str_add(out, "\\fR");
        }
        str_add_char(out, '\n');
        add_roff(out, w[i].help);
        str_add(out, ".\n");
    }
}

static void add_fields(struct str *out)
{
    for (int i = 0; i < field_count(); i++) {
        const struct field *f = field_at(i);
        str_addf(out, ".TP\n\\fB");
        add_roff(out, f->name);
        str_addf(out, "\\fR%s", *f->unit ? " (" : "");
        add_roff(out, f->unit);
        str_addf(out, "%s\n", *f->unit ? ")" : "");
        add_roff(out, f->help);
        str_add(out, ".\n");
    }
}

static void add_zoo(struct str *out)
{
    const struct family_zoo *z;
    for (int i = 0; (z = family_zoo_at(i)); i++) {
        str_add(out, ".TP\n\\fBzoo:");
        add_roff(out, z->name);
        str_add(out, "\\fR\n");
        add_roff(out, z->summary);
        str_add_char(out, '\n');
    }
}

static void add_cg_ops(struct str *out)
{
    const char *name;
    for (int i = 0; (name = cgjson_op_at(i)); i++)
        str_addf(out, "%s%s", i ? ", " : "", name);
    str_add(out, ";\n");
}

static void add_search_settings(struct str *out)
{
    for (int i = 0; i < SEARCH_SETTINGS; i++) {
        str_add(out, i ? ", " : "");
        add_roff(out, search_setting_info[i].name);
    }
    str_add_char(out, '\n');
}

static void add_preset_keys(struct str *out)
{
    const struct npu_preset_key *k;
    for (int i = 0; (k = npu_preset_key_at(i)); i++) {
        str_add(out, ".TP\n\\fB");
        add_roff(out, k->name);
        str_add(out, "\\fR\n");
        add_roff(out, k->help);
        if (k->values)
            str_addf(out, " (%s).\n", k->values);
        else
            str_addf(out, " (%g to %.15g).\n", k->lo, k->hi);
    }
}

enum { SQL_WIDTH = 76 };

/* Statements of SQL, broken behind commas where lines get long. */
static void add_sql(struct str *out, const char *sql)
{
    size_t used = 0;
    while (*sql) {
        size_t n = strcspn(sql, ",;");
        n += sql[n] != '\0';
        if (used && used + n > SQL_WIDTH) {
            str_add(out, "\n   ");
            used = 3;
        }
        str_addf(out, "%.*s", (int)n, sql);
        used += n;
        sql += n;
        if (sql[-1] == ';' || !*sql) {
            str_add_char(out, '\n');
            used = 0;
        }
    }
}

static void add_segment_tables(struct str *out)
{
    for (int i = 0; i < SEGDB_SCHEMA_N; i++)
        add_sql(out, segdb_schema[i]);
}

static void add_archive_tables(struct str *out)
{
    add_sql(out, archive_schema);
}

static void add_version(struct str *out, int application, int version)
{
    str_addf(out, "(application id 0x%x,\n.B user_version\n%d)\n", (unsigned)application, version);
}

static void add_segment_version(struct str *out)
{
    add_version(out, SEGDB_APPLICATION, SEGDB_VERSION);
}

static void add_archive_version(struct str *out)
{
    add_version(out, ARCHIVE_APPLICATION, ARCHIVE_VERSION);
}

int main(void)
{
    static const struct fill_part parts[] = {
        {"@COMMANDS@", cli_man},  /* with their options */
        {"@KEYS@", ui_man},       /* the table of actions */
        {"@WORDS@", add_words},   /* the command language */
        {"@FIELDS@", add_fields}, /* of candidates */
        {"@ZOO@", add_zoo},
        {"@SETTINGS@", ui_man_settings},
        {"@CG_OPS@", add_cg_ops},
        {"@PRESET_KEYS@", add_preset_keys},
        {"@SEARCH_SETTINGS@", add_search_settings},
        {"@SEGMENT_TABLES@", add_segment_tables},
        {"@SEGMENT_VERSION@", add_segment_version},
        {"@ARCHIVE_TABLES@", add_archive_tables},
        {"@ARCHIVE_VERSION@", add_archive_version},
        {NULL, NULL},
    };
    return fill(parts);
}
