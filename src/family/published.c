/* How published tables write architectures. */
#include "base/mem.h"
#include "family/family.h"

#include <string.h>

/* "4|110101|cm" -> "nb101:4|110101|c3,mp": tables write one letter for an operation. */
static char *spec_of_nb101(const char *arch)
{
    static const char letters[] = "com", *const op[] = {"c3", "c1", "mp"};
    const char *ops = strrchr(arch, '|') + 1;
    if (!*ops || ops[strspn(ops, letters)])
        return x_asprintf("nb101:%s", arch);
    struct str s = {0};
    str_addf(&s, "nb101:%.*s", (int)(ops - arch), arch);
    for (const char *p = ops; *p; p++)
        str_addf(&s, "%s%s", p > ops ? "," : "", op[strchr(letters, *p) - letters]);
    return str_take(&s);
}

char *family_spec_of(const char *arch)
{
    if (arch[0] == '|')
        return x_asprintf("nb201:%s", arch);
    if (arch[0] >= '2' && arch[0] <= '7' && arch[1] == '|')
        return spec_of_nb101(arch);
    return x_strdup(arch);
}
