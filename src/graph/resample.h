/* What Resize's modes mean (ONNX operator text, op set 13): for each output of an axis the place in
 * the input, and for nearest the element there. */
#ifndef GRAPH_RESAMPLE_H
#define GRAPH_RESAMPLE_H

/* Where output k of an axis of `in` elements lies. `out` is the scaled length before it is rounded
 * down, as the operator's published cases have it. */
typedef double resample_where_fn(double k, double scale, double in, double out);
/* By coordinate_transformation_mode; NULL: another one. */
resample_where_fn *resample_where(const char *mode);

typedef double resample_round_fn(double x);
/* By nearest_mode; NULL: another one. */
resample_round_fn *resample_round(const char *mode);

#endif
