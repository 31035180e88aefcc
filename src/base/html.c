#include "base/html.h"

#include <string.h>

static const char style[] =
    ":root{color-scheme:light dark;--ground:#fff;--ink:#1b1b1b;--dim:#666;--line:#d8d8d8;"
    "--link:#0b5cad;--band:#f4f4f2}\n"
    "@media (prefers-color-scheme:dark){:root{--ground:#15171a;--ink:#e4e4e2;--dim:#9c9c9a;"
    "--line:#3a3d42;--link:#82b9ff;--band:#1f2226}}\n"
    "body{margin:0 auto;max-width:68rem;padding:1.5rem 1.2rem 4rem;background:var(--ground);"
    "color:var(--ink);font:16px/1.5 'DejaVu Sans',Verdana,sans-serif}\n"
    "h1{font-size:1.5rem;line-height:1.25;overflow-wrap:anywhere}h2{font-size:1.2rem;"
    "margin-top:2.2em}\n"
    "a{color:var(--link)}small,.note{color:var(--dim)}.note{font-size:.85rem}\n"
    "table{border-collapse:collapse;font-size:.85rem;font-variant-numeric:tabular-nums}\n"
    "th,td{padding:.25rem .6rem;border-bottom:1px solid var(--line);text-align:right;"
    "white-space:nowrap;vertical-align:top}\n"
    ".text{text-align:left}.facts th{text-align:left;font-weight:normal;color:var(--dim)}"
    ".facts td,.reasons .text{text-align:left;white-space:normal;overflow-wrap:anywhere}\n"
    "td small{display:block}.begun{background:var(--band)}.wide{overflow-x:auto}\n"
    ".scatter text{paint-order:stroke;stroke:var(--ground);stroke-width:3px}\n"
    ".scatter,.curve{display:block;width:100%;height:auto}"
    ".pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(20rem,1fr));gap:1rem}\n"
    "details{border:1px solid var(--line);border-radius:4px;margin:.6rem 0;padding:.5rem .8rem}"
    "summary{cursor:pointer}\n"
    ".picture{background:#fff;color:#000;border-radius:4px;overflow-x:auto;padding:.4rem;"
    "text-align:center}.picture svg{max-width:100%;height:auto}\n";

void html_text(struct str *out, const char *text)
{
    while (*text) {
        int n = str_utf8(text);
        if (n == 0)
            str_add(out, "\xef\xbf\xbd");
        else if (n > 1)
            str_add_n(out, text, (size_t)n);
        else if (strchr("<>&'\"", *text))
            str_addf(out, "&#%d;", *text);
        else
            str_add_char(out, (unsigned char)*text < ' ' ? ' ' : *text);
        text += n ? n : 1;
    }
}

void html_begin(struct str *out, const char *kind, const char *title, const char *more_style)
{
    str_addf(out,
             "<!DOCTYPE html>\n<html xmlns='http://www.w3.org/1999/xhtml' lang='en'>\n<head>"
             "<meta charset='utf-8'/>\n<meta name='viewport' "
             "content='width=device-width, initial-scale=1'/>\n<title>%s",
             kind);
    html_text(out, title);
    str_addf(out, "</title>\n<style>\n%s%s</style>\n</head>\n<body>\n", style, more_style);
}

void html_end(struct str *out)
{
    str_add(out, "</body>\n</html>\n");
}

void html_picture(struct str *out, const char *svg, int number)
{
    const char *id;
    str_add(out, "<div class='picture'>");
    for (; (id = strstr(svg, " id=\"")); svg = id + 5) {
        str_add_n(out, svg, (size_t)(id - svg));
        str_addf(out, " id=\"p%d-", number);
    }
    str_add(out, svg);
    str_add(out, "</div>\n");
}
