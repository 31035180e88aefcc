/* Text for cells: names come from models of any origin, so everything that reaches the screen goes
 * through here. Control, combining, bidirectional and unassigned characters never get out; what a
 * text takes is counted in cells, not in bytes. Thread-safe once the locale is set. */
#ifndef UI_TEXT_H
#define UI_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <wchar.h>

/* Decodes UTF-8 into at most `cols` cells of printable characters. `out` needs cols + 1 elements
 * (a wide character takes two cells and one element). Returns the cells used; *cut tells whether
 * something was left out. Non-ASCII becomes '?' when `ascii`. */
int text_cells(const char *s, int cols, bool ascii, wchar_t *out, bool *cut);
/* Cells the whole text would take. */
int text_width(const char *s, bool ascii);
/* Copies with every character that is not printable replaced by '?', for messages. */
void text_clean(char *out, size_t size, const char *s);
/* Length in bytes of the UTF-8 character at s (1 for invalid bytes, 0 at the end). */
size_t text_next(const char *s);
/* Start of the UTF-8 character before byte `at`. */
size_t text_prev(const char *s, size_t at);
/* Encodes a code point; returns the bytes written (at most 4). */
size_t text_encode(unsigned cp, char *out);
/* Bytes of `s` that a line of `cols` cells holds, up to a space where there is one, and so many
 * more in *skip that the next line leaves out. */
size_t text_line(const char *s, int cols, bool ascii, size_t *skip);
/* Lines that the text takes; 0 for "". */
int text_lines(const char *s, int cols, bool ascii);
/* Case-insensitive (ASCII) search. */
bool text_has(const char *s, const char *part);

/* "1,234,567"; into buf, returned. */
const char *text_count(long long n, char *buf, size_t size);
/* Signed difference for people: "+1.20 M", "-3.4 %", "0"; into buf, returned. */
const char *text_delta(double v, char *buf, size_t size);
const char *text_percent(double part, double whole, char *buf, size_t size);

#endif
