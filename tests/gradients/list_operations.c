/* SPDX-License-Identifier: Apache-2.0 */
/* Prints a line for each row of lib/autograd/ops.def: name, number of gradient cases, and why there is no derivative; by tabs. */
#include "autograd/op.h"
#include "cases.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const gradient_case *cases;
    const int *count;
} groups[] = {
#define GROUP(cases, count) {cases, &count},
#include "groups.def"
#undef GROUP
};

static int cases_of(const char *name)
{
    int count = 0;
    for (size_t g = 0; g < sizeof groups / sizeof *groups; g++)
        for (int i = 0; i < *groups[g].count; i++)
            count += strcmp(groups[g].cases[i].op, name) == 0;
    return count;
}

static void print_row(const char *name, const kdst__op *op)
{
    const char *reason = op->no_backward ? op->no_backward : op->surrogate ? "a rule that is no derivative" : "";
    printf("%s\t%d\t%s\n", name, cases_of(name), reason);
}

int main(void)
{
#define KDST__OP(name) print_row(#name, &kdst__op_##name);
#include "autograd/ops.def"
#undef KDST__OP
    return fflush(stdout) ? 1 : 0;
}
