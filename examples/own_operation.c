/* SPDX-License-Identifier: Apache-2.0 */
/* An operation of your own by callback: y = x^3, with its derivative, checked against differences.
 *
 *     build/examples/own_operation
 *
 * prints
 *
 *     x^3 of 2 is 8, its derivative 12
 *     the gradient check passes
 */
#include <kdst/kdst.h>

#include <stdio.h>

/* Makes the result; recording is off in here. */
static kdst_status cube_forward(void *user_data, kdst_tensor *const *inputs, int64_t count, kdst_tensor **out)
{
    kdst_tensor *square = NULL;
    (void)user_data, (void)count;
    kdst_status status = kdst_mul(inputs[0], inputs[0], &square);
    if (!status) status = kdst_mul(square, inputs[0], out);
    kdst_tensor_release(square);
    return status;
}

/* Adds dy * 3 x^2 to the gradient of x, here by hand on plain memory. */
static kdst_status cube_backward(
    void *user_data, kdst_tensor *const *inputs, int64_t count, kdst_tensor *y, kdst_tensor *dy,
    kdst_tensor *const *d_inputs)
{
    void *x = NULL, *g = NULL, *dx = NULL;
    (void)user_data, (void)count, (void)y;
    if (!d_inputs[0]) return KDST_STATUS_OK; /* nobody wants it */
    kdst_status status = kdst_tensor_map(inputs[0], KDST_MAP_READ, &x);
    if (!status) status = kdst_tensor_map(dy, KDST_MAP_READ, &g);
    if (!status) status = kdst_tensor_map(d_inputs[0], KDST_MAP_READ_WRITE, &dx);
    for (int64_t i = 0; !status && i < kdst_tensor_get_count(dy); i++) {
        double v = ((double *)x)[i];
        ((double *)dx)[i] += ((double *)g)[i] * 3 * v * v;
    }
    if (dx && kdst_tensor_unmap(d_inputs[0])) status = KDST_STATUS_STATE;
    if (g && kdst_tensor_unmap(dy)) status = KDST_STATUS_STATE;
    if (x && kdst_tensor_unmap(inputs[0])) status = KDST_STATUS_STATE;
    return status;
}

/* The function that the check differentiates. */
static kdst_status run_cube(void *user_data, kdst_tensor *const *inputs, int64_t count, kdst_tensor **out)
{
    return kdst_operation_run(user_data, inputs, count, out);
}

int main(void)
{
    kdst_context *ctx = NULL;
    kdst_operation *cube = NULL;
    kdst_tensor *x = NULL, *y = NULL, *dx = NULL;
    double value = 0, slope = 0, worst = 0;

    kdst_status status = kdst_context_create(NULL, &ctx);
    if (!status) status = kdst_operation_create(ctx, "cube", cube_forward, cube_backward, NULL, NULL, &cube);
    if (!status) status = kdst_tensor_create(ctx, KDST_DTYPE_FLOAT64, 0, NULL, &x);
    if (!status) status = kdst_tensor_set_value(x, 2);
    if (!status) status = kdst_tensor_set_requires_grad(x, 1);

    if (!status) status = kdst_operation_run(cube, &x, 1, &y);
    if (!status) status = kdst_backward(y, NULL, NULL);
    if (!status) status = kdst_tensor_get_grad(x, &dx);
    if (!status) status = kdst_tensor_get_value(y, &value);
    if (!status) status = kdst_tensor_get_value(dx, &slope);
    if (!status) printf("x^3 of 2 is %g, its derivative %g\n", value, slope);

    if (!status) status = kdst_gradient_check(run_cube, cube, &x, 1, NULL, &worst);
    if (!status) printf("the gradient check %s\n", worst <= 1 ? "passes" : "fails");
    if (status) fprintf(stderr, "%s: %s\n", kdst_status_name(status), kdst_context_message(ctx));

    kdst_tensor_release(dx);
    kdst_tensor_release(y);
    kdst_tensor_release(x);
    kdst_operation_release(cube);
    kdst_context_release(ctx);
    return status != KDST_STATUS_OK || worst > 1;
}
