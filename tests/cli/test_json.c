/* Reads one JSON document on stdin and prints, for every argument, the value at that path: keys and
 * indices parted by '/' ("candidates/0/id"); a container prints its number of members. Exit 1 when
 * the document is not JSON, has anything behind it, or lacks a path. */
#include <cjson/cJSON.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const cJSON *at_path(const cJSON *v, const char *path)
{
    char key[256];
    while (v && *path) {
        size_t n = strcspn(path, "/");
        if (n >= sizeof key)
            return NULL;
        memcpy(key, path, n);
        key[n] = '\0';
        v = cJSON_IsArray(v) ? cJSON_GetArrayItem(v, atoi(key))
                             : cJSON_GetObjectItemCaseSensitive(v, key);
        path += n + (path[n] == '/');
    }
    return v;
}

int main(int argc, char **argv)
{
    size_t n = 0, cap = 1 << 16, got;
    char *text = malloc(cap + 1);
    while (text && (got = fread(text + n, 1, cap - n, stdin)) > 0) {
        n += got;
        if (n == cap)
            text = realloc(text, (cap *= 2) + 1);
    }
    if (!text)
        return 1;
    text[n] = '\0';
    cJSON *doc = cJSON_ParseWithOpts(text, NULL, 1);
    if (!doc) {
        fprintf(stderr, "not one JSON document: %.80s\n", text);
        free(text);
        return 1;
    }
    int rc = 0;
    for (int i = 1; i < argc; i++) {
        const cJSON *v = at_path(doc, argv[i]);
        if (!v) {
            fprintf(stderr, "no %s\n", argv[i]);
            rc = 1;
        } else if (cJSON_IsString(v))
            puts(v->valuestring);
        else if (cJSON_IsNumber(v))
            printf("%.17g\n", v->valuedouble);
        else if (cJSON_IsBool(v))
            puts(cJSON_IsTrue(v) ? "true" : "false");
        else if (cJSON_IsNull(v))
            puts("null");
        else
            printf("%d\n", cJSON_GetArraySize(v));
    }
    cJSON_Delete(doc);
    free(text);
    return rc;
}
