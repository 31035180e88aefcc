/* Matrix products for code that is not a graph (oneDNN's sgemm). */
#ifndef EXEC_GEMM_H
#define EXEC_GEMM_H

#include <stdbool.h>
#include <stdint.h>

/* c = op(a) op(b) + beta c on the calling thread alone; c is m x n, op(a) m x k, op(b) k x n, all
 * row-major and dense. An empty matrix is fine. */
void exec_gemm(bool ta, bool tb, int64_t m, int64_t n, int64_t k, const float *a, const float *b,
               float beta, float *c);

#endif
