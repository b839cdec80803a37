/* SPDX-License-Identifier: Apache-2.0 */
/* Declarations of libkdst for ffi.cdef, generated from its headers: no macro, no directive. */

/* status.h */
typedef int32_t kdst_status;
enum {
    KDST_STATUS_OK = 0,
    KDST_STATUS_INVALID_ARGUMENT = 1,
    KDST_STATUS_SHAPE = 2,
    KDST_STATUS_DTYPE = 3,
    KDST_STATUS_OUT_OF_MEMORY = 4,
    KDST_STATUS_IO = 5,
    KDST_STATUS_FORMAT = 6,
    KDST_STATUS_NOT_FOUND = 7,
    KDST_STATUS_UNSUPPORTED = 8,
    KDST_STATUS_STATE = 9,
    KDST_STATUS_CANCELLED = 10,
    KDST_STATUS_CALLBACK = 11,
    KDST_STATUS_INTERNAL = 12
};
const char *kdst_status_name(kdst_status status);

/* options.h */
typedef struct kdst_options kdst_options;
typedef int32_t kdst_option_type;
enum {
    KDST_OPTION_INT = 1,
    KDST_OPTION_FLOAT = 2,
    KDST_OPTION_CHOICE = 3,
    KDST_OPTION_STRING = 4,
    KDST_OPTION_INTS = 5,
    KDST_OPTION_FLOATS = 6
};
kdst_status kdst_options_create(kdst_options **out);
void kdst_options_retain(kdst_options *options);
void kdst_options_release(kdst_options *options);
kdst_status kdst_options_set_int(kdst_options *options, const char *name, int64_t value);
kdst_status kdst_options_set_float(kdst_options *options, const char *name, double value);
kdst_status kdst_options_set_string(kdst_options *options, const char *name, const char *value);
kdst_status kdst_options_set_ints(kdst_options *options, const char *name, const int64_t *values, int64_t count);
kdst_status kdst_options_set_floats(kdst_options *options, const char *name, const double *values, int64_t count);
const char *kdst_options_message(const kdst_options *options);
int64_t kdst_schema_count(void);
const char *kdst_schema_get_name(int64_t index);
kdst_status kdst_schema_get(const char *schema, int64_t index, const char **out_name, kdst_option_type *out_type, const char **out_default, double *out_min, double *out_max, const char **out_choices, const char **out_help);
kdst_status kdst_schema_get_limits(const char *schema, int64_t index, int32_t *out_min_allowed, int32_t *out_max_allowed, int64_t *out_count);
kdst_status kdst_schema_get_preset(const char *schema, int64_t index, const char **out_preset, const char **out_option, const char **out_value);

/* context.h */
typedef struct kdst_context kdst_context;
typedef int32_t kdst_severity;
enum {
    KDST_SEVERITY_DEBUG = 1,
    KDST_SEVERITY_INFO = 2,
    KDST_SEVERITY_WARNING = 3
};
typedef void *(*kdst_allocate_fn)(void *user_data, uint64_t size, uint64_t alignment);
typedef void (*kdst_deallocate_fn)(void *user_data, void *pointer, uint64_t size, uint64_t alignment);
typedef void (*kdst_destroy_fn)(void *user_data);
typedef kdst_status (*kdst_log_fn)(void *user_data, kdst_severity severity, const char *message);
kdst_status kdst_context_create(kdst_options *options, kdst_context **out);
kdst_status kdst_context_create_with_allocator(kdst_options *options, kdst_allocate_fn allocate, kdst_deallocate_fn deallocate, void *user_data, kdst_destroy_fn destroy, kdst_context **out);
void kdst_context_retain(kdst_context *ctx);
void kdst_context_release(kdst_context *ctx);
const char *kdst_context_message(const kdst_context *ctx);
kdst_status kdst_context_set_message(kdst_context *ctx, const char *message);
int64_t kdst_context_live_count(const kdst_context *ctx);
const char *kdst_context_get_info(const kdst_context *ctx, const char *key);
kdst_status kdst_context_get_memory(kdst_context *ctx, int64_t *out_now, int64_t *out_peak);
kdst_status kdst_context_get_memory_cached(kdst_context *ctx, int64_t *out_cached);
kdst_status kdst_context_clear_memory_peak(kdst_context *ctx);
kdst_status kdst_context_set_seed(kdst_context *ctx, uint64_t seed);
kdst_status kdst_context_set_random(kdst_context *ctx, uint64_t seed, uint64_t stream);
kdst_status kdst_context_get_random(const kdst_context *ctx, uint64_t *out_seed, uint64_t *out_stream);
void kdst_context_cancel(kdst_context *ctx);
kdst_status kdst_context_set_log(kdst_context *ctx, kdst_log_fn log, void *user_data, kdst_destroy_fn destroy);
kdst_status kdst_context_get_log(kdst_context *ctx, kdst_severity *out_severity, const char **out_message);

/* tensor.h */
typedef struct kdst_tensor kdst_tensor;
typedef int32_t kdst_dtype;
enum {
    KDST_DTYPE_FLOAT32 = 1,
    KDST_DTYPE_FLOAT64 = 2,
    KDST_DTYPE_INT32 = 3,
    KDST_DTYPE_UINT8 = 4,
    KDST_DTYPE_BOOL = 5
};
typedef int32_t kdst_map_mode;
enum {
    KDST_MAP_READ = 1,
    KDST_MAP_WRITE = 2,
    KDST_MAP_READ_WRITE = 3
};
int64_t kdst_dtype_get_size(kdst_dtype dtype);
const char *kdst_dtype_get_name(kdst_dtype dtype);
kdst_status kdst_tensor_create(kdst_context *ctx, kdst_dtype dtype, int64_t rank, const int64_t *shape, kdst_tensor **out);
kdst_status kdst_tensor_create_from(kdst_context *ctx, kdst_dtype dtype, int64_t rank, const int64_t *shape, const void *data, kdst_tensor **out);
kdst_status kdst_tensor_create_foreign(kdst_context *ctx, kdst_dtype dtype, int64_t rank, const int64_t *shape, const int64_t *strides, void *data, void *user_data, kdst_destroy_fn destroy, kdst_tensor **out);
void kdst_tensor_retain(kdst_tensor *tensor);
void kdst_tensor_release(kdst_tensor *tensor);
kdst_context *kdst_tensor_get_context(const kdst_tensor *tensor);
kdst_dtype kdst_tensor_get_dtype(const kdst_tensor *tensor);
int64_t kdst_tensor_get_rank(const kdst_tensor *tensor);
int64_t kdst_tensor_get_size(const kdst_tensor *tensor, int64_t axis);
int64_t kdst_tensor_get_stride(const kdst_tensor *tensor, int64_t axis);
int64_t kdst_tensor_get_count(const kdst_tensor *tensor);
kdst_status kdst_tensor_map(kdst_tensor *tensor, kdst_map_mode mode, void **out);
kdst_status kdst_tensor_unmap(kdst_tensor *tensor);
kdst_status kdst_tensor_get_data(kdst_tensor *tensor, void *out, int64_t bytes);
kdst_status kdst_tensor_set_data(kdst_tensor *tensor, const void *data, int64_t bytes);
kdst_status kdst_tensor_get_value(kdst_tensor *tensor, double *out);
kdst_status kdst_tensor_set_value(kdst_tensor *tensor, double value);
kdst_status kdst_tensor_set(kdst_tensor *tensor, kdst_tensor *source);
kdst_status kdst_tensor_copy(kdst_tensor *tensor, kdst_dtype dtype, kdst_tensor **out);
kdst_status kdst_tensor_set_uniform(kdst_tensor *tensor, double low, double high);
kdst_status kdst_tensor_set_normal(kdst_tensor *tensor, double mean, double deviation);
kdst_status kdst_tensor_get_dlpack(kdst_tensor *tensor, void **out);
kdst_status kdst_tensor_create_dlpack(kdst_context *ctx, void *managed, kdst_tensor **out);

/* augmentation.h */
typedef struct kdst_augmentation kdst_augmentation;
kdst_status kdst_augmentation_create(kdst_context *ctx, kdst_augmentation **out);
void kdst_augmentation_retain(kdst_augmentation *augmentation);
void kdst_augmentation_release(kdst_augmentation *augmentation);
int64_t kdst_augmentation_get_count(const kdst_augmentation *augmentation);
kdst_status kdst_augmentation_add_crop(kdst_augmentation *augmentation, const kdst_options *options);
kdst_status kdst_augmentation_add_flip(kdst_augmentation *augmentation, const kdst_options *options);
kdst_status kdst_augmentation_add_rotation(kdst_augmentation *augmentation, double degrees, const kdst_options *options);
kdst_status kdst_augmentation_add_resized_crop(kdst_augmentation *augmentation, const kdst_options *options);
kdst_status kdst_augmentation_add_erasing(kdst_augmentation *augmentation, const kdst_options *options);
kdst_status kdst_augmentation_add_cutout(kdst_augmentation *augmentation, int64_t size, const kdst_options *options);
kdst_status kdst_augmentation_add_jitter(kdst_augmentation *augmentation, const kdst_options *options);
kdst_status kdst_augmentation_add_normalize(kdst_augmentation *augmentation, const kdst_options *options);
kdst_status kdst_augmentation_run(kdst_augmentation *augmentation, kdst_tensor *images, uint64_t seed, int64_t epoch, int64_t first, kdst_tensor **out);

/* autograd.h */
kdst_status kdst_tensor_set_requires_grad(kdst_tensor *tensor, int32_t required);
int32_t kdst_tensor_get_requires_grad(const kdst_tensor *tensor);
kdst_status kdst_tensor_get_grad(kdst_tensor *tensor, kdst_tensor **out);
kdst_status kdst_tensor_clear_grad(kdst_tensor *tensor);
kdst_status kdst_backward(kdst_tensor *y, kdst_tensor *dy, const kdst_options *options);
kdst_status kdst_no_grad_begin(kdst_context *ctx);
kdst_status kdst_no_grad_end(kdst_context *ctx);
kdst_status kdst_detach(kdst_tensor *x, kdst_tensor **out);
typedef struct kdst_operation kdst_operation;
typedef kdst_status (*kdst_forward_fn)( void *user_data, kdst_tensor *const *inputs, int64_t count, kdst_tensor **out);
typedef kdst_status (*kdst_backward_fn)( void *user_data, kdst_tensor *const *inputs, int64_t count, kdst_tensor *y, kdst_tensor *dy, kdst_tensor *const *d_inputs);
kdst_status kdst_operation_create(kdst_context *ctx, const char *name, kdst_forward_fn forward, kdst_backward_fn backward, void *user_data, kdst_destroy_fn destroy, kdst_operation **out);
void kdst_operation_retain(kdst_operation *operation);
void kdst_operation_release(kdst_operation *operation);
kdst_status kdst_operation_run(kdst_operation *operation, kdst_tensor *const *inputs, int64_t count, kdst_tensor **out);
typedef kdst_status (*kdst_shape_fn)( void *user_data, kdst_tensor *const *inputs, int64_t count, kdst_dtype *out_dtype, int64_t *out_rank, int64_t *out_shape);
kdst_status kdst_operation_set_shape(kdst_operation *operation, kdst_shape_fn shape);
typedef kdst_status (*kdst_function_fn)( void *user_data, kdst_tensor *const *inputs, int64_t count, kdst_tensor **out);
kdst_status kdst_gradient_check(kdst_function_fn function, void *user_data, kdst_tensor *const *inputs, int64_t count, const kdst_options *options, double *out_worst);

/* layer.h */
typedef struct kdst_layer kdst_layer;
void kdst_layer_retain(kdst_layer *layer);
void kdst_layer_release(kdst_layer *layer);
kdst_status kdst_layer_run(kdst_layer *layer, kdst_tensor *x, kdst_tensor **out);
kdst_status kdst_layer_run_many(kdst_layer *layer, kdst_tensor *const *inputs, int64_t count, kdst_tensor **out, int64_t capacity, int64_t *out_count);
int64_t kdst_layer_get_input_count(const kdst_layer *layer);
int64_t kdst_layer_get_output_count(const kdst_layer *layer);
kdst_status kdst_layer_set_training(kdst_layer *layer, int32_t training);
int32_t kdst_layer_get_training(const kdst_layer *layer);
kdst_status kdst_layer_set_trainable(kdst_layer *layer, int32_t trainable);
kdst_status kdst_layer_set_trainable_matching(kdst_layer *layer, const char *pattern, int32_t trainable, int64_t *out_count);
kdst_status kdst_layer_set_statistics_fixed_matching(kdst_layer *layer, const char *pattern, int32_t fixed, int64_t *out_count);
kdst_status kdst_layer_set_recompute(kdst_layer *layer, int32_t recompute);
int32_t kdst_layer_get_recompute(const kdst_layer *layer);
kdst_status kdst_layer_clear_grads(kdst_layer *layer);
int64_t kdst_layer_get_parameter_count(const kdst_layer *layer);
const char *kdst_layer_get_kind(const kdst_layer *layer);
int64_t kdst_layer_get_child_count(const kdst_layer *layer);
kdst_status kdst_layer_get_child(kdst_layer *layer, int64_t index, const char **out_path, kdst_layer **out_child);
kdst_status kdst_layer_find_child(kdst_layer *layer, const char *path, kdst_layer **out);
int64_t kdst_layer_get_state_count(const kdst_layer *layer);
kdst_status kdst_layer_get_state(kdst_layer *layer, int64_t index, const char **out_name, kdst_tensor **out_tensor, int32_t *out_is_parameter);
kdst_status kdst_layer_find(kdst_layer *layer, const char *name, kdst_tensor **out);
kdst_status kdst_layer_copy_state(kdst_layer *destination, kdst_layer *source);

/* average.h */
typedef struct kdst_average kdst_average;
kdst_status kdst_average_create(kdst_layer *layer, const kdst_options *options, kdst_average **out);
void kdst_average_retain(kdst_average *average);
void kdst_average_release(kdst_average *average);
kdst_status kdst_average_update(kdst_average *average);
kdst_status kdst_average_apply(kdst_average *average);
kdst_status kdst_average_restore(kdst_average *average);
kdst_status kdst_average_copy_to(kdst_average *average, kdst_layer *layer);
int64_t kdst_average_get_state_count(const kdst_average *average);
kdst_status kdst_average_get_state(kdst_average *average, int64_t index, const char **out_name, kdst_tensor **out);
int64_t kdst_average_get_updates(const kdst_average *average);
kdst_status kdst_average_set_updates(kdst_average *average, int64_t updates);

/* criterion.h */
kdst_status kdst_l1_loss(kdst_tensor *input, kdst_tensor *target, const kdst_options *options, kdst_tensor **out);
kdst_status kdst_mse_loss(kdst_tensor *input, kdst_tensor *target, const kdst_options *options, kdst_tensor **out);
kdst_status kdst_huber_loss(kdst_tensor *input, kdst_tensor *target, const kdst_options *options, kdst_tensor **out);
kdst_status kdst_smooth_l1_loss(kdst_tensor *input, kdst_tensor *target, const kdst_options *options, kdst_tensor **out);
kdst_status kdst_kl_div(kdst_tensor *input, kdst_tensor *target, const kdst_options *options, kdst_tensor **out);
kdst_status kdst_bce_with_logits(kdst_tensor *logits, kdst_tensor *target, kdst_tensor *weight, kdst_tensor *positive_weight, const kdst_options *options, kdst_tensor **out);
kdst_status kdst_nll_loss(kdst_tensor *log_probabilities, kdst_tensor *labels, kdst_tensor *weight, const kdst_options *options, kdst_tensor **out);
kdst_status kdst_cross_entropy_loss(kdst_tensor *logits, kdst_tensor *labels, kdst_tensor *weight, const kdst_options *options, kdst_tensor **out);
kdst_status kdst_cross_entropy_soft(kdst_tensor *logits, kdst_tensor *targets, kdst_tensor *weight, const kdst_options *options, kdst_tensor **out);

/* dataset.h */
typedef struct kdst_dataset kdst_dataset;
kdst_status kdst_dataset_create(kdst_context *ctx, kdst_tensor *images, kdst_tensor *labels, int64_t classes, kdst_dataset **out);
kdst_status kdst_dataset_load_idx(kdst_context *ctx, const char *images, const char *labels, const kdst_options *options, kdst_dataset **out);
kdst_status kdst_dataset_load_cifar(kdst_context *ctx, const char *const *paths, int64_t count, const kdst_options *options, kdst_dataset **out);
kdst_status kdst_dataset_load_npy(kdst_context *ctx, const char *images, const char *labels, const kdst_options *options, kdst_dataset **out);
kdst_status kdst_dataset_load_npz(kdst_context *ctx, const char *path, const kdst_options *options, kdst_dataset **out);
kdst_status kdst_dataset_load_folder(kdst_context *ctx, const char *path, const kdst_options *options, kdst_dataset **out);
typedef kdst_status (*kdst_image_fn)(void *user_data, int64_t sample, void *pixels);
kdst_status kdst_dataset_create_callback(kdst_context *ctx, kdst_tensor *labels, int64_t classes, kdst_dtype dtype, const int64_t *shape, kdst_image_fn fn, void *user_data, kdst_destroy_fn destroy, kdst_dataset **out);
kdst_status kdst_dataset_create_split(kdst_dataset *dataset, int64_t count, uint64_t seed, kdst_dataset **out_first, kdst_dataset **out_second);
kdst_status kdst_dataset_create_subset(kdst_dataset *dataset, const int64_t *samples, int64_t count, kdst_dataset **out);
void kdst_dataset_retain(kdst_dataset *dataset);
void kdst_dataset_release(kdst_dataset *dataset);
int64_t kdst_dataset_get_count(const kdst_dataset *dataset);
int64_t kdst_dataset_get_classes(const kdst_dataset *dataset);
const char *kdst_dataset_get_class_name(const kdst_dataset *dataset, int64_t label);
kdst_status kdst_dataset_get_shape(kdst_dataset *dataset, int64_t *out);
int64_t kdst_dataset_get_steps(const kdst_dataset *dataset);
kdst_status kdst_dataset_get_image(kdst_dataset *dataset, int64_t sample, kdst_tensor **out);
kdst_status kdst_dataset_get_images(kdst_dataset *dataset, kdst_tensor **out);
kdst_status kdst_dataset_get_labels(kdst_dataset *dataset, kdst_tensor **out);
kdst_status kdst_dataset_get_statistics(kdst_dataset *dataset, double *out_mean, double *out_deviation, int64_t channels);

/* loss.h */
typedef struct kdst_loss kdst_loss;
kdst_status kdst_loss_cross_entropy_create(kdst_context *ctx, const kdst_options *options, kdst_loss **out);
void kdst_loss_retain(kdst_loss *loss);
void kdst_loss_release(kdst_loss *loss);
const char *kdst_loss_get_name(const kdst_loss *loss);
int32_t kdst_loss_needs_teacher(const kdst_loss *loss);
kdst_status kdst_loss_run(kdst_loss *loss, kdst_tensor *student, kdst_tensor *teacher, kdst_tensor *labels, kdst_tensor **out);
kdst_status kdst_loss_compute(kdst_loss *loss, kdst_tensor *student, kdst_tensor *teacher, kdst_tensor *labels, double *out_value, kdst_tensor *out_grad);

/* distillation.h */
kdst_status kdst_loss_kd_create(kdst_context *ctx, const kdst_options *options, kdst_loss **out);
kdst_status kdst_loss_lsr_create(kdst_context *ctx, const kdst_options *options, kdst_loss **out);
kdst_status kdst_loss_tfkd_self_create(kdst_context *ctx, const kdst_options *options, kdst_loss **out);
kdst_status kdst_loss_tfkd_reg_create(kdst_context *ctx, const kdst_options *options, kdst_loss **out);
kdst_status kdst_virtual_teacher_create(kdst_context *ctx, kdst_tensor *labels, int64_t classes, const kdst_options *options, kdst_tensor **out);

/* elementwise.h */
kdst_status kdst_add(kdst_tensor *a, kdst_tensor *b, kdst_tensor **out);
kdst_status kdst_sub(kdst_tensor *a, kdst_tensor *b, kdst_tensor **out);
kdst_status kdst_mul(kdst_tensor *a, kdst_tensor *b, kdst_tensor **out);
kdst_status kdst_div(kdst_tensor *a, kdst_tensor *b, kdst_tensor **out);
kdst_status kdst_minimum(kdst_tensor *a, kdst_tensor *b, kdst_tensor **out);
kdst_status kdst_maximum(kdst_tensor *a, kdst_tensor *b, kdst_tensor **out);
kdst_status kdst_pow_tensor(kdst_tensor *a, kdst_tensor *b, kdst_tensor **out);
kdst_status kdst_add_scalar(kdst_tensor *x, double value, kdst_tensor **out);
kdst_status kdst_mul_scalar(kdst_tensor *x, double value, kdst_tensor **out);
kdst_status kdst_pow(kdst_tensor *x, double exponent, kdst_tensor **out);
kdst_status kdst_clamp(kdst_tensor *x, double min, double max, kdst_tensor **out);
kdst_status kdst_equal(kdst_tensor *a, kdst_tensor *b, kdst_tensor **out);
kdst_status kdst_not_equal(kdst_tensor *a, kdst_tensor *b, kdst_tensor **out);
kdst_status kdst_less(kdst_tensor *a, kdst_tensor *b, kdst_tensor **out);
kdst_status kdst_less_equal(kdst_tensor *a, kdst_tensor *b, kdst_tensor **out);
kdst_status kdst_greater(kdst_tensor *a, kdst_tensor *b, kdst_tensor **out);
kdst_status kdst_greater_equal(kdst_tensor *a, kdst_tensor *b, kdst_tensor **out);
kdst_status kdst_logical_and(kdst_tensor *a, kdst_tensor *b, kdst_tensor **out);
kdst_status kdst_logical_or(kdst_tensor *a, kdst_tensor *b, kdst_tensor **out);
kdst_status kdst_logical_not(kdst_tensor *x, kdst_tensor **out);
kdst_status kdst_is_finite(kdst_tensor *x, kdst_tensor **out);
kdst_status kdst_where(kdst_tensor *condition, kdst_tensor *a, kdst_tensor *b, kdst_tensor **out);
kdst_status kdst_exp(kdst_tensor *x, kdst_tensor **out);
kdst_status kdst_log(kdst_tensor *x, kdst_tensor **out);
kdst_status kdst_sqrt(kdst_tensor *x, kdst_tensor **out);
kdst_status kdst_abs(kdst_tensor *x, kdst_tensor **out);
kdst_status kdst_sign(kdst_tensor *x, kdst_tensor **out);
kdst_status kdst_neg(kdst_tensor *x, kdst_tensor **out);
kdst_status kdst_square(kdst_tensor *x, kdst_tensor **out);
kdst_status kdst_reciprocal(kdst_tensor *x, kdst_tensor **out);
kdst_status kdst_relu(kdst_tensor *x, kdst_tensor **out);
kdst_status kdst_relu6(kdst_tensor *x, kdst_tensor **out);
kdst_status kdst_leaky_relu(kdst_tensor *x, double slope, kdst_tensor **out);
kdst_status kdst_elu(kdst_tensor *x, double alpha, kdst_tensor **out);
kdst_status kdst_sigmoid(kdst_tensor *x, kdst_tensor **out);
kdst_status kdst_log_sigmoid(kdst_tensor *x, kdst_tensor **out);
kdst_status kdst_tanh(kdst_tensor *x, kdst_tensor **out);
kdst_status kdst_softplus(kdst_tensor *x, const kdst_options *options, kdst_tensor **out);
kdst_status kdst_silu(kdst_tensor *x, kdst_tensor **out);
kdst_status kdst_gelu(kdst_tensor *x, const kdst_options *options, kdst_tensor **out);

/* encoding.h */
kdst_status kdst_encoding_static(kdst_tensor *x, int64_t steps, kdst_tensor **out);
kdst_status kdst_encoding_poisson(kdst_tensor *x, int64_t steps, const kdst_options *options, kdst_tensor **out);
kdst_status kdst_encoding_latency(kdst_tensor *x, int64_t steps, const kdst_options *options, kdst_tensor **out);

/* events.h */
kdst_status kdst_events_load(kdst_context *ctx, const char *path, const kdst_options *options, kdst_tensor **out);
kdst_status kdst_events_load_bytes(kdst_context *ctx, const void *data, int64_t bytes, const kdst_options *options, kdst_tensor **out);
kdst_status kdst_dataset_load_events(kdst_context *ctx, const char *path, const kdst_options *options, kdst_dataset **out);

/* frozen.h */
typedef struct kdst_frozen kdst_frozen;
kdst_status kdst_frozen_create(kdst_layer *layer, int64_t count, const kdst_dtype *dtypes, const int64_t *ranks, const int64_t *shapes, const kdst_options *options, kdst_frozen **out);
kdst_status kdst_frozen_share(kdst_frozen *frozen, kdst_context *ctx, kdst_frozen **out);
void kdst_frozen_retain(kdst_frozen *frozen);
void kdst_frozen_release(kdst_frozen *frozen);
kdst_status kdst_frozen_run(kdst_frozen *frozen, kdst_tensor *x, kdst_tensor **out);
kdst_status kdst_frozen_run_many(kdst_frozen *frozen, kdst_tensor *const *inputs, int64_t count, kdst_tensor **out, int64_t capacity, int64_t *out_count);

/* hook.h */
typedef struct kdst_hook kdst_hook;
typedef kdst_status (*kdst_hook_fn)( void *user_data, kdst_layer *layer, int64_t index, kdst_tensor *output, kdst_tensor **out);
kdst_status kdst_layer_add_hook(kdst_layer *layer, kdst_hook_fn fn, void *user_data, kdst_destroy_fn destroy, kdst_hook **out);
void kdst_hook_retain(kdst_hook *hook);
void kdst_hook_release(kdst_hook *hook);
kdst_status kdst_hook_remove(kdst_hook *hook);
kdst_status kdst_layer_keep_output(kdst_layer *layer, int32_t keep);
kdst_status kdst_layer_get_output(kdst_layer *layer, int64_t index, kdst_tensor **out);
kdst_status kdst_layer_clear_outputs(kdst_layer *layer);

/* indexing.h */
kdst_status kdst_concat(kdst_tensor *const *tensors, int64_t count, int64_t axis, kdst_tensor **out);
kdst_status kdst_stack(kdst_tensor *const *tensors, int64_t count, int64_t axis, kdst_tensor **out);
kdst_status kdst_index_select(kdst_tensor *x, int64_t axis, kdst_tensor *indices, kdst_tensor **out);
kdst_status kdst_gather(kdst_tensor *x, int64_t axis, kdst_tensor *indices, kdst_tensor **out);
kdst_status kdst_one_hot(kdst_tensor *labels, int64_t classes, kdst_dtype dtype, kdst_tensor **out);

/* init.h */
kdst_status kdst_tensor_init(kdst_tensor *tensor, const char *kind, const kdst_options *options);

/* layers.h */
kdst_status kdst_layer_linear_create(kdst_context *ctx, int64_t in_features, int64_t out_features, const kdst_options *options, kdst_layer **out);
kdst_status kdst_layer_conv2d_create(kdst_context *ctx, int64_t in_channels, int64_t out_channels, const kdst_options *options, kdst_layer **out);
kdst_status kdst_layer_conv_transpose2d_create(kdst_context *ctx, int64_t in_channels, int64_t out_channels, const kdst_options *options, kdst_layer **out);
kdst_status kdst_layer_batch_norm_create(kdst_context *ctx, int64_t channels, const kdst_options *options, kdst_layer **out);
kdst_status kdst_layer_layer_norm_create(kdst_context *ctx, int64_t rank, const int64_t *shape, const kdst_options *options, kdst_layer **out);
kdst_status kdst_layer_group_norm_create(kdst_context *ctx, int64_t groups, int64_t channels, const kdst_options *options, kdst_layer **out);
kdst_status kdst_layer_upsample2d_create(kdst_context *ctx, const kdst_options *options, kdst_layer **out);
kdst_status kdst_layer_max_pool2d_create(kdst_context *ctx, const kdst_options *options, kdst_layer **out);
kdst_status kdst_layer_avg_pool2d_create(kdst_context *ctx, const kdst_options *options, kdst_layer **out);
kdst_status kdst_layer_adaptive_avg_pool2d_create(kdst_context *ctx, int64_t height, int64_t width, kdst_layer **out);
kdst_status kdst_layer_global_avg_pool2d_create(kdst_context *ctx, kdst_layer **out);
kdst_status kdst_layer_dropout_create(kdst_context *ctx, double rate, kdst_layer **out);
kdst_status kdst_layer_activation_create(kdst_context *ctx, const char *kind, kdst_layer **out);
kdst_status kdst_layer_activation_create_with_options(kdst_context *ctx, const char *kind, const kdst_options *options, kdst_layer **out);
kdst_status kdst_layer_flatten_create(kdst_context *ctx, kdst_layer **out);
kdst_status kdst_layer_shortcut_create(kdst_context *ctx, int64_t in_channels, int64_t out_channels, int64_t stride, kdst_layer **out);
kdst_status kdst_layer_channel_shuffle_create(kdst_context *ctx, int64_t groups, kdst_layer **out);
kdst_status kdst_layer_channel_slice_create(kdst_context *ctx, int64_t start, int64_t count, kdst_layer **out);
kdst_status kdst_layer_sequential_create(kdst_context *ctx, kdst_layer **out);
kdst_status kdst_layer_residual_create(kdst_context *ctx, kdst_layer *body, kdst_layer *shortcut, const kdst_options *options, kdst_layer **out);
kdst_status kdst_layer_parallel_create(kdst_context *ctx, const kdst_options *options, kdst_layer **out);
kdst_status kdst_layer_add(kdst_layer *container, const char *name, kdst_layer *child);
typedef kdst_status (*kdst_layer_forward_fn)( void *user_data, kdst_layer *layer, kdst_tensor *const *inputs, int64_t count, int32_t training, kdst_tensor **out);
kdst_status kdst_layer_custom_create(kdst_context *ctx, const char *name, kdst_layer_forward_fn forward, void *user_data, kdst_destroy_fn destroy, const kdst_options *options, kdst_layer **out);
kdst_status kdst_layer_parameter_create(kdst_context *ctx, const char *name, kdst_tensor *tensor, int32_t is_parameter, kdst_layer **out);

/* loader.h */
typedef struct kdst_loader kdst_loader;
kdst_status kdst_loader_create(kdst_dataset *dataset, int64_t batch, const kdst_options *options, kdst_loader **out);
kdst_status kdst_loader_create_with(kdst_dataset *dataset, int64_t batch, kdst_augmentation *augmentation, kdst_tensor *weights, const kdst_options *options, kdst_loader **out);
void kdst_loader_retain(kdst_loader *loader);
void kdst_loader_release(kdst_loader *loader);
kdst_status kdst_loader_next(kdst_loader *loader, kdst_tensor **out_images, kdst_tensor **out_labels);
kdst_status kdst_loader_next_mixed(kdst_loader *loader, kdst_tensor **out_images, kdst_tensor **out_labels, kdst_tensor **out_others, double *out_weight);
kdst_status kdst_loader_set_epoch(kdst_loader *loader, int64_t epoch);
kdst_status kdst_loader_set_position(kdst_loader *loader, int64_t batch);
int64_t kdst_loader_get_epoch(const kdst_loader *loader);
int64_t kdst_loader_get_position(const kdst_loader *loader);
int64_t kdst_loader_get_batches(const kdst_loader *loader);
kdst_dataset *kdst_loader_get_dataset(const kdst_loader *loader);
int32_t kdst_loader_get_mixes(const kdst_loader *loader);
kdst_status kdst_loader_get_shape(kdst_loader *loader, int64_t *out);

/* metrics.h */
typedef struct kdst_metrics kdst_metrics;
kdst_status kdst_metrics_create(kdst_context *ctx, int64_t classes, const kdst_options *options, kdst_metrics **out);
void kdst_metrics_retain(kdst_metrics *metrics);
void kdst_metrics_release(kdst_metrics *metrics);
kdst_status kdst_metrics_reset(kdst_metrics *metrics);
kdst_status kdst_metrics_add(kdst_metrics *metrics, kdst_tensor *logits, kdst_tensor *labels);
kdst_status kdst_metrics_add_loader(kdst_metrics *metrics, kdst_layer *model, kdst_loader *loader);
kdst_status kdst_metrics_get(kdst_metrics *metrics, const char *key, double *out);
kdst_status kdst_metrics_get_confusion(kdst_metrics *metrics, kdst_tensor **out);
kdst_status kdst_metrics_get_classes(kdst_metrics *metrics, kdst_tensor **out);
kdst_status kdst_metrics_get_reliability(kdst_metrics *metrics, kdst_tensor **out);

/* model.h */
kdst_status kdst_model_create(kdst_context *ctx, const char *name, const kdst_options *options, kdst_layer **out);
int64_t kdst_model_count(void);
const char *kdst_model_get_name(int64_t index);
const char *kdst_model_get_help(int64_t index);
int64_t kdst_model_get_channels(int64_t index);
int64_t kdst_model_get_image_size(int64_t index);

/* neuron.h */
typedef struct kdst_neuron kdst_neuron;
typedef struct kdst_neuron_state kdst_neuron_state;
kdst_status kdst_neuron_create(kdst_context *ctx, const kdst_options *options, kdst_neuron **out);
void kdst_neuron_retain(kdst_neuron *neuron);
void kdst_neuron_release(kdst_neuron *neuron);
kdst_status kdst_neuron_set_silent_surrogate(kdst_neuron *neuron, int32_t on);
kdst_status kdst_neuron_run(kdst_neuron *neuron, kdst_tensor *current, kdst_tensor **out);
kdst_status kdst_neuron_run_static(kdst_neuron *neuron, kdst_tensor *response, int64_t steps, kdst_tensor **out);
kdst_status kdst_neuron_observe(kdst_neuron *neuron, kdst_tensor *current, kdst_tensor **out_membrane, kdst_tensor **out_increment, kdst_tensor **out_spikes, kdst_tensor **out_psc);
kdst_status kdst_neuron_state_create(kdst_neuron *neuron, kdst_dtype dtype, int64_t rank, const int64_t *shape, kdst_neuron_state **out);
void kdst_neuron_state_retain(kdst_neuron_state *state);
void kdst_neuron_state_release(kdst_neuron_state *state);
kdst_status kdst_neuron_state_step(kdst_neuron_state *state, kdst_tensor *current, kdst_tensor **out_spikes, kdst_tensor **out_psc);
kdst_status kdst_neuron_state_reset(kdst_neuron_state *state);
kdst_status kdst_neuron_state_get(kdst_neuron_state *state, kdst_tensor **out_membrane, kdst_tensor **out_psc);
kdst_status kdst_neuron_state_set(kdst_neuron_state *state, kdst_tensor *membrane, kdst_tensor *psc);
kdst_status kdst_synapse(kdst_tensor *x, const kdst_options *options, kdst_tensor **out);
kdst_status kdst_spike_slope(kdst_tensor *x, const kdst_options *options, kdst_tensor **out);

/* normalization.h */
kdst_status kdst_batch_norm(kdst_tensor *x, kdst_tensor *gamma, kdst_tensor *beta, kdst_tensor *running_mean, kdst_tensor *running_var, const kdst_options *options, kdst_tensor **out);
kdst_status kdst_batch_norm_add(kdst_tensor *x, kdst_tensor *gamma, kdst_tensor *beta, kdst_tensor *running_mean, kdst_tensor *running_var, kdst_tensor *addend, const kdst_options *options, kdst_tensor **out);
kdst_status kdst_layer_norm(kdst_tensor *x, kdst_tensor *gamma, kdst_tensor *beta, int64_t axes, const kdst_options *options, kdst_tensor **out);
kdst_status kdst_group_norm(kdst_tensor *x, kdst_tensor *gamma, kdst_tensor *beta, int64_t groups, const kdst_options *options, kdst_tensor **out);

/* npy.h */
kdst_status kdst_npy_load(kdst_context *ctx, const char *path, const kdst_options *options, kdst_tensor **out);
kdst_status kdst_npy_save(kdst_tensor *tensor, const char *path);

/* npz.h */
typedef struct kdst_npz kdst_npz;
kdst_status kdst_npz_open(kdst_context *ctx, const char *path, kdst_npz **out);
void kdst_npz_retain(kdst_npz *npz);
void kdst_npz_release(kdst_npz *npz);
int64_t kdst_npz_get_count(const kdst_npz *npz);
const char *kdst_npz_get_name(const kdst_npz *npz, int64_t member);
kdst_status kdst_npz_load(kdst_npz *npz, const char *name, const kdst_options *options, kdst_tensor **out);
kdst_status kdst_npz_save(kdst_context *ctx, const char *path, const char *const *names, kdst_tensor *const *tensors, int64_t count);

/* onnx.h */
kdst_status kdst_onnx_save(kdst_layer *layer, int64_t count, const kdst_dtype *dtypes, const int64_t *ranks, const int64_t *shapes, const char *path, const kdst_options *options);

/* pooling.h */
kdst_status kdst_max_pool2d(kdst_tensor *x, const kdst_options *options, kdst_tensor **out);
kdst_status kdst_avg_pool2d(kdst_tensor *x, const kdst_options *options, kdst_tensor **out);
kdst_status kdst_adaptive_avg_pool2d(kdst_tensor *x, int64_t height, int64_t width, kdst_tensor **out);
kdst_status kdst_global_avg_pool2d(kdst_tensor *x, kdst_tensor **out);
kdst_status kdst_upsample2d(kdst_tensor *x, const kdst_options *options, kdst_tensor **out);

/* reduction.h */
kdst_status kdst_sum(kdst_tensor *x, const int64_t *axes, int64_t count, int32_t keep, kdst_tensor **out);
kdst_status kdst_mean(kdst_tensor *x, const int64_t *axes, int64_t count, int32_t keep, kdst_tensor **out);
kdst_status kdst_max(kdst_tensor *x, const int64_t *axes, int64_t count, int32_t keep, kdst_tensor **out);
kdst_status kdst_min(kdst_tensor *x, const int64_t *axes, int64_t count, int32_t keep, kdst_tensor **out);
kdst_status kdst_variance(kdst_tensor *x, const int64_t *axes, int64_t count, int32_t keep, int64_t correction, kdst_tensor **out);
kdst_status kdst_std(kdst_tensor *x, const int64_t *axes, int64_t count, int32_t keep, int64_t correction, kdst_tensor **out);
kdst_status kdst_logsumexp(kdst_tensor *x, const int64_t *axes, int64_t count, int32_t keep, kdst_tensor **out);
kdst_status kdst_norm(kdst_tensor *x, const int64_t *axes, int64_t count, int32_t keep, kdst_tensor **out);
kdst_status kdst_argmax(kdst_tensor *x, int64_t axis, kdst_tensor **out);
kdst_status kdst_argmin(kdst_tensor *x, int64_t axis, kdst_tensor **out);
kdst_status kdst_top_k(kdst_tensor *x, int64_t k, int64_t axis, int32_t largest, kdst_tensor **out_values, kdst_tensor **out_indices);

/* shape.h */
kdst_status kdst_reshape(kdst_tensor *x, int64_t rank, const int64_t *shape, kdst_tensor **out);
kdst_status kdst_transpose(kdst_tensor *x, int64_t axis_a, int64_t axis_b, kdst_tensor **out);
kdst_status kdst_slice(kdst_tensor *x, int64_t axis, int64_t start, int64_t stop, int64_t step, kdst_tensor **out);
kdst_status kdst_pad(kdst_tensor *x, int64_t axis, int64_t before, int64_t after, kdst_tensor **out);
kdst_status kdst_pad_axes(kdst_tensor *x, const int64_t *before, const int64_t *after, int64_t count, const kdst_options *options, kdst_tensor **out);
kdst_status kdst_permute(kdst_tensor *x, const int64_t *axes, int64_t count, kdst_tensor **out);
kdst_status kdst_squeeze(kdst_tensor *x, int64_t axis, kdst_tensor **out);
kdst_status kdst_unsqueeze(kdst_tensor *x, int64_t axis, kdst_tensor **out);
kdst_status kdst_broadcast_to(kdst_tensor *x, int64_t rank, const int64_t *shape, kdst_tensor **out);
kdst_status kdst_channel_shuffle(kdst_tensor *x, int64_t groups, kdst_tensor **out);
kdst_status kdst_channel_slice(kdst_tensor *x, int64_t start, int64_t count, kdst_tensor **out);
kdst_status kdst_flip(kdst_tensor *x, int64_t axis, kdst_tensor **out);
kdst_status kdst_split(kdst_tensor *x, int64_t axis, const int64_t *sizes, int64_t count, kdst_tensor **out);

/* ops.h */
kdst_status kdst_matmul(kdst_tensor *a, kdst_tensor *b, kdst_tensor **out);
kdst_status kdst_linear(kdst_tensor *x, kdst_tensor *weight, kdst_tensor *bias, kdst_tensor **out);
kdst_status kdst_linear_relu(kdst_tensor *x, kdst_tensor *weight, kdst_tensor *bias, kdst_tensor **out);
kdst_status kdst_conv2d(kdst_tensor *x, kdst_tensor *weight, kdst_tensor *bias, const kdst_options *options, kdst_tensor **out);
kdst_status kdst_conv_transpose2d(kdst_tensor *x, kdst_tensor *weight, kdst_tensor *bias, const kdst_options *options, kdst_tensor **out);
kdst_status kdst_softmax(kdst_tensor *x, int64_t axis, kdst_tensor **out);
kdst_status kdst_log_softmax(kdst_tensor *x, int64_t axis, kdst_tensor **out);
kdst_status kdst_normalize(kdst_tensor *x, int64_t axis, const kdst_options *options, kdst_tensor **out);
kdst_status kdst_cosine_similarity(kdst_tensor *a, kdst_tensor *b, int64_t axis, const kdst_options *options, kdst_tensor **out);
kdst_status kdst_dropout(kdst_tensor *x, double rate, kdst_tensor **out);
kdst_status kdst_cross_entropy(kdst_tensor *logits, kdst_tensor *labels, kdst_tensor **out);

/* optimizer.h */
typedef struct kdst_optimizer kdst_optimizer;
kdst_status kdst_optimizer_sgd_create(kdst_context *ctx, const kdst_options *options, kdst_optimizer **out);
kdst_status kdst_optimizer_adam_create(kdst_context *ctx, const kdst_options *options, kdst_optimizer **out);
kdst_status kdst_optimizer_adamw_create(kdst_context *ctx, const kdst_options *options, kdst_optimizer **out);
kdst_status kdst_optimizer_rmsprop_create(kdst_context *ctx, const kdst_options *options, kdst_optimizer **out);
void kdst_optimizer_retain(kdst_optimizer *optimizer);
void kdst_optimizer_release(kdst_optimizer *optimizer);
kdst_status kdst_optimizer_add_layer(kdst_optimizer *optimizer, kdst_layer *layer);
kdst_status kdst_optimizer_add_group(kdst_optimizer *optimizer, kdst_layer *layer, const char *pattern, const kdst_options *options, int64_t *out_count);
kdst_status kdst_optimizer_add_tensor(kdst_optimizer *optimizer, const char *name, kdst_tensor *tensor);
kdst_status kdst_optimizer_clip_norm(kdst_optimizer *optimizer, double max_norm, const kdst_options *options, double *out_norm);
kdst_status kdst_optimizer_clip_value(kdst_optimizer *optimizer, double max_value);
kdst_status kdst_optimizer_clamp(kdst_optimizer *optimizer, double low, double high);
kdst_status kdst_optimizer_run(kdst_optimizer *optimizer);
kdst_status kdst_optimizer_clear_grads(kdst_optimizer *optimizer);
kdst_status kdst_optimizer_set_learning_rate(kdst_optimizer *optimizer, double learning_rate);
kdst_status kdst_optimizer_get_learning_rate(kdst_optimizer *optimizer, double *out);
int64_t kdst_optimizer_get_state_count(const kdst_optimizer *optimizer);
kdst_status kdst_optimizer_get_state(kdst_optimizer *optimizer, int64_t index, const char **out_name, kdst_tensor **out);
int64_t kdst_optimizer_get_steps(const kdst_optimizer *optimizer);
kdst_status kdst_optimizer_set_steps(kdst_optimizer *optimizer, int64_t steps);

/* plasticity.h */
typedef struct kdst_stdp kdst_stdp;
typedef struct kdst_srdp kdst_srdp;
kdst_status kdst_stdp_create(kdst_context *ctx, const kdst_options *options, kdst_stdp **out);
void kdst_stdp_retain(kdst_stdp *stdp);
void kdst_stdp_release(kdst_stdp *stdp);
kdst_status kdst_stdp_step(kdst_stdp *stdp, kdst_tensor *pre, kdst_tensor *post, kdst_tensor *weight);
kdst_status kdst_stdp_run(kdst_stdp *stdp, kdst_tensor *pre, kdst_tensor *post, kdst_tensor *weight);
kdst_status kdst_stdp_get_window(kdst_stdp *stdp, int64_t lag, double *out);
kdst_status kdst_stdp_get_traces(kdst_stdp *stdp, kdst_tensor **out_pre, kdst_tensor **out_post);
kdst_status kdst_stdp_set_traces(kdst_stdp *stdp, kdst_tensor *pre, kdst_tensor *post);
kdst_status kdst_stdp_reset(kdst_stdp *stdp);
kdst_status kdst_srdp_create(kdst_context *ctx, const kdst_options *options, kdst_srdp **out);
void kdst_srdp_retain(kdst_srdp *srdp);
void kdst_srdp_release(kdst_srdp *srdp);
kdst_status kdst_srdp_step(kdst_srdp *srdp, kdst_tensor *pre, kdst_tensor *post, kdst_tensor *weight);
kdst_status kdst_srdp_run(kdst_srdp *srdp, kdst_tensor *pre, kdst_tensor *post, kdst_tensor *weight);
kdst_status kdst_srdp_get_rates(kdst_srdp *srdp, kdst_tensor **out_pre, kdst_tensor **out_post, kdst_tensor **out_threshold);
kdst_status kdst_srdp_set_rates(kdst_srdp *srdp, kdst_tensor *pre, kdst_tensor *post, kdst_tensor *threshold);
kdst_status kdst_srdp_reset(kdst_srdp *srdp);

/* schedule.h */
typedef struct kdst_schedule kdst_schedule;
kdst_status kdst_schedule_constant_create(kdst_context *ctx, kdst_schedule **out);
kdst_status kdst_schedule_step_create(kdst_context *ctx, const kdst_options *options, kdst_schedule **out);
kdst_status kdst_schedule_cosine_create(kdst_context *ctx, int64_t total, const kdst_options *options, kdst_schedule **out);
kdst_status kdst_schedule_exponential_create(kdst_context *ctx, const kdst_options *options, kdst_schedule **out);
kdst_status kdst_schedule_polynomial_create(kdst_context *ctx, int64_t total, const kdst_options *options, kdst_schedule **out);
kdst_status kdst_schedule_one_cycle_create(kdst_context *ctx, int64_t total, const kdst_options *options, kdst_schedule **out);
kdst_status kdst_schedule_plateau_create(kdst_context *ctx, const kdst_options *options, kdst_schedule **out);
kdst_status kdst_schedule_warmup_create(kdst_schedule *schedule, int64_t steps, const kdst_options *options, kdst_schedule **out);
void kdst_schedule_retain(kdst_schedule *schedule);
void kdst_schedule_release(kdst_schedule *schedule);
kdst_status kdst_schedule_get_factor(kdst_schedule *schedule, int64_t step, double *out);
kdst_status kdst_schedule_observe(kdst_schedule *schedule, double value);
int64_t kdst_schedule_get_state_count(const kdst_schedule *schedule);
kdst_status kdst_schedule_get_state(kdst_schedule *schedule, int64_t count, double *out);
kdst_status kdst_schedule_set_state(kdst_schedule *schedule, int64_t count, const double *state);

/* sequence.h */
kdst_status kdst_embedding(kdst_tensor *weight, kdst_tensor *tokens, const kdst_options *options, kdst_tensor **out);
kdst_status kdst_lstm(kdst_tensor *x, kdst_tensor *lengths, kdst_tensor *h0, kdst_tensor *c0, kdst_tensor *w_ih, kdst_tensor *w_hh, kdst_tensor *b_ih, kdst_tensor *b_hh, const kdst_options *options, kdst_tensor **out, kdst_tensor **out_h, kdst_tensor **out_c);
kdst_status kdst_lstm_cell(kdst_tensor *x, kdst_tensor *h, kdst_tensor *c, kdst_tensor *w_ih, kdst_tensor *w_hh, kdst_tensor *b_ih, kdst_tensor *b_hh, kdst_tensor **out_h, kdst_tensor **out_c);
kdst_status kdst_layer_embedding_create(kdst_context *ctx, int64_t vocabulary, int64_t features, const kdst_options *options, kdst_layer **out);
kdst_status kdst_layer_lstm_create(kdst_context *ctx, int64_t features, int64_t hidden, const kdst_options *options, kdst_layer **out);

/* spiking.h */
kdst_status kdst_layer_spiking_create(kdst_context *ctx, kdst_layer *inner, kdst_neuron *neuron, const kdst_options *options, kdst_layer **out);
kdst_status kdst_layer_spiking_linear_create(kdst_context *ctx, int64_t in_features, int64_t out_features, kdst_neuron *neuron, const kdst_options *options, kdst_layer **out);
kdst_status kdst_layer_spiking_conv2d_create(kdst_context *ctx, int64_t in_channels, int64_t out_channels, kdst_neuron *neuron, const kdst_options *options, kdst_layer **out);
kdst_status kdst_layer_over_time_create(kdst_context *ctx, kdst_layer *inner, kdst_layer **out);
kdst_status kdst_layer_synapse_create(kdst_context *ctx, const kdst_options *options, kdst_layer **out);
kdst_status kdst_layer_spiking_pool2d_create(kdst_context *ctx, const kdst_options *options, kdst_layer **out);
kdst_status kdst_layer_spiking_dropout_create(kdst_context *ctx, double rate, const kdst_options *options, kdst_layer **out);
kdst_status kdst_spike_dropout(kdst_tensor *x, kdst_tensor *keep, double rate, kdst_tensor **out);
kdst_status kdst_spiking_network_create(kdst_context *ctx, const char *architecture, kdst_neuron *neuron, const kdst_options *options, kdst_layer **out);
kdst_status kdst_loss_spike_kernel_create(kdst_context *ctx, const kdst_options *options, kdst_loss **out);
kdst_status kdst_loss_spike_count_create(kdst_context *ctx, const kdst_options *options, kdst_loss **out);
kdst_status kdst_loss_spike_softmax_create(kdst_context *ctx, kdst_loss **out);

/* state.h */
typedef struct kdst_state kdst_state;
kdst_status kdst_state_create(kdst_context *ctx, kdst_state **out);
void kdst_state_retain(kdst_state *state);
void kdst_state_release(kdst_state *state);
kdst_status kdst_state_set(kdst_state *state, const char *name, kdst_tensor *tensor);
kdst_status kdst_state_set_text(kdst_state *state, const char *key, const char *text);
kdst_status kdst_state_add_layer(kdst_state *state, const char *prefix, kdst_layer *layer);
kdst_status kdst_state_get(kdst_state *state, const char *name, kdst_tensor **out);
kdst_status kdst_state_get_text(kdst_state *state, const char *key, const char **out);
int64_t kdst_state_get_count(const kdst_state *state);
int64_t kdst_state_get_text_count(const kdst_state *state);
kdst_status kdst_state_get_at(kdst_state *state, int64_t index, const char **out_name, kdst_tensor **out_tensor);
kdst_status kdst_state_get_text_at(kdst_state *state, int64_t index, const char **out_key, const char **out_text);
kdst_status kdst_state_save(kdst_state *state, const char *path);
kdst_status kdst_state_load(kdst_context *ctx, const char *path, kdst_state **out);
kdst_status kdst_layer_load_state(kdst_layer *layer, kdst_state *state, const kdst_options *options);
kdst_status kdst_layer_save(kdst_layer *layer, const char *path);
kdst_status kdst_layer_load(kdst_layer *layer, const char *path, const kdst_options *options);

/* stats.h */
kdst_status kdst_stats_get_mean(const double *values, int64_t n, double *out_mean, double *out_deviation);
kdst_status kdst_stats_get_interval(const double *values, int64_t n, double level, double *out_low, double *out_high);
kdst_status kdst_stats_run_paired_test(const double *a, const double *b, int64_t n, double *out_t, double *out_p);
kdst_status kdst_stats_run_welch_test(const double *a, int64_t a_count, const double *b, int64_t b_count, double *out_t, double *out_p);
kdst_status kdst_stats_run_signed_rank_test(const double *a, const double *b, int64_t n, double *out_w, double *out_p);

/* trace.h */
typedef struct kdst_trace kdst_trace;
typedef int32_t kdst_value_role;
enum {
    KDST_VALUE_INPUT = 1,
    KDST_VALUE_PARAMETER = 2,
    KDST_VALUE_BUFFER = 3,
    KDST_VALUE_CONSTANT = 4,
    KDST_VALUE_RESULT = 5
};
kdst_status kdst_trace_create(kdst_layer *layer, int64_t count, const kdst_dtype *dtypes, const int64_t *ranks, const int64_t *shapes, const kdst_options *options, kdst_trace **out);
void kdst_trace_retain(kdst_trace *trace);
void kdst_trace_release(kdst_trace *trace);
int64_t kdst_trace_get_op_count(const kdst_trace *trace);
kdst_status kdst_trace_get_op(kdst_trace *trace, int64_t op, const char **out_name, const char **out_path, const char **out_kind, int64_t *out_inputs, int64_t *out_output);
kdst_status kdst_trace_get_op_input(kdst_trace *trace, int64_t op, int64_t index, int64_t *out_value);
kdst_status kdst_trace_get_attribute(kdst_trace *trace, int64_t op, int64_t index, const char **out_name, kdst_option_type *out_type, int64_t *out_count);
kdst_status kdst_trace_get_attribute_ints(kdst_trace *trace, int64_t op, const char *name, int64_t *out, int64_t capacity);
kdst_status kdst_trace_get_attribute_floats(kdst_trace *trace, int64_t op, const char *name, double *out, int64_t capacity);
kdst_status kdst_trace_get_attribute_text(kdst_trace *trace, int64_t op, const char *name, char *out, int64_t capacity);
int64_t kdst_trace_get_value_count(const kdst_trace *trace);
kdst_status kdst_trace_get_value(kdst_trace *trace, int64_t value, kdst_dtype *out_dtype, int64_t *out_rank, int64_t *out_shape, kdst_value_role *out_role, const char **out_name, int64_t *out_op);
kdst_status kdst_trace_get_tensor(kdst_trace *trace, int64_t value, kdst_tensor **out);
int64_t kdst_trace_get_input_count(const kdst_trace *trace);
int64_t kdst_trace_get_input(const kdst_trace *trace, int64_t index);
int64_t kdst_trace_get_output_count(const kdst_trace *trace);
int64_t kdst_trace_get_output(const kdst_trace *trace, int64_t index);
kdst_status kdst_trace_get_macs(kdst_trace *trace, int64_t op, int64_t *out_macs);
kdst_status kdst_trace_get_bytes(kdst_trace *trace, int64_t *out_state, int64_t *out_activations);
kdst_status kdst_trace_get_memory(kdst_trace *trace, int64_t states, int64_t *out_state, int64_t *out_gradients, int64_t *out_optimizer, int64_t *out_activations);
kdst_status kdst_trace_get_summary(kdst_trace *trace, char *out, int64_t capacity, int64_t *out_needed);
kdst_status kdst_trace_save_svg(kdst_trace *trace, const char *path);

/* trainer.h */
typedef struct kdst_trainer kdst_trainer;
typedef int32_t kdst_event;
enum {
    KDST_EVENT_STEP = 1,
    KDST_EVENT_EPOCH = 2,
    KDST_EVENT_FINISHED = 3
};
typedef kdst_status (*kdst_progress_fn)(void *user_data, kdst_trainer *trainer, kdst_event event);
kdst_status kdst_trainer_create(kdst_layer *model, kdst_loss *loss, kdst_optimizer *optimizer, kdst_loader *loader, const kdst_options *options, kdst_trainer **out);
void kdst_trainer_retain(kdst_trainer *trainer);
void kdst_trainer_release(kdst_trainer *trainer);
kdst_status kdst_trainer_set_teacher(kdst_trainer *trainer, kdst_layer *teacher);
kdst_status kdst_trainer_add_term(kdst_trainer *trainer, kdst_loss *loss, double weight, kdst_layer *student, kdst_layer *teacher, kdst_layer *regressor);
kdst_status kdst_trainer_set_schedule(kdst_trainer *trainer, kdst_schedule *schedule);
kdst_status kdst_trainer_set_validation(kdst_trainer *trainer, kdst_loader *loader);
kdst_status kdst_trainer_set_progress(kdst_trainer *trainer, kdst_progress_fn progress, void *user_data, kdst_destroy_fn destroy);
kdst_status kdst_trainer_set_best_path(kdst_trainer *trainer, const char *path);
kdst_status kdst_trainer_restore_best(kdst_trainer *trainer);
kdst_status kdst_trainer_step(kdst_trainer *trainer, kdst_event *out_event);
kdst_status kdst_trainer_run(kdst_trainer *trainer);
kdst_status kdst_trainer_get(kdst_trainer *trainer, const char *key, double *out);
kdst_status kdst_trainer_get_history(kdst_trainer *trainer, kdst_tensor **out);
kdst_status kdst_trainer_get_metrics(kdst_trainer *trainer, kdst_metrics **out);
kdst_status kdst_trainer_get_average(kdst_trainer *trainer, kdst_average **out);
kdst_status kdst_trainer_save(kdst_trainer *trainer, const char *path);
kdst_status kdst_trainer_load(kdst_trainer *trainer, const char *path);

/* transfer.h */
kdst_status kdst_loss_hint_create(kdst_context *ctx, const kdst_options *options, kdst_loss **out);
kdst_status kdst_layer_regressor_create(kdst_context *ctx, const int64_t *student, const int64_t *teacher, const kdst_options *options, kdst_layer **out);
kdst_status kdst_loss_attention_create(kdst_context *ctx, const kdst_options *options, kdst_loss **out);
kdst_status kdst_attention_map(kdst_tensor *x, double power, kdst_tensor **out);
kdst_status kdst_loss_similarity_create(kdst_context *ctx, const kdst_options *options, kdst_loss **out);
kdst_status kdst_similarity_matrix(kdst_tensor *x, const kdst_options *options, kdst_tensor **out);
kdst_status kdst_loss_relational_create(kdst_context *ctx, const kdst_options *options, kdst_loss **out);
kdst_status kdst_pair_distances(kdst_tensor *x, kdst_tensor **out);
kdst_status kdst_pair_angles(kdst_tensor *x, kdst_tensor **out);
kdst_status kdst_loss_mutual_create(kdst_context *ctx, const kdst_options *options, kdst_loss **out);
typedef struct kdst_peers kdst_peers;
kdst_status kdst_peers_create(kdst_context *ctx, kdst_loss *loss, const kdst_options *options, kdst_peers **out);
void kdst_peers_retain(kdst_peers *peers);
void kdst_peers_release(kdst_peers *peers);
kdst_status kdst_peers_add(kdst_peers *peers, kdst_layer *model, kdst_optimizer *optimizer);
int64_t kdst_peers_get_count(const kdst_peers *peers);
kdst_status kdst_peers_step(kdst_peers *peers, kdst_tensor *x, kdst_tensor *labels, double *out_losses, int64_t capacity);
kdst_status kdst_ensemble_logits(kdst_tensor *teachers, const kdst_options *options, kdst_tensor **out);
kdst_status kdst_layer_ensemble_create(kdst_context *ctx, kdst_layer *const *members, int64_t count, const kdst_options *options, kdst_layer **out);

/* version.h */
const char *kdst_version(void);
int64_t kdst_version_number(void);
const char *kdst_build_info(const char *key);
