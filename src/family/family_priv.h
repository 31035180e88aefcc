/* What the files of this module share: one generator for each family of architecture strings, and
 * the builders of the zoo. */
#ifndef FAMILY_FAMILY_PRIV_H
#define FAMILY_FAMILY_PRIV_H

#include "base/rng.h"
#include "family/build.h"
#include "family/family.h"
#include "family/scan.h"

/* Reads the rest of the scanner's text and builds the network, named by the whole text. `reduced`
 * is the variant for one-channel 32 x 32 images with few channels (suffix "@s"). */
typedef enum status family_generate(struct scan *s, bool reduced, uint64_t seed,
                                    struct graph **out);
family_generate nb101_generate, nb201_generate, hiaml_generate, inception_generate,
    twopath_generate;

/* How many members a family has that can be numbered, and member i < count appended as text. */
typedef uint64_t family_size(void);
family_size hiaml_count, nb101_count, nb201_count;
typedef void family_text(struct str *text, uint64_t i);
family_text hiaml_text, nb101_text, nb201_text;
/* Appends a random string, drawn as the family's authors drew theirs. */
typedef void family_draw(struct str *text, bool reduced, struct rng *r);
family_draw inception_draw, twopath_draw;
void draw_shuffle(int *v, int n, struct rng *r);

/* One row for each family: a family has either `count` and `text`, or `draw`. */
struct family {
    const char *name;
    family_generate *generate;
    family_size *count;
    family_text *text;
    family_draw *draw;
};
const struct family *family_at(int i); /* NULL past the end */

/* NB-101: limits of the benchmark, operations in the order in which cells are numbered. */
enum { NB101_VERTICES = 7, NB101_EDGES = 9, NB101_OPS = 3 };
extern const char *const nb101_op_name[NB101_OPS];

/* Zoo builders; `variant` distinguishes the rows that share one. */
typedef void zoo_build(struct builder *b, int variant);
zoo_build zoo_resnet, zoo_vgg, zoo_mobilenet;
zoo_build zoo_edsr, zoo_fsrcnn, zoo_unet;

enum { ZOO_VGG_FC, ZOO_VGG_GAP };
enum { ZOO_EDSR_X2, ZOO_EDSR_X3, ZOO_EDSR_X4, ZOO_EDSR_BODY };
enum { ZOO_FSRCNN_DECONV, ZOO_FSRCNN_3, ZOO_FSRCNN_4 };

/* Builds a row of the zoo by its name, the rest of the scanner's text. */
enum status zoo_generate(struct scan *s, uint64_t seed, struct graph **out);

#endif
