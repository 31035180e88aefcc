/* The journal reader on any bytes: it says no, or what it read can be continued. The checks of the
 * lines would keep a fuzzer out of the parser, so a line's last field "........" stands for its
 * right check. */
#include "base/hash.h"
#include "base/str.h"
#include "session/journal.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void put_checks(char *text, size_t n)
{
    for (char *line = text, *nl; (nl = memchr(line, '\n', n - (size_t)(line - text)));
         line = nl + 1) {
        char check[9];
        if (nl - line < 9 || memcmp(nl - 9, "\t........", 9) != 0)
            continue;
        /* format version 1 is the seed of the check */
        snprintf(check, sizeof check, "%08x",
                 (unsigned)(uint32_t)hash_bytes(line, (size_t)(nl - line) - 9, 1));
        memcpy(nl - 8, check, 8);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[] = "fuzz_journal.XXXXXX";
    int fd = mkstemp(path);
    char *text = malloc(size + 1);
    if (fd < 0 || !text)
        abort();
    memcpy(text, data, size);
    put_checks(text, size);
    if (write(fd, text, size) != (ssize_t)size)
        abort();
    close(fd);
    free(text);
    struct journal *j;
    struct journal_text t = {0}, again = {0};
    if (journal_open(&j, path, NULL) != ST_OK)
        abort();
    if (journal_read(j, &t, NULL) == ST_OK && !t.empty) {
        size_t n = t.record.n;
        if (journal_resume(j, &t, NULL) != ST_OK ||
            journal_append(j, "undo", 1, 2, NULL) != ST_OK ||
            journal_read(j, &again, NULL) != ST_OK || again.record.n != n + 1)
            abort();
        journal_text_done(&again);
    }
    journal_text_done(&t);
    journal_close(j, false);
    unlink(path);
    return 0;
}
