/* spm_train of SentencePiece on a corpus: a sequence a line, a private-use character a token. */
#ifndef TESTS_DIFF_SPM_H
#define TESTS_DIFF_SPM_H

#include "bpe/bpe_priv.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* Private-use characters are of no script, so spm_train joins any two of them. */
enum { SPM_FIRST = 0xE000, SPM_TOKENS = 6400 };

static inline void spm_put(struct str *text, int token)
{
    unsigned u = SPM_FIRST + (unsigned)token;
    str_add_char(text, (char)(0xE0 | u >> 12));
    str_add_char(text, (char)(0x80 | (u >> 6 & 63)));
    str_add_char(text, (char)(0x80 | (u & 63)));
}

/* The next token of a piece, -1 when something else follows. */
static inline int spm_token(char **at)
{
    const unsigned char *p = (const unsigned char *)*at;
    if (p[0] < 0xEE || p[0] > 0xEF)
        return -1;
    *at += 3;
    return ((p[0] & 15) << 12 | (p[1] & 63) << 6 | (p[2] & 63)) - SPM_FIRST;
}

/* Sequences as often as they occur; the number of different characters. */
static inline int spm_text(const struct bpe_corpus *c, struct str *text)
{
    bool seen[SPM_TOKENS] = {false};
    int n = 0;
    for (size_t k = 0; k < c->line.n; k++) {
        const struct bpe_line *l = &c->line.at[k];
        for (int64_t t = 0; t < l->count; t++) {
            for (int i = 0; i < l->len; i++) {
                int token = c->seq.at[l->at + (size_t)i];
                n += !seen[token];
                seen[token] = true;
                spm_put(text, token);
            }
            str_add_char(text, '\n');
        }
    }
    return n;
}

/* Trains on the file `input` into `prefix`.model and `prefix`.vocab; what it says goes to
 * `prefix`.log. Pieces have at most max_piece characters; n_chars: different ones in the input.
 * The exit status, 127: not installed. */
static inline int spm_train(const char *input, const char *prefix, int n_merges, int n_chars,
                            int max_piece)
{
    char in[300], model[300], vocab[64], piece[64], log[300];
    snprintf(in, sizeof in, "--input=%s", input);
    snprintf(model, sizeof model, "--model_prefix=%s", prefix);
    /* <unk>, <s>, </s>, the merges, the characters */
    snprintf(vocab, sizeof vocab, "--vocab_size=%d", 3 + n_merges + n_chars);
    snprintf(piece, sizeof piece, "--max_sentencepiece_length=%d", max_piece);
    snprintf(log, sizeof log, "%s.log", prefix);
    pid_t pid = fork();
    if (pid == 0) {
        int fd = open(log, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        if (fd < 0 || dup2(fd, 1) < 0 || dup2(fd, 2) < 0)
            _exit(126);
        execlp("spm_train", "spm_train", in, model, vocab, piece, "--model_type=bpe",
               "--num_threads=1", "--character_coverage=1.0", "--add_dummy_prefix=false",
               "--normalization_rule_name=identity", "--split_by_number=false",
               "--split_digits=false", "--split_by_unicode_script=true",
               "--max_sentence_length=1000000", (char *)NULL);
        _exit(127);
    }
    int status = 0;
    if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
        return 126;
    return WEXITSTATUS(status);
}

#endif
