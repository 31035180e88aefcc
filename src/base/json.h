/* Streaming JSON writer for --json documents and files. Commas, escapes and nesting are its work;
 * non-finite numbers become null. (Reading JSON is cJSON's work, in the modules that need it.) */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "base/str.h"

struct json {
    struct str *out; /* borrowed */
    int depth;
    bool first[32];
    bool after_key;
};

void json_init(struct json *j, struct str *out);
void json_object(struct json *j);
void json_object_end(struct json *j);
void json_array(struct json *j);
void json_array_end(struct json *j);
void json_key(struct json *j, const char *key);
void json_str(struct json *j, const char *s); /* NULL -> null; invalid UTF-8 -> U+FFFD */
void json_int(struct json *j, int64_t v);
void json_num(struct json *j, double v);
void json_exact(struct json *j, double v); /* reads back as it was; json_num: to nine digits */
void json_bool(struct json *j, bool v);
void json_null(struct json *j);
/* Key and value at once. */
void json_kstr(struct json *j, const char *key, const char *s);
void json_kint(struct json *j, const char *key, int64_t v);
void json_knum(struct json *j, const char *key, double v);
void json_kbool(struct json *j, const char *key, bool v);

#endif
