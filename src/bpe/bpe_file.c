/* Vocabulary files.
 *
 * Ours: {"format": "autogo-vocabulary", "version": 1, "mode": "canonical" | "reference",
 *        "tokens": ["Conv3x3:1:1", ...], "merges": [[left and right spelt in token ids], ...]}
 * with merges in the order learnt. The published one: tokens are objects (id, op, k, in, out) and
 * merges objects (score, tokens); it is reference by nature. */
#include "base/file.h"
#include "base/json.h"
#include "bpe/bpe_priv.h"
#include <cjson/cJSON.h>
#include <stdlib.h>

#define FORMAT "autogo-vocabulary"
enum { VERSION = 1, MAX_BYTES = 64 << 20, MAX_ITEMS = 1000000 };

static bool get_int(const cJSON *j, int lo, int hi, int *out)
{
    if (!cJSON_IsNumber(j) || !(j->valuedouble >= lo && j->valuedouble <= hi) ||
        j->valuedouble != (int)j->valuedouble)
        return false;
    *out = (int)j->valuedouble;
    return true;
}

/* Names joined with commas; the separators of token texts must not occur in them. */
static bool add_names(struct str *s, const cJSON *list)
{
    const cJSON *j;
    bool first = true;
    if (!cJSON_IsArray(list))
        return false;
    cJSON_ArrayForEach(j, list)
    {
        if (!cJSON_IsString(j) || strpbrk(j->valuestring, ":,"))
            return false;
        if (!first)
            str_add_char(s, ',');
        str_add(s, j->valuestring);
        first = false;
    }
    return true;
}

/* A token of the published vocabulary in the text form of refer_token. */
static bool paper_token(const cJSON *j, int want_id, struct str *s)
{
    const cJSON *op = cJSON_GetObjectItemCaseSensitive(j, "op");
    const cJSON *k = cJSON_GetObjectItemCaseSensitive(j, "k");
    int id, width;
    if (!get_int(cJSON_GetObjectItemCaseSensitive(j, "id"), 0, MAX_ITEMS, &id) || id != want_id ||
        !cJSON_IsString(op) || strpbrk(op->valuestring, ":,"))
        return false;
    str_addf(s, "%s:", op->valuestring);
    if (get_int(k, 0, 1000000, &width))
        str_addf(s, "%d", width);
    else if (!cJSON_IsNull(k))
        return false;
    str_add_char(s, ':');
    if (!add_names(s, cJSON_GetObjectItemCaseSensitive(j, "in")))
        return false;
    str_add_char(s, ':');
    return add_names(s, cJSON_GetObjectItemCaseSensitive(j, "out"));
}

static enum status read_tokens(struct bpe_vocab *v, const cJSON *list, struct err *err)
{
    const cJSON *j;
    enum status st = ST_OK;
    struct str s = {0};
    cJSON_ArrayForEach(j, list)
    {
        int id = (int)v->token.n;
        str_clear(&s);
        if (id >= MAX_ITEMS)
            st = err_set(err, ST_MODEL, "more than %d tokens", MAX_ITEMS);
        else if (cJSON_IsString(j))
            st = bpe_vocab_add_token(v, j->valuestring, err);
        else if (v->mode == BPE_REFERENCE && cJSON_IsObject(j) && paper_token(j, id, &s))
            st = bpe_vocab_add_token(v, str_text(&s), err);
        else
            st = err_set(err, ST_MODEL, "token %d is malformed", id);
        if (st != ST_OK)
            break;
    }
    str_done(&s);
    return st;
}

static enum status read_merge(struct bpe_vocab *v, const cJSON *list, struct err *err)
{
    int seq[BPE_MAX_PIECE], n = 0;
    const cJSON *j;
    if (!cJSON_IsArray(list))
        return err_set(err, ST_MODEL, "merge %zu is malformed", v->piece.n);
    cJSON_ArrayForEach(j, list)
    {
        if (n == BPE_MAX_PIECE)
            return err_set(err, ST_MODEL, "merge %zu has more than %d tokens", v->piece.n,
                           BPE_MAX_PIECE);
        if (!get_int(j, 0, MAX_ITEMS, &seq[n++]))
            return err_set(err, ST_MODEL, "merge %zu: a token id is no number", v->piece.n);
    }
    return bpe_vocab_add_piece(v, seq, n, err);
}

static enum status read_merges(struct bpe_vocab *v, const cJSON *list, struct err *err)
{
    const cJSON *j;
    cJSON_ArrayForEach(j, list)
    {
        int score;
        const cJSON *seq = j;
        if (v->piece.n >= MAX_ITEMS)
            return err_set(err, ST_MODEL, "more than %d merges", MAX_ITEMS);
        if (cJSON_IsObject(j)) {
            seq = cJSON_GetObjectItemCaseSensitive(j, "tokens");
            if (!get_int(cJSON_GetObjectItemCaseSensitive(j, "score"), -MAX_ITEMS, 0, &score) ||
                score != -(int)v->piece.n)
                return err_set(err, ST_MODEL, "merge %zu is out of order", v->piece.n);
        }
        TRY(read_merge(v, seq, err));
    }
    return bpe_vocab_finish(v, err);
}

static enum status read_head(const cJSON *doc, const cJSON *tokens, enum bpe_mode *mode,
                             struct err *err)
{
    const cJSON *format = cJSON_GetObjectItemCaseSensitive(doc, "format");
    const cJSON *name = cJSON_GetObjectItemCaseSensitive(doc, "mode");
    int version;
    if (!format && cJSON_IsObject(cJSON_GetArrayItem(tokens, 0))) {
        *mode = BPE_REFERENCE;
        return ST_OK;
    }
    if (!cJSON_IsString(format) || strcmp(format->valuestring, FORMAT))
        return err_set(err, ST_MODEL, "not a vocabulary file");
    if (!get_int(cJSON_GetObjectItemCaseSensitive(doc, "version"), 1, 1000000, &version))
        return err_set(err, ST_MODEL, "the vocabulary has no version");
    if (version > VERSION)
        return err_set(err, ST_MODEL, "vocabulary version %d is newer than this program's (%d)",
                       version, VERSION);
    if (cJSON_IsString(name) && !strcmp(name->valuestring, "canonical"))
        *mode = BPE_CANONICAL;
    else if (cJSON_IsString(name) && !strcmp(name->valuestring, "reference"))
        *mode = BPE_REFERENCE;
    else
        return err_set(err, ST_MODEL, "the vocabulary's mode is neither canonical nor reference");
    return ST_OK;
}

static enum status read_doc(const cJSON *doc, struct bpe_vocab **out, struct err *err)
{
    const cJSON *tokens = cJSON_GetObjectItemCaseSensitive(doc, "tokens");
    const cJSON *merges = cJSON_GetObjectItemCaseSensitive(doc, "merges");
    enum bpe_mode mode = BPE_REFERENCE;
    TRY(read_head(doc, tokens, &mode, err));
    if (!cJSON_IsArray(tokens) || !cJSON_IsArray(merges))
        return err_set(err, ST_MODEL, "the vocabulary lacks its tokens or merges");
    struct bpe_vocab *v = bpe_vocab_new(mode);
    enum status st = read_tokens(v, tokens, err);
    if (st == ST_OK)
        st = read_merges(v, merges, err);
    if (st == ST_OK)
        *out = v;
    else
        bpe_vocab_free(v);
    return st;
}

enum status bpe_vocab_read(const char *text, size_t n, struct bpe_vocab **out, struct err *err)
{
    const char *end = NULL;
    cJSON *doc = cJSON_ParseWithLengthOpts(text, n, &end, 0);
    enum status st;
    if (doc)
        st = read_doc(doc, out, err);
    else
        st = err_set(err, ST_MODEL, "not a vocabulary: malformed JSON at byte %zu of %zu",
                     end ? (size_t)(end - text) : 0, n);
    cJSON_Delete(doc);
    return st;
}

enum status bpe_vocab_load(struct bpe_vocab **out, const char *path, struct err *err)
{
    unsigned char *data;
    size_t size;
    TRY(file_read(path, MAX_BYTES, &data, &size, err));
    enum status st = bpe_vocab_read((const char *)data, size, out, err);
    if (st != ST_OK)
        err_in_file(err, path);
    free(data);
    return st;
}

void bpe_vocab_write(const struct bpe_vocab *v, struct str *out)
{
    struct json j;
    json_init(&j, out);
    json_object(&j);
    json_kstr(&j, "format", FORMAT);
    json_kint(&j, "version", VERSION);
    json_kstr(&j, "mode", v->mode == BPE_CANONICAL ? "canonical" : "reference");
    json_key(&j, "tokens");
    json_array(&j);
    for (size_t i = 0; i < v->token.n; i++)
        json_str(&j, v->token.at[i]);
    json_array_end(&j);
    json_key(&j, "merges");
    json_array(&j);
    for (size_t k = 0; k < v->piece.n; k++) {
        json_array(&j);
        for (int i = 0; i < v->piece.at[k].len; i++)
            json_int(&j, v->seq.at[v->piece.at[k].at + i]);
        json_array_end(&j);
    }
    json_array_end(&j);
    json_object_end(&j);
    str_add_char(out, '\n');
}

enum status bpe_vocab_save(const struct bpe_vocab *v, const char *path, struct err *err)
{
    struct str s = {0};
    bpe_vocab_write(v, &s);
    enum status st = file_write(path, s.s, s.n, err);
    str_done(&s);
    return st;
}
