/* Time that passes. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

/* Of a clock that is never set back; only differences mean something. */
double clock_s(void);  /* seconds */
double clock_ms(void); /* milliseconds */

#endif
