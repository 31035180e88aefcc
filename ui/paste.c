/* Text that is pasted, or a file that is dragged into the terminal: into the line that is being
 * typed, else it is opened when it names a model. It never runs as keys. */
#include "ui/ui_priv.h"

#include "family/family.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PASTE_MOST = 8192 };

static int hex(char c)
{
    const char *digits = "0123456789abcdef", *at = c ? strchr(digits, c | 0x20) : NULL;
    return at ? (int)(at - digits) : -1;
}

/* A path as terminals and file managers write it: in quotes, with backslashes, or file://... with
 * %20. Caller frees. */
static char *unquoted(const char *text)
{
    struct str out = {0};
    bool url = str_starts(text, "file://");
    char quote = 0;
    const char *p = text + (url ? 7 : 0);
    for (; *p; p++) {
        if (url && *p == '%' && hex(p[1]) >= 0 && hex(p[2]) >= 0) {
            str_add_char(&out, (char)(hex(p[1]) * 16 + hex(p[2])));
            p += 2;
        } else if (!url && (quote ? *p == quote : *p == '\'' || *p == '"'))
            quote = quote ? 0 : *p;
        else if (!url && !quote && *p == '\\' && p[1])
            str_add_char(&out, *++p);
        else
            str_add_char(&out, *p);
    }
    return out.n ? str_take(&out) : x_strdup("");
}

static void take(struct ui *ui, const char *text)
{
    if (ui->prompt.kind == PROMPT_QUESTION)
        return;
    if (ui->prompt.kind != PROMPT_NONE) {
        prompt_insert(&ui->prompt, text);
        if (ui->prompt.kind == PROMPT_FILTER)
            command_filter(ui, ui->prompt.text);
        return;
    }
    char *path = unquoted(text);
    ui->message[0] = 0;
    if (ui->play)
        ui_say(ui, "a script is being played; Esc ends it");
    else if (access(text, F_OK) == 0 || family_is_spec(text))
        ui_open_model(ui, text);
    else if (access(path, F_OK) == 0)
        ui_open_model(ui, path);
    else
        ui_say(ui, "what was pasted names no model: %.60s", text);
    free(path);
}

bool paste_key(struct ui *ui, int key)
{
    char utf8[4];
    if (key == INPUT_PASTE) {
        str_clear(&ui->pasted);
        ui->pasting = true;
        return true;
    }
    if (!ui->pasting)
        return key == INPUT_PASTE_END;
    if (key != INPUT_PASTE_END && ui->pasted.n < PASTE_MOST) {
        bool blank = key < 32 || key == 127;
        if (key < INPUT_FUNCTION)
            str_add_n(&ui->pasted, blank ? " " : utf8,
                      blank ? 1 : text_encode((unsigned)key, utf8));
        return true;
    }
    ui->pasting = false;
    char *text = x_strdup(str_text(&ui->pasted)), *at = text + strspn(text, " ");
    for (size_t n = strlen(at); n && at[n - 1] == ' ';)
        at[--n] = 0;
    take(ui, at);
    free(text);
    return true;
}
