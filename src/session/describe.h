/* A session in words: plain text for the command language and for the batch commands. */
#ifndef SESSION_DESCRIBE_H
#define SESSION_DESCRIBE_H

#include "session/session.h"

void describe_graph(const char *spec, const struct graph *g, struct str *out);
/* A line for each input or output of the graph, with its type; `what` is padded to `width`. */
void describe_ports(const char *what, int width, const struct graph *g, const int32_t *ids, int n,
                    struct str *out);
void describe_segments(struct session *s, struct str *out);
/* The vocabulary, and into how much the network is cut as more of its merges are used. */
enum status describe_cuts(const struct session *s, struct str *out, struct err *err);
/* The tokens of segment k, which exists. */
void describe_tokens(struct session *s, int k, struct str *out);
/* The accepted candidates that the session's filter keeps, at most `top`, in its order. */
void describe_candidates(struct session *s, int top, struct str *out);
/* The previewed candidate: what its repair changed and what it costs. */
void describe_preview(struct session *s, struct str *out);
/* What filters and orders can say of a candidate. */
void describe_fields(struct str *out);
/* The settings of repairs, one a line. */
void describe_settings(const struct session_repair *r, struct str *out);
/* The node of a change of its plan, which may be an adapter; NULL: none. */
const struct node *describe_node(const struct session_candidate *c, int32_t id);
/* The nodes that move the estimates most, of the current network and of the shown candidate's. */
void describe_reasons(const struct session *s, struct str *out);
/* Why a candidate was refused, with the nodes of the conflict. */
void describe_refusal(const struct session_candidate *c, struct str *out);
void describe_history(struct session *s, struct str *out);
/* A line for each node that differs, in the order of both, and what that does to the costs. */
void describe_comparison(const struct comparison *c, struct str *out);
/* The settings of training, both networks' epochs and the change (fitting.h). */
void describe_fit(const struct session *s, struct str *out);
/* The settings of a search, how it stands, and its front (searching.h). */
void describe_search(const struct session *s, struct str *out);
/* Operators with the long names shortened, for table cells: "Conv3x3 BN Relu". */
void describe_ops(char *out, size_t size, const char *ops);
/* An operator with its window: "Conv 3x3/2", "Conv 3x3 dw". */
void describe_operator(const struct node *n, char *buf, size_t size);
/* "pads=1,1,1,1", long lists cut. */
void describe_attribute(const struct node_attr *a, struct str *out);
/* An estimated change of accuracy with its 90 % interval: "+0.42 (-0.1..+0.9) %", out of
 * distribution
 * "+0.3 (-1.2..+1.8) sigma ?"; "" when there is none. Into buf, returned. */
const char *describe_gain_interval(const struct pred_delta *e, char *buf, size_t size);
/* "+1.2 M", "-30 k", "0". */
const char *describe_delta(int64_t v, char *buf, size_t size);

#endif
