/* Loops over whole buffers, eight numbers at a time. */
#include "exec/exec_back.h"

typedef float vec8 __attribute__((vector_size(32), aligned(4), may_alias));
typedef int vec8i __attribute__((vector_size(32), aligned(4), may_alias));

/* The compiler makes one version for each machine and chooses at start: too early for the runtime
 * of ThreadSanitizer. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_THREAD__)
#define FOR_EACH_CPU __attribute__((target_clones("avx2", "default")))
#else
#define FOR_EACH_CPU
#endif

FOR_EACH_CPU
void back_vec_add(float *restrict dst, const float *restrict src, int64_t n)
{
    int64_t i = 0;

    for (; i + 8 <= n; i += 8)
        *(vec8 *)(dst + i) += *(const vec8 *)(src + i);
    for (; i < n; i++)
        dst[i] += src[i];
}

FOR_EACH_CPU
void back_vec_relu(float *restrict dst, const float *restrict dy, const float *restrict y,
                   int64_t n)
{
    int64_t i = 0;

    for (; i + 8 <= n; i += 8)
        *(vec8i *)(dst + i) = *(const vec8i *)(dy + i) & (*(const vec8 *)(y + i) > 0.0F);
    for (; i < n; i++)
        dst[i] = y[i] > 0 ? dy[i] : 0;
}

FOR_EACH_CPU
void back_vec_clip(float *restrict dst, const float *restrict dy, const float *restrict x, float lo,
                   float hi, int64_t n)
{
    int64_t i = 0;

    for (; i + 8 <= n; i += 8) {
        vec8 v = *(const vec8 *)(x + i);

        *(vec8i *)(dst + i) = *(const vec8i *)(dy + i) & (v > lo) & (v < hi);
    }
    for (; i < n; i++)
        dst[i] = x[i] > lo && x[i] < hi ? dy[i] : 0;
}
