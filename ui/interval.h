/* An interval as a small bar around zero, for a cell of a table: "  --o+--  ". */
#ifndef UI_INTERVAL_H
#define UI_INTERVAL_H

#include <stddef.h>

enum { INTERVAL_CELLS = 15 }; /* odd: zero is in the middle */

/* `reach`, above 0, is what an end of the bar's room stands for. Into buf, returned. */
const char *interval_bar(double low, double at, double high, double reach, char *buf, size_t size);

#endif
