/* A bounded multi-producer multi-consumer queue of pointers, the only lock in the program.
 * Elements are handed over: the taker owns what it takes. */
#ifndef BASE_QUEUE_H
#define BASE_QUEUE_H

#include <stdbool.h>
#include <stddef.h>

struct queue *queue_new(size_t capacity);
/* The queue must have no waiters; elements still inside are the caller's to drain first. */
void queue_free(struct queue *q);
/* Blocks while full; false once closed (the element stays the caller's). */
bool queue_push(struct queue *q, void *item);
/* Blocks while empty; NULL once closed and empty. */
void *queue_pop(struct queue *q);
/* NULL when empty now. */
void *queue_try_pop(struct queue *q);
void queue_close(struct queue *q);

#endif
